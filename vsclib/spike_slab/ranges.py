"""Checks of arguments: probabilities, thresholds and positive numbers.

NaN in a tensor passes, so that a training that diverges ends with a loss that is NaN. A look at
values waits for an accelerator: there a value out of range becomes NaN, and the loss says so. A
training looks at none, on any device: its own loss is looked at.
"""

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar

import torch
from torch import Tensor

from vsclib.errors import ConfigurationError

_LOOKING = ContextVar("looking", default=True)


def looking() -> bool:
    """Whether values may be looked at here; see :func:`unlooked`."""
    return _LOOKING.get()


@contextlib.contextmanager
def unlooked() -> Iterator[None]:
    """Values pass unseen: what computes them keeps to their ranges, and looks at the outcome."""
    token = _LOOKING.set(False)
    try:
        yield
    finally:
        _LOOKING.reset(token)


def like(value: Tensor | float, other: Tensor) -> Tensor:
    """A number as a tensor of another one's dtype and device, without waiting for the device."""
    if isinstance(value, Tensor):
        return value.to(other)
    return torch.full((), value, dtype=other.dtype, device=other.device)


def checked_probability(
    name: str, value: Tensor | float, other: Tensor, open_at_zero: bool = False
) -> Tensor:
    """The value as a tensor like the other one, when it lies in [0, 1], or above 0 if open there.

    Raises:
        ConfigurationError: it lies elsewhere, is the number NaN, or a tensor of whole numbers.
    """
    words = f"choose 0 < {name} <= 1" if open_at_zero else f"every {name} must lie in [0, 1]"
    remedy = f"is no probability: {words}"
    if not isinstance(value, Tensor) and value != value:
        raise ConfigurationError(f"{name} = {value:g} {remedy}")
    tensor = like(value, other)
    if not tensor.is_floating_point():
        kind = str(tensor.dtype).removeprefix("torch.")
        raise ConfigurationError(f"{name} is a tensor of {kind}: convert it with .float()")
    below = tensor <= 0 if open_at_zero else tensor < 0
    return _refuse(name, tensor, below | (tensor > 1), remedy)


def checked_threshold(value: Tensor) -> Tensor:
    """The value, when it is NaN or not negative.

    Raises:
        ConfigurationError: it is negative.
    """
    remedy = "is not allowed: every threshold must be at least 0"
    return _refuse("threshold", value, value < 0, remedy)


def _refuse(name: str, value: Tensor, outside: Tensor, remedy: str) -> Tensor:
    if not looking() or torch.compiler.is_compiling():
        return value
    if value.device.type != "cpu":
        return torch.where(outside, torch.nan, value)
    if bool(outside.any()):
        worst = value.detach()[outside][0].item()
        raise ConfigurationError(f"{name} = {worst:g} {remedy}")
    return value


def require_positive(name: str, value: Tensor | float) -> None:
    """Raise ConfigurationError unless the value is positive."""
    elsewhere = isinstance(value, Tensor) and value.device.type != "cpu"
    if looking() and not elsewhere and not value > 0:
        raise ConfigurationError(f"{name} = {value:g} is not allowed: choose {name} > 0")
