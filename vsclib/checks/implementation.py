"""A function on tensors computes the expression that a derivation found."""

from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any

import sympy
import torch
from torch import Tensor

from vsclib.checks.expressions import to_expression
from vsclib.checks.numbers import difference, paired, to_float64, worst
from vsclib.checks.points import DIGITS, random_points, value_at
from vsclib.checks.verdict import (
    Verdict,
    evaluated,
    refuse,
    require_tolerance,
    require_whole,
    settle,
)


def implements(
    name: str,
    function: Callable[..., Tensor],
    expression: Any,
    arguments: Mapping[str, Any],
    *assumptions: Any,
    points: int = 25,
    tolerance: float = 1e-10,
    seed: int = 0,
) -> Verdict:
    """A function on tensors computes a SymPy expression, at the same random points.

    Args:
        name: what is checked.
        function: takes the arguments by name, as float64 tensors without axes.
        expression: the expression that it should compute.
        arguments: each argument's expression in the symbols: ``{"logvar": 2 * sympy.log(sigma)}``.
        *assumptions: relations that the points fulfil.
        points, seed: number and seed of the random points.
        tolerance: the largest difference, relative to max(1, size), allowed anywhere.

    Raises:
        CheckFailed: the function differs at a point, or is not finite there.
        CheckRefused: the expression or an argument has no finite real value at a point.

    Example:
        >>> x = sympy.Symbol("x", real=True)
        >>> print(implements("tanh", torch.tanh, sympy.tanh(x), {"input": x}).how)
        library against 30 digits at 25 random points
    """
    require_tolerance(name, tolerance)
    require_whole(name, 1, 10_000, points=points)
    expression = to_expression(name, expression)
    given = {argument: to_expression(name, value) for argument, value in arguments.items()}
    symbols = expression.free_symbols.union(*(value.free_symbols for value in given.values()))
    values, exact = [], []
    for place in islice(random_points(name, symbols, assumptions, seed), points):
        numbers = {argument: _real(name, value, place) for argument, value in given.items()}
        tensors = {a: torch.tensor(x, dtype=torch.float64) for a, x in numbers.items()}
        values.append(to_float64(name, evaluated(name, function, **tensors)))
        exact.append(_real(name, expression, place))
    value, target = paired(name, torch.stack(values), exact)
    error = worst(difference(value, target) / target.abs().clamp(min=1.0))
    how = f"library against {DIGITS} digits at {points} random points"
    return settle(name, how, "difference", error, tolerance)


def _real(name: str, expression: sympy.Expr, place: dict[Any, Any]) -> float:
    value = value_at(expression, place)
    if value in (None, sympy.nan) or value.as_real_imag()[1] != 0:
        reason = f"{expression} has no finite real value at a random point"
        refuse(name, f"{reason}: state the assumptions")
    return float(value)
