"""The gradient of a training step: of one model as it is, or as a function of tensors.

The function takes what changes from step to step, such as the value of a schedule, as an argument,
for one model or for many whose tensors are stacked.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal, NamedTuple, NoReturn

import torch
from torch import Tensor
from torch.func import functional_call, grad_and_value, vmap

from vsclib.errors import ConfigurationError
from vsclib.models import Loss, Trainable, TrainingStep
from vsclib.models.contract import scaled
from vsclib.randomness import Asked, Given
from vsclib.schedules import Held, Linear, Staircase
from vsclib.spike_slab.ranges import unlooked

Tensors = dict[str, Tensor]
TrainingPrecision = Literal["float32", "tf32", "bfloat16"]


class Inputs(NamedTuple):
    """What a step's function takes; with a leading axis E when members are stacked.

    Attributes:
        learned: the weights that learn, by name.
        kept: everything else that the model keeps: frozen weights and buffers.
        values: those of its schedules at this step, and of options that members have of their own.
        images: (B, C, H, W), uint8 or real-valued.
        rows: (B,), their places in the training set.
        draws: the random numbers, in the order in which the model asks for them.
    """

    learned: Tensors
    kept: Tensors
    values: Tensors
    images: Tensor
    rows: Tensor
    draws: tuple[Tensor, ...]


Outputs = tuple[Tensors, dict[str, Any]]
"""What it gives: the gradient by name, and the fields of the loss by theirs."""


class Untold(int):
    """The number of a step in a function that serves all steps: nothing may depend on it."""

    def _refuse(self, *_: Any) -> NoReturn:
        raise ConfigurationError(
            "the loss depends on step.number otherwise than through a vsclib.schedules.Linear or "
            "Staircase of the model: keep such a schedule as an attribute, or train with compile "
            "= 'off'"
        )

    __lt__ = __le__ = __gt__ = __ge__ = __add__ = __radd__ = __sub__ = __rsub__ = _refuse
    __mul__ = __rmul__ = __truediv__ = __rtruediv__ = __floordiv__ = __mod__ = _refuse
    __divmod__ = __bool__ = __float__ = __index__ = _refuse


class Objective(torch.nn.Module):
    """A model's objective as the forward pass of a module, which ``functional_call`` wants."""

    def __init__(self, model: Trainable) -> None:
        super().__init__()
        self.model = model

    def forward(self, step: TrainingStep) -> Loss:
        """The loss of a step."""
        return self.model.objective(step)


class Options:
    """A configuration some of whose fields are tensors."""

    def __init__(self, config: Any, values: Mapping[str, Tensor]) -> None:
        self.config, self.values = config, values

    def __getattr__(self, name: str) -> Any:
        return self.values[name] if name in self.values else getattr(self.config, name)


def schedules(model: Trainable) -> dict[str, Linear | Staircase]:
    """The model's schedules, by the names of its attributes."""
    return {name: one for name, one in vars(model).items() if isinstance(one, Linear | Staircase)}


def split(model: Trainable) -> tuple[Tensors, Tensors]:
    """The weights that learn, and what the model keeps beside them, by name."""
    learned: Tensors = {}
    kept: Tensors = dict(model.named_buffers())
    for name, weight in model.named_parameters():
        (learned if weight.requires_grad else kept)[name] = weight.detach()
    return learned, kept


def products_in(precision: TrainingPrecision, device: torch.device) -> torch.autocast:
    """Matrix products of a forward pass in bfloat16, if that is asked for."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16")


@contextlib.contextmanager
def tf32(precision: TrainingPrecision) -> Iterator[None]:
    """Matrix products in TF32, if that is asked for: of a whole training, backward passes too."""
    former = torch.get_float32_matmul_precision()
    if precision == "tf32":
        torch.set_float32_matmul_precision("high")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(former)


def with_gradient(
    model: Trainable, step: TrainingStep, precision: TrainingPrecision = "float32"
) -> Loss:
    """The loss of a step; its gradient goes to the weights."""
    model.zero_grad(set_to_none=True)
    with unlooked(), products_in(precision, step.images.device):
        loss = model.objective(step)
    loss.total.backward()
    return loss


def draws_of(model: Trainable, step: TrainingStep) -> list[Asked]:
    """Which random numbers a step asks for, in their order.

    Raises:
        ConfigurationError: the model draws in another way than through :mod:`vsclib.randomness`.
    """
    source: Any = Given(None, step.images.device)
    try:
        with torch.no_grad(), unlooked():
            model.objective(step._replace(generator=source))
    except TypeError as error:
        reason = str(error).splitlines()[0]
        raise ConfigurationError(
            f"the step of model {model.name!r} cannot be made a function of its draws ({reason}): "
            "let it draw with vsclib.randomness.normal and uniform"
        ) from None
    return source.asked


def function(
    model: Trainable, precision: TrainingPrecision = "float32", members: bool = False
) -> Callable[..., Outputs]:
    """The step of a model, or of stacked members that differ from it in numbers alone.

    Args:
        model: what is trained; its own tensors are not used.
        precision: of matrix products.
        members: map over a leading axis of every input.

    Returns:
        A function of the fields of :class:`Inputs`.
    """
    module = Objective(model)

    def loss(learned: Tensors, kept: Tensors, values: Tensors, *rest: Any) -> tuple[Tensor, Loss]:
        images, rows, draws = rest
        tensors = {f"model.{name}": value for name, value in (kept | learned).items()}
        source: Any = Given(draws, images.device)
        step = TrainingStep(scaled(images), source, Untold(), rows)
        with unlooked(), products_in(precision, images.device), substituted(model, values):
            found = functional_call(module, tensors, (step,))
        return found.total, found

    def outputs(*inputs: Any) -> Outputs:
        found, (_, parts) = grad_and_value(loss, has_aux=True)(*inputs)
        return found, parts._asdict()

    return vmap(outputs) if members else outputs


@contextlib.contextmanager
def substituted(model: Trainable, values: Tensors) -> Iterator[None]:
    """Schedules and options of a model replaced by these tensors for a while."""
    former = {"config": model.config} | schedules(model)
    held = {name: Held(value) for name, value in values.items() if name in former}
    own = {name: value for name, value in values.items() if name not in former}
    try:
        vars(model).update(held | ({"config": Options(model.config, own)} if own else {}))
        yield
    finally:
        vars(model).update(former)
