"""Integrals: always by quadrature, and by SymPy where it finds them."""

import math
import warnings
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import mpmath
import numpy as np
import sympy
import torch
from scipy import integrate
from torch import Tensor

from vsclib.arguments import explained
from vsclib.checks.expressions import proves_zero
from vsclib.checks.numbers import difference, paired, to_float64, worst
from vsclib.checks.points import DIGITS, located, some_points, value_at
from vsclib.checks.symbols import require_one_meaning, to_expression, undefined
from vsclib.checks.verdict import Verdict, evaluated, refuse, require_tolerance, settle, shown

# Quadrature over an infinite range goes very far out, where an exponential of an exponential has
# more digits than fit into memory. Beyond this exponent it counts as infinite.
FAR_OUT = mpmath.mpf(10) ** 120


def _bounded_exp(exponent: Any) -> Any:
    if mpmath.im(exponent) == 0 and abs(exponent) > FAR_OUT:
        return mpmath.inf if mpmath.re(exponent) > 0 else mpmath.mpf(0)
    return mpmath.exp(exponent)


BOUNDED = {
    "exp": _bounded_exp,
    "cosh": lambda x: (_bounded_exp(x) + _bounded_exp(-x)) / 2,
    "sinh": lambda x: mpmath.sinh(x) if abs(x) < 1 else (_bounded_exp(x) - _bounded_exp(-x)) / 2,
}


def integral(
    name: str,
    integrand: Any,
    variable: sympy.Symbol,
    limits: Any,
    expected: Any,
    *assumptions: Any,
    points: int = 3,
    tolerance: float = 1e-10,
    seed: int = 0,
    by_sympy: bool = True,
) -> Verdict:
    r"""A SymPy expression integrates to another.

    .. math:: \int_a^b f(x)\,dx = F

    Quadrature with thirty digits, at random values of the other symbols, comes first. Then SymPy
    integrates: ``expected`` is a proof, else the quadrature alone counts. The verdict says which.

    Args:
        name: what is checked.
        integrand, variable: f, and the x in it.
        limits: a and b; ``sympy.oo`` is allowed.
        expected: F, an expression without x.
        *assumptions: relations that the points fulfil.
        points, seed: number and seed of the random points.
        tolerance: the largest difference, relative to max(1, |F|), allowed there.
        by_sympy: whether SymPy tries; turn it off where that takes minutes.

    Raises:
        CheckFailed: the quadrature differs.
        CheckRefused: the integral has no value at the points, or the quadrature does not reach the
            tolerance.
    """
    require_tolerance(name, tolerance)
    integrand = to_expression(name, integrand, "integrand")
    expected = to_expression(name, expected, "expected")
    lower, upper = _two(name, limits, "(0, sympy.oo)")
    limits = (to_expression(name, lower, "limits[0]"), to_expression(name, upper, "limits[1]"))
    require_one_meaning(name, integrand, variable, *limits, expected, *assumptions)
    if variable in expected.free_symbols.union(*(limit.free_symbols for limit in limits)):
        reason = f"the expected value or a limit holds the variable {variable}"
        refuse(name, f"{reason}: integrate over another symbol")
    free = [each.free_symbols for each in (expected, *limits)]
    symbols = (integrand.free_symbols - {variable}).union(*free)
    places = some_points(name, symbols, assumptions, points, seed)
    claim = integrand, variable, limits, expected
    error = max(_quadrature_error(name, claim, place, tolerance) for place in places)
    how = "quadrature" if variable in integrand.free_symbols else f"integrand without {variable}"
    if symbols:
        how += f" with {DIGITS} digits at {len(places)} random points"
    verdict = settle(name, how, "difference", error, tolerance)
    if by_sympy and _integrates(*claim):
        return settle(name, "integrated by SymPy", "difference", 0.0, 0.0)
    return verdict._replace(how=how + (", SymPy leaves it open" if by_sympy else ""))


def _two(name: str, limits: Any, example: str) -> tuple[Any, Any]:
    """The two limits of an integral."""
    if not isinstance(limits, list | tuple) or len(limits) != 2:
        remedy = f"give the two ends alone, for example {example}"
        refuse(name, f"limits = {shown(limits)} is not allowed: {remedy}")
    return limits[0], limits[1]


