"""A function on tensors computes the expression that a derivation found."""

from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any

import sympy
import torch
from torch import Tensor

from vsclib.checks.numbers import difference, paired, to_float64, worst
from vsclib.checks.points import DIGITS, located, random_points, value_at
from vsclib.checks.symbols import require_one_meaning, to_expression, undefined
from vsclib.checks.verdict import (
    Verdict,
    evaluated,
    refuse,
    require_tolerance,
    require_whole,
    settle,
    shown,
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
        CheckRefused: the expression or an argument has no finite real value at a point, the
            expression holds a symbol that no argument does, two symbols of one name have other
            assumptions, or the function does not take its arguments.

    Example:
        >>> x = sympy.Symbol("x", real=True)
        >>> print(implements("tanh", torch.tanh, sympy.tanh(x), {"input": x}).how)
        library against 30 digits at 25 random points
    """
    require_tolerance(name, tolerance)
    require_whole(name, 1, 10_000, points=points)
    expression = to_expression(name, expression, "expression")
    given = {a: to_expression(name, value, f"arguments[{a!r}]") for a, value in arguments.items()}
    require_one_meaning(name, expression, *given.values(), *assumptions)
    symbols: set[Any] = set().union(*(value.free_symbols for value in given.values()))
    if unknown := ", ".join(sorted(map(str, expression.free_symbols - symbols))):
        reason = f"{unknown} stands in the expression and in no argument"
        refuse(name, f"{reason}: name the argument that holds it, or put a number for it")
    values, exact = [], []
    for place in islice(random_points(name, symbols, assumptions, seed), points):
        numbers = {argument: _real(name, value, place) for argument, value in given.items()}
        tensors = {a: torch.tensor(x, dtype=torch.float64) for a, x in numbers.items()}
        value = evaluated(name, function, **tensors)
        if isinstance(value, tuple | list):
            refuse(name, f"the function gives a {type(value).__name__}: return one tensor of it")
        values.append(to_float64(name, value))
        exact.append(_real(name, expression, place))
    value, target = paired(name, torch.stack(values), exact)
    error = worst(difference(value, target) / target.abs().clamp(min=1.0))
    how = f"library against {DIGITS} digits at {points} random points"
    return settle(name, how, "difference", error, tolerance)


def _real(name: str, expression: sympy.Expr, place: dict[Any, Any]) -> float:
    value = value_at(expression, place)
    if value in (None, sympy.nan) or value.as_real_imag()[1] != 0:
        reason = f"{shown(expression)} has no finite real value {located(place)}"
        remedy = "state assumptions, such as positive=True in the symbol or z > 0 behind arguments"
        refuse(name, f"{reason}{undefined(expression)}: {remedy}")
    return float(value)
