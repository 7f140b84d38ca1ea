"""Random numbers of a model: drawn from a generator, or made beforehand and handed out in order.

A step of training makes its draws here alone. What computes many steps or members at once can so
make them before, from each member's own generator, and hand them in.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

Asked = tuple[str, tuple[int, ...]]
"""A draw: ``normal`` or ``uniform``, and its shape."""


def normal(shape: Sequence[int], generator: torch.Generator, device: torch.device) -> Tensor:
    """Draws from the standard normal distribution."""
    if isinstance(generator, Given):
        return generator.take("normal", shape)
    return torch.randn(tuple(shape), generator=generator, device=device)


def uniform(shape: Sequence[int], generator: torch.Generator, device: torch.device) -> Tensor:
    """Draws from the uniform distribution on [0, 1)."""
    if isinstance(generator, Given):
        return generator.take("uniform", shape)
    return torch.rand(tuple(shape), generator=generator, device=device)


class Given(torch.Generator):
    """A source that hands out draws made before, in their order; or notes what is asked for.

    Args:
        values: the draws; None hands out zeros.

    Attributes:
        asked: every draw so far.
    """

    def __init__(self, values: Sequence[Tensor] | None = None) -> None:
        self.values = values
        self.asked: list[Asked] = []

    def take(self, kind: str, shape: Sequence[int]) -> Tensor:
        """The next draw, which must have this shape."""
        index = len(self.asked)
        self.asked.append((kind, tuple(shape)))
        return torch.zeros(tuple(shape)) if self.values is None else self.values[index]
