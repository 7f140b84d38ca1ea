"""One short loop that trains every model: the whole data set on the device, checkpoints, exact
resume.
"""

import dataclasses
import json
import math
import time
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm

from vsclib import checkpoints
from vsclib.configuration import Count, Positive, Seed, Steps, configuration, configure
from vsclib.data.dataset import DataSet, Split
from vsclib.errors import CheckpointError, ConfigurationError, DataError, TrainingError
from vsclib.models import Loss, Model

RECORDS = 200
"""How many points a history has at most."""
LINES = 10
"""How many lines of progress a training prints."""


@configuration
class TrainingConfig:
    """How to train."""

    steps: Steps = 1000
    """Updates of the weights in all."""
    batch_size: Count = 100
    """Images in one update."""
    learning_rate: Positive = 1e-3
    """Step size of Adam."""
    learning_rate_end: Positive | None = None
    """Step size of Adam from step ``learning_rate_switch`` on; None keeps the first."""
    learning_rate_switch: Steps = 0
    """First step with ``learning_rate_end``."""
    seed: Seed = 0
    """Of the order of the images and of every draw."""
    device: str = "cpu"
    """Where to train: ``cpu``, ``cuda``, ``cuda:1``, ``mps``."""
    checkpoint: str | Path | None = None
    """File that holds the state of the training; when it exists, training resumes from it."""
    checkpoint_every: Count = 1000
    """Steps between two writes of that file."""
    progress: bool = True
    """Show a progress bar, and a line for every tenth of the way."""

    def __post_init__(self) -> None:
        if self.learning_rate_switch and self.learning_rate_end is None:
            raise ConfigurationError(
                f"learning_rate_switch = {self.learning_rate_switch} switches to nothing: give learning_rate_end too"
            )

    def rate(self, step: int) -> float:
        """Step size of Adam at a step."""
        later = self.learning_rate_end is not None and step >= self.learning_rate_switch
        return self.learning_rate_end if later else self.learning_rate  # type: ignore[return-value]


class History(NamedTuple):
    """What a training looked like.

    Attributes:
        steps: after how many updates each value was taken.
        terms: for every term of the loss, and ``total``: means since the point before, nats per
            image.
        seconds: how long it took, resumed parts included.
        cpu_seconds: processor time of all threads in that time; other work on the machine moves it
            less than ``seconds``.
    """

    steps: list[int]
    terms: dict[str, list[float]]
    seconds: float
    cpu_seconds: float = math.nan


