"""A closed form against the mean of many draws, with its confidence interval."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from vsclib.checks.numbers import difference, paired, to_float64, worst
from vsclib.checks.verdict import Verdict, refuse, settle

# Fewer draws than this have no interval worth the name.
FEWEST = 1000


def monte_carlo(
    name: str,
    sample: Callable[[int, torch.Generator], Tensor] | Tensor,
    expected: Any,
    draws: int = 1_000_000,
    *,
    standard_errors: float = 4.0,
    half_width: float | None = None,
    seed: int = 0,
    batch: int = 100_000,
) -> Verdict:
    r"""The mean of draws agrees with a closed form.

    .. math:: |\bar f - F| \le k\,s/\sqrt n

    for every parameter set at once. The interval must be narrow enough to mean something: the
    verdict states its half width, and ``half_width`` bounds it.

    Args:
        name: what is checked.
        sample: f, takes a number of draws n and a generator and gives (n, ...), one column for
            every parameter set; or the draws themselves.
        expected: F, shaped (...).
        draws: n in total, at least 1,000.
        standard_errors: k; four are exceeded by chance once in 16,000 parameter sets.
        half_width: the largest k s / sqrt(n) allowed, in the units of F; any, where it is None.
        seed: seed of the generator.
        batch: how many draws are made at once.

    Returns:
        The verdict, with the distance in standard errors.

    Raises:
        CheckFailed: the closed form lies outside, or a draw is not finite.
        CheckRefused: the shapes do not fit, there are too few draws, or the interval is too wide.
    """
    if not 0 < standard_errors < math.inf:
        refuse(
            name, f"standard_errors = {standard_errors:g} says nothing: choose a finite number > 0"
        )
    mean, error, draws = _moments(name, sample, draws, seed, batch)
    mean, target = paired(name, mean, expected)
    if mean.shape != error.shape:
        refuse(
            name,
            f"{tuple(error.shape)} draws against {tuple(target.shape)} values: give one column to each value",
        )
    gap = difference(mean, target)
    # Draws that never vary have no interval: their mean must be the value, up to rounding.
    rounding = 1e-12 * target.abs().clamp(min=1.0)
    distance = torch.where(gap <= rounding, 0.0, gap / error)
    distance = torch.where(error.isfinite(), distance, math.nan)
    width = standard_errors * float(error.max())
    found = (
        f"mean {float(mean):.4g} against {float(target):.4g}"
        if mean.numel() == 1
        else f"{mean.numel()} parameter sets"
    )
    how = f"{draws:,} draws, {found}, half width {width:.2g}"
    verdict = settle(name, how, "standard errors", worst(distance), standard_errors)
    if half_width is not None and not width <= half_width:
        refuse(
            name,
            f"{draws:,} draws give an interval of half width {width:.2g} > {half_width:g}: draw more",
        )
    return verdict


def _moments(
    name: str,
    sample: Callable[[int, torch.Generator], Tensor] | Tensor,
    draws: int,
    seed: int,
    batch: int,
) -> tuple[Tensor, Tensor, int]:
    """Mean, its standard error and the number of draws, gathered batch by batch."""
    generator = torch.Generator().manual_seed(seed)
    if callable(sample):
        sizes = [min(batch, draws - start) for start in range(0, draws, batch)]
        batches: Iterator[Tensor] = (sample(size, generator) for size in sizes)
    else:
        values = to_float64(name, sample)
        draws = len(values) if values.dim() else 1
        sizes, batches = [draws], iter([values])
    if draws < FEWEST:
        refuse(name, f"{draws} draws have no interval worth the name: take at least {FEWEST:,}")
    count, mean, squares = 0, torch.zeros(()), torch.zeros(())
    for size, drawn in zip(sizes, batches, strict=True):
        values = to_float64(name, drawn)
        if values.dim() == 0 or len(values) != size:
            refuse(
                name,
                f"a batch of {size} draws is shaped {tuple(values.shape)}: give the draws along the first axis",
            )
        # Chan's update: sums of squares about the running mean, which do not cancel.
        shift = values.mean(dim=0) - mean
        squares = (
            squares
            + values.var(dim=0, correction=0) * size
            + shift**2 * count * size / (count + size)
        )
        mean = mean + shift * size / (count + size)
        count += size
    return mean, (squares / (count - 1) / count).sqrt(), draws
