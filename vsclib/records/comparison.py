"""Whether one of two models is better, or their seeds only differ: an exact test and its size."""

import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

from vsclib.errors import ConfigurationError, DataError

MOST_COUNTED = 2_000_000
"""Most arrangements that are counted one by one; 5 against 5 seeds on two data sets are 63,504."""
DRAWS = 100_000
"""Arrangements that are drawn where there are more; their p-value says so by ``exact``."""


class Comparison(NamedTuple):
    """The difference of two groups of trainings.

    Attributes:
        difference: mean of the first minus mean of the second, averaged over the strata, in the
            number's own unit.
        low: lower end of its 95 % interval by Welch's t; NaN where a group has one training.
        high: upper end.
        p: two-sided p-value of the permutation test, at least 2 in the number of arrangements; 1
            where nothing can be exchanged.
        exact: whether every arrangement was counted, and none drawn.
        trainings: how many each group has, over all strata.
    """

    difference: float
    low: float
    high: float
    p: float
    exact: bool
    trainings: tuple[int, int]


def exact_test(
    first: Sequence[Sequence[float] | np.ndarray], second: Sequence[Sequence[float] | np.ndarray]
) -> Comparison:
    r"""Compare a number of two groups of trainings, within strata such as data sets.

    .. math:: d = \frac1S\sum_s(\bar a_s - \bar b_s), \qquad
        p = \frac{\#\{\pi : |d_\pi| \ge |d|\}}{\prod_s\binom{n_s + m_s}{n_s}}

    If the groups do not differ, every arrangement :math:`\pi` that exchanges trainings within a
    stratum is as likely as the one at hand. So p needs no assumption on how seeds are spread, and
    has a floor: three against three trainings in one stratum give .1, five against five .008.

    Args:
        first: for each stratum the values of its trainings.
        second: the same strata of the other group.

    Returns:
        The difference, its interval and its p-value.

    Raises:
        ConfigurationError: the strata differ in number, or there is none.
        DataError: a stratum is empty, or holds a value that is not finite.

    Source:
        Fisher (1935), The Design of Experiments; Welch (1947) for the interval.

    Example:
        >>> exact_test([[3.0, 4.0, 5.0]], [[0.0, 1.0, 2.0]]).p
        0.1
    """
    if len(first) != len(second) or not first:
        given = f"{len(first)} and {len(second)} strata"
        raise ConfigurationError(f"{given} cannot be compared: give the same, one or more, of both")
    pairs = [(_sound(a), _sound(b)) for a, b in zip(first, second, strict=True)]
    found = float(np.mean([a.mean() - b.mean() for a, b in pairs]))
    low, high = _interval(pairs, found)
    counts = [math.comb(len(a) + len(b), len(a)) for a, b in pairs]
    exact = math.prod(counts) <= MOST_COUNTED
    others = _counted(pairs) if exact else _drawn(pairs)
    # Sums of the same numbers in another order differ in the last digits.
    as_far = np.abs(others) >= abs(found) * (1.0 - 1e-9) - 1e-15
    p = float(as_far.mean()) if exact else float((as_far.sum() + 1) / (len(others) + 1))
    trainings = sum(len(a) for a, _ in pairs), sum(len(b) for _, b in pairs)
    return Comparison(found, low, high, p, exact, trainings)


def corrected(p_values: Sequence[float]) -> list[float]:
    """P-values of one page, corrected for their number: the false discovery rate is kept.

    Args:
        p_values: of all comparisons that the page makes, each in [0, 1].

    Returns:
        The corrected values, in the same order; none for none.

    Raises:
        DataError: a value outside [0, 1].

    Source:
        Benjamini & Hochberg (1995), Journal of the Royal Statistical Society B 57.
    """
    for p in p_values:
        if not 0.0 <= p <= 1.0:
            raise DataError(f"p = {p!r} is no p-value: give numbers in [0, 1]")
    if not p_values:
        return []
    return [float(p) for p in stats.false_discovery_control(np.asarray(p_values), method="bh")]


def _sound(values: Sequence[float] | np.ndarray) -> np.ndarray:
    array = np.asarray(values, dtype=float)
    if array.ndim != 1 or not len(array) or not np.isfinite(array).all():
        raise DataError(f"a stratum holds {array.tolist()!r}: give finite numbers, one or more")
    return array


def _arrangements(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The differences of means under all exchanges within one stratum."""
    both = np.concatenate([a, b])
    chosen = np.array(list(itertools.combinations(range(len(both)), len(a))))
    sums = both[chosen].sum(1)
    return sums / len(a) - (both.sum() - sums) / len(b)


def _counted(pairs: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    total = np.zeros(1)
    for a, b in pairs:
        total = (total[:, None] + _arrangements(a, b)[None]).ravel()
    return total / len(pairs)


def _drawn(pairs: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    generator, total = np.random.default_rng(0), np.zeros(DRAWS)
    for a, b in pairs:
        both = np.tile(np.concatenate([a, b]), (DRAWS, 1))
        shuffled = generator.permuted(both, axis=1)
        total += shuffled[:, : len(a)].mean(1) - shuffled[:, len(a) :].mean(1)
    return total / len(pairs)


def _interval(pairs: list[tuple[np.ndarray, np.ndarray]], found: float) -> tuple[float, float]:
    """Welch's 95 % interval of the mean difference over the strata."""
    groups = [group for pair in pairs for group in pair]
    if min(map(len, groups)) < 2:
        return math.nan, math.nan
    parts = [group.var(ddof=1) / len(group) for group in groups]
    variance = sum(parts)
    if variance == 0.0:
        return found, found
    freedom = variance**2 / sum(
        part**2 / (len(group) - 1) for part, group in zip(parts, groups, strict=True)
    )
    half = stats.t.ppf(0.975, freedom) * math.sqrt(variance) / len(pairs)
    return found - float(half), found + float(half)
