"""How to train, what a training looks like so far, and its state in memory and on disk."""

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

from vsclib import checkpoints
from vsclib.configuration import Count, Positive, Seed, Steps, configuration
from vsclib.errors import CheckpointError, ConfigurationError, TrainingError
from vsclib.models import Loss, Trainable

RECORDS = 200
"""How many points a history has at most."""


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
                f"learning_rate_switch = {self.learning_rate_switch} switches to nothing: "
                "give learning_rate_end too"
            )

    def rate(self, step: int) -> float:
        """Step size of Adam at a step."""
        if self.learning_rate_end is None or step < self.learning_rate_switch:
            return self.learning_rate
        return self.learning_rate_end


class History(NamedTuple):
    """What a training looked like.

    Attributes:
        steps: after how many updates each value was taken.
        terms: every term of the loss and ``total``: means since the point before, nats per image.
        seconds: how long it took, resumed parts included.
        cpu_seconds: processor time of all threads in that time.
    """

    steps: list[int]
    terms: dict[str, list[float]]
    seconds: float
    cpu_seconds: float = math.nan


class TrainingState:
    """Everything that a resumed training needs to go on as if it had never stopped.

    Args:
        model: what is trained, on its device.
        config: how.
        pixels: the training images, uint8 (N, C, H, W).

    Raises:
        CheckpointError: the checkpoint belongs to another training.
    """

    def __init__(self, model: Trainable, config: TrainingConfig, pixels: np.ndarray) -> None:
        self.model, self.config, self.images = model, config, len(pixels)
        checksum = zlib.crc32(np.ascontiguousarray(pixels).data)
        self.pixels = f"{len(pixels)} with checksum {checksum:08x}"
        device, rate = next(model.parameters()).device, config.learning_rate
        self.optimizer = torch.optim.Adam(model.parameters(), rate, fused=device.type != "mps")
        self.generator = torch.Generator(device).manual_seed(config.seed)
        self.record_every = max(1, math.ceil(config.steps / RECORDS))
        self.step, self.seconds, self.cpu_seconds = 0, 0.0, 0.0
        self.points: list[int] = []
        self.terms: dict[str, list[float]] = {}
        self.pending: list[dict[str, Tensor]] = []
        self.since, self.cpu_since = time.perf_counter(), time.process_time()
        self.epoch = -1
        # A checkpoint of another training is refused before anything about the model changes.
        path = config.checkpoint
        self.saved = self.read(path) if path and Path(path).exists() else None

    def order(self, steps_per_epoch: int) -> Tensor:
        """Rows of the next batch; an epoch's order depends on seed and epoch alone."""
        size = self.config.batch_size
        epoch, position = divmod(self.step, steps_per_epoch)
        if epoch != self.epoch:
            shuffle = torch.Generator().manual_seed(self.config.seed * 1_000_003 + epoch)
            order = torch.randperm(self.images, generator=shuffle)
            self.permutation, self.epoch = order.to(self.generator.device), epoch
        return self.permutation[position * size : (position + 1) * size]

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
        terms = loss.terms | {"total": loss.total}
        self.pending.append({name: value.detach() for name, value in terms.items()})
        self.step += 1
        if self.step % self.record_every == 0 or self.step == self.config.steps:
            self.record()

    def record(self) -> None:
        """Means since the last record."""
        if not self.pending:
            return
        columns = {name: [terms[name] for terms in self.pending] for name in self.pending[0]}
        means = {name: torch.stack(values).mean() for name, values in columns.items()}
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
        """Raise TrainingError for the first term that is no finite number."""
        worst = next((name for name, value in terms.items() if not torch.isfinite(value)), "total")
        value = terms[worst].item() if worst in terms else math.nan
        raise TrainingError(
            f"{worst} = {value:g} at step {self.step}: a loss must be finite; "
            f"lower learning_rate (now {self.config.learning_rate:g}) or check the images"
        )

    def refuse_broken_weights(self) -> None:
        """Raise TrainingError before broken weights replace a good checkpoint."""
        # A finite loss may have had a gradient that is NaN.
        for name, weight in self.model.named_parameters():
            if not torch.isfinite(weight).all():
                raise TrainingError(
                    f"{name} holds NaN or infinity after step {self.step - 1}: weights must be "
                    f"finite; lower learning_rate (now {self.config.learning_rate:g}) "
                    "or check the images"
                )

    def due(self, every: int) -> bool:
        """Whether the state is to be written now."""
        return self.step % every == 0 and self.step < self.config.steps

    def history(self) -> History:
        """What the training looked like so far."""
        seconds = self.seconds + time.perf_counter() - self.since
        cpu_seconds = self.cpu_seconds + time.process_time() - self.cpu_since
        return History(self.points, self.terms, seconds, cpu_seconds)

    # -------------------------------------------------------------------------------------- on disk

    def identity(self) -> dict:
        """What must be the same for a checkpoint to belong to this training."""
        names = ["steps", "batch_size", "learning_rate", "seed"]
        if self.config.learning_rate_end is not None:
            names += ["learning_rate_end", "learning_rate_switch"]
        shared = {name: getattr(self.config, name) for name in names}
        # The state of a generator means nothing to a generator of another device.
        shared |= {"device": self.generator.device.type, "images": self.pixels}
        return shared | {"model": self.model.name} | dataclasses.asdict(self.model.config)

    def save(self) -> None:
        """Write the state to the checkpoint, if one is asked for."""
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
        progress = {"step": self.step, "points": points}
        progress |= dict(zip(History._fields[1:], rest, strict=True))
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
        found = json.loads(metadata.get("identity", "{}"))
        wanted = json.loads(json.dumps(self.identity()))
        for name, value in wanted.items():
            if found.get(name) != value:
                raise CheckpointError(
                    f"{path} belongs to another training ({name} = {found.get(name)!r}, "
                    f"wanted {value!r}): choose another checkpoint file, or delete this one to "
                    "start afresh"
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
    own = [name for name in tensors if name.startswith(prefix)]
    return {name.removeprefix(prefix): tensors[name] for name in own}
