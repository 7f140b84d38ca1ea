"""Autograd through a sampler, once its noise is frozen."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from vsclib.checks.differences import directional
from vsclib.checks.numbers import difference, to_float64, worst
from vsclib.checks.verdict import Verdict, refuse, require_tolerance, settle

DIRECTIONS = 3
ORDER = 4


def gradient(
    name: str,
    function: Callable[..., Tensor],
    inputs: Sequence[Any],
    *,
    step: float = 1e-4,
    tolerance: float = 1e-6,
    seed: int = 0,
) -> Verdict:
    """Autograd through a function agrees with its differences, in float64.

    ``torch.autograd.gradcheck`` compares every entry of the Jacobian matrix. Before it, the
    function is looked at along random directions: noise drawn inside it, and kinks, where autograd
    and central differences can agree on a number that is no derivative, are refused. The error that
    is stated is the largest along these directions.

    Args:
        name: what is checked.
        function: takes the inputs and gives one tensor; draw its noise outside and close over it.
        inputs: numbers or tensors, by position; each is turned into float64 and differentiated.
        step: of the differences along the directions (order 4; half the step must agree).
        tolerance: the largest difference, relative to max(1, size), allowed.
        seed: seed of the directions.

    Returns:
        The verdict.

    Raises:
        CheckFailed: autograd gives another gradient.
        CheckRefused: no gradient reaches the inputs, the noise is not frozen, or the point is a
            kink or a jump.

    Example:
        >>> gradient("a cube", lambda x: x**3, [torch.tensor([1.0, -2.0])])
        a cube: gradcheck, differences of order 4 along 3 directions; difference below 1e-08, allowed 1e-06; passed
    """
    require_tolerance(name, tolerance)
    points = [to_float64(name, value) for value in inputs]
    leaves = [point.clone().requires_grad_(True) for point in points]
    value = _differentiable_value(name, function, leaves)
    generator = torch.Generator().manual_seed(seed)
    errors = []
    for _ in range(DIRECTIONS):
        weights = torch.randn(value.shape, generator=generator, dtype=torch.float64)
        directions = [
            torch.randn(point.shape, generator=generator, dtype=torch.float64) for point in points
        ]
        claimed = _slope(value, weights, leaves, directions)
        line = _along(function, weights, points, directions)
        measured = directional(
            name, line, torch.zeros(()).double(), torch.ones(()).double(), ORDER, step, tolerance
        )
        errors.append(difference(claimed, measured) / measured.abs().clamp(min=1.0))
    error = worst(torch.stack(errors))
    if error <= tolerance and not torch.autograd.gradcheck(
        function, leaves, atol=tolerance, rtol=max(tolerance, 1e-6), raise_exception=False
    ):
        error = math.inf
    how = f"gradcheck, differences of order {ORDER} along {DIRECTIONS} directions"
    return settle(name, how, "difference", error, tolerance)


def _differentiable_value(
    name: str, function: Callable[..., Tensor], leaves: list[Tensor]
) -> Tensor:
    value = function(*leaves)
    if not isinstance(value, Tensor) or value.dtype != torch.float64:
        refuse(
            name,
            f"it gives {getattr(value, 'dtype', type(value).__name__)}: compute in the inputs' float64",
        )
    if not value.requires_grad:
        refuse(
            name,
            "no gradient reaches its inputs: a step or a detach cuts it off, use a relaxed gate",
        )
    if not torch.equal(value.nan_to_num(), function(*leaves).nan_to_num()):
        refuse(name, "two calls give two values: draw the noise once, outside, and close over it")
    return value


def _slope(
    value: Tensor, weights: Tensor, leaves: list[Tensor], directions: list[Tensor]
) -> Tensor:
    """Autograd's slope of the weighed value along the directions."""
    gradients = torch.autograd.grad(
        (weights * value).sum(), leaves, retain_graph=True, allow_unused=True
    )
    slopes = [(g * d).sum() for g, d in zip(gradients, directions, strict=True) if g is not None]
    return torch.stack(slopes).sum()


def _along(
    function: Callable[..., Tensor], weights: Tensor, points: list[Tensor], directions: list[Tensor]
) -> Callable[[Tensor], Tensor]:
    """The weighed value as a function of one number, the way along the directions."""

    def line(t: Tensor) -> Tensor:
        moved = [point + t * direction for point, direction in zip(points, directions, strict=True)]
        return (weights * function(*moved)).sum().detach()

    return line
