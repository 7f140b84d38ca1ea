"""What a training looks like so far, and its state in memory and on disk."""

import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import numpy as np
import torch
from torch import Tensor

from vsclib import checkpoints
from vsclib.errors import TrainingError, warn_caller
from vsclib.models import Loss, Trainable, TrainingStep
from vsclib.schedules import Linear, Staircase
from vsclib.training import resumption
from vsclib.training.callbacks import Callback, Progress
from vsclib.training.config import TrainingConfig, stream
from vsclib.training.identity import checksum_of, identity_of, weights_checksum
from vsclib.training.optimization import advance, make_optimizer, make_scheduler
from vsclib.training.pixels import batch_of
from vsclib.training.step_gradient import schedules, with_gradient
from vsclib.training.validation import Validation

RECORDS = 200
"""How many points a history has at most."""
STREAMS = 2
"""Version of the random streams; in the first weights, draws and order shared their numbers."""


class History(NamedTuple):
    """What a training looked like.

    Attributes:
        steps: after how many updates each value was taken.
        terms: every term of the loss and ``total``: means since the point before, nats per image.
        seconds: how long it took, resumed parts included.
        cpu_seconds: processor time of all threads in that time.
        validation: the terms of the validation loss at each point; empty without validation.
        compiled: whether the step was a compiled one.
    """

    steps: list[int]
    terms: dict[str, list[float]]
    seconds: float
    cpu_seconds: float = math.nan
    validation: dict[str, list[float]] = {}
    compiled: bool = False


