"""What measures are given, checked before it can become a wrong number."""

import numpy as np
from torch import Tensor

from vsclib.arguments import ArrayLike
from vsclib.errors import ConfigurationError, DataError
from vsclib.models import Code, Model


def matrix(rows: Tensor | ArrayLike, what: str = "codes") -> np.ndarray:
    """Rows as float64 (N, J); DataError when they are no finite numbers or no matrix."""
    # Half precision has no NumPy type everywhere.
    held = rows.detach().double().cpu().numpy() if isinstance(rows, Tensor) else np.asarray(rows)
    if held.ndim != 2 or 0 in held.shape:
        raise DataError(
            f"{what} are shaped {held.shape}: give (N, columns), at least one of each; a single "
            "column is array[:, None]"
        )
    if held.dtype.kind not in "fiub" or not np.isfinite(held).all():
        raise DataError(
            f"{what} shaped {held.shape} of {held.dtype} must be finite numbers: check the model "
            "and the data for NaN"
        )
    return held.astype(np.float64)


def label_column(labels: ArrayLike) -> np.ndarray:
    """Labels as an array (N,); DataError when they are no whole numbers or names."""
    held = np.asarray(labels)
    if held.ndim != 1 or len(held) == 0 or held.dtype.kind not in "iubU":
        raise DataError(
            f"labels are {held.dtype} shaped {held.shape}: give whole numbers or names (N,), one "
            "for each image"
        )
    return held


def sound(code: Code, model: Model | None = None) -> Code:
    """Give a code of a whole set back, or raise DataError.

    Args:
        code: codes (N, J).
        model: who is to decode or weigh it, where that matters.

    Raises:
        DataError: no images, fields of different shapes, NaN or infinity, or the code of a model
            with another number of latents.
    """
    shape = tuple(code.z.shape)
    for name, field in zip(Code._fields, code, strict=True):
        if field is None:
            continue
        fits = len(field) == shape[0] if name == "weights" else tuple(field.shape) == shape
        if field.ndim != 2 or not fits or 0 in field.shape:
            raise DataError(
                f"code.{name} is shaped {tuple(field.shape)}, code.z {shape}: both are (N, J) of "
                "at least one image"
            )
        if not field.isfinite().all():
            raise DataError(
                f"code.{name} holds NaN or infinity: the model's weights are damaged or its "
                "training diverged, so load an earlier checkpoint or lower learning_rate"
            )
    if model is not None and shape[1] != model.latents:
        raise DataError(
            f"codes of {shape[1]} latents do not fit model {model.name!r} with {model.latents}: "
            "pass codes of this model"
        )
    return code


def check_counts(**counts: int | None) -> None:
    """Refuse a number below one; None stands for all."""
    for name, value in counts.items():
        if value is not None and not value >= 1:
            raise ConfigurationError(f"{name} = {value!r} is not allowed: choose {name} >= 1")


def check_size(**sizes: float) -> None:
    """Refuse a number that is negative, infinite or NaN."""
    for name, value in sizes.items():
        if not 0.0 <= value < float("inf"):
            raise ConfigurationError(
                f"{name} = {value!r} is not allowed: choose {name} >= 0 and finite"
            )


def check_seed(seed: int) -> None:
    """Refuse what scikit-learn and NumPy do not take as a seed."""
    if not 0 <= seed < 2**32:
        raise ConfigurationError(f"seed = {seed!r} is not allowed: choose 0 <= seed < 2**32")
