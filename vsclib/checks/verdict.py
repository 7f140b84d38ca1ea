"""Verdicts: one line with the formula, the method, the error and the tolerance."""

import inspect
import math
from collections.abc import Callable
from typing import Any, NamedTuple, NoReturn

from vsclib.errors import CheckFailed, CheckRefused, VsclibError

LARGEST = 1e18
"""Below it lies every step and seed: more fits no number of 64 bits."""
LONGEST = 60
"""Characters of a value that a message shows."""


class Verdict(NamedTuple):
    """The outcome of one check; its text is one line, the same on every machine.

    Attributes:
        name: what was checked.
        how: the method, with its settings.
        measure: what ``error`` measures, for example ``relative difference``.
        error: the largest error; NaN never passes.
        tolerance: the largest error allowed, in the units of ``measure``.
        passed: whether the check showed what it was meant to show.
        refutes: whether it was meant to show that a form is wrong (:func:`vsclib.checks.fails`).
    """

    name: str
    how: str
    measure: str
    error: float
    tolerance: float
    passed: bool
    refutes: bool = False

    def __str__(self) -> str:
        outcome = "fails, as it should" if self.refutes else "passed"
        error = f"{self.measure} {self._size()}, allowed {self.tolerance:.3g}"
        return f"{self.name}: {self.how}; {error}; {outcome if self.passed else 'FAILED'}"

    def __repr__(self) -> str:
        return str(self)

    def __bool__(self) -> bool:
        return self.passed

    def _size(self) -> str:
        # Rounding differs between machines; its bound does not.
        rounding = self.tolerance / 100
        if self.passed and not self.refutes and 0 < self.error <= rounding:
            return f"below {rounding:.1g}"
        return f"{self.error:.3g}"


def shown(value: Any) -> str:
    """A value as a message shows it: on one line, and not all of it if it is long."""
    text = " ".join((repr(value) if isinstance(value, str) else str(value)).split())
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def settle(name: str, how: str, measure: str, error: float, tolerance: float) -> Verdict:
    """The verdict on a measured error; the arguments are the fields of :class:`Verdict`.

    Raises:
        CheckFailed: the error exceeds the tolerance or is NaN.
    """
    passed = bool(error <= tolerance)  # false for NaN
    verdict = Verdict(name, how, measure, float(error), float(tolerance), passed)
    if not verdict.passed:
        raise CheckFailed(verdict)
    return verdict


def refuse(name: str, reason: str) -> NoReturn:
    """Raise CheckRefused for a check that cannot be decided, with the reason and the remedy."""
    raise CheckRefused(f"{name}: cannot be checked: {reason}")


def require_tolerance(name: str, tolerance: float) -> None:
    """Raise CheckRefused for a tolerance that is negative, infinite or NaN."""
    if not (0 <= tolerance < math.inf):
        refuse(name, f"tolerance = {tolerance:g} says nothing: choose a finite tolerance >= 0")


def require_whole(name: str, low: int, high: float = LARGEST, **numbers: int) -> None:
    """Raise CheckRefused for a number of points or draws, or a seed, outside low..high."""
    for what, number in numbers.items():
        if isinstance(number, bool) or not low <= number <= high:
            refuse(name, f"{what} = {number!r} is not allowed: choose {low} <= {what} <= {high:g}")


def evaluated(name: str, function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """What a function that is checked gives; CheckRefused when it does not take its arguments."""
    try:
        return function(*arguments, **named)
    except (VsclibError, MemoryError):
        raise
    except Exception as error:
        kind, reason = type(error).__name__, " ".join(str(error).split())[:200]
        given = [_kind(value) for value in arguments]
        given += [f"{key} = {_kind(value)}" for key, value in named.items()]
        raise CheckRefused(
            f"{name}: cannot be checked: the function raised {kind} ({reason or 'no reason'}); it "
            f"is called with ({', '.join(given)}): give one that takes these, by torch's functions"
        ) from error


def judged(name: str, check: Callable[..., Any], *arguments: Any, **named: Any) -> Verdict:
    """The verdict of a check that a reader wrote.

    Raises:
        CheckFailed: the check fails.
        CheckRefused: it does not take its arguments, or returns something else than a verdict.
    """
    try:
        inspect.signature(check).bind(name, *arguments, **named)
    except (TypeError, ValueError) as error:
        call = ", ".join(["the name", *map(shown, arguments), *named])
        refuse(name, f"the check is called with ({call}) ({error}): give one that takes these")
    verdict = check(name, *arguments, **named)
    if not isinstance(verdict, Verdict):
        reason = f"the check returns {shown(verdict)} ({type(verdict).__name__}), no verdict"
        refuse(name, f"{reason}: return what a check such as symbolic or close gives")
    return verdict


def _kind(value: Any) -> str:
    """An array's type and shape; the type of anything else."""
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return f"{str(value.dtype).removeprefix('torch.')} {tuple(value.shape)}"
    return str(value) if isinstance(value, int) else type(value).__name__
