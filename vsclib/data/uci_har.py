"""UCI HAR: what a telephone at the belt measures while its owner walks, sits or lies, as images one
pixel high.

Models of this library take images in [0, 1], stored as bytes. A vector of 561 features becomes an
image of one row, (1, 1, 561); a window of nine signals becomes one of nine rows, (1, 9, 128). Both
are brought to [0, 1] by a fixed range, the same for every window, and rounded to the 256 levels of
a byte.
"""

import hashlib
from pathlib import Path
from typing import NamedTuple
from zipfile import BadZipFile

import numpy as np

from vsclib.data import folders
from vsclib.data.dataset import DataSet, Information, Split, assemble
from vsclib.errors import DataError

FOLDER = "uci_har"
ARCHIVE = "UCI HAR Dataset"
ACTIVITIES = ("walking", "walking upstairs", "walking downstairs", "sitting", "standing", "laying")
CHANNELS = tuple(
    f"{signal}_{axis}" for signal in ("body_acc", "body_gyro", "total_acc") for axis in "xyz"
)
WINDOWS = {"train": 7_352, "test": 2_947}
#: Half the range of each signal: g, rad/s and g. The largest values are 1.36 g, 5.97 rad/s and 2.20 g.
LIMITS = np.repeat((1.5, 6.0, 2.2), 3)
#: SHA-256 of the activities, one byte 1..6 for each window, of the training and then of the test windows.
_LABELS_SHA256 = "00b5e54b987df12d579c46f9d5f409d1252873446171be3a63f8412a2fc6ff50"
_REMEDY = (
    f"put the folder {ARCHIVE!r} of the archive from https://archive.ics.uci.edu/dataset/240 into DATA/{FOLDER} "
    f"and set {folders.VARIABLE}=DATA"
)


class Windows(NamedTuple):
    """One of the two forms in which the windows are published.

    Attributes:
        name: what ``load`` is asked for.
        shape: of one window.
        packed: name of a single file that may hold the whole set, and its arrays' names with ``{}``
            for the half.
        information: for readers.
    """

    name: str
    shape: tuple[int, ...]
    packed: tuple[str, str, str]
    information: Information


def load(windows: Windows, root: str | Path | None = None) -> DataSet:
    r"""The windows of 21 people to train on and of 9 other people to test on, as published.

    .. math:: \text{feature: } \tfrac12 (f + 1), \qquad
        \text{signal: } \tfrac12 \left(\frac{s}{\ell} + 1\right), \quad \ell = 1.5\,g,\ 6\,\mathrm{rad/s},\ 2.2\,g

    and then rounded to bytes: the features are published in [-1, 1], and :math:`\ell` is the
    ``LIMITS`` entry of body acceleration, angular velocity and total acceleration, so that nothing
    is cut off. Rounding moves a feature by at most 0.004, an acceleration by 0.006 g (body) or
    0.009 g (total), an angular velocity by 0.024 rad/s. For the features that is little: logistic
    regression tells the activities apart equally well before and after (96 %). In the signals of
    somebody who sits, stands or lies it is as much as what is left of the movement.

    Args:
        windows: ``FEATURES`` or ``SIGNALS``.
        root: folder that holds ``uci_har``, and in it the archive's folder ``UCI HAR Dataset`` (or
            the set packed into one file, ``uci_har_features.npz`` or ``uci_har_inertial.npz``);
            when it is given, nothing else is searched.

    Returns:
        The data set; labels are positions in ``ACTIVITIES``.

    Raises:
        DataError: there is no copy, or a file is missing, cut short or another one.
    """
    folder = folders.find(FOLDER, root)
    if folder is None:
        raise DataError(
            f"no copy of {windows.name} under {folders.VARIABLE} or in {folders.cache_folder()}: {_REMEDY}"
        )
    packed = folder / windows.packed[0]
    read = _read_packed if packed.is_file() else _read_text
    raw = {part: read(windows, folder, part) for part in WINDOWS}
    source = packed if packed.is_file() else folder / ARCHIVE
    found = hashlib.sha256(
        b"".join(activity.astype(np.uint8).tobytes() for _, activity in raw.values())
    ).hexdigest()
    if found != _LABELS_SHA256:
        raise DataError(
            f"{source}: the activities have SHA-256 {found}, expected {_LABELS_SHA256}: {_REMEDY}"
        )
    train, test = (
        Split(to_images(values), activity.astype(np.int64) - 1, None)
        for values, activity in raw.values()
    )
    loaded = assemble(windows.name, train, test, ACTIVITIES)
    # The packed signals are rounded to 1/4096 of their unit; a published value at the edge may
    # round elsewhere.
    if loaded.sha256 != windows.information.sha256 and (
        windows.shape == (561,) or packed.is_file()
    ):
        raise DataError(
            f"{source} holds other values: checksum {loaded.sha256}, expected {windows.information.sha256}: {_REMEDY}"
        )
    return loaded


