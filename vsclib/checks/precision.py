"""Where formulas break: the first |z| at which a form is not finite, or wrong, in every precision."""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import mpmath
import sympy
import torch
from torch import Tensor

from vsclib.checks.points import DIGITS
from vsclib.checks.verdict import Verdict, refuse, require_tolerance, settle

PRECISIONS = (torch.float16, torch.float32, torch.float64)


class Breakdown(NamedTuple):
    """Where one form breaks in one precision.

    Attributes:
        form: its name.
        precision: ``float16``, ``float32`` or ``float64``.
        wrong: first |z| at which it is wrong by more than the tolerance or not finite; None if it
            never is.
        not_finite: first |z| at which it is not finite; None if it always is.
    """

    form: str
    precision: str
    wrong: float | None
    not_finite: float | None


class Sweep(NamedTuple):
    """What a sweep found; its text is a table in Markdown.

    Attributes:
        verdict: the sweep as a check.
        rows: one for every form and precision.
    """

    verdict: Verdict
    rows: tuple[Breakdown, ...]

    def __str__(self) -> str:
        lines = ["| form | precision | wrong from z = | not finite from z = |", "|---|---|---|---|"]
        lines += [
            f"| {r.form} | {r.precision} | {_from(r.wrong)} | {_from(r.not_finite)} |"
            for r in self.rows
        ]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return str(self)

    def _repr_markdown_(self) -> str:
        return f"{self}\n\n{self.verdict}"

    def row(self, form: str, precision: str) -> Breakdown:
        """The row of a form in a precision.

        Args:
            form: its name.
            precision: for example ``float32``.

        Returns:
            The row.
        """
        return next(r for r in self.rows if (r.form, r.precision) == (form, precision))


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
    r"""Sweep forms of one formula over |z| in several precisions, both signs, against a reference
    with thirty digits.

    The value is *wrong* where :math:`|f(z) - f^*(z)| > t\,\epsilon\,\max(1, |f^*(z)|)`, with the
    precision's own :math:`\epsilon`, and f* taken at the z that the precision can hold. The first
    bad |z| is found on a grid and then narrowed by halving.

    Args:
        name: what is checked.
        forms: name and function of every form, from a tensor to one of the same shape and
            precision.
        reference: f*, a SymPy expression in one symbol or a function of an mpmath number; None
            looks only for what is not finite.
        z: range of |z|.
        precisions: dtypes to sweep.
        tolerance: t, in units of the precision's epsilon (float16 1e-3, float32 1.2e-7, float64
            2.2e-16).
        points: how many |z| the grid has.
        resolution: to what the first bad |z| is narrowed.
        safe: forms that must be right everywhere, in every precision.
        expected: where a form stops being finite: ``{(form, "float32"): 14.285}``, None for never.
            Each must be found within twice the resolution.

    Returns:
        The table with its verdict; the verdict's error is the number of broken promises, of which
        none is allowed.

    Raises:
        CheckFailed: a safe form breaks, or one breaks elsewhere than expected.
        CheckRefused: an unknown form or precision is named, the reference has no value, or a form
            changes the shape.
    """
    require_tolerance(name, tolerance)
    precisions, safe, expected = tuple(precisions), tuple(safe), dict(expected or {})
    swept = {str(p).removeprefix("torch.") for p in precisions}
    for form, precision in [*((f, None) for f in safe), *expected]:
        if form not in forms or (precision is not None and precision not in swept):
            refuse(
                name,
                f"{form!r} in {precision or 'any precision'} is not swept: name one of {', '.join(forms)}",
            )
    exact = None if reference is None else _exact(name, reference)
    rows = tuple(
        _breakdown(name, label, form, exact, z, precision, tolerance, points, resolution)
        for label, form in forms.items()
        for precision in precisions
    )
    broken = [r for r in rows if r.form in safe and r.wrong is not None]
    broken += [
        r
        for r in rows
        if (key := (r.form, r.precision)) in expected and not _same(r, expected[key], resolution)
    ]
    span = f"|z| from {z[0]:g} to {z[1]:g}, {len(forms)} forms in {', '.join(sorted(swept))}"
    if broken:
        span += f"; {broken[0].form} in {broken[0].precision} not finite from {_from(broken[0].not_finite)}"
        span += f", wrong from {_from(broken[0].wrong)}"
    return Sweep(settle(name, span, "broken promises", len(broken), 0), rows)


