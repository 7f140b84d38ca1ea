"""Training many models of one family at once: seeds, weights of terms, step sizes, latent sizes."""

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm

from vsclib.data.dataset import DataSet, Split
from vsclib.errors import ConfigurationError, fits_memory
from vsclib.files import check_writable, file_path
from vsclib.models import Model
from vsclib.training.config import TrainingConfig, training_device
from vsclib.training.ensemble import EnsembleState, rate_of
from vsclib.training.interruption import interruption, noted_signals
from vsclib.training.pixels import on_device, pixels_for
from vsclib.training.stacking import check_members, filled_up, give_back
from vsclib.training.state import History, TrainingState
from vsclib.training.step_gradient import tf32

MAY_DIFFER = ("seed", "learning_rate", "learning_rate_end", "learning_rate_switch")
"""The options of a training in which members may differ."""


class Ensemble(NamedTuple):
    """What trainings of many models looked like.

    Attributes:
        histories: of each member; seconds are its share of its part's.
        diverged: for each member whose loss was no number, by its place, where that was.
        parts: the members that were trained together, by their places.
    """

    histories: list[History]
    diverged: dict[int, str]
    parts: list[list[int]]


def fit_many(
    models: Sequence[Model],
    data: DataSet | Split | np.ndarray,
    configs: Sequence[TrainingConfig],
    *,
    checkpoint: str | Path | None = None,
    memory: int | None = None,
) -> Ensemble:
    """Train many models of one family in place, each as if it were alone.

    A member has its own random streams, those of the same training alone, and ends with the same
    weights up to rounding. Members may differ in the numbers among their options, in schedules, in
    seed and rates of the training, and in the number of latents where a latent can rest at its
    prior. One whose loss is no number any more is left as it is; the others go on.

    Args:
        models: the members; they end on the device.
        data: as for :func:`vsclib.fit`.
        configs: how to train each; they agree in all but seed and step sizes, and name no
            checkpoint.
        checkpoint: file of the state of all members, from which the same call goes on exactly; the
            parts of an ensemble that is split have one each, numbered.
        memory: bytes that an ensemble may take; a larger one is trained part by part. By default
            half of the machine's, or of what is free on a GPU.

    Returns:
        The histories, what diverged, and the parts.

    Raises:
        ConfigurationError: members that cannot be stacked, by name, or a config that is not theirs.
        DataError: the images do not fit the models or are fewer than a batch.
        CheckpointError: the checkpoint belongs to others, or cannot be written.
        TrainingError: memory ran out.

    Example:
        >>> from vsclib import data, models
        >>> members = [models.create("vae", image_shape=(1, 8, 8), latents=4, beta=beta)
        ...            for beta in (1.0, 4.0)]
        >>> configs = [TrainingConfig(steps=5, batch_size=20, progress=False)] * 2
        >>> found = fit_many(members, data.load("digits"), configs)
        >>> [history.steps[-1] for history in found.histories], found.diverged
        ([5, 5], {})
    """
    check_members(models)
    _check_configs(models, configs)
    first = configs[0]
    pixels = pixels_for(models[0], data, first.batch_size, first.draw_pixels)
    device = training_device(first)
    images = on_device(pixels, device)
    order = sorted(range(len(models)), key=lambda index: rate_of(configs[index]))
    parts = _parts(order, models, first.batch_size, memory or _memory(device))
    found: dict[int, History] = {}
    diverged: dict[int, str] = {}
    for number, part in enumerate(parts):
        path = None if checkpoint is None else _numbered(file_path(checkpoint), number, len(parts))
        if path is not None:
            check_writable(path)
        members = [models[index].to(device) for index in part]
        state = _state(members, [configs[index] for index in part], pixels, images, path)
        _train(state)
        for place, index in enumerate(part):
            history = state.states[place].history()
            found[index] = history._replace(
                seconds=history.seconds / len(part), cpu_seconds=history.cpu_seconds / len(part)
            )
        diverged |= {part[place]: text for place, text in state.diverged.items()}
    histories = [found[index] for index in range(len(models))]
    return Ensemble(histories, dict(sorted(diverged.items())), [sorted(part) for part in parts])


