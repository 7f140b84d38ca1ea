"""Which images a measure looks at when it does not look at all of them."""

from collections.abc import Sequence

import numpy as np

from vsclib.arguments import ArrayLike
from vsclib.errors import ConfigurationError
from vsclib.metrics.inputs import label_column

PROBE_CODES = 5000
"""Training images whose codes a classifier is fitted on."""


def stratified_sample(labels: ArrayLike, count: int, seed: int | Sequence[int] = 0) -> np.ndarray:
    """Positions of a drawn part of a set, whatever order the set is in.

    The draw is without replacement, from every class in proportion as nearly as whole numbers allow
    and at least one of each. The positions come in random order and each beginning of them is such
    a draw as well: take the first hundred, and they are a fair hundred. With more classes than
    positions the draw is plain.

    Args:
        labels: (N,), whole numbers or names; the classes.
        count: how many, from 0 to N.
        seed: of the draw.

    Returns:
        (count,) whole numbers, no two equal.

    Raises:
        ConfigurationError: more positions than there are, or a negative seed.
        DataError: labels that are no column of whole numbers or names.
    """
    y = label_column(labels)
    if not 0 <= count <= len(y):
        raise ConfigurationError(f"count = {count!r} is not allowed: choose from 0 to {len(y)}")
    if np.min(seed) < 0:
        raise ConfigurationError(f"seed = {seed!r} is not allowed: choose seed >= 0")
    rng = np.random.default_rng(seed)
    order, classes = rng.permutation(len(y)), np.unique(y)
    if len(classes) > count:
        return order[:count]
    first = np.array([order[y[order] == label][0] for label in classes])
    # Ranks within a class, as shares of the class: the smallest shares are a draw in proportion.
    shares = np.empty(len(y))
    for label in classes:
        of_class = order[y[order] == label]
        shares[of_class] = (np.arange(len(of_class)) + rng.random()) / len(of_class)
    shares[first] = -1.0
    return np.argsort(shares, kind="stable")[:count]


def probe_rows(labels: ArrayLike) -> np.ndarray:
    """Positions of the images that a classifier is fitted on: all, or 5,000 drawn by one seed."""
    count = len(label_column(labels))
    if count <= PROBE_CODES:
        return np.arange(count)
    return np.sort(stratified_sample(labels, PROBE_CODES))