def fit(
    model: Model,
    data: DataSet | Split | np.ndarray,
    config: TrainingConfig | None = None,
    **options,
) -> History:
    """Train a model in place with Adam.

    Args:
        model: what to train; it ends on the device.
        data: a data set (its training part is used), a part of one, or its images, uint8 (N, C, H,
            W).
        config: how to train; or give its fields as keywords.

    Returns:
        The history.

    Raises:
        ConfigurationError: an option is unknown or out of range, or the device is absent.
        DataError: the images do not fit the model or are fewer than a batch.
        CheckpointError: the checkpoint belongs to another training.
        TrainingError: the loss is no finite number; the last checkpoint is left as it was.

    Example:
        >>> from vsclib import data, models
        >>> digits = data.load("digits")
        >>> model = models.create("vae", image_shape=(1, 8, 8), latents=8, hidden=32)
        >>> history = fit(model, digits, steps=20, batch_size=50, progress=False)
        >>> sorted(history.terms)
        ['kl', 'reconstruction', 'total']
    """
    if config is not None and options:
        raise ConfigurationError(
            "fit takes a config or keywords, not both: put everything into the config"
        )
    config = config or configure(TrainingConfig, "fit", options)
    pixels = _images(data)
    images = _on_device(model, pixels, config)
    steps_per_epoch = len(images) // config.batch_size
    run = _Run(model, config, pixels)
    model.prepare(images, run.generator)
    run.resume()
    model.plan(config.steps, steps_per_epoch)
    model.train()
    bar = tqdm(
        total=config.steps,
        initial=run.step,
        disable=not config.progress,
        unit="step",
        mininterval=1.0,
    )
    with bar:
        while run.step < config.steps:
            indices = run.order(steps_per_epoch)  # (B,)
            model.locate(indices)
            loss = model.loss(images[indices].float() / 255.0, run.step, run.generator)
            run.update(loss)
            bar.update()
            if run.due(config.checkpoint_every):
                run.save()
            if run.step % run.record_every == 0:
                bar.set_postfix_str(run.present_loss(), refresh=False)
            if run.step % max(1, config.steps // LINES) == 0 and config.progress and run.points:
                # The bar becomes a widget in a notebook; a terminal that runs one through papermill
                # sees these lines.
                bar.write(f"step {run.step:,} of {config.steps:,}: {run.present_loss()}")
    run.save()
    model.eval()
    return run.history()


def _images(data: DataSet | Split | np.ndarray) -> np.ndarray:
    if isinstance(data, DataSet):
        data = data.train
    if isinstance(data, Split):
        data = data.images
    if not isinstance(data, np.ndarray):
        raise DataError(
            f"fit got a {type(data).__name__}, but it takes a data set, a part of one or a uint8 array (N, C, H, W): "
            "load one with vsclib.data.load(name)"
        )
    return data


def _on_device(model: Model, images: np.ndarray, config: TrainingConfig) -> Tensor:
    if images.dtype != np.uint8 or images.shape[1:] != model.image_shape:
        raise DataError(
            f"the model takes uint8 images shaped {model.image_shape}, these are {images.dtype} {images.shape[1:]}: "
            f"create the model with image_shape={tuple(images.shape[1:])} and give grey levels from 0 to 255"
        )
    if len(images) < config.batch_size:
        raise DataError(
            f"batch_size = {config.batch_size} exceeds the {len(images)} images: "
            f"choose 1 <= batch_size <= {len(images)}"
        )
    try:
        model.to(config.device)
        # PyTorch warns of arrays that it could not write to.
        return torch.from_numpy(np.require(images, requirements=["C", "W"])).to(config.device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigurationError(
            f"device = {config.device!r} is not to be had here ({reason}): choose 'cpu'"
        ) from None


class _Run:
    """The state of a training: everything that a resumed run needs to go on as if it had never
    stopped.
    """

    def __init__(self, model: Model, config: TrainingConfig, pixels: np.ndarray) -> None:
        self.model, self.config, self.images = model, config, len(pixels)
        self.pixels = (
            f"{len(pixels)} with checksum {zlib.crc32(np.ascontiguousarray(pixels).data):08x}"
        )
        device = next(model.parameters()).device
        self.optimizer = torch.optim.Adam(
            model.parameters(), lr=config.learning_rate, fused=device.type != "mps"
        )
        self.generator = torch.Generator(device).manual_seed(config.seed)
        self.record_every = max(1, math.ceil(config.steps / RECORDS))
        self.step, self.seconds, self.cpu_seconds = 0, 0.0, 0.0
        self.points: list[int] = []
        self.terms: dict[str, list[float]] = {}
        self.pending: list[dict[str, Tensor]] = []
        self.since, self.cpu_since = time.perf_counter(), time.process_time()
        self.epoch = -1
        # A checkpoint of another training is refused before anything about the model changes.
        self.saved = (
            self.read(config.checkpoint)
            if config.checkpoint and Path(config.checkpoint).exists()
            else None
        )

    def order(self, steps_per_epoch: int) -> Tensor:
        """Indices of the next batch; every epoch has its own order, which depends on seed and epoch
        alone.
        """
        epoch, position = divmod(self.step, steps_per_epoch)
        if epoch != self.epoch:
            shuffle = torch.Generator().manual_seed(self.config.seed * 1_000_003 + epoch)
            self.permutation = torch.randperm(self.images, generator=shuffle).to(
                self.generator.device
            )
            self.epoch = epoch
        return self.permutation[
            position * self.config.batch_size : (position + 1) * self.config.batch_size
        ]

    def update(self, loss: Loss) -> None:
        """One step of Adam, refused when the loss is no number."""
        # On an accelerator the check waits for the device, so it is made once a record there.
        if self.generator.device.type == "cpu" and not math.isfinite(loss.total.item()):
            self.refuse(loss.terms)
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.rate(self.step)
        self.optimizer.zero_grad(set_to_none=True)
        loss.total.backward()
        self.optimizer.step()
        self.pending.append(
            {name: value.detach() for name, value in (loss.terms | {"total": loss.total}).items()}
        )
        self.step += 1
        if self.step % self.record_every == 0 or self.step == self.config.steps:
            self.record()

    def record(self) -> None:
        """Means since the last record."""
        if not self.pending:
            return
        means = {
            name: torch.stack([terms[name] for terms in self.pending]).mean()
            for name in self.pending[0]
        }
        if not all(torch.isfinite(value) for value in means.values()):
            self.refuse(means)
        for name, value in means.items():
            self.terms.setdefault(name, []).append(value.item())
        self.points.append(self.step)
        self.pending = []

    def present_loss(self) -> str:
        """The last record's loss, in words."""
        total = self.terms["total"][-1]
        return f"{total:.{1 if abs(total) >= 1 else 3}f} {self.model.unit}"

    def refuse(self, terms: dict[str, Tensor]) -> None:
        worst = next((name for name, value in terms.items() if not torch.isfinite(value)), "total")
        raise TrainingError(
            f"{worst} = {terms[worst].item() if worst in terms else math.nan:g} at step {self.step}: a loss must be finite; "
            f"lower learning_rate (now {self.config.learning_rate:g}) or check the images"
        )

    def refuse_broken_weights(self) -> None:
        """A finite loss may have had a gradient that was none; such weights must not replace a good
        checkpoint.
        """
        for name, weight in self.model.named_parameters():
            if not torch.isfinite(weight).all():
                raise TrainingError(
                    f"{name} holds NaN or infinity after step {self.step - 1}: weights must be finite; "
                    f"lower learning_rate (now {self.config.learning_rate:g}) or check the images"
                )

    def due(self, every: int) -> bool:
        """Whether the state is to be written now."""
        return self.step % every == 0 and self.step < self.config.steps

    def history(self) -> History:
        seconds = self.seconds + time.perf_counter() - self.since
        cpu_seconds = self.cpu_seconds + time.process_time() - self.cpu_since
        return History(self.points, self.terms, seconds, cpu_seconds)

    # -------------------------------------------------------------------------------------- on disk

    def identity(self) -> dict:
        """What must be the same for a checkpoint to belong to this training."""
        shared = {
            name: getattr(self.config, name)
            for name in ("steps", "batch_size", "learning_rate", "seed")
        }
        if self.config.learning_rate_end is not None:
            shared |= {
                name: getattr(self.config, name)
                for name in ("learning_rate_end", "learning_rate_switch")
            }
        # The state of a generator means nothing to a generator of another device.
        shared |= {
            "device": self.generator.device.type,
            "images": self.pixels,
            "model": self.model.name,
        }
        return shared | dataclasses.asdict(self.model.config)

    def save(self) -> None:
        self.refuse_broken_weights()
        if not self.config.checkpoint:
            return
        self.record()
        tensors = {f"model.{name}": value for name, value in self.model.state_dict().items()}
        for index, state in self.optimizer.state_dict()["state"].items():
            tensors |= {f"adam.{index}.{name}": value for name, value in state.items()}
        tensors |= {f"memory.{name}": value for name, value in self.model.memory().items()}
        tensors["generator"] = self.generator.get_state()
        points, *rest = self.history()
        progress = {"step": self.step, "points": points} | dict(
            zip(History._fields[1:], rest, strict=True)
        )
        metadata = {
            "format": checkpoints.FORMAT,
            "identity": json.dumps(self.identity()),
            "progress": json.dumps(progress),
        }
        cpu = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
        checkpoints.write_tensors(self.config.checkpoint, cpu, metadata)

    def read(self, path: str | Path) -> tuple[dict[str, Tensor], dict[str, str]]:
        """What a checkpoint of this training holds."""
        tensors, metadata = checkpoints.read_tensors(path)
        found, wanted = (
            json.loads(metadata.get("identity", "{}")),
            json.loads(json.dumps(self.identity())),
        )
        for name, value in wanted.items():
            if found.get(name) != value:
                raise CheckpointError(
                    f"{path} belongs to another training ({name} = {found.get(name)!r}, wanted {value!r}): "
                    "choose another checkpoint file, or delete this one to start afresh"
                )
        return tensors, metadata

    def resume(self) -> None:
        """Go on from the checkpoint, if there is one."""
        if self.saved is None:
            return
        tensors, metadata = self.saved
        self.saved = None
        self.model.load_state_dict(_part(tensors, "model."))
        memory = self.model.memory()
        for name, value in _part(tensors, "memory.").items():
            memory[name].copy_(value)
        state: dict[int, dict[str, Tensor]] = {}
        for name, value in _part(tensors, "adam.").items():
            index, field = name.split(".")
            state.setdefault(int(index), {})[field] = value
        self.optimizer.load_state_dict(self.optimizer.state_dict() | {"state": state})
        self.generator.set_state(tensors["generator"])
        progress = json.loads(metadata["progress"])
        self.step, self.points, self.terms = progress["step"], progress["points"], progress["terms"]
        self.seconds, self.cpu_seconds = progress["seconds"], progress.get("cpu_seconds", math.nan)


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): value
        for name, value in tensors.items()
        if name.startswith(prefix)
    }
