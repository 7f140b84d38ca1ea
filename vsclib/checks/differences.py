"""Derivatives against central differences; a kink is refused."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from vsclib.checks.numbers import difference, to_float64, worst
from vsclib.checks.verdict import LARGEST, Verdict, evaluated, refuse, require_tolerance, settle

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

    A function of each number by itself has a derivative shaped like x. A function of all numbers
    together, such as a log-probability, has one with the axes of f(x) and then those of x: the
    gradient, or the Jacobian matrix.

    Args:
        name: what is checked.
        function: f, from a float64 tensor to a float64 tensor.
        derivative: f', a function of x or its values.
        at: x, the points.
        order: p, one of 2, 4 and 6.
        step: h; the differences of h and h / 2 must agree within the tolerance.
        tolerance: the largest difference, relative to max(1, |f'|), allowed anywhere.

    Raises:
        CheckFailed: the derivative differs or is NaN.
        CheckRefused: f has a kink or a jump at a point, is not computed in float64, or the shapes
            do not fit.

    Example:
        >>> print(finite_differences("sine", torch.sin, torch.cos, at=[0.0, 1.0]).how)
        central differences of order 4, step 0.001, float64
    """
    require_tolerance(name, tolerance)
    require_stencil(name, order, step)
    tolerance = float(tolerance)  # torch takes no whole number of more than 64 bits
    x = to_float64(name, at)
    if callable(derivative):
        derivative = evaluated(name, derivative, x.clone())
    claimed = to_float64(name, derivative)
    value = _value(name, function, x)
    if claimed.shape == x.shape == value.shape:
        measured = directional(name, function, x, torch.ones_like(x), order, step, tolerance)
    elif claimed.shape == value.shape + x.shape:
        units = torch.eye(x.numel(), dtype=x.dtype).reshape(-1, *x.shape)
        columns = [directional(name, function, x, unit, order, step, tolerance) for unit in units]
        measured = torch.stack(columns, dim=-1).reshape(claimed.shape)
    else:
        shapes = f"{tuple(claimed.shape)} for f(x) {tuple(value.shape)} and x {tuple(x.shape)}"
        remedy = "shape it like x, or like f(x) with x's axes behind"
        refuse(name, f"a derivative shaped {shapes} does not fit: {remedy}")
    how = f"central differences of order {order}, step {step:g}, float64"
    error = worst(difference(claimed, measured) / measured.abs().clamp(min=1.0))
    return settle(name, how, "difference", error, tolerance)


def require_stencil(name: str, order: int, step: float) -> None:
    """Raise CheckRefused for an unknown order, or a step that is no positive number."""
    if order not in WEIGHTS:
        refuse(name, f"order = {order} is unknown: choose one of {', '.join(map(str, WEIGHTS))}")
    if not 0 < step < LARGEST:
        refuse(name, f"step = {step:g} is not allowed: choose a step > 0, for example 1e-3")


def not_float64(value: Any) -> str:
    """What a function gave instead of a float64 tensor, and the remedy."""
    if isinstance(value, Tensor):
        return f"{value.dtype}: compute in x's float64, without .float(), .int() and the like"
    kind = type(value).__name__
    return f"{kind}, no float64 tensor: use torch's functions, and no .item() or .numpy()"


def _value(name: str, function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    value = evaluated(name, function, x.clone())
    if not isinstance(value, Tensor) or value.dtype != torch.float64:
        refuse(name, f"f(x) is {not_float64(value)}")
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
    """Derivative along a direction shaped like x, by central differences; it is shaped like f(x).

    The other arguments are those of :func:`finite_differences`.

    Raises:
        CheckRefused: there is a kink or a jump near a point, or no finite value, or the differences
            of two steps do not agree.
    """

    def at(multiple: float) -> Tensor:
        return _value(name, function, x + multiple * direction)

    def central(h: float) -> Tensor:
        terms = [w * (at(k * h) - at(-k * h)) for k, w in enumerate(WEIGHTS[order], start=1)]
        return torch.stack(terms).sum(0) / h

    coarse, fine = central(step), central(step / 2)
    if not bool(coarse.isfinite().all() and fine.isfinite().all()):
        reason = f"f has no finite value everywhere within {step:g} of the points"
        refuse(name, f"{reason}: move them off the edge")
    _require_smooth(name, at, x, step, tolerance)
    unsure = worst(difference(coarse, fine) / fine.abs().clamp(min=1.0))
    if unsure > tolerance:
        reason = f"differences with step {step:g} and half of it lie {unsure:.2g} apart"
        refuse(name, f"{reason}: another step, or a kink is near")
    return fine


def _require_smooth(
    name: str, at: Callable[[float], Tensor], x: Tensor, step: float, tolerance: float
) -> None:
    """Refuse a point where the one-sided differences do not converge: a kink or a jump."""
    here = at(0.0)

    def apart(h: float) -> Tensor:
        above = (-3 * here + 4 * at(h) - at(2 * h)) / (2 * h)
        below = (3 * here - 4 * at(-h) + at(-2 * h)) / (2 * h)
        return difference(above, below) / above.abs().clamp(min=1.0)

    wide, narrow = apart(step), apart(step / 4)
    rounding = 100 * torch.finfo(torch.float64).eps * here.abs().clamp(min=1.0) / step
    # For a smooth function the gap shrinks 64-fold; half is far from that and far from rounding.
    rough = ~(narrow <= wide / 2) & ~(narrow <= rounding + tolerance)
    if bool(rough.any()):
        first = int(rough.flatten().nonzero()[0])
        located = rough.shape == x.shape and x.dim()
        place = f" at x = {float(x.flatten()[first]):g}" if located else ""
        gap = f"one-sided differences lie {float(narrow.flatten()[first]):.3g} apart"
        refuse(name, f"not differentiable{place}: {gap}; move the point off the kink")
