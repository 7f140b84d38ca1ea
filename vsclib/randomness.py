"""Random numbers of a model: drawn from a generator, or made beforehand and handed out in order.

A step of training makes its draws here alone. What computes many members at once can so make them
before, from each member's own generator, and hand them in.
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


class Given:
    """A source that hands out draws made before, in their order, or notes what is asked for.

    It stands where a generator does.

    Args:
        values: the draws; None hands out zeros.
        device: where they are.

    Attributes:
        asked: every draw so far.
    """

    def __init__(self, values: Sequence[Tensor] | None, device: torch.device) -> None:
        self.values, self.device = values, device
        self.asked: list[Asked] = []

    def take(self, kind: str, shape: Sequence[int]) -> Tensor:
        """The next draw, which must have this shape."""
        index, wanted = len(self.asked), tuple(shape)
        self.asked.append((kind, wanted))
        if self.values is None:
            return torch.zeros(wanted, device=self.device)
        return self.values[index]
