"""What a benchmark is run with: images, sizes, how long and how often."""

import dataclasses
from typing import Any

import numpy as np

from vsclib import data, models, training
from vsclib.training import TrainingConfig

RECORDS = 200
"""Points of a history of ``fit``: a turn lasts from one to the next."""


@dataclasses.dataclass(frozen=True)
class Setting:
    """Images, sizes, length of a turn, number of rounds."""

    dataset: str = "mnist"
    latents: int = 200
    hidden: int = 400
    rounds: int = 7
    turn_images: int = 6000
    """Images that a contestant sees in a turn."""
    quick: bool = False

    def images(self) -> np.ndarray:
        """The training images, uint8 (N, 1, H, W)."""
        return np.ascontiguousarray(data.load(self.dataset).train.images)

    def turn_steps(self, batch_size: int) -> int:
        """Steps of a turn."""
        return max(2, self.turn_images // batch_size)

    def network(self, images: np.ndarray, **changes: Any) -> dict[str, Any]:
        """Options of a model of these sizes for these images."""
        sizes = {"latents": self.latents, "hidden": self.hidden}
        return {"image_shape": tuple(images.shape[1:]), **sizes, **changes}

    def told(self) -> dict[str, Any]:
        """The setting as a record keeps it."""
        return dataclasses.asdict(self)


QUICK = Setting("digits", latents=10, hidden=32, rounds=3, turn_images=600, quick=True)
"""Embedded images and a small network: says that everything runs, and nothing about speed."""


def has_option(name: str) -> bool:
    """Whether ``fit`` of this version takes an option."""
    return name in {field.name for field in dataclasses.fields(TrainingConfig)}


def made(name: str, network: dict[str, Any], seed: int = 0) -> models.Model:
    """An untrained model."""
    return models.create(name, seed=seed, **network)


def configured(turn_steps: int, batch_size: int, **changes: Any) -> TrainingConfig:
    """A training so long that a point of its history comes once a turn."""
    options = {"steps": RECORDS * turn_steps, "batch_size": batch_size, "progress": False}
    if has_option("compile"):
        options["compile"] = "off"
    return training.TrainingConfig(**{**options, **changes})
