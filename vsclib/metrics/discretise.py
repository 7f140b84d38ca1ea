"""Numbers into classes: what the measures of disentanglement count."""

import numpy as np

from vsclib.errors import ConfigurationError

BINS = 20
"""Classes of equal width between the smallest and the largest value."""


def discretise(columns: np.ndarray, bins: int = BINS) -> np.ndarray:
    """Classes of every column, its zeros apart.

    A column's range is cut into equal widths; entries that are exactly zero form a class of their
    own, for a factor that is not there (or a latent that is off) is something else than a small
    value. Columns with ``bins`` different values or fewer keep each value as a class.

    Args:
        columns: (N, J) finite numbers.
        bins: number of widths, at least 2.

    Returns:
        (N, J) whole numbers in 0..bins; 0 is the class of the zeros where a column is cut.

    Raises:
        ConfigurationError: fewer than two bins.
    """
    if bins < 2:
        raise ConfigurationError(f"bins = {bins!r} is not allowed: choose bins >= 2")
    return np.stack([_classes(column, bins) for column in columns.T], axis=1)  # (N, J)


def _classes(column: np.ndarray, bins: int) -> np.ndarray:
    values, inverse = np.unique(column, return_inverse=True)
    if len(values) <= bins:
        return inverse
    cuts = np.linspace(values[0], values[-1], bins + 1)[1:-1]
    return np.where(column == 0.0, 0, 1 + np.searchsorted(cuts, column, side="right"))
