"""What refinement buys and what it costs, as the numbers of a record."""

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vsclib.data import DataSet
from vsclib.errors import ConfigurationError, DataError
from vsclib.metrics import Classifier, psnr, reconstruct, ssim
from vsclib.metrics.codes import Images, as_floats, device_of
from vsclib.metrics.image_quality import frechet_distance
from vsclib.refiner.model import STEPS, Refiner

FITTED = 10_000
"""Training images that the classifier is fitted on."""

REFINEMENT_DEFINITIONS: dict[str, str] = {
    "test_images": "Number of test images that the numbers are computed on, from the first one on.",
    "refiner_steps": "Steps of a refinement, unless the table says another number.",
    "psnr": "PSNR of the base's mean reconstructions: 10 log10(1/MSE) of each image, then the "
    "mean; dB.",
    "psnr_refined": "The same after refinement; dB. It falls wherever the refiner invents another "
    "detail than the image has.",
    "ssim": "SSIM of the base's mean reconstructions, mean over images; 1 is the best.",
    "ssim_refined": "The same after refinement.",
    "edges": "Mean absolute difference of neighbouring pixels in the test images.",
    "edges_reconstructed": "The same in the base's mean reconstructions: less where they are "
    "blurred.",
    "edges_refined": "The same after refinement.",
    "accuracy": "Share of test images whose label a net with one hidden layer reads from the "
    "pixels; fitted on real training images, 10,000 at most.",
    "accuracy_reconstructed": "The same net on the base's mean reconstructions.",
    "accuracy_refined": "The same net on refined reconstructions.",
    "label_kept": "Share of reconstructions that the net gives the same label before and after "
    "refinement.",
    "distance_floor": "Squared Frechet distance, in the net's hidden layer, between the two halves "
    "of the test images: what no set of images can be expected to beat.",
    "distance_reconstructed": "The same, from the second half to mean reconstructions of the "
    "first.",
    "distance_refined": "The same, from the second half to refined reconstructions of the first.",
    "distance_samples": "The same, from the second half to as many of the base's samples.",
    "distance_samples_refined": "The same, from the second half to those samples, refined.",
}
"""What each number of :func:`evaluate` means, unit included."""


def edges(images: Images) -> float:
    """Mean absolute difference of neighbouring pixels, across and down.

    Args:
        images: (N, C, H, W), pixels from 0 to 1.

    Raises:
        DataError: they are shaped otherwise, or a side is shorter than 2.
    """
    if images.ndim != 4 or len(images) == 0 or min(images.shape[2:]) < 2:
        found = f"images are shaped {tuple(images.shape)}"
        raise DataError(f"{found}: give (N, C, H, W) with sides of 2 or more")
    x = as_floats(images)
    return 0.5 * (x.diff(dim=2).abs().mean() + x.diff(dim=3).abs().mean()).item()


class Judge:
    """A net that knows real images: it names what it sees, and its hidden layer says how like two
    sets of images are.

    Args:
        data: a data set with labels; its first training images are learned.
        seed: of the net.
    """

    def __init__(self, data: DataSet, seed: int) -> None:
        if data.train.labels is None or data.test.labels is None:
            raise DataError(
                f"{data.name} has no labels, but the judge of refined images needs them: "
                "choose another set"
            )
        images = as_floats(data.train.images[:FITTED]).flatten(1)  # (N, D)
        self.net = Classifier(images, data.train.labels[:FITTED], seed=seed)

    def labels(self, images: Images) -> np.ndarray:
        """What it takes images (N, C, H, W) for, (N,)."""
        return self.net.predict(as_floats(images).flatten(1))

    def features(self, images: Images) -> np.ndarray:
        """The hidden layer's outputs, (N, F)."""
        weights, bias = self.net.network.coefs_[0], self.net.network.intercepts_[0]
        x = as_floats(images).flatten(1).double().numpy() / self.net.scale  # (N, D)
        return np.maximum(x @ weights + bias, 0.0)


