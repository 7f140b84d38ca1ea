"""Limits: by SymPy where it finds them, else by values ever nearer to the point."""

import math
from typing import Any

import sympy

from vsclib.checks.expressions import proves_zero, symbolic
from vsclib.checks.points import DIGITS, some_points, value_at
from vsclib.checks.symbols import require_one_meaning, to_expression, undefined
from vsclib.checks.verdict import Verdict, refuse, require_tolerance, settle
from vsclib.errors import CheckFailed


def limit(
    name: str,
    expression: Any,
    variable: sympy.Symbol,
    to: Any,
    expected: Any,
    *assumptions: Any,
    side: str = "+-",
    points: int = 3,
    tolerance: float = 1e-6,
    seed: int = 0,
) -> Verdict:
    r"""An expression has a limit.

    .. math:: \lim_{x\to a} f(x) = L

    The verdict says whether SymPy or a walk to the point found it.

    Args:
        name: what is checked.
        expression, variable: f, and the x in it.
        to: a, a number or an expression; ``sympy.oo`` and ``-sympy.oo`` are allowed.
        expected: L, an expression without x, or an infinity.
        *assumptions: relations that random points fulfil.
        side: ``"+-"`` both sides, ``"+"`` from above, ``"-"`` from below; an infinity has one side.
        points, seed: of random values of the other symbols, where SymPy finds no limit.
        tolerance: the largest difference, relative to max(1, |L|), allowed at the end of the walk.

    Raises:
        CheckFailed: there is another limit, or the two sides differ.
        CheckRefused: neither SymPy nor the walk can decide.

    Example:
        >>> x = sympy.Symbol("x")
        >>> limit("a slope", sympy.sin(x) / x, x, 0, 1)
        a slope: limit by SymPy; difference 0, allowed 0; passed
    """
    require_tolerance(name, tolerance)
    expression = to_expression(name, expression, "expression")
    to, expected = to_expression(name, to, "to"), to_expression(name, expected, "expected")
    require_one_meaning(name, expression, variable, to, expected, *assumptions)
    if side not in ("+-", "+", "-"):
        refuse(name, f"side = {side!r} is unknown: choose '+-', '+' or '-'")
    if expression.has(sympy.Limit):
        refuse(name, "the expression holds a Limit: give what stands inside it")
    if variable in to.free_symbols | expected.free_symbols:
        reason = f"the point or the expected limit holds {variable}, which moves"
        refuse(name, f"{reason}: write it without {variable}")
    if variable not in expression.free_symbols:
        refuse(name, f"the expression does not hold {variable}: name the variable that moves")
    proofs = []
    for end in _sides(to, side):
        value = _sympy_limit(expression, variable, to, end)
        if value is None:
            others = expression.free_symbols - {variable}
            symbols = others | expected.free_symbols | to.free_symbols
            places = some_points(name, symbols, assumptions, points, seed)
            claim = expression, variable, to, expected
            return _walk(name, claim, side, places, tolerance)
        proofs.append(_compare_limit(name, value, expected, assumptions, seed))
    return max(proofs, key=lambda verdict: verdict.tolerance)


def _compare_limit(
    name: str, value: Any, expected: Any, assumptions: tuple[Any, ...], seed: int
) -> Verdict:
    """The limit that SymPy found against the expected one."""
    if expected.is_infinite or value.is_infinite or value.has(sympy.AccumBounds):
        error = 0.0 if value == expected else math.inf
        return settle(name, f"limit by SymPy is {value}", "difference", error, 0.0)
    if proves_zero(value - expected):
        return settle(name, "limit by SymPy", "difference", 0.0, 0.0)
    try:
        verdict = symbolic(name, value, expected, *assumptions, seed=seed)
    except CheckFailed as failure:
        found = failure.verdict
        raise CheckFailed(found._replace(how=f"limit by SymPy is {value}, {found.how}")) from None
    return verdict._replace(how=f"limit by SymPy, {verdict.how}")


def _sides(to: Any, side: str) -> tuple[str, ...]:
    return ("-",) if to.is_infinite else tuple(side)


def _sympy_limit(expression: Any, variable: Any, to: Any, side: str) -> Any | None:
    try:
        found = sympy.limit(expression, variable, to, side)
    except (NotImplementedError, ValueError, TypeError, sympy.PoleError):
        return None
    undecided = found.has(sympy.Limit, sympy.nan, sympy.zoo, variable)
    return None if undecided else found


def _walk(
    name: str, claim: tuple[Any, ...], side: str, places: list[dict[Any, Any]], tolerance: float
) -> Verdict:
    """Values ever nearer to the point: the last one must be the limit."""
    expression, variable, to, expected = claim
    largest = 0.0
    for place in places:
        target = value_at(expected, place)
        if target in (None, sympy.nan):
            reason = "SymPy finds no limit, and a walk needs a finite one"
            refuse(name, f"{reason}: split the expression")
        scale = max(1.0, float(sympy.Abs(target)))
        for end in _sides(to, side):
            steps = _steps(to.subs(place), end)
            values = [value_at(expression.subs(place), {variable: x}) for x in steps]
            if None in values or sympy.nan in values:
                reason = "SymPy finds no limit, and the expression has no value close by"
                refuse(name, f"{reason}{undefined(expression)}: state the assumptions")
            gaps = [float(sympy.Abs(value - target)) / scale for value in values]
            if tolerance < gaps[-1] < 0.95 * gaps[-2]:
                reason = f"SymPy finds no limit, and a walk comes no nearer than {gaps[-1]:.1g}"
                refuse(name, f"{reason}: raise the tolerance")
            largest = max(largest, gaps[-1])
    how = f"SymPy finds no limit, walk at {len(places)} random points with {DIGITS} digits"
    return settle(name, how, "difference", largest, tolerance)


def _steps(to: Any, side: str) -> list[Any]:
    # Not round numbers: an oscillation might return to the same place at each of them.
    sizes = [sympy.Rational(12347, 10000) * 10**k for k in (2, 4, 6, 8)]
    if to.is_infinite:
        return [size if to == sympy.oo else -size for size in sizes]
    return [to + (1 / size if side == "+" else -1 / size) for size in sizes]
