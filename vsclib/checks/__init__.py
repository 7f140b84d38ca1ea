"""Checks: an equation is compared with something independent of it.

Each check returns a :class:`Verdict` that prints as one line, and raises
:class:`~vsclib.errors.CheckFailed` when it measures a disagreement. What cannot be decided (shapes
that do not fit, a kink, an expression without a value) raises
:class:`~vsclib.errors.CheckRefused`: it never passes silently, and it refutes nothing.
"""

from vsclib.checks.differences import finite_differences
from vsclib.checks.draws import monte_carlo
from vsclib.checks.expressions import symbolic
from vsclib.checks.failing import Correction, correction, fails
from vsclib.checks.gradients import gradient
from vsclib.checks.implementation import implements
from vsclib.checks.integrals import integral, quadrature
from vsclib.checks.limits import limit
from vsclib.checks.numbers import close
from vsclib.checks.precision import Breakdown, Sweep, overflow
from vsclib.checks.slips import catches, slips
from vsclib.checks.verdict import Verdict
from vsclib.errors import CheckFailed, CheckRefused

__all__ = [
    "Breakdown",
    "CheckFailed",
    "CheckRefused",
    "Correction",
    "Sweep",
    "Verdict",
    "catches",
    "close",
    "correction",
    "fails",
    "finite_differences",
    "gradient",
    "implements",
    "integral",
    "limit",
    "monte_carlo",
    "overflow",
    "quadrature",
    "slips",
    "symbolic",
]
