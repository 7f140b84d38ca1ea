"""What a training looks like so far, and its state in memory and on disk."""

import json
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import numpy as np
import torch
from torch import Tensor

from vsclib import checkpoints
from vsclib.errors import CheckpointError, TrainingError, warn_caller
from vsclib.models import Loss, Trainable, TrainingStep
from vsclib.schedules import Linear, Staircase
from vsclib.training.callbacks import Callback, Progress
from vsclib.training.config import TrainingConfig, stream
from vsclib.training.identity import checksum_of, identity_of, refuse_another, weights_checksum
from vsclib.training.optimization import advance, catch_up, make_optimizer, make_scheduler
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
    """

    steps: list[int]
    terms: dict[str, list[float]]
    seconds: float
    cpu_seconds: float = math.nan
    validation: dict[str, list[float]] = {}


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
        self.start = weights_checksum(model)
        held_out = None if validation is None else validation.checksum
        self.identity = identity_of(model, config, device.type, checksum_of(pixels), held_out)
        # A checkpoint of another training is refused before anything about the model changes.
        path = Path(config.checkpoint or "").expanduser()
        self.path = path if config.checkpoint else None
        self.saved = self.read(path) if self.path and path.exists() else None

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

    def planned(self, steps: int) -> dict[str, Any]:
        """The model's schedules over so many steps, by name."""
        self.model.plan(steps, self.steps_per_epoch)
        kinds = (Linear, Staircase)
        return {name: value for name, value in vars(self.model).items() if isinstance(value, kinds)}

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

    def loss(self, step: TrainingStep) -> Loss:
        """The model's objective; what fails for broken weights is a TrainingError."""
        # Bytes over 255 lie in [0, 1]: they need no check at every step.
        try:
            return self.model.objective(step)
        except (ValueError, ArithmeticError) as error:
            self.blame_weights(error)

    def update(self, loss: Loss) -> None:
        """One step of the optimiser, refused when the loss is no number."""
        # On an accelerator the check waits for the device: there it is made at each record.
        if self.generator.device.type == "cpu" and not math.isfinite(loss.total.item()):
            self.refuse(loss.terms)
        if self.scheduler is None:
            for group in self.optimizer.param_groups:
                group["lr"] = self.config.rate(self.step)
        self.optimizer.zero_grad(set_to_none=True)
        loss.total.backward()
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
        columns = {name: [terms[name] for terms in self.pending] for name in self.pending[0]}
        means = {name: torch.stack(values).mean() for name, values in columns.items()}
        if not all(torch.isfinite(value) for value in means.values()):
            self.refuse(means)
        for name, value in means.items():
            self.terms.setdefault(name, []).append(value.item())
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
        return History(self.points, self.terms, seconds, cpu_seconds, self.held_out)

    # ------------------------------------------------------------------------ what must be finite

    def remedy(self) -> str:
        """What to do against a divergence."""
        size = getattr(self.model.config, "step_size", None)
        inner = "" if size is None else f", step_size (now {size:g})"
        return f"lower learning_rate (now {self.config.learning_rate:g}){inner} or check the images"

    def refuse(self, terms: dict[str, Tensor]) -> NoReturn:
        """Raise TrainingError for the first term that is no finite number."""
        worst = next((name for name, value in terms.items() if not torch.isfinite(value)), "total")
        value = terms[worst].item() if worst in terms else math.nan
        raise TrainingError(
            f"{worst} = {value:g} at step {self.step}: a loss must be finite; {self.remedy()}"
        )

    def refuse_broken_weights(self) -> None:
        """Raise TrainingError before broken weights replace a good checkpoint."""
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
        self.refuse_broken_weights()
        if self.path is None:
            return
        tensors = {f"model.{name}": value for name, value in self.model.state_dict().items()}
        plain: dict[str, dict[str, Any]] = {}
        for index, state in self.optimizer.state_dict()["state"].items():
            for name, value in state.items():
                if isinstance(value, Tensor):
                    tensors[f"adam.{index}.{name}"] = value
                else:
                    plain.setdefault(str(index), {})[name] = value
        tensors |= {f"memory.{name}": value for name, value in self.model.memory().items()}
        for name in self.pending[0] if self.pending else ():
            tensors[f"pending.{name}"] = torch.stack([terms[name] for terms in self.pending])
        tensors["generator"] = self.generator.get_state()
        points, *rest = self.history()
        progress = {"step": self.step, "points": points, "begun": self.begun, "plain": plain}
        progress |= dict(zip(History._fields[1:], rest, strict=True))
        metadata = {
            "format": checkpoints.FORMAT,
            "identity": json.dumps(self.identity),
            "progress": json.dumps(progress),
            "streams": str(self.streams),
            "start": self.start,
        }
        cpu = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
        try:
            checkpoints.write_tensors(self.path, cpu, metadata)
        except CheckpointError as error:
            raise CheckpointError(
                f"step {self.step} of {self.config.steps}: {error}; an earlier state there is whole"
            ) from error

    def read(self, path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
        """What a checkpoint of this training holds; another training's is refused."""
        tensors, metadata = checkpoints.read_tensors(path)
        found = metadata.get("identity", "{}")
        refuse_another(path, found, self.identity, self.model, self.config.extend)
        checkpoints.refuse_broken(path, _part(tensors, "model."))
        if (metadata.get("start") or self.start) != self.start:
            step = json.loads(metadata["progress"])["step"]
            warn_caller(
                f"{path} replaces the weights given, which are not those that its training began "
                f"with: it goes on at step {step} of {self.config.steps}; choose another "
                "checkpoint file to train the model as given"
            )
        return tensors, metadata

    def resume(self) -> None:
        """Go on from the checkpoint, if there is one."""
        self.extended = 0
        if self.saved is None:
            return
        try:
            self.take_over(*self.saved)
        except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
            raise CheckpointError(
                f"{self.path} is damaged ({str(error).splitlines()[0]}): delete it and train again"
            ) from None
        self.saved = None

    def take_over(self, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
        """Put what a checkpoint holds in its places."""
        progress = json.loads(metadata["progress"])
        self.model.load_state_dict(_part(tensors, "model."))
        memory = self.model.memory()
        for name, value in _part(tensors, "memory.").items():
            memory[name].copy_(value)
        state = {int(index): values for index, values in progress.get("plain", {}).items()}
        for name, value in _part(tensors, "adam.").items():
            index, field = name.split(".")
            state.setdefault(int(index), {})[field] = value
        self.optimizer.load_state_dict(self.optimizer.state_dict() | {"state": state})
        self.generator.set_state(tensors["generator"])
        pending = _part(tensors, "pending.")
        rows = zip(*(values.to(self.generator.device) for values in pending.values()), strict=True)
        self.pending = [dict(zip(pending, row, strict=True)) for row in rows]
        self.step, self.points, self.terms = progress["step"], progress["points"], progress["terms"]
        self.seconds, self.cpu_seconds = progress["seconds"], progress.get("cpu_seconds", math.nan)
        self.held_out = progress.get("validation", {})
        self.begun = tuple(progress.get("begun", (0, 0)))
        self.streams, self.start = int(metadata.get("streams", 1)), metadata.get("start", "")
        found = json.loads(metadata["identity"])["steps"]
        self.extended = found if found < self.config.steps else 0
        if self.scheduler is not None:
            catch_up(self.scheduler, self.step)


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    own = [name for name in tensors if name.startswith(prefix)]
    return {name.removeprefix(prefix): tensors[name] for name in own}
