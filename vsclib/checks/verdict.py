"""What a check says: one line that names the formula, the method, the error and what was allowed."""

import math
from typing import NamedTuple, NoReturn

from vsclib.errors import CheckFailed, CheckRefused


class Verdict(NamedTuple):
    """The outcome of one check; its text is one line, the same on every machine.

    Attributes:
        name: what was checked.
        how: by which method, with its settings.
        measure: what ``error`` measures, for example ``relative difference``.
        error: the largest error that was seen; NaN never passes.
        tolerance: the largest error that is allowed, in the units of ``measure``.
        passed: whether the check reached what it was meant to show.
        refutes: whether it was meant to show that a form is wrong; see :func:`vsclib.checks.fails`.
    """

    name: str
    how: str
    measure: str
    error: float
    tolerance: float
    passed: bool
    refutes: bool = False

    def __str__(self) -> str:
        outcome = (
            "FAILED" if not self.passed else "fails, as it should" if self.refutes else "passed"
        )
        return f"{self.name}: {self.how}; {self.measure} {self._size()}, allowed {self.tolerance:.3g}; {outcome}"

    def __repr__(self) -> str:
        return str(self)

    def __bool__(self) -> bool:
        return self.passed

    def _size(self) -> str:
        # What is far below the tolerance is rounding and differs from machine to machine: its bound
        # does not.
        rounding = self.tolerance / 100
        if self.passed and not self.refutes and 0 < self.error <= rounding:
            return f"below {rounding:.1g}"
        return f"{self.error:.3g}"


def settle(name: str, how: str, measure: str, error: float, tolerance: float) -> Verdict:
    """The verdict on an error that was measured.

    Args:
        name: what was checked.
        how: by which method.
        measure: what the error measures.
        error: the largest error that was seen.
        tolerance: the largest error that is allowed.

    Returns:
        A verdict that passed.

    Raises:
        CheckFailed: the error exceeds the tolerance or is NaN.
    """
    # Written so that NaN falls on the failing side.
    verdict = Verdict(
        name, how, measure, float(error), float(tolerance), passed=bool(error <= tolerance)
    )
    if not verdict.passed:
        raise CheckFailed(verdict)
    return verdict


def refuse(name: str, reason: str) -> NoReturn:
    """Raise the error of a check that cannot be decided.

    Args:
        name: what was to be checked.
        reason: why nothing follows, and the remedy.

    Raises:
        CheckRefused: always.
    """
    raise CheckRefused(f"{name}: cannot be checked: {reason}")


def require_tolerance(name: str, tolerance: float) -> None:
    """Refuse a tolerance that would let everything pass, or nothing.

    Args:
        name: what is to be checked.
        tolerance: the largest error that is allowed.

    Raises:
        CheckRefused: the tolerance is negative, infinite or NaN.
    """
    if not (0 <= tolerance < math.inf):
        refuse(name, f"tolerance = {tolerance:g} says nothing: choose a finite tolerance >= 0")