class TrainingState:
    """Everything that a resumed training needs to go on as if it had never stopped.

    Args:
        model: what is trained, on its device.
        config: how.
        pixels: the training images, uint8 or real-valued float32 (N, C, H, W).
        validation: the held-out images.

    Raises:
        CheckpointError: the checkpoint belongs to another training.
        ConfigurationError: the optimiser or the scheduler refuses its options.
    """

    def __init__(
        self,
        model: Trainable,
        config: TrainingConfig,
        pixels: np.ndarray,
        validation: Validation | None = None,
    ) -> None:
        self.model, self.config, self.images = model, config, len(pixels)
        self.validation, self.streams, seed = validation, STREAMS, config.seed
        device = next(model.parameters()).device
        self.optimizer = make_optimizer(
            model.parameters(), config.optimizer, config.optimizer_options, config.learning_rate
        )
        self.scheduler: Any = None
        if config.scheduler is not None:
            options = config.scheduler_options
            self.scheduler = make_scheduler(self.optimizer, config.scheduler, options)
        self.generator = torch.Generator(device)
        self.generator.manual_seed(stream(seed, "draws") if self.streams > 1 else seed)
        self.record_every = max(1, math.ceil(config.steps / RECORDS))
        self.step, self.seconds, self.cpu_seconds = 0, 0.0, 0.0
        self.points: list[int] = []
        self.terms: dict[str, list[float]] = {}
        self.held_out: dict[str, list[float]] = {}
        self.pending: list[dict[str, Tensor]] = []
        self.since, self.cpu_since = time.perf_counter(), time.process_time()
        self.epoch = -1
        self.begun: tuple[int, ...] = model.trained
        self.compiled, self.extended = False, 0
        self.compute: Callable[[TrainingStep], Loss] = self.eager
        self.start = weights_checksum(model)
        held_out = None if validation is None else validation.checksum
        self.identity = identity_of(model, config, device.type, checksum_of(pixels), held_out)
        # A checkpoint of another training is refused before anything about the model changes.
        path = Path(config.checkpoint or "").expanduser()
        self.path = path if config.checkpoint else None
        self.saved = checkpoints.read_tensors(path) if self.path and path.exists() else None
        if self.saved is not None:
            resumption.check(self, path, *self.saved)

    def eager(self, step: TrainingStep) -> Loss:
        """The loss of a step, and its gradient, as PyTorch finds it operation by operation."""
        return with_gradient(self.model, step, self.config.precision)

    def plan(self, steps_per_epoch: int) -> None:
        """Lay out the schedules; those of a model that is trained already are at their ends."""
        steps, epochs = self.begun
        self.steps_per_epoch = steps_per_epoch
        # Neither a schedule in steps nor one in epochs goes back.
        self.first = max(steps, epochs * steps_per_epoch)
        before = self.planned(self.extended) if self.extended and not self.first else {}
        after = self.planned(self.first or self.config.steps)
        for name, schedule in before.items():
            if any(schedule(n) != after[name](n) for n in range(self.extended)):
                warn_caller(
                    f"{name} runs over all steps: {self.config.steps} steps that extend "
                    f"{self.extended} are not those of {self.config.steps} at once"
                )
        self.count()

    def planned(self, steps: int) -> dict[str, Linear | Staircase]:
        """The model's schedules over so many steps, by name."""
        self.model.plan(steps, self.steps_per_epoch)
        return schedules(self.model)

    def count(self) -> None:
        """Tell the model for how many steps and epochs it has been trained."""
        epochs = self.begun[1] + self.step // self.steps_per_epoch
        self.model.trained = (self.first + self.step, epochs)

    @property
    def number(self) -> int:
        """Place of the next step in the schedules."""
        return self.first + self.step

    def order(self) -> Tensor:
        """Rows of the next batch; an epoch's order depends on seed and epoch alone."""
        size, seed = self.config.batch_size, self.config.seed
        epoch, position = divmod(self.step, self.steps_per_epoch)
        if epoch != self.epoch:
            first_edition = seed * 1_000_003 + epoch
            own = stream(seed, "order", epoch) if self.streams > 1 else first_edition
            order = torch.randperm(self.images, generator=torch.Generator().manual_seed(own))
            self.permutation, self.epoch = order.to(self.generator.device), epoch
        return self.permutation[position * size : (position + 1) * size]

    def gradient(self, images: Tensor) -> tuple[TrainingStep, Loss]:
        """A step on the next of all images, and its loss, whose gradient is with the weights."""
        rows = self.order()  # (B,)
        batch = batch_of(images[rows], self.generator, self.config.draw_pixels)  # (B, C, H, W)
        step = TrainingStep(batch, self.generator, self.number, rows)
        try:
            return step, self.compute(step)
        except (ValueError, ArithmeticError) as error:
            self.blame_weights(error)

    def update(self, loss: Loss) -> None:
        """One step of the optimiser."""
        if self.scheduler is None:
            for group in self.optimizer.param_groups:
                group["lr"] = self.config.rate(self.step)
        if self.config.clip_norm is not None:
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip_norm)
        self.optimizer.step()
        if self.scheduler is not None:
            advance(self.scheduler)
        terms = loss.terms | {"total": loss.total}
        self.pending.append({name: value.detach() for name, value in terms.items()})
        self.step += 1
        self.count()

    def record(self, callbacks: Sequence[Callback]) -> bool:
        """Take a point of the history if one is due; whether a callback wants to end."""
        if self.step % self.record_every and self.step != self.config.steps:
            return False
        self.take_point()
        return self.tell(callbacks, -1, self.model)

    def take_point(self) -> None:
        """Means since the last point, and the validation loss."""
        # The one look at the device since the last point.
        self.look()
        columns = {name: [terms[name] for terms in self.pending] for name in self.pending[0]}
        for name, values in columns.items():
            self.terms.setdefault(name, []).append(torch.stack(values).mean().item())
        self.points.append(self.step)
        self.pending = []
        if self.validation is not None:
            try:
                held_out = self.validation.loss(self.model, self.number - 1)
            except (ValueError, ArithmeticError) as error:
                self.blame_weights(error)
            for name, number in held_out.items():
                self.held_out.setdefault(name, []).append(number)

    def tell(self, callbacks: Sequence[Callback], index: int, model: Trainable | None) -> bool:
        """Give a point of the history to every callback; whether one of them wants to end."""
        terms, held_out = (
            {name: values[index] for name, values in curves.items()}
            for curves in (self.terms, self.held_out)
        )
        progress = Progress(self.points[index], self.config.steps, terms, held_out, model)
        return any([callback.record(progress) for callback in callbacks])

    def tell_again(self, callbacks: Sequence[Callback]) -> bool:
        """Give the points before a resume; whether the last one ended the training."""
        return any([self.tell(callbacks, index, None) for index in range(len(self.points))][-1:])

    def present_loss(self) -> str:
        """The last point's loss, in words."""
        total = self.terms["total"][-1]
        return f"{total:.{1 if abs(total) >= 1 else 3}f} {self.model.unit}"

    def history(self) -> History:
        """What the training looked like so far."""
        seconds = self.seconds + time.perf_counter() - self.since
        cpu_seconds = self.cpu_seconds + time.process_time() - self.cpu_since
        curves = self.points, self.terms
        return History(*curves, seconds, cpu_seconds, self.held_out, self.compiled)

    # ------------------------------------------------------------------------ what must be finite

    def remedy(self) -> str:
        """What to do against a divergence."""
        size = getattr(self.model.config, "step_size", None)
        inner = "" if size is None else f", step_size (now {size:g})"
        return f"lower learning_rate (now {self.config.learning_rate:g}){inner} or check the images"

    def refuse(self, terms: dict[str, Tensor], step: int) -> NoReturn:
        """Raise TrainingError for the first term of a step that is no finite number."""
        worst = next((name for name, value in terms.items() if not torch.isfinite(value)), "total")
        value = terms[worst].item() if worst in terms else math.nan
        raise TrainingError(
            f"{worst} = {value:g} at step {step}: a loss must be finite; {self.remedy()}"
        )

    def refuse_broken(self) -> None:
        """Raise TrainingError before broken weights replace a good checkpoint."""
        self.look()
        self.refuse_broken_weights()

    def look(self) -> None:
        """Raise TrainingError for the first step since the last point whose loss is no number."""
        if not self.pending:
            return
        totals = torch.stack([terms["total"] for terms in self.pending])  # (T,)
        sound = torch.isfinite(totals)
        if not bool(sound.all()):
            first = int(sound.logical_not().int().argmax())
            self.refuse(self.pending[first], self.step - len(self.pending) + first)

    def refuse_broken_weights(self) -> None:
        """Raise TrainingError for the first weight that is no finite number."""
        # A finite loss may have had a gradient that is NaN.
        for name, weight in self.model.named_parameters():
            if not torch.isfinite(weight).all():
                raise TrainingError(
                    f"{name} holds NaN or infinity after step {self.step - 1}: weights must be "
                    f"finite; {self.remedy()}"
                )

    def blame_weights(self, error: Exception) -> NoReturn:
        """Raise TrainingError for a failure after steps that went well, and any other as it is."""
        self.refuse_broken_weights()
        if not self.step:
            raise error
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise TrainingError(f"{reason} at step {self.step}: {self.remedy()}") from error

    # -------------------------------------------------------------------------------------- on disk

    def save(self) -> None:
        """Write the state to the checkpoint, if one is asked for."""
        self.refuse_broken()
        if self.path is not None:
            where = f"step {self.step} of {self.config.steps}"
            resumption.write(self.path, *resumption.contents(self, self.history()), where)

    def resume(self) -> None:
        """Go on from the checkpoint, if there is one."""
        if self.path is not None and self.saved is not None:
            resumption.take_over(self, self.path, *self.saved)
            self.saved = None
