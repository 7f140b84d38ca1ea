"""A reader's own array as a data set: scaled to bytes, labels as positions, split by a seed."""

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from vsclib.data.dataset import DataSet, Split, assemble
from vsclib.errors import DataError

_FORMS = "(N, H, W) or (N, C, H, W)"
Listed = Sequence | np.ndarray | Tensor
"""One entry for each image."""


def from_array(
    images: np.ndarray | Tensor,
    labels: Listed | None = None,
    factors: Listed | None = None,
    *,
    classes: Sequence[str] | None = None,
    test: float | np.ndarray = 0.2,
    seed: int | np.integer = 0,
    name: str = "array",
) -> DataSet:
    r"""Images in memory as a data set.

    Floats and booleans become bytes, :math:`\operatorname{round}(255\,x)`, which moves a pixel by
    1/510 at most. Bytes stay as they are.

    Args:
        images: shaped (N, H, W) or (N, C, H, W): whole numbers in 0..255, floats in [0, 1], or
            booleans.
        labels: shaped (N,): numbers or names; without ``classes`` each becomes its position among
            them, sorted.
        factors: shaped (N, F): what the images were made from, finite numbers.
        classes: name of each label; ``labels`` are then positions in it.
        test: share of the images that is held out, in (0, 1); or bool (N,), True for those.
        seed: of the split; not used when ``test`` is given as bool.
        name: what the set is called.

    Returns:
        The data set; within each half the images keep their order.

    Raises:
        DataError: wrong shape, type or scale; labels, factors or ``test`` that do not fit.

    Example:
        >>> import numpy as np
        >>> from vsclib import data
        >>> mine = data.from_array(np.random.default_rng(0).random((50, 12, 16)), test=0.1)
        >>> mine.train.images.shape, mine.test.images.shape
        ((45, 1, 12, 16), (5, 1, 12, 16))
    """
    pixels = to_bytes(images)
    halves = hold_out(len(pixels), test, seed)
    return divide(pixels, labels, factors, classes, halves, name)


def divide(
    images: np.ndarray,
    labels: Listed | None,
    factors: Listed | None,
    classes: Sequence[str] | None,
    held_out: np.ndarray,
    name: str,
) -> DataSet:
    """Images (N, C, H, W) and what belongs to them, as ``from_array`` takes it, in two halves.

    ``held_out`` is bool (N,), True for the images to test on.

    Raises:
        DataError: labels, classes or factors that do not fit.
    """
    positions, names = _positions(labels, classes, len(images))
    values = _factors(factors, len(images))
    train, test = (
        Split(images[half], _rows(positions, half), _rows(values, half))
        for half in (~held_out, held_out)
    )
    return assemble(name, train, test, names)


def to_bytes(images: np.ndarray | Tensor) -> np.ndarray:
    """Images in any accepted form as uint8 (N, C, H, W).

    Raises:
        DataError: wrong shape, type or scale.
    """
    images = as_array(images)
    if images.ndim not in (3, 4) or 0 in images.shape:
        remedy = "vsclib.data.from_values takes vectors and signals"
        raise DataError(f"images is shaped {images.shape}, expected {_FORMS}: {remedy}")
    if images.ndim == 3:
        images = images[:, None]
    if images.shape[-1] <= 4 < images.shape[1]:
        raise DataError(
            f"images is shaped {images.shape}, which looks like (N, H, W, C), expected "
            "(N, C, H, W): move the channels with images.transpose(0, 3, 1, 2)"
        )
    return _scaled(images)


def as_array(values: np.ndarray | Tensor) -> np.ndarray:
    """The array of a tensor on any device, in any precision; an array as it is."""
    if isinstance(values, Tensor):
        # NumPy has no bfloat16, the precision of many models' activations.
        values = (values.float() if values.is_floating_point() else values).numpy(force=True)
    return values


def hold_out(number: int, test: float | np.ndarray, seed: int | np.integer) -> np.ndarray:
    """Which of the images are held out: bool (number,), at least one of each kind.

    ``test`` is the share that is held out, or the answer itself.

    Raises:
        DataError: ``test`` or ``seed`` out of range, or fewer than two images.
    """
    if number < 2:
        needed = "a data set needs at least 2, one to train and one to test on"
        raise DataError(f"{number} image, but {needed}: add images")
    if isinstance(test, np.ndarray):
        if test.dtype != np.bool_ or test.shape != (number,) or test.all() or not test.any():
            raise DataError(
                f"test is {test.dtype} {test.shape} with {np.count_nonzero(test)} set, expected "
                f"bool ({number},) with some of each: True for the images that are held out"
            )
        return test.copy()
    if not 0 < test < 1:
        allowed = "the share of held-out images lies between 0 and 1: 0.2 is usual"
        raise DataError(f"test = {test!r}, but {allowed}")
    if isinstance(seed, bool) or seed < 0:
        raise DataError(f"seed = {seed!r}, but a seed is a whole number, at least 0: 0 is usual")
    held_out = np.zeros(number, dtype=bool)
    share = min(max(round(number * float(test)), 1), number - 1)
    held_out[np.random.default_rng(seed).permutation(number)[:share]] = True
    return held_out


