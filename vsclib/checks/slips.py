"""Typical slips: a sign, a factor 1/2, sigma for sigma squared. A check must catch them all."""

from collections.abc import Callable, Iterator
from typing import Any

import sympy

from vsclib.checks.failing import fails
from vsclib.checks.verdict import Verdict, judged, refuse, shown


def slips(expression: sympy.Expr) -> dict[str, sympy.Expr]:
    """Every expression that is one typical slip away, by the name of the slip.

    Each term of each sum has its sign changed, is halved and doubled; each square becomes its base.

    Example:
        >>> list(slips(sympy.Symbol("x") ** 2 + 1))[3:]
        ['sign of x**2', 'half of x**2', 'twice x**2', 'x for x**2']
    """
    return {
        what: wrong
        for part in sympy.preorder_traversal(expression)
        for what, wrong_part in _wrong(part)
        if (wrong := expression.xreplace({part: wrong_part})) != expression
    }


def catches(name: str, check: Callable[..., Any], right: sympy.Expr) -> Verdict:
    """A check of a name and an expression passes on the right expression and fails on every slip.

    The verdict on the right expression says how many slips the check caught.

    Raises:
        CheckFailed: the right expression fails, or a slip passes.
        CheckRefused: one of them cannot be decided, or the expression has nothing to slip in.
    """
    verdict, wrong = judged(name, check, right), slips(right)
    if not wrong:
        refuse(name, f"{shown(right)} has no sum and no square to slip in: give a longer formula")
    for what, expression in wrong.items():
        fails(check, f"{name}, {what}", expression)
    return verdict._replace(how=f"{verdict.how}, {len(wrong)} slips caught")


def _wrong(part: Any) -> Iterator[tuple[str, sympy.Expr]]:
    if isinstance(part, sympy.Add):
        for term in part.args:
            yield f"sign of {term}", part - 2 * term
            yield f"half of {term}", part - term / 2
            yield f"twice {term}", part + term
    if isinstance(part, sympy.Pow) and abs(part.exp) == 2:
        yield f"{part.base} for {part.base}**2", part.base ** (part.exp / 2)
