"""Autograd through a sampler with frozen noise."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from vsclib.checks.differences import directional, not_float64, require_stencil
from vsclib.checks.numbers import difference, to_float64, worst
from vsclib.checks.verdict import (
    Verdict,
    evaluated,
    refuse,
    require_tolerance,
    require_whole,
    settle,
)

DIRECTIONS = 3
ORDER = 4


def gradient(
    name: str,
    function: Callable[..., Tensor],
    inputs: Sequence[Any] | Tensor | float,
    *,
    step: float = 1e-4,
    tolerance: float = 1e-6,
    seed: int = 0,
) -> Verdict:
    """Autograd through a function agrees with finite differences, in float64.

    Random directions come first: they refuse noise drawn inside the function, and kinks, where the
    two can agree on a number that is no derivative. The verdict states the largest error along
    them. Then ``torch.autograd.gradcheck`` compares every entry of the Jacobian matrix.

    Args:
        name: what is checked.
        function: takes the inputs and returns one tensor; draw its noise outside and close over it.
        inputs: numbers or tensors, by position; each becomes float64 and is differentiated.
        step: step of the differences along the directions (order 4; half the step must agree).
        tolerance: the largest difference, relative to max(1, size), allowed.
        seed: seed of the directions.

    Raises:
        CheckFailed: autograd gives another gradient.
        CheckRefused: no gradient reaches the inputs, the noise is not frozen, or the point is a
            kink or a jump.

    Example:
        >>> print(gradient("a cube", lambda x: x**3, [torch.tensor([1.0, -2.0])]).how)
        gradcheck, differences of order 4 along 3 directions
    """
    require_tolerance(name, tolerance)
    require_stencil(name, ORDER, step)
    tolerance = float(tolerance)  # torch takes no whole number of more than 64 bits
    require_whole(name, 0, seed=seed)
    if not isinstance(inputs, list | tuple) or not inputs:
        reason = f"inputs is {type(inputs).__name__}, not a list of one value or more"
        refuse(name, f"{reason}: write [x] for a function of one argument, [x, y] for one of two")
    points = [to_float64(name, value) for value in inputs]
    leaves = [point.clone().requires_grad_(True) for point in points]
    value = _differentiable(name, function, leaves)
    generator = torch.Generator().manual_seed(seed)
    errors = []
    for _ in range(DIRECTIONS):
        weights, *directions = (
            torch.randn(each.shape, generator=generator, dtype=torch.float64)
            for each in (value, *points)
        )
        claimed = _slope(value, weights, leaves, directions)
        line = _along(function, weights, points, directions)
        zero, one = torch.zeros(()).double(), torch.ones(()).double()
        measured = directional(name, line, zero, one, ORDER, step, tolerance)
        errors.append(difference(claimed, measured) / measured.abs().clamp(min=1.0))
    error = worst(torch.stack(errors))
    allowed: Any = {"atol": tolerance, "rtol": max(tolerance, 1e-6), "raise_exception": False}
    if error <= tolerance and not torch.autograd.gradcheck(function, leaves, **allowed):
        error = math.inf
    how = f"gradcheck, differences of order {ORDER} along {DIRECTIONS} directions"
    return settle(name, how, "difference", error, tolerance)


def _differentiable(name: str, function: Callable[..., Tensor], leaves: list[Tensor]) -> Tensor:
    value = evaluated(name, function, *leaves)
    if not isinstance(value, Tensor) or value.dtype != torch.float64:
        refuse(name, f"it gives {not_float64(value)}")
    if not value.requires_grad:
        reason = "no gradient reaches its inputs: a step, .detach() or no_grad cuts it off"
        refuse(name, f"{reason}, use a relaxed gate")
    if not torch.equal(value.nan_to_num(), function(*leaves).nan_to_num()):
        refuse(name, "two calls give two values: draw the noise once, outside, and close over it")
    return value


def _slope(
    value: Tensor, weights: Tensor, leaves: list[Tensor], directions: list[Tensor]
) -> Tensor:
    """Autograd's slope of the weighted value along the directions."""
    total = (weights * value).sum()
    gradients = torch.autograd.grad(total, leaves, retain_graph=True, allow_unused=True)
    slopes = [(g * d).sum() for g, d in zip(gradients, directions, strict=True) if g is not None]
    return torch.stack(slopes).sum()


def _along(
    function: Callable[..., Tensor], weights: Tensor, points: list[Tensor], directions: list[Tensor]
) -> Callable[[Tensor], Tensor]:
    """The weighted value as a function of the distance along the directions."""

    def line(t: Tensor) -> Tensor:
        moved = [point + t * direction for point, direction in zip(points, directions, strict=True)]
        return (weights * function(*moved)).sum().detach()

    return line
