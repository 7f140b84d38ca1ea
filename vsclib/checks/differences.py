"""Derivatives against central differences, which refuse a kink."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from vsclib.checks.numbers import difference, to_float64, worst
from vsclib.checks.verdict import Verdict, refuse, require_tolerance, settle

# Central differences of even order: the weight of f(x + k h) - f(x - k h), over h.
WEIGHTS = {2: (1 / 2,), 4: (2 / 3, -1 / 12), 6: (3 / 4, -3 / 20, 1 / 60)}


def finite_differences(
    name: str,
    function: Callable[[Tensor], Tensor],
    derivative: Callable[[Tensor], Any] | Any,
    at: Any,
    *,
    order: int = 4,
    step: float = 1e-3,
    tolerance: float = 1e-8,
) -> Verdict:
    r"""A derivative agrees with central differences in float64.

    .. math:: f'(x) = \frac1h\sum_k w_k\bigl[f(x + kh) - f(x - kh)\bigr] + O(h^p)

    A function that works on each number by itself has a derivative shaped like x. A function of all
    of x together, such as a log-probability, has one shaped like f(x) with x's axes behind it: the
    gradient, or the Jacobian matrix.

    Args:
        name: what is checked.
        function: f, from a float64 tensor to a float64 tensor.
        derivative: f', a function of x or its values.
        at: x, the points.
        order: p, one of 2, 4 and 6.
        step: h; the error is about h^p times the (p+1)-th derivative, plus 1e-16 / h of rounding.
            Half the step is taken too, and the two must agree within the tolerance.
        tolerance: the largest difference, relative to max(1, |f'|), allowed anywhere.

    Returns:
        The verdict.

    Raises:
        CheckFailed: the derivative differs or is NaN.
        CheckRefused: f has a kink or a jump at a point, is not computed in float64, or the shapes
            do not fit.

    Example:
        >>> finite_differences("sine", torch.sin, torch.cos, at=[0.0, 1.0])
        sine: central differences of order 4, step 0.001, float64; difference below 1e-10, allowed 1e-08; passed
    """
    require_tolerance(name, tolerance)
    _require_stencil(name, order, step)
    x = to_float64(name, at)
    claimed = to_float64(name, derivative(x.clone()) if callable(derivative) else derivative)
    value = _value(name, function, x)
    if claimed.shape == x.shape == value.shape:
        measured = directional(name, function, x, torch.ones_like(x), order, step, tolerance)
    elif claimed.shape == value.shape + x.shape:
        units = torch.eye(x.numel(), dtype=x.dtype).reshape(-1, *x.shape)
        columns = [directional(name, function, x, unit, order, step, tolerance) for unit in units]
        measured = torch.stack(columns, dim=-1).reshape(claimed.shape)
    else:
        shapes = f"{tuple(claimed.shape)} for f(x) {tuple(value.shape)} and x {tuple(x.shape)}"
        refuse(
            name,
            f"a derivative shaped {shapes} does not fit: shape it like x, or like f(x) with x's axes behind",
        )
    how = f"central differences of order {order}, step {step:g}, float64"
    error = worst(difference(claimed, measured) / measured.abs().clamp(min=1.0))
    return settle(name, how, "difference", error, tolerance)


def _require_stencil(name: str, order: int, step: float) -> None:
    if order not in WEIGHTS:
        refuse(name, f"order = {order} is unknown: choose one of {', '.join(map(str, WEIGHTS))}")
    if not 0 < step < math.inf:
        refuse(name, f"step = {step:g} is not allowed: choose a step > 0, for example 1e-3")


def _value(name: str, function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    value = function(x.clone())
    if not isinstance(value, Tensor) or value.dtype != torch.float64:
        refuse(
            name,
            f"f(x) is {getattr(value, 'dtype', type(value).__name__)}: differences need a float64 tensor",
        )
    return value.detach()


def directional(
    name: str,
    function: Callable[[Tensor], Tensor],
    x: Tensor,
    direction: Tensor,
    order: int,
    step: float,
    tolerance: float,
) -> Tensor:
    """Derivative of a function along a direction, by central differences of two steps that must
    agree.

    Args:
        name: what is checked.
        function: from a float64 tensor to a float64 tensor.
        x: the points.
        direction: shaped like x.
        order: 2, 4 or 6.
        step: of the differences.
        tolerance: how far the differences may be from one another, relative to max(1, size).

    Returns:
        Shaped like f(x).

    Raises:
        CheckRefused: there is a kink or a jump at or near a point, no finite value, or the step is
            too coarse.
    """

    def at(multiple: float) -> Tensor:
        return _value(name, function, x + multiple * direction)

    def central(h: float) -> Tensor:
        return (
            torch.stack(
                [w * (at(k * h) - at(-k * h)) for k, w in enumerate(WEIGHTS[order], start=1)]
            ).sum(0)
            / h
        )

    coarse, fine = central(step), central(step / 2)
    if not bool(coarse.isfinite().all() and fine.isfinite().all()):
        refuse(
            name,
            f"f has no finite value everywhere within {step:g} of the points: move them off the edge",
        )
    _require_smooth(name, at, x, step, tolerance)
    unsure = worst(difference(coarse, fine) / fine.abs().clamp(min=1.0))
    if unsure > tolerance:
        refuse(
            name,
            f"differences with step {step:g} and half of it lie {unsure:.2g} apart: another step, or a kink is near",
        )
    return fine


def _require_smooth(
    name: str, at: Callable[[float], Tensor], x: Tensor, step: float, tolerance: float
) -> None:
    """One-sided differences must come together as the step shrinks: at a kink they stay apart, at a
    jump they part.
    """
    here = at(0.0)

    def apart(h: float) -> Tensor:
        above = (-3 * here + 4 * at(h) - at(2 * h)) / (2 * h)
        below = (3 * here - 4 * at(-h) + at(-2 * h)) / (2 * h)
        return difference(above, below) / above.abs().clamp(min=1.0)

    wide, narrow = apart(step), apart(step / 4)
    rounding = 100 * torch.finfo(torch.float64).eps * here.abs().clamp(min=1.0) / step
    # A smooth function brings them together 64 times closer; half is far from that, and far from
    # rounding.
    rough = ~(narrow <= wide / 2) & ~(narrow <= rounding + tolerance)
    if bool(rough.any()):
        first = int(rough.flatten().nonzero()[0])
        place = (
            f" at x = {float(x.flatten()[first]):g}" if rough.shape == x.shape and x.dim() else ""
        )
        gap = f"one-sided differences lie {float(narrow.flatten()[first]):.3g} apart"
        refuse(name, f"not differentiable{place}: {gap}; move the point off the kink")