def to_images(values: np.ndarray) -> np.ndarray:
    """Features or signals as images of bytes.

    Args:
        values: float, shaped (N, 561) in [-1, 1] or (N, 9, 128) in g and rad/s.

    Returns:
        uint8, shaped (N, 1, 1, 561) or (N, 1, 9, 128).

    Raises:
        DataError: another shape, or a value outside the range.
    """
    if values.ndim not in (2, 3) or values.shape[1:] not in ((561,), (9, 128)):
        raise DataError(
            f"windows are shaped {values.shape}, expected (N, 561) features or (N, 9, 128) signals"
        )
    limits = np.ones(1) if values.ndim == 2 else LIMITS[:, None]
    scaled = values.astype(np.float64) / limits  # (N, 561) or (N, 9, 128), in [-1, 1]
    largest = np.abs(scaled).max()
    if not largest <= 1:
        raise DataError(
            f"windows reach {largest:.3g} times their range, expected 1 at most: {_REMEDY}"
        )
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
        raise DataError(
            f"images are shaped {images.shape}, expected (N, 1, 1, 561) or (N, 1, 9, 128)"
        )
    scaled = 2 * images[:, 0].astype(np.float64) - 1
    return scaled[:, 0] if images.shape[2] == 1 else scaled * LIMITS[:, None]


def _read_packed(windows: Windows, folder: Path, part: str) -> tuple[np.ndarray, np.ndarray]:
    file, values, activities = windows.packed
    try:
        with np.load(folder / file) as arrays:
            return arrays[values.format(part)], arrays[activities.format(part)]
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise DataError(
            f"{folder / file} cannot be read ({str(error).splitlines()[0]}): {_REMEDY}"
        ) from None


def _read_text(windows: Windows, folder: Path, part: str) -> tuple[np.ndarray, np.ndarray]:
    here = folder / ARCHIVE / part
    activities = _table(here / f"y_{part}.txt", (WINDOWS[part], 1))[:, 0]
    if windows.shape == (561,):
        # By way of float32, so that a copy packed as float32 gives the same bytes.
        return _table(here / f"X_{part}.txt", (WINDOWS[part], 561)).astype(np.float32), activities
    files = [here / "Inertial Signals" / f"{channel}_{part}.txt" for channel in CHANNELS]
    signals = np.stack(
        [_table(file, (WINDOWS[part], 128)) for file in files], axis=1
    )  # (N, 9, 128)
    return np.rint(signals.astype(np.float32) * 4096) / 4096, activities


def _table(path: Path, shape: tuple[int, int]) -> np.ndarray:
    if not path.is_file():
        raise DataError(f"{path} is missing: {_REMEDY}")
    try:
        table = np.loadtxt(path, ndmin=2)
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path} cannot be read ({str(error).splitlines()[0]}): {_REMEDY}"
        ) from None
    if table.shape != shape:
        raise DataError(
            f"{path} holds {table.shape[0]} x {table.shape[1]} numbers, expected {shape[0]} x {shape[1]}: {_REMEDY}"
        )
    return table


_INFORMATION = Information(
    title="UCI HAR, 561 features",
    train=WINDOWS["train"],
    test=WINDOWS["test"],
    image_shape=(1, 1, 561),
    classes=ACTIVITIES,
    factors=(),
    licence="CC BY 4.0; the archive's own note forbids commercial use",
    source="D. Anguita, A. Ghio, L. Oneto, X. Parra, J. L. Reyes-Ortiz, A Public Domain Dataset for Human Activity "
    "Recognition Using Smartphones (2013), https://archive.ics.uci.edu/dataset/240",
    origin="VSCLIB_DATA or the user's cache; unpack the published archive there",
    sha256="0a3895b4f5033648192084f0b72a652c95e350135a12e30b763a21fee4fd2f30",
)
FEATURES = Windows("uci_har", (561,), ("uci_har_features.npz", "{}_x", "{}_y"), _INFORMATION)
SIGNALS = Windows(
    "uci_har_signals",
    (9, 128),
    ("uci_har_inertial.npz", "X_{}", "y_{}"),
    _INFORMATION._replace(
        title="UCI HAR, signals",
        image_shape=(1, 9, 128),
        sha256="52362accd2d0aafc7ba7485b30703e5172a2d0650d93fd1602a29a8acd246b3c",
    ),
)
