"""Many models of one family trained at once, their weights stacked."""

import itertools
import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from vsclib import checkpoints
from vsclib.errors import CheckpointError, ConfigurationError, TrainingError
from vsclib.models import Model, TrainingStep
from vsclib.models.contract import scaled
from vsclib.training import resumption
from vsclib.training.compilation import traced, wanted
from vsclib.training.config import TrainingConfig
from vsclib.training.optimization import advance, catch_up, make_optimizer, make_scheduler
from vsclib.training.pixels import batch_of
from vsclib.training.stacking import Stack, learning, own_values
from vsclib.training.state import TrainingState
from vsclib.training.step_gradient import Inputs, Tensors, draws_of, function, schedules


class Weights(NamedTuple):
    """The weights of neighbouring members that learn at one rate.

    Attributes:
        first, last: the members from ``first`` up to, not including, ``last``.
        tensors: their weights by name, (last - first, ...).
    """

    first: int
    last: int
    tensors: Tensors


class EnsembleState:
    """Members on their way: each with its own draws, order and history, all with one gradient.

    Args:
        states: the members' own states, sorted so that equal rates are neighbours.
        models: what they stand for; smaller codes than the states' are filled up.
        images: the training images on the device.
        path: the checkpoint, or None.

    Raises:
        ConfigurationError: the step is no function of tensors.
    """

    def __init__(
        self,
        states: Sequence[TrainingState],
        models: Sequence[Model],
        images: Tensor,
        path: Path | None,
    ) -> None:
        self.states, self.models, self.images, self.path = list(states), list(models), images, path
        self.config = states[0].config
        self.step, self.size = 0, len(states)
        self.diverged: dict[int, str] = {}
        self.pending: list[Tensors] = []
        self.stacked: Any = None

    # --------------------------------------------------------------------------------- the step

    def begin(self) -> None:
        """Put all weights into one memory, and make the step and its optimiser."""
        twins = [state.model for state in self.states]
        self.stacked = Stack(twins)
        device = self.images.device
        self.values = own_values(self.models, device)
        fits = [learning(own, twin) for own, twin in zip(self.models, twins, strict=True)]
        rests = {name for fit in fits for name, mask in fit.items() if not bool(mask.all())}
        self.masks = {name: torch.stack([fit[name] for fit in fits]) for name in rests}
        size = self.config.batch_size
        rows = torch.arange(size, device=device)
        example = TrainingStep(scaled(self.images[rows]), self.states[0].generator, 0, rows)
        self.asked = draws_of(twins[0], example)
        self.draws = [
            torch.full((self.size, *shape), 0.0 if kind == "normal" else 0.5, device=device)
            for kind, shape in self.asked
        ]
        self.groups = self.grouped()
        # PyTorch's optimisers are of one rate for each group, and work number by number.
        groups = [
            {"params": list(group.tensors.values()), "lr": self.states[group.first].config.rate(0)}
            for group in self.groups
        ]
        self.optimizer = make_optimizer(
            groups, self.config.optimizer, self.config.optimizer_options, self.config.rate(0)
        )
        self.scheduler: Any = None
        if self.config.scheduler is not None:
            self.scheduler = make_scheduler(
                self.optimizer, self.config.scheduler, self.config.scheduler_options
            )
            catch_up(self.scheduler, self.step)
        self.collect()
        self.make_step()

    def end(self) -> None:
        """Give every member memory of its own again."""
        if self.stacked is not None:
            self.stacked.release()

    def make_step(self) -> None:
        """Trace the step, which may be compiled, with its draws as they are."""
        model = self.states[0].model
        steps = self.config.steps * self.size
        compiled = self.states[0].compiled
        if not self.step:
            compiled = wanted(model, self.config, self.images.device, steps)
        for state in self.states:
            state.compiled = compiled
        step = function(model, self.config.precision, members=True)
        rows = torch.stack([torch.arange(self.config.batch_size)] * self.size)
        rows = rows.to(self.images.device)
        example = self.images[rows]
        # Drawn pixels are floats already.
        inputs = self.inputs(rows, scaled(example) if self.config.draw_pixels else example)
        try:
            self.call = traced(step, inputs, compiled)
        except ConfigurationError as error:
            names = f" of members that differ in {', '.join(self.values)}" if self.values else ""
            raise ConfigurationError(
                f"model {model.name!r} takes no part in an ensemble{names}: {error}"
            ) from None

    def grouped(self) -> list[Weights]:
        """The weights, apart for each rate."""
        rates = [rate_of(state.config) for state in self.states]
        edges = [0, *(i for i in range(1, self.size) if rates[i] != rates[i - 1]), self.size]
        learned = self.stacked.learned
        return [
            Weights(first, last, {name: value[first:last] for name, value in learned.items()})
            for first, last in itertools.pairwise(edges)
        ]

    def inputs(self, rows: Tensor, images: Tensor) -> Inputs:
        """What the step takes; rows (E, B), images (E, B, C, H, W)."""
        values = dict(self.values)
        for name in schedules(self.states[0].model):
            now = [float(schedules(s.model)[name](s.number)) for s in self.states]
            values[name] = torch.tensor(now).to(self.images.device, non_blocking=True)  # (E,)
        stacked = self.stacked
        return Inputs(stacked.learned, stacked.kept, values, images, rows, tuple(self.draws))

    def batches(self, rows: Tensor) -> Tensor:
        """The members' images, (E, B, C, H, W); drawn pixels come from each member's generator."""
        if not self.config.draw_pixels:
            return self.images[rows]
        pairs = zip(rows, self.states, strict=True)
        return torch.stack([batch_of(self.images[r], s.generator, draw=True) for r, s in pairs])

    def draw(self) -> None:
        """New random numbers of every member, from its own generator."""
        whole = self.states[0].model.config.latents
        for (kind, shape), target in zip(self.asked, self.draws, strict=True):
            for index, state in enumerate(self.states):
                own = self.models[index].config.latents
                narrow = own < whole and shape[-1:] == (whole,)
                part = target[index, ..., :own] if narrow else target[index]
                fresh = torch.empty(part.shape, device=part.device) if narrow else part
                draw = fresh.normal_ if kind == "normal" else fresh.uniform_
                draw(generator=state.generator)
                if narrow:
                    part.copy_(fresh)

    def advance(self) -> None:
        """One step of every member."""
        rows = torch.stack([state.order() for state in self.states])  # (E, B)
        images = self.batches(rows)  # before the model's own draws, as in a training alone
        self.draw()
        gradient, loss = self.call(*self.inputs(rows, images))
        for name, mask in self.masks.items():
            gradient[name] = gradient[name] * mask
        if self.config.clip_norm is not None:
            _clip(gradient, self.config.clip_norm)
        for group, entry in zip(self.groups, self.optimizer.param_groups, strict=True):
            if self.scheduler is None:
                entry["lr"] = self.states[group.first].config.rate(self.step)
            for name, weight in group.tensors.items():
                weight.grad = gradient[name][group.first : group.last]
        self.optimizer.step()
        if self.scheduler is not None:
            advance(self.scheduler)
        for name, value in loss["state"].items():
            self.stacked.kept[name].copy_(value)
        terms = loss["terms"] | {"total": loss["total"]}
        self.pending.append({name: value.clone() for name, value in terms.items()})  # (E,)
        self.step += 1
        for state in self.states:
            state.step = self.step
            state.count()

    # ------------------------------------------------------------------------------ its history

    def record(self) -> None:
        """Take a point of every member's history if one is due; freeze what diverged."""
        if self.step % self.states[0].record_every and self.step != self.config.steps:
            return
        columns = {
            name: torch.stack([terms[name] for terms in self.pending]).cpu()  # (T, E)
            for name in self.pending[0]
        }
        means = {name: values.mean(0).tolist() for name, values in columns.items()}
        sound = torch.isfinite(columns["total"]).all(0)  # (E,)
        for index, state in enumerate(self.states):
            if index in self.diverged:
                continue
            if not bool(sound[index]):
                self.freeze(index, state.look)
                continue
            state.points.append(self.step)
            for name, values in means.items():
                state.terms.setdefault(name, []).append(values[index])
        self.pending = []

    def freeze(self, index: int, look: Callable[[], None]) -> None:
        """Note where a member diverged, if a look at it finds that; it is recorded no more."""
        self.states[index].pending = self.pending_of(index)
        try:
            look()
        except TrainingError as error:
            self.diverged[index] = str(error)

    def pending_of(self, index: int) -> list[Tensors]:
        """A member's losses since the last point."""
        return [{name: value[index] for name, value in terms.items()} for terms in self.pending]

    # ---------------------------------------------------------------------------------- on disk

    def save(self) -> None:
        """Write every member's state into one file, atomically."""
        for index, state in enumerate(self.states):
            if index not in self.diverged:
                self.freeze(index, state.refuse_broken)
        if self.path is None:
            return
        self.distribute()
        tensors: Tensors = {}
        texts = []
        for index, state in enumerate(self.states):
            state.pending = self.pending_of(index)
            own, metadata = resumption.contents(state, state.history())
            tensors |= {f"{index}.{name}": value for name, value in own.items()}
            texts.append(metadata)
        metadata = {"format": checkpoints.FORMAT, "members": json.dumps(texts)}
        metadata["diverged"] = json.dumps(self.diverged)
        where = f"step {self.step} of {self.config.steps}"
        resumption.write(self.path, tensors, metadata, where)

    def resume(self) -> None:
        """Go on from the checkpoint, if there is one; before :meth:`begin`.

        Raises:
            CheckpointError: it holds other members.
        """
        if self.path is None or not self.path.exists():
            return
        tensors, metadata = checkpoints.read_tensors(self.path)
        texts = json.loads(metadata.get("members", "[]"))
        if len(texts) != self.size:
            raise CheckpointError(
                f"{self.path} holds {len(texts)} members, wanted {self.size}: choose another "
                "checkpoint file, or delete this one to start afresh"
            )
        self.diverged = {int(i): text for i, text in json.loads(metadata["diverged"]).items()}
        parts = [resumption.part(tensors, f"{index}.") for index in range(self.size)]
        for index, state in enumerate(self.states):
            sound = {} if index in self.diverged else parts[index]
            resumption.check(state, self.path, sound, texts[index])
        for state, part, text in zip(self.states, parts, texts, strict=True):
            resumption.take_over(state, self.path, part, text)
        self.step = self.states[0].step
        rows = zip(*(state.pending for state in self.states), strict=True)
        self.pending = [{n: torch.stack([m[n] for m in row]) for n in row[0]} for row in rows]

    def distribute(self) -> None:
        """Give every member its part of the optimiser's memory."""
        for group in self.groups:
            for name, weight in group.tensors.items():
                memory = self.optimizer.state.get(weight, {})
                for index in range(group.first, group.last):
                    own = dict(self.states[index].model.named_parameters())[name]
                    self.states[index].optimizer.state[own] = {
                        field: value[index - group.first] if _stacked(value, weight) else value
                        for field, value in memory.items()
                    }

    def collect(self) -> None:
        """Take the optimiser's memory from the members, after a resume."""
        for group in self.groups:
            for name, weight in group.tensors.items():
                states = self.states[group.first : group.last]
                own = [s.optimizer.state[dict(s.model.named_parameters())[name]] for s in states]
                for field, value in own[0].items():
                    joint = value
                    if isinstance(value, Tensor) and value.shape == weight.shape[1:]:
                        joint = torch.stack([memory[field] for memory in own])
                    self.optimizer.state[weight][field] = joint


def _stacked(value: Any, weight: Tensor) -> bool:
    return isinstance(value, Tensor) and value.shape == weight.shape


def rate_of(config: TrainingConfig) -> tuple[float, float, int]:
    """What the step size of a training depends on; neighbours that share it share an optimiser."""
    end = math.inf if config.learning_rate_end is None else config.learning_rate_end
    return config.learning_rate, end, config.learning_rate_switch


def _clip(gradient: Tensors, longest: float) -> None:
    """Cut every member's gradient down to a length, as ``clip_grad_norm_`` does for one."""
    squares = [value.flatten(1).square().sum(1) for value in gradient.values()]
    norms = torch.stack(squares).sum(0).sqrt()  # (E,)
    share = (longest / (norms + 1e-6)).clamp(max=1.0)
    for name, value in gradient.items():
        gradient[name] = value * share.view(-1, *[1] * (value.dim() - 1))