def evaluate(
    refiner: Refiner,
    data: DataSet,
    steps: Sequence[int] = (STEPS,),
    test_images: int | None = None,
    seed: int = 0,
) -> tuple[dict[str, float | int], list[dict[str, Any]]]:
    """Every number of a refiner's record.

    Args:
        refiner: a trained refiner.
        data: a data set with labels.
        steps: numbers of steps to compare; the record's own numbers are those of the last.
        test_images: use only the first so many test images; None takes all.
        seed: of the noise, of the samples and of the judge. Every number of steps starts from the
            same noise.

    Returns:
        The numbers by the names of :data:`REFINEMENT_DEFINITIONS`, and a row for each number of
        steps.

    Raises:
        ConfigurationError: no number of steps, or fewer than four test images.
        DataError: the images do not fit or have no labels.
    """
    x = data.test.images[:test_images]
    if not len(steps) or len(x) < 4:
        raise ConfigurationError(
            f"{len(steps)} numbers of steps and {len(x)} test images: choose 1 and 4 or more"
        )
    labels = np.asarray(data.test.labels)[: len(x)]
    subject = _Subject(refiner, Judge(data, seed), x, labels, seed)
    rows = [subject.refined(count) for count in steps]
    numbers = {"refiner_steps": steps[-1]} | subject.unrefined() | rows[-1]
    return {name: numbers[name] for name in REFINEMENT_DEFINITIONS}, rows


class _Subject:
    """A refiner before a judge, with what every number of steps shares."""

    def __init__(
        self, refiner: Refiner, judge: Judge, x: np.ndarray, labels: np.ndarray, seed: int
    ) -> None:
        self.refiner, self.judge, self.x, self.labels, self.seed = refiner, judge, x, labels, seed
        self.device, self.half = device_of(refiner), len(x) // 2
        self.real = judge.features(x[self.half :])
        self.blurred = reconstruct(refiner.base, x)  # (N, C, H, W)
        self.drawn = refiner.base.sample(self.half, self.seeded()).cpu()
        self.before = judge.labels(self.blurred)

    def seeded(self) -> torch.Generator:
        return torch.Generator(self.device).manual_seed(self.seed)

    def distance(self, images: Images) -> float:
        return frechet_distance(self.judge.features(images), self.real)

    def refine(self, images: Tensor, count: int) -> Tensor:
        return self.refiner.refine(images.to(self.device), self.seeded(), count).cpu()

    def refined(self, count: int) -> dict[str, Any]:
        """What so many steps give."""
        began = time.process_time()
        sharp = self.refine(self.blurred, count)
        seconds = (time.process_time() - began) / len(self.x)
        after = self.judge.labels(sharp)
        return {
            "steps": count,
            "psnr_refined": psnr(self.x, sharp),
            "ssim_refined": ssim(self.x, sharp),
            "edges_refined": edges(sharp),
            "accuracy_refined": float((after == self.labels).mean()),
            "label_kept": float((after == self.before).mean()),
            "distance_refined": self.distance(sharp[: self.half]),
            "distance_samples_refined": self.distance(self.refine(self.drawn, count)),
            "cpu_seconds_per_image": seconds,
        }

    def unrefined(self) -> dict[str, Any]:
        """What there is to compare with."""
        return {
            "test_images": len(self.x),
            "psnr": psnr(self.x, self.blurred),
            "ssim": ssim(self.x, self.blurred),
            "edges": edges(self.x),
            "edges_reconstructed": edges(self.blurred),
            "accuracy": float((self.judge.labels(self.x) == self.labels).mean()),
            "accuracy_reconstructed": float((self.before == self.labels).mean()),
            "distance_floor": self.distance(self.x[: self.half]),
            "distance_reconstructed": self.distance(self.blurred[: self.half]),
            "distance_samples": self.distance(self.drawn),
        }