def _state(
    members: Sequence[Model],
    configs: Sequence[TrainingConfig],
    pixels: np.ndarray,
    images: Tensor,
    path: Path | None,
) -> EnsembleState:
    """The state of a part, resumed if its checkpoint is there."""
    latents = max(member.config.latents for member in members)
    states = []
    for member, config in zip(members, configs, strict=True):
        twin = filled_up(member, latents)
        state = TrainingState(twin, config, pixels)
        state.identity |= {"latents": member.config.latents}
        twin.prepare(images, state.generator)
        states.append(state)
    together = EnsembleState(states, members, images, path)
    together.resume()
    for state in states:
        state.plan(len(images) // state.config.batch_size)
        state.model.train()
    return together


def _train(state: EnsembleState) -> None:
    config = state.config
    shown = {"initial": state.step, "disable": not config.progress, "unit": "step"}
    what = f"an ensemble of {state.size} with batch_size = {config.batch_size}"
    remedy = "give memory, in bytes, so that it is split, or choose a smaller batch_size"
    try:
        with (
            fits_memory(what, remedy),
            tf32(config.precision),
            noted_signals() as noted,
            tqdm(total=config.steps, mininterval=1.0, **shown) as bar,
        ):
            state.begin()
            while state.step < config.steps and not noted and len(state.diverged) < state.size:
                state.advance()
                bar.update()
                state.record()
                if state.step % config.checkpoint_every == 0 and state.step < config.steps:
                    state.save()
            state.save()
    finally:
        state.end()
        for member, one in zip(state.models, state.states, strict=True):
            give_back(one.model, member)
            member.eval()
    if noted:
        kept = "nothing is on disk: give a checkpoint to be able to go on"
        if state.path is not None:
            kept = f"the same call goes on from {state.path}"
        line = f"interrupted after step {state.step} of {config.steps}; {kept}"
        raise interruption(noted[0], line, [one.history() for one in state.states])


def _check_configs(models: Sequence[Model], configs: Sequence[TrainingConfig]) -> None:
    if len(configs) != len(models):
        raise ConfigurationError(
            f"there are {len(configs)} configs for {len(models)} models: give one for each"
        )
    for config in configs:
        if config.checkpoint is not None:
            raise ConfigurationError(
                f"checkpoint = {str(config.checkpoint)!r} of a member is not allowed: give "
                "checkpoint to fit_many, whose file holds all members"
            )
        for name, value in vars(configs[0]).items():
            if name not in MAY_DIFFER and getattr(config, name) != value:
                raise ConfigurationError(
                    f"configs differ in {name} = {value!r}, {getattr(config, name)!r}: members "
                    f"share it, all but {', '.join(MAY_DIFFER)}"
                )
    if len(configs[0].optimizer_options) and configs[0].optimizer_options.get("weight_decay"):
        if len({model.config.latents for model in models}) > 1:
            raise ConfigurationError(
                "weight_decay would move the latents that rest in smaller codes: leave it out, or "
                "train one ensemble for each number of latents"
            )
    if configs[0].optimizer.lower() == "adafactor":
        raise ConfigurationError(
            "optimizer = 'adafactor' looks at whole matrices, which an ensemble stacks: choose "
            "another, such as 'adam'"
        )


# --------------------------------------------------------------------------------------- memory


def _memory(device: torch.device) -> int:
    """Bytes that an ensemble may take."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0] // 2
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf
        return 4 * 2**30


def _bytes(model: Model, batch_size: int) -> int:
    """What a member takes, roughly: weights, gradient and Adam's memory, and what a step keeps."""
    config = model.config
    weights = sum(weight.numel() for weight in model.parameters())
    layers = 2 * max(1, config.hidden_layers) * config.hidden
    return 4 * (4 * weights + batch_size * (8 * math.prod(config.image_shape) + 4 * layers))


def _parts(
    order: Sequence[int], models: Sequence[Model], batch_size: int, memory: int
) -> list[list[int]]:
    """Places of the members, in nearly equal parts that fit."""
    largest = max(_bytes(model, batch_size) for model in models)
    count = min(len(order), math.ceil(len(order) * largest / memory))
    return [list(map(int, part)) for part in np.array_split(np.asarray(order), max(1, count))]


def _numbered(path: Path, number: int, count: int) -> Path:
    """The file of a part."""
    if count == 1:
        return path
    return path.with_name(f"{path.stem}-{number + 1}of{count}{path.suffix}")
