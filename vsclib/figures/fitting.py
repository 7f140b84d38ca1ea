"""What pictures ask of numbers, codes and labels before anything is drawn."""

from collections.abc import Sequence

import numpy as np

from vsclib.arguments import ArrayLike
from vsclib.errors import ConfigurationError, DataError
from vsclib.models import Code


def require_count(name: str, value: int, least: int = 1, most: int = 1000) -> None:
    """Refuse a number of things to draw that is out of range: a ConfigurationError."""
    if isinstance(value, bool) or not least <= value <= most:
        found = f"{name} = {value!r} is not allowed"
        raise ConfigurationError(f"{found}: choose {least} <= {name} <= {most}")


def floats(name: str, values: ArrayLike) -> np.ndarray:
    """Numbers as float64; a DataError where they are none."""
    try:
        return np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        raise DataError(f"{name} holds something else than numbers: give real numbers") from None


def require_code(code: Code) -> None:
    """Refuse what is no code of a set: a DataError unless all is (N, J) of finite numbers."""
    shape = tuple(code.z.shape)
    if len(shape) != 2 or 0 in shape:
        raise DataError(f"code.z is shaped {shape}: give codes (N, J) of at least one image")
    fields = {"active": code.active, "mu": code.mu, "gamma": code.gamma}
    for name, field in fields.items():
        if field is not None and tuple(field.shape) != shape:
            found = f"code.{name} is shaped {tuple(field.shape)}, code.z {shape}"
            raise DataError(f"{found}: give both of the same images")
    for name, field in {"z": code.z, "mu": code.mu, "gamma": code.gamma}.items():
        if field is not None and not field.isfinite().all():
            raise DataError(f"code.{name} holds NaN or infinity: load a model that trained well")


def checked_labels(labels: ArrayLike, classes: Sequence[str], count: int) -> np.ndarray:
    """Labels as an array (N,) of positions in ``classes``.

    Raises:
        DataError: they are not as many as the codes, no whole numbers, or no positions.
    """
    y = np.asarray(labels)
    if y.shape != (count,):
        raise DataError(f"{count} codes with labels {y.shape}: every code needs one")
    if y.dtype.kind not in "iu":
        raise DataError(f"labels are {y.dtype}: give whole numbers, positions in classes")
    if y.min() < 0 or y.max() >= len(classes):
        found = f"labels run from {y.min()} to {y.max()} with {len(classes)} classes"
        raise DataError(f"{found}: give a class for every label")
    return y
