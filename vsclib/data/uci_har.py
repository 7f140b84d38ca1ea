"""UCI HAR: what a telephone at the belt measures, as images one pixel high.

A vector of 561 features becomes an image of one row, (1, 1, 561); a window of nine signals becomes
one of nine rows, (1, 9, 128). Both are brought to [0, 1] by a range that is the same for every
window, and rounded to the 256 levels of a byte. ``uci_har_real`` has the features as published.
"""

import hashlib
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from vsclib.data import downloads
from vsclib.data.dataset import DataSet, Information, Split, assemble, information_of, real_numbers
from vsclib.errors import DataError

_INFORMATION = Information(
    title="UCI HAR, 561 features",
    train=7_352,
    test=2_947,
    image_shape=(1, 1, 561),
    classes=(
        *("walking", "walking upstairs", "walking downstairs"),
        *("sitting", "standing", "laying"),
    ),
    licence="CC BY 4.0; the archive's own note forbids commercial use",
    source="D. Anguita, A. Ghio, L. Oneto, X. Parra, J. L. Reyes-Ortiz, A Public Domain Dataset "
    "for Human Activity Recognition Using Smartphones (2013), "
    "https://archive.ics.uci.edu/dataset/240",
    origin="VSCLIB_DATA or the user's cache; unpack the published archive there",
    preparation="brought to [0, 1] by a fixed range and rounded to bytes",
    sha256="0a3895b4f5033648192084f0b72a652c95e350135a12e30b763a21fee4fd2f30",
    folder="uci_har",
)
INFORMATION = {
    "uci_har": _INFORMATION,
    "uci_har_real": _INFORMATION._replace(
        title="UCI HAR, 561 features as real values",
        preparation="nothing: the features as published, in float32",
        sha256="fdbde99793cd8ac0a170cfcab5bd6809cf241a3073c33d1cdca0eee7671f3224",
        real_valued=True,
    ),
    "uci_har_signals": _INFORMATION._replace(
        title="UCI HAR, signals",
        image_shape=(1, 9, 128),
        sha256="52362accd2d0aafc7ba7485b30703e5172a2d0650d93fd1602a29a8acd246b3c",
    ),
}
CHANNELS = tuple(
    f"{signal}_{axis}" for signal in ("body_acc", "body_gyro", "total_acc") for axis in "xyz"
)
#: Half the range of each signal in g, rad/s and g; its largest values are 1.36, 5.97 and 2.20.
LIMITS = np.repeat((1.5, 6.0, 2.2), 3)
_ARCHIVE = "UCI HAR Dataset"
#: A single file that may hold the whole set, and the names of its arrays for a half.
_PACKED = {
    "uci_har": ("uci_har_features.npz", "{}_x", "{}_y"),
    "uci_har_real": ("uci_har_features.npz", "{}_x", "{}_y"),
    "uci_har_signals": ("uci_har_inertial.npz", "X_{}", "y_{}"),
}
#: Of the activities, one byte 1..6 for each window, first for training and then for testing.
_LABELS_SHA256 = "00b5e54b987df12d579c46f9d5f409d1252873446171be3a63f8412a2fc6ff50"
_REMEDY = (
    f"put the folder {_ARCHIVE!r} of the archive from https://archive.ics.uci.edu/dataset/240 "
    f"into DATA/uci_har and set {downloads.VARIABLE}=DATA"
)


def load(name: str, root: str | Path | None = None) -> DataSet:
    r"""The windows of 21 people to train on and of 9 other people to test on, as published.

    .. math::
        \text{feature: } \tfrac12 (f + 1), \qquad
        \text{signal: } \tfrac12 \left(\frac{s}{\ell} + 1\right),
        \quad \ell = 1.5\,g,\ 6\,\mathrm{rad/s},\ 2.2\,g

    and then rounded to bytes, except for ``uci_har_real``, whose features stay as they are. They
    are published in [-1, 1], and :math:`\ell` is the ``LIMITS`` entry of body acceleration, angular
    velocity and total acceleration, so nothing is cut off. Rounding moves a feature by at most
    0.004, an acceleration by 0.006 g (body) or 0.009 g (total), an angular velocity by 0.024 rad/s.
    The page on data says what that costs.

    Args:
        name: ``uci_har`` for the features, ``uci_har_real`` for the same as they were published,
            ``uci_har_signals`` for the signals.
        root: folder that holds ``uci_har``, and in it the archive's folder ``UCI HAR Dataset`` or
            the set packed into one file, ``uci_har_features.npz`` or ``uci_har_inertial.npz``.

    Raises:
        DataError: there is no copy, or a file is missing, cut short or another one.
    """
    about = information_of(INFORMATION, name)
    folder = downloads.own_folder(about.folder, root) or downloads.cache_folder() / about.folder
    if not folder.is_dir():
        raise DataError(f"no copy of {name} in {folder}: {_REMEDY}")
    packed = folder / _PACKED[name][0]
    read = _read_packed if packed.is_file() else _read_text
    values, activities = zip(*(read(name, folder, part) for part in ("train", "test")), strict=True)
    train, test = (
        Split(_stored(half, about.real_valued), activity.astype(np.int64) - 1, None)
        for half, activity in zip(values, activities, strict=True)
    )
    loaded = assemble(name, train, test, about.classes)
    if name != "uci_har_signals" or packed.is_file():
        what, found, expected = "the windows", loaded.sha256, about.sha256
    else:
        # Text and packed signals may be rounded apart at the edge: only the activities are sure.
        what, expected = "the activities", _LABELS_SHA256
        found = hashlib.sha256(np.concatenate(activities).astype(np.uint8).tobytes()).hexdigest()
    if found != expected:
        source = packed if packed.is_file() else folder / _ARCHIVE
        digests = f"{what} have SHA-256 {found}, expected {expected}"
        raise DataError(f"{source} holds other values: {digests}: {_REMEDY}")
    return loaded


