"""The state of a training as named tensors and texts, and back.

A ``state`` here is a :class:`~vsclib.training.state.TrainingState`, which uses this module.
"""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vsclib import checkpoints
from vsclib.errors import CheckpointError, warn_caller
from vsclib.training.identity import refuse_another
from vsclib.training.optimization import catch_up


def contents(state: Any, history: Any) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Everything that a training needs to go on, on the CPU."""
    tensors = {f"model.{name}": value for name, value in state.model.state_dict().items()}
    plain: dict[str, dict[str, Any]] = {}
    for index, values in state.optimizer.state_dict()["state"].items():
        for name, value in values.items():
            if isinstance(value, Tensor):
                tensors[f"adam.{index}.{name}"] = value
            else:
                plain.setdefault(str(index), {})[name] = value
    tensors |= {f"memory.{name}": value for name, value in state.model.memory().items()}
    for name in state.pending[0] if state.pending else ():
        tensors[f"pending.{name}"] = torch.stack([terms[name] for terms in state.pending])
    tensors["generator"] = state.generator.get_state()
    points, *rest = history
    progress = {"step": state.step, "points": points, "begun": state.begun, "plain": plain}
    progress |= {"compiled": state.compiled}
    progress |= dict(zip(history._fields[1:], rest, strict=True))
    metadata = {
        "format": checkpoints.FORMAT,
        "identity": json.dumps(state.identity),
        "progress": json.dumps(progress),
        "streams": str(state.streams),
        "start": state.start,
    }
    # A copy: stacked members share their memory, and a file holds each tensor once.
    return {name: value.detach().cpu().clone() for name, value in tensors.items()}, metadata


def write(path: Path, tensors: Mapping[str, Tensor], metadata: dict[str, str], where: str) -> None:
    """Write them atomically.

    Args:
        path: the checkpoint.
        tensors, metadata: what it holds.
        where: how far the training is, in words.

    Raises:
        CheckpointError: the file cannot be written.
    """
    try:
        checkpoints.write_tensors(path, dict(tensors), metadata)
    except CheckpointError as error:
        raise CheckpointError(f"{where}: {error}; an earlier state there is whole") from error


def check(state: Any, path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    """Refuse the checkpoint of another training, and warn of one that began elsewhere.

    Raises:
        CheckpointError: it belongs to another training, or holds weights that are no numbers.
    """
    config, found = state.config, metadata.get("identity", "{}")
    refuse_another(path, found, state.identity, state.model, config.extend)
    checkpoints.refuse_broken(path, part(tensors, "model."))
    if (metadata.get("start") or state.start) != state.start:
        step = json.loads(metadata["progress"])["step"]
        warn_caller(
            f"{path} replaces the weights given, which are not those that its training began "
            f"with: it goes on at step {step} of {config.steps}; choose another "
            "checkpoint file to train the model as given"
        )


def take_over(state: Any, path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    """Put what a checkpoint holds in its places.

    Raises:
        CheckpointError: something is missing or of another shape.
    """
    try:
        _take_over(state, tensors, metadata)
    except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"{path} is damaged ({str(error).splitlines()[0]}): delete it and train again"
        ) from None


def _take_over(state: Any, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    progress = json.loads(metadata["progress"])
    state.model.load_state_dict(part(tensors, "model."))
    memory = state.model.memory()
    for name, value in part(tensors, "memory.").items():
        memory[name].copy_(value)
    plain = progress.get("plain", {})
    kept: dict[int, dict[str, Any]] = {int(index): values for index, values in plain.items()}
    for name, value in part(tensors, "adam.").items():
        index, field = name.split(".")
        kept.setdefault(int(index), {})[field] = value
    state.optimizer.load_state_dict(state.optimizer.state_dict() | {"state": kept})
    state.generator.set_state(tensors["generator"])
    pending = part(tensors, "pending.")
    rows = zip(*(values.to(state.generator.device) for values in pending.values()), strict=True)
    state.pending = [dict(zip(pending, row, strict=True)) for row in rows]
    state.step, state.points, state.terms = (progress[name] for name in ("step", "points", "terms"))
    state.seconds = progress["seconds"]
    state.cpu_seconds = progress.get("cpu_seconds", math.nan)
    state.held_out = progress.get("validation", {})
    state.begun = tuple(progress.get("begun", (0, 0)))
    state.compiled = progress.get("compiled", False)
    state.streams, state.start = int(metadata.get("streams", 1)), metadata.get("start", "")
    found = json.loads(metadata["identity"])["steps"]
    state.extended = found if found < state.config.steps else 0
    if state.scheduler is not None:
        catch_up(state.scheduler, state.step)


def part(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors whose names begin so, without that beginning."""
    own = [name for name in tensors if name.startswith(prefix)]
    return {name.removeprefix(prefix): tensors[name] for name in own}