def _scaled(images: np.ndarray) -> np.ndarray:
    if images.dtype == np.bool_:
        return images * np.uint8(255)
    if images.dtype.kind not in "fiu":
        expected = "whole numbers in 0..255, floats in [0, 1] or booleans"
        raise DataError(f"images holds {images.dtype}, expected {expected}: convert them")
    low, high = images.min(), images.max()
    if images.dtype.kind == "f":
        if not (low >= 0 and high <= 1):  # also true of a NaN
            remedy = "(images - low) / (high - low) with a low and a high that fit all images"
            found = f"floats from {low:g} to {high:g}"
            raise DataError(f"images holds {found}, expected [0, 1]: scale them, {remedy}")
        return np.rint(images.astype(np.float64) * 255).astype(np.uint8)
    found = f"images holds whole numbers from {low} to {high}"
    if low < 0 or high > 255:
        raise DataError(f"{found}, expected 0..255: scale them")
    if high <= 1:
        remedy = "multiply by 255, or convert with images.astype(bool)"
        raise DataError(f"{found}, where 255 is white, so all are black: {remedy}")
    return images.astype(np.uint8)


def _positions(
    labels: Listed | None, classes: Sequence[str] | None, number: int
) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """Labels as int64 (N,) positions, and the name of each."""
    if labels is None:
        if classes is not None:
            remedy = "pass labels, or leave classes out"
            raise DataError(f"classes has {len(classes)} names, but there are no labels: {remedy}")
        return None, ()
    array = _as_rows(labels, "labels")
    if array.shape != (number,):
        remedy = "one label for each image"
        raise DataError(f"labels is shaped {array.shape}, expected ({number},): {remedy}")
    if array.dtype.kind not in "iubU":
        remedy = "convert them, or leave them out"
        raise DataError(f"labels holds {array.dtype}, expected whole numbers or names: {remedy}")
    if isinstance(classes, str) or len({str(name) for name in classes or ()}) < len(classes or ()):
        raise DataError(f"classes = {classes!r}, expected a name for each class, none twice")
    if classes is None:
        values, positions = np.unique(array, return_inverse=True)
        return positions.reshape(-1).astype(np.int64), tuple(str(value) for value in values)
    if array.dtype.kind not in "iu" or array.min() < 0 or array.max() >= len(classes):
        whole = array.dtype.kind in "iu"
        found = f"runs from {array.min()} to {array.max()}" if whole else f"holds {array.dtype}"
        raise DataError(
            f"labels {found}, but with {len(classes)} classes it holds positions from 0 to "
            f"{len(classes) - 1}: name every class, or leave classes out"
        )
    return array.astype(np.int64), tuple(str(name) for name in classes)


def _as_rows(listed: Listed, what: str) -> np.ndarray:
    """What was given as an array, a tensor or a list, as an array."""
    if isinstance(listed, np.ndarray | Tensor):
        return as_array(listed)
    try:
        return np.asarray(listed)
    except (ValueError, TypeError):
        remedy = "one entry for each image, all of them alike"
        raise DataError(f"{what} is a ragged {type(listed).__name__}: give {remedy}") from None


def _rows(array: np.ndarray | None, half: np.ndarray) -> np.ndarray | None:
    return None if array is None else array[half]


def _factors(factors: Listed | None, number: int) -> np.ndarray | None:
    if factors is None:
        return None
    array = _as_rows(factors, "factors")
    if array.ndim != 2 or len(array) != number or array.dtype.kind not in "iufb":
        found = f"factors is {array.dtype} {array.shape}, expected numbers ({number}, F)"
        raise DataError(f"{found}: one row for each image")
    if not np.isfinite(array).all():
        remedy = "fill or leave out what is unknown"
        raise DataError(f"factors holds a NaN or an infinity, expected finite numbers: {remedy}")
    return array.astype(np.float64)