def _stored(values: np.ndarray, real: bool) -> np.ndarray:
    """Windows in the form of a ``Split``: real values (N, 1, 1, 561), or bytes."""
    return values.astype(np.float32)[:, None, None] if real else to_images(values)


def to_images(values: np.ndarray) -> np.ndarray:
    """Features (N, 561) in [-1, 1], or signals (N, 9, 128) in g and rad/s, as images of bytes.

    Returns:
        uint8, shaped (N, 1, 1, 561) or (N, 1, 9, 128).

    Raises:
        DataError: another shape, or a value outside the range.
    """
    if values.ndim not in (2, 3) or not len(values) or values.shape[1:] not in ((561,), (9, 128)):
        expected = "(N, 561) features or (N, 9, 128) signals"
        raise DataError(f"windows are shaped {values.shape}, expected {expected}")
    limits = np.ones(1) if values.ndim == 2 else LIMITS[:, None]
    scaled = (
        real_numbers(values, "windows").astype(np.float64) / limits
    )  # (N, 561) or (N, 9, 128), in [-1, 1]
    largest = np.abs(scaled).max()
    if not largest <= 1:
        found = f"windows reach {largest:.3g} times their range"
        raise DataError(f"{found}, expected 1 at most: {_REMEDY}")
    images = np.rint((scaled + 1) * 127.5).astype(np.uint8)
    return images[:, None, None] if values.ndim == 2 else images[:, None]


def from_images(images: np.ndarray) -> np.ndarray:
    """The inverse of ``to_images``, up to the rounding, such as for a model's means.

    Args:
        images: in [0, 1], shaped (N, 1, 1, 561) or (N, 1, 9, 128).

    Returns:
        float64, shaped (N, 561) or (N, 9, 128), in [-1, 1] or in g and rad/s.

    Raises:
        DataError: another shape.
    """
    if images.ndim != 4 or images.shape[1:] not in ((1, 1, 561), (1, 9, 128)):
        expected = "(N, 1, 1, 561) or (N, 1, 9, 128)"
        raise DataError(f"images are shaped {images.shape}, expected {expected}")
    scaled = 2 * real_numbers(images, "images")[:, 0].astype(np.float64) - 1
    return scaled[:, 0] if images.shape[2] == 1 else scaled * LIMITS[:, None]


def _read_packed(name: str, folder: Path, part: str) -> tuple[np.ndarray, np.ndarray]:
    file, values, activities = _PACKED[name]
    try:
        with np.load(folder / file) as arrays:
            return arrays[values.format(part)], arrays[activities.format(part)]
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise _unreadable(folder / file, error) from None


def _read_text(name: str, folder: Path, part: str) -> tuple[np.ndarray, np.ndarray]:
    here, windows = folder / _ARCHIVE / part, getattr(INFORMATION[name], part)
    activities = _table(here / f"y_{part}.txt", (windows, 1))[:, 0]
    # By way of float32, so that a copy packed as float32 gives the same bytes.
    if name != "uci_har_signals":
        return _table(here / f"X_{part}.txt", (windows, 561)).astype(np.float32), activities
    files = [here / "Inertial Signals" / f"{channel}_{part}.txt" for channel in CHANNELS]
    signals = np.stack([_table(file, (windows, 128)) for file in files], axis=1)  # (N, 9, 128)
    return np.rint(signals.astype(np.float32) * 4096) / 4096, activities


def _table(path: Path, shape: tuple[int, int]) -> np.ndarray:
    if not path.is_file():
        raise DataError(f"{path} is missing: {_REMEDY}")
    try:
        table = np.loadtxt(path, ndmin=2)
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from None
    if table.shape != shape:
        raise DataError(f"{path} holds {table.shape} numbers, expected {shape}: {_REMEDY}")
    return table


def _unreadable(path: Path, error: Exception) -> DataError:
    return DataError(f"{path} cannot be read ({str(error).splitlines()[0]}): {_REMEDY}")