def _exact(name: str, reference: Any) -> Callable[[float], float]:
    """The reference at a float, computed with thirty digits; each value once."""
    if isinstance(reference, sympy.Expr):
        if len(reference.free_symbols) != 1:
            refuse(
                name,
                f"the reference holds {len(reference.free_symbols)} symbols: put numbers for all but z",
            )
        reference = sympy.lambdify(list(reference.free_symbols), reference, "mpmath")
    if not callable(reference):
        refuse(
            name,
            f"the reference is a {type(reference).__name__}: give an expression or a function of mpmath numbers",
        )
    known: dict[float, float] = {}

    def at(z: float) -> float:
        if z not in known:
            with mpmath.workdps(DIGITS):
                known[z] = float(reference(mpmath.mpf(z)))
            if not math.isfinite(known[z]):
                refuse(name, f"the reference is {known[z]} at z = {z:g}: shorten the range")
        return known[z]

    return at


def _breakdown(
    name: str,
    label: str,
    form: Callable[[Tensor], Tensor],
    exact: Callable[[float], float] | None,
    z: tuple[float, float],
    precision: torch.dtype,
    tolerance: float,
    points: int,
    resolution: float,
) -> Breakdown:
    epsilon = torch.finfo(precision).eps

    def values(sizes: Tensor) -> tuple[Tensor, Tensor]:
        both = torch.stack([sizes, -sizes]).to(precision)
        value = form(both.clone()).detach()
        if value.shape != both.shape or value.dtype != precision:
            given, kept = (value.dtype, tuple(value.shape)), (precision, tuple(both.shape))
            refuse(name, f"{label!r} turns {kept} into {given}: a form keeps shape and precision")
        return both, value.double()

    def not_finite(sizes: Tensor) -> Tensor:
        return ~values(sizes)[1].isfinite().all(dim=0)

    def wrong(sizes: Tensor) -> Tensor:
        both, value = values(sizes)
        if exact is None:
            return not_finite(sizes)
        true = torch.tensor([exact(float(x)) for x in both.flatten()], dtype=torch.float64).reshape(
            both.shape
        )
        # Written so that NaN counts as wrong.
        return ~((value - true).abs() <= tolerance * epsilon * true.abs().clamp(min=1.0)).all(dim=0)

    grid = torch.linspace(*z, points, dtype=torch.float64)
    precision_name = str(precision).removeprefix("torch.")
    return Breakdown(
        label, precision_name, _first(grid, wrong, resolution), _first(grid, not_finite, resolution)
    )


def _first(grid: Tensor, bad: Callable[[Tensor], Tensor], resolution: float) -> float | None:
    """The smallest size that is bad: the first on the grid, narrowed by halving the gap before it."""
    found = bad(grid).nonzero()
    if not len(found):
        return None
    index = int(found[0])
    high = float(grid[index])
    low = float(grid[index - 1]) if index else high
    while high - low > resolution:
        middle = (low + high) / 2
        low, high = (
            (low, middle)
            if bool(bad(torch.tensor([middle], dtype=torch.float64)))
            else (middle, high)
        )
    return high


def _same(row: Breakdown, expected: float | None, resolution: float) -> bool:
    if expected is None or row.not_finite is None:
        return expected is row.not_finite
    return abs(row.not_finite - expected) <= 2 * resolution


def _from(size: float | None) -> str:
    return "never" if size is None else f"{size:.3f}"
