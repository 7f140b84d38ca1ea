"""A closed form against the mean of many draws, with its confidence interval."""

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from vsclib.checks.numbers import difference, paired, to_float64, worst
from vsclib.checks.verdict import Verdict, evaluated, refuse, require_whole, settle, shown

# Fewer draws give no reliable interval.
FEWEST = 1000


def monte_carlo(
    name: str,
    sample: Any,
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

    for every parameter set. The verdict states the distance in standard errors and the half width.

    Args:
        name: what is checked.
        sample: f, takes a number of draws n and a generator and returns (n, ...), one column for
            every parameter set; or the draws themselves.
        expected: F, shaped (...).
        draws, batch: n in total, at least 1,000, and how many are made at once.
        standard_errors: k; chance exceeds four once in 16,000 parameter sets.
        half_width: the largest k s / sqrt(n) allowed, in the units of F; None allows any.
        seed: seed of the generator.

    Raises:
        CheckFailed: the closed form lies outside, or a draw is not finite.
        CheckRefused: the shapes do not fit, there are too few draws, or the interval is too wide.
    """
    if not 0 < standard_errors < math.inf:
        value = f"standard_errors = {standard_errors:g}"
        refuse(name, f"{value} says nothing: choose a finite number > 0")
    require_whole(name, 1, 10**8, draws=draws, batch=batch)
    require_whole(name, 0, seed=seed)
    mean, error, draws = _moments(name, sample, draws, seed, batch)
    mean, target = paired(name, mean, expected)
    if mean.shape != error.shape:
        shapes = f"{tuple(error.shape)} draws against {tuple(target.shape)} values"
        refuse(name, f"{shapes}: give one column to each value")
    width = standard_errors * float(error.max())
    found = f"{mean.numel()} parameter sets"
    if mean.numel() == 1:
        found = f"mean {float(mean):.4g} against {float(target):.4g}"
    how = f"{draws:,} draws, {found}, half width {width:.2g}"
    distance = worst(_standard_errors(mean, target, error))
    verdict = settle(name, how, "standard errors", distance, standard_errors)
    if half_width is not None and not width <= half_width:
        interval = f"an interval of half width {width:.2g} > {half_width:g}"
        refuse(name, f"{draws:,} draws give {interval}: draw more")
    return verdict


def _standard_errors(mean: Tensor, target: Tensor, error: Tensor) -> Tensor:
    """Distance of the mean from its target in standard errors; NaN if the error is not finite."""
    gap = difference(mean, target)
    # Draws that never vary have no interval: their mean must be the value, up to rounding.
    rounding = 1e-12 * target.abs().clamp(min=1.0)
    distance = torch.where(gap <= rounding, 0.0, gap / error)
    return torch.where(error.isfinite(), distance, math.nan)


def _moments(
    name: str,
    sample: Any,
    draws: int,
    seed: int,
    batch: int,
) -> tuple[Tensor, Tensor, int]:
    """Mean, its standard error and the number of draws, computed batch by batch."""
    generator = torch.Generator().manual_seed(seed)
    if callable(sample):
        sizes = [min(batch, draws - start) for start in range(0, draws, batch)]
        batches: Iterator[Any] = (evaluated(name, sample, n, generator) for n in sizes)
    else:
        if hasattr(sample, "sample"):
            reason = f"{shown(sample)} is a distribution"
            refuse(name, f"{reason}: give a function of a number of draws and a generator")
        values = to_float64(name, sample)
        draws = len(values) if values.dim() else 1
        sizes, batches = [draws], iter([values])
    if draws < FEWEST:
        refuse(name, f"{draws} draws have no interval worth the name: take at least {FEWEST:,}")
    count, mean, squares = 0, torch.zeros(()), torch.zeros(())
    for size, drawn in zip(sizes, batches, strict=True):
        values = to_float64(name, drawn)
        if values.dim() == 0 or len(values) != size:
            shape = f"a batch of {size} draws is shaped {tuple(values.shape)}"
            refuse(name, f"{shape}: give the draws, not their mean, along the first axis")
        # Chan's update: sums of squares about the running mean, which do not cancel.
        shift = values.mean(dim=0) - mean
        squares = squares + values.var(dim=0, correction=0) * size
        squares = squares + shift**2 * count * size / (count + size)
        mean = mean + shift * size / (count + size)
        count += size
    return mean, (squares / (count - 1) / count).sqrt(), draws
