"""Where formulas break: the first |z| at which a form is wrong or not finite, in each precision."""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import mpmath
import sympy
import torch
from torch import Tensor

from vsclib.checks.points import DIGITS
from vsclib.checks.symbols import require_one_meaning, undefined
from vsclib.checks.verdict import (
    LARGEST,
    Verdict,
    evaluated,
    refuse,
    require_tolerance,
    require_whole,
    settle,
)
from vsclib.errors import ConfigurationError, nearest

PRECISIONS = (torch.float16, torch.float32, torch.float64)


class Breakdown(NamedTuple):
    """Where one form breaks in one precision.

    Attributes:
        form: its name.
        precision: ``float16``, ``float32`` or ``float64``.
        wrong: first |z| with an error above the tolerance or no finite value; None for never.
        not_finite: first |z| without a finite value; None for never.
    """

    form: str
    precision: str
    wrong: float | None
    not_finite: float | None


class Sweep(NamedTuple):
    """The result of a sweep; its text is a table in Markdown.

    Attributes:
        verdict, rows: the sweep as a check, and one row for every form and precision.
    """

    verdict: Verdict
    rows: tuple[Breakdown, ...]

    def __str__(self) -> str:
        lines = ["| form | precision | wrong from z = | not finite from z = |", "|---|---|---|---|"]
        for form, precision, *first in self.rows:
            lines.append(f"| {form} | {precision} | {' | '.join(map(_from, first))} |")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return str(self)

    def _repr_markdown_(self) -> str:
        return f"{self}\n\n{self.verdict}"

    def row(self, form: str, precision: str) -> Breakdown:
        """The row of a form in a precision such as ``float32``.

        Raises:
            ConfigurationError: no such form was swept, or not in that precision.
        """
        found = {f"{row.form} in {row.precision}": row for row in self.rows}
        wanted = f"{form} in {precision}"
        if wanted not in found:
            raise ConfigurationError(f"{wanted!r} was not swept: {nearest(wanted, found)}")
        return found[wanted]


def overflow(
    name: str,
    forms: Mapping[str, Callable[[Tensor], Tensor]],
    reference: Any,
    z: tuple[float, float] = (0.0, 40.0),
    *,
    precisions: Iterable[torch.dtype] = PRECISIONS,
    tolerance: float = 100.0,
    points: int = 2001,
    resolution: float = 1e-3,
    safe: Iterable[str] = (),
    expected: Mapping[tuple[str, str], float | None] | None = None,
) -> Sweep:
    r"""Sweep forms of one formula over z and -z, against a reference with thirty digits.

    A value is *wrong* where :math:`|f(z) - f^*(z)| > t\,\epsilon\,\max(1, |f^*(z)|)`, with the
    precision's own :math:`\epsilon` and f* at the rounded z. The first bad |z| is found on a grid
    and then narrowed by bisection.

    Args:
        name: what is checked.
        forms: functions by name, from a tensor to one of the same shape and precision.
        reference: f*, a SymPy expression in one symbol or a function of an mpmath number; None
            looks only for values that are not finite.
        z: range of |z|.
        precisions: dtypes to sweep.
        tolerance: t, in units of epsilon.
        points, resolution: number of |z| on the grid; width to which the first bad one is narrowed.
        safe: forms that must be right everywhere, in every precision.
        expected: where a form stops being finite, within twice the resolution:
            ``{(form, "float32"): 14.285}``, None for never.

    Returns:
        The table, and a verdict whose error is the number of broken promises.

    Raises:
        CheckFailed: a safe form breaks, or one breaks elsewhere than expected.
        CheckRefused: an unknown form, a reference without a value, or a form that changes shape.
    """
    require_tolerance(name, tolerance)
    require_whole(name, 2, 10**6, points=points)
    if not 0 < resolution < LARGEST:
        refuse(name, f"resolution = {resolution!r} is not allowed: choose a number > 0")
    if not forms or not 0 <= z[0] < z[1] < LARGEST:
        reason = f"{len(forms)} forms over |z| from {z[0]:g} to {z[1]:g} are no sweep"
        refuse(name, f"{reason}: give at least one form, and 0 <= from < to")
    safe = (safe,) if isinstance(safe, str) else safe
    precisions, safe, expected = tuple(precisions), tuple(safe), dict(expected or {})
    if whole := [precision for precision in precisions if not precision.is_floating_point]:
        refuse(name, f"{whole[0]} has no rounding: choose among torch.float16, float32, float64")
    swept = sorted({str(precision).removeprefix("torch.") for precision in precisions})
    for form, precision in [*((form, None) for form in safe), *expected]:
        if form not in forms or precision not in (None, *swept):
            place = precision or "any precision"
            refuse(name, f"{form!r} in {place} is not swept: name one of {', '.join(forms)}")
    exact = None if reference is None else _exact(name, reference)
    grid = torch.linspace(*z, points, dtype=torch.float64)
    rows = tuple(
        _Form(name, label, form, exact, precision, tolerance).breakdown(grid, resolution)
        for label, form in forms.items()
        for precision in precisions
    )
    broken = [row for row in rows if row.form in safe and row.wrong is not None]
    broken += [row for row in rows if not _as_expected(row, expected, resolution)]
    span = f"|z| from {z[0]:g} to {z[1]:g}, {len(forms)} forms in {', '.join(swept)}"
    if broken:
        first = broken[0]
        span += f"; {first.form} in {first.precision} not finite from {_from(first.not_finite)}"
        span += f", wrong from {_from(first.wrong)}"
    return Sweep(settle(name, span, "broken promises", len(broken), 0), rows)


