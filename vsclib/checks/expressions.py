"""Two expressions are one: random points look for a difference, SymPy's simplification proves that
there is none.
"""

from collections.abc import Callable
from typing import Any

import sympy

from vsclib.checks.points import DIGITS, largest_difference
from vsclib.checks.verdict import Verdict, refuse, require_tolerance, settle

# Beyond this many operations SymPy may think for minutes.
TOO_LONG_TO_SIMPLIFY = 400


def symbolic(
    name: str,
    derived: Any,
    expected: Any,
    *assumptions: Any,
    points: int = 12,
    tolerance: float = 1e-12,
    seed: int = 0,
    proof: bool = False,
) -> Verdict:
    """Two SymPy expressions are equal.

    Random points come first, evaluated with thirty digits: one point where the two differ settles
    that they are not equal. Where none is found, SymPy simplifies the difference. If it reaches 0,
    that is a proof; else the points stand alone. The verdict says which of the two it was.

    Args:
        name: what is checked.
        derived: what the derivation arrived at: an expression or a matrix.
        expected: what it should be, of the same shape.
        *assumptions: relations that the points fulfil, such as ``sigma2 < sigma1``; what one symbol
            is (positive, real, integer) belongs into the symbol, where SymPy uses it too.
        points: how many random points.
        tolerance: the largest relative difference allowed at a point.
        seed: seed of the points.
        proof: whether agreement at points is not enough.

    Returns:
        The verdict.

    Raises:
        CheckFailed: the two differ at a point.
        CheckRefused: SymPy cannot decide and there is no value at the points (or a proof is asked
            for), the shapes differ, or no point fulfils the assumptions.

    Example:
        >>> x = sympy.Symbol("x")
        >>> symbolic("a square", (x + 1) ** 2, x**2 + 2 * x + 1)
        a square: simplified by SymPy; difference 0, allowed 0; passed
    """
    require_tolerance(name, tolerance)
    pairs = _pairs(name, derived, expected)
    errors = [
        largest_difference(name, a, b, assumptions, points, tolerance, seed) for a, b in pairs
    ]
    if all(proves_zero(a - b) for a, b in pairs):
        return settle(name, "simplified by SymPy", "difference", 0.0, 0.0)
    if proof:
        refuse(
            name,
            "SymPy does not reduce the difference to 0 and a proof is asked for: split the step",
        )
    seen = [error for error in errors if error is not None]
    if len(seen) < len(errors):
        refuse(
            name,
            "SymPy cannot decide it, and it has no value at random points: define every symbol and function",
        )
    how = f"SymPy leaves it open, {points} random points with {DIGITS} digits"
    return settle(name, how, "relative difference", max(seen), tolerance)


def proves_zero(difference: sympy.Expr) -> bool:
    """Whether SymPy proves that an expression is 0.

    Args:
        difference: an expression.

    Returns:
        True is a proof; False is silence.
    """
    quick: list[Callable] = [sympy.expand, _numerator, _ratio_less_one]
    thorough: list[Callable] = [
        sympy.simplify,
        lambda d: sympy.simplify(sympy.expand_log(d)),
        lambda d: sympy.simplify(sympy.expand(d.rewrite(sympy.exp))),
    ]
    attempts = quick + (thorough if difference.count_ops() <= TOO_LONG_TO_SIMPLIFY else [])
    return any(_becomes_zero(attempt, difference) for attempt in attempts)


def _numerator(difference: sympy.Expr) -> sympy.Expr:
    """What stands above the common denominator: fractions of exponentials cancel here."""
    return sympy.expand(sympy.fraction(sympy.together(sympy.expand(difference)))[0])


def _ratio_less_one(difference: sympy.Expr) -> sympy.Expr:
    """Logarithms are equal if their arguments are; the random points have excluded another branch."""
    above, below = sympy.fraction(sympy.together(sympy.exp(sympy.expand(difference))))
    return sympy.expand(above - below)


def _becomes_zero(attempt: Callable, difference: sympy.Expr) -> bool:
    try:
        return attempt(difference) == 0
    except (NotImplementedError, ValueError, TypeError):
        return False


def _pairs(name: str, derived: Any, expected: Any) -> list[tuple[sympy.Expr, sympy.Expr]]:
    derived, expected = to_expression(name, derived), to_expression(name, expected)
    shapes = getattr(derived, "shape", ()), getattr(expected, "shape", ())
    if shapes[0] != shapes[1]:
        refuse(
            name,
            f"shapes {shapes[0]} and {shapes[1]} do not fit: compare like with like",
        )
    return list(zip(derived, expected, strict=True)) if shapes[0] else [(derived, expected)]


def to_expression(name: str, value: Any) -> Any:
    """What SymPy makes of a value.

    Args:
        name: what is checked.
        value: an expression, a number or a matrix.

    Returns:
        A SymPy expression or matrix.

    Raises:
        CheckRefused: SymPy cannot read it, or it is an equation, a set or not a number.
    """
    # A string would be parsed, and evaluated with it: only objects are taken.
    readable = not isinstance(value, str)
    try:
        expression = sympy.sympify(value, strict=True) if readable else None
    except (sympy.SympifyError, TypeError, ValueError):
        expression = None
    if not isinstance(expression, sympy.Expr | sympy.MatrixBase):
        refuse(
            name,
            f"{type(value).__name__} is no expression: give a SymPy expression, a number or a matrix",
        )
    if expression.has(sympy.nan, sympy.zoo):
        refuse(name, f"{expression} is undefined: NaN never passes")
    return expression
