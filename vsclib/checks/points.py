"""Two expressions at random points: a search for a point where they differ."""

import math
import random
from collections.abc import Iterator
from itertools import islice
from typing import Any

import sympy
from sympy.core.relational import Relational

from vsclib.checks.verdict import refuse, require_whole, settle, shown

DIGITS = 30
# Below this size differences are absolute: a small number may be a cancelled one.
SMALL = 1e-9


def largest_difference(
    name: str,
    derived: sympy.Expr,
    expected: sympy.Expr,
    assumptions: tuple[Any, ...] = (),
    points: int = 12,
    tolerance: float = 1e-12,
    seed: int = 0,
) -> float | None:
    """The largest relative difference of two expressions at random points.

    The arguments are those of :func:`vsclib.checks.symbolic`. None is returned if too few points
    give both expressions a value.

    Raises:
        CheckFailed: the two differ at a point, or only one of them is finite there.
        CheckRefused: no point fulfils the assumptions.
    """
    symbols = derived.free_symbols | expected.free_symbols
    require_whole(name, 1, 10_000, points=points)
    wanted = points if symbols else 1
    largest, compared = 0.0, 0
    places = random_points(name, symbols, assumptions, seed)
    for _ in range(5 * wanted):
        place = next(places)
        a, b = value_at(derived, place), value_at(expected, place)
        if a is None or b is None or a is b is sympy.nan:
            continue
        error = math.inf if sympy.nan in (a, b) else _relative(a, b)
        if not error <= tolerance:
            settle(name, located(place), "relative difference", error, tolerance)
        largest, compared = max(largest, error), compared + 1
        if compared == wanted:
            return largest
    return None


def random_points(
    name: str, symbols: set[Any], assumptions: tuple[Any, ...] = (), seed: int = 0
) -> Iterator[dict[Any, sympy.Rational]]:
    """Endless random points that fulfil the symbols' own assumptions and the given relations.

    Yields:
        A rational number for every symbol.

    Raises:
        CheckRefused: an assumption is not a relation, or none of 10,000 points fulfils them all.
    """
    relations = [_relation(name, assumption) for assumption in assumptions]
    chance = random.Random(seed)
    ordered = sorted(symbols.union(*(relation.free_symbols for relation in relations)), key=str)
    fulfilled = sympy.lambdify(ordered, sympy.And(*relations), "math")
    misses = 0
    while misses < 10_000:
        place = {symbol: _draw(symbol, chance) for symbol in ordered}
        if fulfilled(*map(float, place.values())):
            misses = 0
            yield place
        misses += 1
    wanted = ", ".join(map(str, relations))
    remedy = "loosen the assumptions"
    if sympy.false in relations:
        remedy += "; False is what Python's == gives, or a relation that its symbols rule out"
    refuse(name, f"no random point fulfils {wanted}: {remedy}")


def some_points(
    name: str, symbols: set[Any], assumptions: tuple[Any, ...], points: int, seed: int
) -> list[dict[Any, sympy.Rational]]:
    """The first of :func:`random_points`; a single empty one if there are no symbols."""
    require_whole(name, 1, 10_000, points=points)
    return list(islice(random_points(name, symbols, assumptions, seed), points if symbols else 1))


def value_at(expression: sympy.Expr, place: dict[Any, Any]) -> sympy.Expr | None:
    """The value of an expression where ``place`` gives a number for every symbol, to thirty digits.

    It is real or complex; NaN if it is not finite; None if something in it is undefined.
    """
    try:
        value = expression.subs(place).evalf(DIGITS)
    except (ValueError, TypeError, NotImplementedError, ZeroDivisionError):
        return None
    if value.is_number and value.has(sympy.nan, sympy.zoo, sympy.oo, -sympy.oo):
        return sympy.nan
    real, imaginary = value.as_real_imag()
    return value if real.is_Number and imaginary.is_Number else None


def _relative(a: sympy.Expr, b: sympy.Expr) -> float:
    return float(sympy.Abs(a - b)) / max(float(sympy.Abs(a)), float(sympy.Abs(b)), SMALL)


def _relation(name: str, assumption: Any) -> Any:
    truth = isinstance(assumption, bool) or assumption in (sympy.true, sympy.false)
    if not truth and not isinstance(assumption, Relational):
        example = "write each by itself, for example sigma2 < sigma1, not in quotation marks"
        refuse(name, f"the assumption {shown(assumption)} is no relation: {example}")
    return sympy.sympify(assumption)


def _draw(symbol: sympy.Symbol, chance: random.Random) -> sympy.Rational:
    """A random number that fulfils a symbol's assumptions, short enough to be exact."""
    if symbol.is_integer:
        size = sympy.Integer(chance.randint(1, 6))
    elif symbol.is_positive or symbol.is_negative or symbol.is_nonnegative or symbol.is_nonpositive:
        size = sympy.Rational(round(1000 * math.exp(chance.uniform(-2.0, 1.2))), 1000)
    else:
        return sympy.Rational(chance.randint(-3000, 3000), 1000)
    negative = symbol.is_nonpositive or (not symbol.is_nonnegative and chance.random() < 0.5)
    return -size if negative else size


def located(place: dict[Any, Any]) -> str:
    """Where a value was taken, for a message."""
    values = ", ".join(f"{symbol} = {float(value):.4g}" for symbol, value in place.items())
    return f"at {values}" if place else "two numbers"