def _exact(name: str, reference: Any) -> Callable[[float], float]:
    """The reference as a function of a float, with thirty digits; every value is kept."""
    undone = ""
    if isinstance(reference, sympy.Expr):
        require_one_meaning(name, reference)
        undone = undefined(reference)
        if (count := len(reference.free_symbols)) != 1:
            refuse(name, f"the reference holds {count} symbols: put numbers for all but z")
        reference = sympy.lambdify(list(reference.free_symbols), reference, "mpmath")
    if not callable(reference):
        remedy = "give an expression or a function of mpmath numbers"
        refuse(name, f"the reference is a {type(reference).__name__}: {remedy}")
    known: dict[float, float] = {}

    def at(z: float) -> float:
        if z not in known:
            try:
                with mpmath.workdps(DIGITS):
                    known[z] = float(reference(mpmath.mpf(z)))
            except (ArithmeticError, NameError, TypeError, ValueError) as error:
                reason = f"the reference has no real value at z = {z:g}{undone}"
                remedy = "give a SymPy expression in z, or a function of mpmath's numbers"
                refuse(name, f"{reason} ({type(error).__name__}: {error}): {remedy}")
            if not math.isfinite(known[z]):
                refuse(name, f"the reference is {known[z]} at z = {z:g}: shorten the range")
        return known[z]

    return at


class _Form(NamedTuple):
    """One form in one precision, with what it is compared with."""

    name: str
    label: str
    function: Callable[[Tensor], Tensor]
    exact: Callable[[float], float] | None
    precision: torch.dtype
    tolerance: float

    def breakdown(self, grid: Tensor, resolution: float) -> Breakdown:
        """Where the form breaks, within the resolution."""
        wrong = _first(grid, self.wrong, resolution)
        precision = str(self.precision).removeprefix("torch.")
        return Breakdown(self.label, precision, wrong, _first(grid, self.not_finite, resolution))

    def values(self, sizes: Tensor) -> tuple[Tensor, Tensor]:
        """z and -z in the form's precision, (2, N), and the form's values in float64."""
        both = torch.stack([sizes, -sizes]).to(self.precision)
        value = evaluated(self.name, self.function, both.clone())
        if not isinstance(value, Tensor):
            reason = f"{self.label!r} gives a {type(value).__name__}"
            refuse(self.name, f"{reason}: use torch's functions, and no .item() or .numpy()")
        value = value.detach()
        if value.shape != both.shape or value.dtype != self.precision:
            given, kept = (value.dtype, tuple(value.shape)), (self.precision, tuple(both.shape))
            reason = f"{self.label!r} turns {kept} into {given}"
            refuse(self.name, f"{reason}: a form keeps shape and precision")
        return both, value.double()

    def not_finite(self, sizes: Tensor) -> Tensor:
        """Whether the value at z or -z is not finite, (N,)."""
        return ~self.values(sizes)[1].isfinite().all(dim=0)

    def wrong(self, sizes: Tensor) -> Tensor:
        """Whether the value at z or -z is wrong, (N,)."""
        if self.exact is None:
            return self.not_finite(sizes)
        both, value = self.values(sizes)
        exact = [self.exact(float(z)) for z in both.flatten()]
        true = torch.tensor(exact, dtype=torch.float64).reshape(both.shape)
        allowed = self.tolerance * torch.finfo(self.precision).eps * true.abs().clamp(min=1.0)
        return ~((value - true).abs() <= allowed).all(dim=0)  # NaN counts as wrong


def _first(grid: Tensor, bad: Callable[[Tensor], Tensor], resolution: float) -> float | None:
    """The smallest bad size: the first on the grid, narrowed by bisection."""
    found = bad(grid).nonzero()
    if not len(found):
        return None
    index = int(found[0])
    high = float(grid[index])
    low = float(grid[index - 1]) if index else high
    while high - low > resolution:
        middle = (low + high) / 2
        is_bad = bool(bad(torch.tensor([middle], dtype=torch.float64)))
        low, high = (low, middle) if is_bad else (middle, high)
    return high


def _as_expected(
    row: Breakdown, expected: Mapping[tuple[str, str], float | None], resolution: float
) -> bool:
    size = expected.get((row.form, row.precision), row.not_finite)
    if size is None or row.not_finite is None:
        return size is row.not_finite
    return abs(row.not_finite - size) <= 2 * resolution


def _from(size: float | None) -> str:
    return "never" if size is None else f"{size:.3f}"
