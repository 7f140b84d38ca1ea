"""Equality of expressions: random points refute it, SymPy's simplification proves it."""

from collections.abc import Callable
from typing import Any

import sympy

from vsclib.checks.points import DIGITS, largest_difference
from vsclib.checks.symbols import require_one_meaning, to_expression, undefined
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

    Random points come first, evaluated with thirty digits: one point where the two differ refutes
    the equality. Otherwise SymPy simplifies the difference: 0 is a proof. Else the points alone
    count. The verdict says which.

    Args:
        name: what is checked.
        derived, expected: the result and what it should be: expressions, or matrices of one shape.
        *assumptions: relations that the points fulfil, such as ``sigma2 < sigma1``. Properties of
            one symbol (positive, real, integer) belong in the symbol, where SymPy uses them too.
        points, seed: number and seed of the random points.
        tolerance: the largest relative difference allowed at a point.
        proof: whether to require a proof.

    Raises:
        CheckFailed: the two differ at a point.
        CheckRefused: SymPy cannot decide and there is no value at the points (or a proof is
            required), the shapes differ, no point fulfils the assumptions, or two symbols of one
            name have other assumptions.

    Example:
        >>> x = sympy.Symbol("x")
        >>> symbolic("a square", (x + 1) ** 2, x**2 + 2 * x + 1)
        a square: simplified by SymPy; difference 0, allowed 0; passed
    """
    require_tolerance(name, tolerance)
    pairs = _pairs(name, derived, expected)
    require_one_meaning(name, *(side for pair in pairs for side in pair), *assumptions)
    search = (assumptions, points, tolerance, seed)
    errors = [largest_difference(name, a, b, *search) for a, b in pairs]
    if all(proves_zero(a - b) for a, b in pairs):
        return settle(name, "simplified by SymPy", "difference", 0.0, 0.0)
    if proof:
        reason = "SymPy does not reduce the difference to 0 and a proof is asked for"
        refuse(name, f"{reason}: split the step")
    seen = [error for error in errors if error is not None]
    if len(seen) < len(errors):
        reason = "SymPy cannot decide it, and it has no value at random points"
        refuse(name, f"{reason}{undefined(*pairs[0])}: define every symbol and function")
    how = f"SymPy leaves it open, {points} random points with {DIGITS} digits"
    return settle(name, how, "relative difference", max(seen), tolerance)


def proves_zero(difference: sympy.Expr) -> bool:
    """Whether SymPy proves that an expression is 0; False proves nothing."""
    quick: list[Callable] = [sympy.expand, _numerator, _ratio_less_one]
    thorough: list[Callable] = [
        sympy.simplify,
        lambda d: sympy.simplify(sympy.expand_log(d)),
        lambda d: sympy.simplify(sympy.expand(d.rewrite(sympy.exp))),
    ]
    attempts = quick + (thorough if difference.count_ops() <= TOO_LONG_TO_SIMPLIFY else [])
    return any(_becomes_zero(attempt, difference) for attempt in attempts)


def _numerator(difference: sympy.Expr) -> sympy.Expr:
    """The numerator over the common denominator: fractions of exponentials cancel here."""
    return sympy.expand(sympy.fraction(sympy.together(sympy.expand(difference)))[0])


def _ratio_less_one(difference: sympy.Expr) -> sympy.Expr:
    """exp(difference) - 1: logarithms are equal if their arguments are, as points have shown."""
    above, below = sympy.fraction(sympy.together(sympy.exp(sympy.expand(difference))))
    return sympy.expand(above - below)


def _becomes_zero(attempt: Callable, difference: sympy.Expr) -> bool:
    try:
        return attempt(difference) == 0
    except (NotImplementedError, ValueError, TypeError):
        return False


def _pairs(name: str, derived: Any, expected: Any) -> list[tuple[sympy.Expr, sympy.Expr]]:
    derived = to_expression(name, derived, "derived", matrix=True)
    expected = to_expression(name, expected, "expected", matrix=True)
    shapes = getattr(derived, "shape", ()), getattr(expected, "shape", ())
    if shapes[0] != shapes[1]:
        refuse(name, f"shapes {shapes[0]} and {shapes[1]} do not fit: compare like with like")
    return list(zip(derived, expected, strict=True)) if shapes[0] else [(derived, expected)]
