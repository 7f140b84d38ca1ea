"""Checks that show an error: a wrong form fails, and its correction passes the same check."""

from collections.abc import Callable
from typing import Any, NamedTuple

from vsclib.checks.verdict import Verdict, judged
from vsclib.errors import CheckFailed


class Correction(NamedTuple):
    """A printed form and the right one, judged by the same check.

    Attributes:
        right: the verdict on the right form, which passed.
        printed: the verdict that the printed form fails.
    """

    right: Verdict
    printed: Verdict

    def __str__(self) -> str:
        return f"{self.right}\n{self.printed}"

    def __repr__(self) -> str:
        return str(self)


def fails(check: Callable[..., Any], name: str, *args: Any, **kwargs: Any) -> Verdict:
    """A form is wrong: the given check fails on it.

    Only a measured disagreement counts. A check that refuses its input (shapes, an undefined
    symbol) shows nothing, and its error is raised.

    Args:
        check: one of the checks, for example :func:`vsclib.checks.symbolic`.
        name: what is refuted, for example ``Eq. 6 as printed``.
        args, kwargs: arguments of the check after its name.

    Returns:
        The verdict, which passed because the check failed, with the disagreement as its error.

    Raises:
        CheckFailed: the check passes.
        CheckRefused: the check cannot be decided, or is no check.

    Example:
        >>> from vsclib.checks import close
        >>> fails(close, "pi is 22/7", 22 / 7, 3.14159265, tolerance=1e-6)
        pi is 22/7: compared in float64; difference 0.00126, allowed 1e-06; fails, as it should
    """
    try:
        passed = judged(name, check, *args, **kwargs)
    except CheckFailed as failure:
        return failure.verdict._replace(passed=True, refutes=True)
    raise CheckFailed(passed._replace(name=f"{name} was to fail and does not", passed=False))


def correction(name: str, check: Callable[..., Any], *, printed: Any, right: Any) -> Correction:
    """A printed form fails the check that the right form passes.

    Args:
        name: the erratum or equation, for example ``E02, Eq. 6``.
        check: takes a name and a form, and checks the form.
        printed, right: the two forms.

    Raises:
        CheckFailed: the right form fails, or the printed one passes.
        CheckRefused: one of the two cannot be decided, or ``check`` is no check.

    Example:
        >>> from vsclib.checks import close
        >>> area = lambda name, pi: close(name, pi * 2**2, 12.566, tolerance=1e-3)
        >>> correction("area", area, printed=3.0, right=3.1416)
        area, corrected: compared in float64; difference 0.0004, allowed 0.001; passed
        area, as printed: compared in float64; difference 0.566, allowed 0.001; fails, as it should
    """
    corrected = judged(f"{name}, corrected", check, right)
    return Correction(corrected, fails(check, f"{name}, as printed", printed))
