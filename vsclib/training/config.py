"""The checked options of a training."""

import dataclasses
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from vsclib.configuration import Count, Positive, Seed, Steps, configuration
from vsclib.errors import ConfigurationError, warn_caller
from vsclib.training.optimization import check_choice

CHECKPOINT_EVERY = 1000


@configuration
class TrainingConfig:
    """How to train."""

    steps: Steps = 1000
    """Updates of the weights in all."""
    batch_size: Count = 100
    """Images in one update."""
    learning_rate: Positive = 1e-3
    """Step size of the optimiser."""
    learning_rate_end: Positive | None = None
    """Step size from step ``learning_rate_switch`` on; None keeps the first."""
    learning_rate_switch: Steps = 0
    """First step with ``learning_rate_end``."""
    seed: Seed = 0
    """Of the order of the images and of every draw, which are independent streams."""
    device: str = "cpu"
    """Where to train: ``cpu``, ``cuda``, ``cuda:1``, ``mps``; ``auto`` takes a GPU if there is one.
    """
    checkpoint: str | Path | None = None
    """File that holds the state of the training; when it exists, training resumes from it."""
    checkpoint_every: Count = CHECKPOINT_EVERY
    """Steps between two writes of that file."""
    compile: Literal["auto", "on", "off"] = "auto"
    """Compile the step to a program of its own, which costs seconds and rounds in another order;
    ``auto`` does so for trainings of 5,000 steps and more, where there is a compiler.
    """
    precision: Literal["float32", "tf32", "bfloat16"] = "float32"
    """Of matrix products: ``tf32`` (NVIDIA alone) keeps 10 bits of 23, an error of 5e-4 in each
    factor; ``bfloat16`` keeps 7, an error of 4e-3. Weights and sums stay in float32.
    """
    draw_pixels: bool = False
    """Draw every pixel of a batch afresh, white with its grey level as probability."""
    progress: bool = True
    """Show a progress bar, and a line for every tenth of the way."""
    extend: bool = False
    """Go on from a checkpoint of the same training with fewer ``steps``, to as many as these."""
    optimizer: str = "adam"
    """Class of ``torch.optim``, such as ``adamw`` or ``sgd``."""
    optimizer_options: dict[str, Any] = dataclasses.field(default_factory=dict)
    """Its options beside the step size, such as ``{"weight_decay": 0.01}``."""
    scheduler: str | None = None
    """Class of ``torch.optim.lr_scheduler`` that sets the step size after every update."""
    scheduler_options: dict[str, Any] = dataclasses.field(default_factory=dict)
    """Its options, such as ``{"T_max": 1000}``."""
    clip_norm: Positive | None = None
    """Length that the gradient of all weights is cut down to; None leaves it."""

    def __post_init__(self) -> None:
        if self.learning_rate_switch and self.learning_rate_end is None:
            raise ConfigurationError(
                f"learning_rate_switch = {self.learning_rate_switch} switches to nothing: "
                "give learning_rate_end too"
            )
        if self.scheduler is not None and self.learning_rate_end is not None:
            raise ConfigurationError(
                f"learning_rate_end = {self.learning_rate_end:g} and scheduler = "
                f"{self.scheduler!r} both set the step size: give one of them"
            )
        if self.scheduler is None and self.scheduler_options:
            raise ConfigurationError("scheduler_options belong to no scheduler: give its name too")
        if self.checkpoint is not None and not str(self.checkpoint).strip():
            raise ConfigurationError("checkpoint = '' names no file: give a path, or None")
        check_choice("optimizer", self.optimizer, self.optimizer_options)
        if self.scheduler is not None:
            check_choice("scheduler", self.scheduler, self.scheduler_options)

    def rate(self, step: int) -> float:
        """Step size at a step, where no scheduler sets it."""
        if self.learning_rate_end is None or step < self.learning_rate_switch:
            return self.learning_rate
        return self.learning_rate_end

    def warn_of_idle(self) -> None:
        """Say in one line each what these options do not do."""
        if not self.steps:
            warn_caller("steps = 0 trains nothing: give the number of updates")
        if self.steps and self.learning_rate_end and self.learning_rate_switch >= self.steps:
            warn_caller(
                f"learning_rate_end = {self.learning_rate_end:g} has no effect: "
                f"learning_rate_switch = {self.learning_rate_switch} of {self.steps} steps"
            )
        if self.checkpoint_every != CHECKPOINT_EVERY:
            every = f"checkpoint_every = {self.checkpoint_every} has no effect: "
            if self.checkpoint is None:
                warn_caller(every + "there is no checkpoint to write")
            elif self.steps and self.checkpoint_every > self.steps:
                warn_caller(every + f"the last of {self.steps} steps comes before")


def training_device(config: TrainingConfig) -> torch.device:
    """Where a training is to be.

    Raises:
        ConfigurationError: the device is not available, or has no products in the precision.
    """
    device = chosen_device(config.device)
    if config.precision == "tf32" and device.type != "cuda":
        raise ConfigurationError(
            f"precision = 'tf32' is not allowed on {device.type}, which has no such products: "
            "choose 'float32' or 'bfloat16'"
        )
    return device


def chosen_device(name: str) -> torch.device:
    """The device of that name; ``auto`` takes a GPU when there is one.

    Raises:
        ConfigurationError: it is not available, or holds no numbers.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
    else:
        if device.type != "meta":
            return device
        reason = "it holds shapes and no numbers"
    raise ConfigurationError(
        f"device = {name!r} is not available here ({reason}): choose 'cpu' or 'auto'"
    )


def stream(seed: int, purpose: str, epoch: int = 0) -> int:
    """Seed of an independent random stream.

    Args:
        seed: of the training.
        purpose: what is drawn: ``draws``, ``order`` or ``validation``.
        epoch: for an order, which epoch's.

    Returns:
        A number below 2^63 that shares nothing with that of another purpose, epoch or seed.
    """
    number = ("draws", "order", "validation").index(purpose) + 1
    words = np.random.SeedSequence((seed, number, epoch)).generate_state(2, np.uint32)
    return int(words[0]) << 31 | int(words[1]) >> 1
