"""A reader's own real values as a data set: vectors, signals or maps, whatever their range."""

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from vsclib.data.arrays import Listed, as_array, divide, hold_out
from vsclib.data.dataset import DataSet, real_numbers
from vsclib.errors import DataError

_FORMS = "vectors (N, D), signals (N, C, T) or maps (N, C, H, W)"


def from_values(
    values: np.ndarray | Tensor,
    labels: Listed | None = None,
    factors: Listed | None = None,
    *,
    classes: Sequence[str] | None = None,
    test: float | np.ndarray = 0.2,
    seed: int | np.integer = 0,
    name: str = "values",
) -> DataSet:
    """Real values in memory as a data set; nothing is rounded, cut off or scaled.

    The values are stored as float32. A model takes them whose likelihood is ``gaussian_real``. Its
    ``sigma`` is one number for all of them, so give features of different units one scale first,
    such as mean 0 and deviation 1 as measured on what you train on.

    Args:
        values: finite numbers, shaped (N, D) for vectors, which become (N, 1, 1, D); (N, C, T) for
            signals, which become (N, C, 1, T); or (N, C, H, W).
        labels, factors, classes, test, seed, name: as ``from_array`` takes them.

    Returns:
        The data set; within each half the values keep their order.

    Raises:
        DataError: wrong shape or type, a value that is not finite or beyond float32; labels,
            factors or ``test`` that do not fit.

    Example:
        >>> import numpy as np
        >>> from vsclib import data
        >>> mine = data.from_values(np.random.default_rng(0).normal(20, 5, (50, 12)))
        >>> mine.train.images.shape, mine.train.images.dtype
        ((40, 1, 1, 12), dtype('float32'))
    """
    stored = _as_maps(values)
    return divide(stored, labels, factors, classes, hold_out(len(stored), test, seed), name)


def _as_maps(values: np.ndarray | Tensor) -> np.ndarray:
    """Values in any accepted form as float32 (N, C, H, W)."""
    array = as_array(values)
    if array.ndim not in (2, 3, 4) or 0 in array.shape:
        remedy = "reshape them, with one row for each item"
        raise DataError(f"values is shaped {array.shape}, expected {_FORMS}: {remedy}")
    with np.errstate(over="ignore"):  # what becomes infinite is refused below
        floats = real_numbers(array, "values").astype(np.float32)
    if not np.isfinite(floats).all():
        place = np.argwhere(~np.isfinite(floats))[0].tolist()
        found = f"values holds {array[tuple(place)]} at {place}, expected finite float32"
        raise DataError(f"{found}: fill or leave out what is unknown")
    if array.ndim == 2:
        return floats[:, None, None]  # (N, 1, 1, D)
    return floats[:, :, None] if array.ndim == 3 else floats  # (N, C, 1, T) or (N, C, H, W)