def _integrates(integrand: Any, variable: Any, limits: tuple[Any, Any], expected: Any) -> bool:
    try:
        found = sympy.integrate(sympy.expand(integrand), (variable, *limits))
    except (NotImplementedError, ValueError, TypeError):
        return False
    return not found.has(sympy.Integral, sympy.Piecewise) and proves_zero(found - expected)


def _quadrature_error(
    name: str, claim: tuple[Any, Any, tuple[Any, Any], Any], place: dict, tolerance: float
) -> float:
    integrand, variable, limits, expected = claim
    value, ends = value_at(expected, place), [limit.subs(place) for limit in limits]
    if value in (None, sympy.nan) or not all(end.is_extended_real for end in ends):
        reason = f"the expected value or a limit has no value, {located(place)}"
        refuse(name, f"{reason}{undefined(expected, *limits)}: state the assumptions")
    with mpmath.workdps(DIGITS):
        density = sympy.lambdify(variable, integrand.subs(place), [BOUNDED, "mpmath"])
        path = [_bound(end) for end in ends]
        if path[0] < 0 < path[1]:
            path.insert(1, mpmath.mpf(0))
        try:
            found, uncertainty = mpmath.quad(density, path, error=True, maxdegree=8)
        except (NameError, TypeError, ValueError, ZeroDivisionError):
            reason = f"the integrand has no value everywhere between {ends[0]} and {ends[1]}"
            refuse(name, f"{reason}{undefined(integrand)}: mind its poles")
        target = mpmath.mpmathify(value)
        scale = max(1, abs(target))
        if mpmath.isfinite(found) and not uncertainty <= tolerance * scale:
            reason = f"quadrature knows it to {float(uncertainty):.1g} only, {located(place)}"
            remedy = "state assumptions, such as positive=True in a symbol, or split the limits"
            refuse(name, f"{reason}: {remedy}")
        return float(abs(found - target) / scale)


def _bound(end: Any) -> mpmath.mpf:
    if end.is_infinite:
        return mpmath.mpf(str(end).replace("oo", "inf"))
    return mpmath.mpmathify(end.evalf(DIGITS))


@explained
def quadrature(
    name: str,
    function: Callable[[Tensor], Any],
    limits: Any,
    expected: Any,
    *,
    tolerance: float = 1e-8,
    breaks: Sequence[float] = (),
) -> Verdict:
    r"""A function of the library integrates to a value, in float64.

    .. math:: \int_a^b f(x)\,dx = F

    Args:
        name: what is checked.
        function: f, of a float64 tensor without axes, for one or many parameter sets.
        limits: a and b; ``math.inf`` is allowed.
        expected: F, shaped like f(x).
        tolerance: the largest difference, relative to max(1, |F|), allowed anywhere.
        breaks: points between a and b where the integrand is narrow or has a kink.

    Raises:
        CheckFailed: the integral differs or is NaN.
        CheckRefused: the shapes do not fit, or the quadrature does not reach the tolerance.
    """
    require_tolerance(name, tolerance)

    def integrand(x: float) -> np.ndarray:
        value = evaluated(name, function, torch.tensor(x, dtype=torch.float64))
        return to_float64(name, value).numpy()

    lower, upper = (_end(name, end) for end in _two(name, limits, "(0.0, math.inf)"))
    ends = [lower, *sorted(map(float, breaks)), upper]
    found, uncertainty = 0.0, 0.0
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for start, end in pairwise(ends):
            accuracy: Any = {"epsabs": tolerance / 100, "epsrel": 1e-13, "norm": "max"}
            part, unsure = integrate.quad_vec(integrand, start, end, **accuracy)
            found, uncertainty = found + part, uncertainty + unsure
    value, target = paired(name, found, expected)
    scale = target.abs().clamp(min=1.0)
    error = worst(difference(value, target) / scale)
    if math.isfinite(error) and not uncertainty <= tolerance * float(scale.max()):
        reason = f"quadrature knows it to {uncertainty:.1g} only"
        refuse(name, f"{reason}: name the narrow places in breaks")
    many = f", {value.numel()} parameter sets" if value.numel() > 1 else ""
    return settle(name, f"quadrature in float64{many}", "difference", error, tolerance)


def _end(name: str, end: Any) -> float:
    """A limit as a number; SymPy's numbers and infinity are taken."""
    try:
        number = math.nan if isinstance(end, str) else float(end)
    except (TypeError, ValueError, RuntimeError):
        number = math.nan
    if math.isnan(number):
        refuse(name, f"the limit {shown(end)} is no real number: give one, or math.inf")
    return number
