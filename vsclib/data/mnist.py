"""MNIST and its drop-in replacements: four IDX files in torchvision's layout, each checked before
it is believed.
"""

import hashlib
from math import prod
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vsclib.data import downloads, folders
from vsclib.data.dataset import DataSet, Information, Split, assemble
from vsclib.errors import DataError


class IdxFile(NamedTuple):
    """A published file of unsigned bytes.

    Attributes:
        name: without ``.gz``.
        shape: of the array in it.
        sha256: of the unpacked file.
    """

    name: str
    shape: tuple[int, ...]
    sha256: str

    @property
    def header(self) -> bytes:
        """Two zeros, type 8 (unsigned byte), the number of axes, and each length as a big-endian
        32-bit integer.
        """
        return bytes([0, 0, 8, len(self.shape)]) + b"".join(
            length.to_bytes(4, "big") for length in self.shape
        )

    @property
    def size(self) -> int:
        """Bytes of the unpacked file."""
        return len(self.header) + prod(self.shape)


class IdxSet(NamedTuple):
    """A data set of four such files.

    Attributes:
        name: what ``load`` is asked for.
        folder: name of torchvision's class and of the folder it makes.
        files: training images and labels, test images and labels.
        information: for readers.
    """

    name: str
    folder: str
    files: tuple[IdxFile, IdxFile, IdxFile, IdxFile]
    information: Information


def load(idx_set: IdxSet, root: str | Path | None = None) -> DataSet:
    """Reads the set from ``root``, else from VSCLIB_DATA, else from the cache, else downloads it
    into the cache.

    Args:
        idx_set: ``MNIST`` or ``FASHION_MNIST``.
        root: folder that holds ``MNIST/raw`` (or ``FashionMNIST/raw``) with the four unpacked
            files; when it is given, nothing else is searched and nothing is downloaded.

    Returns:
        The data set, its four files verified by their SHA-256.

    Raises:
        DataError: a file is missing, cut short or another one; or there is no copy and no network.
    """
    raw = folders.find(f"{idx_set.folder}/raw", root)
    if raw is None:
        raw = download(idx_set)
    train, test = read(idx_set, raw, downloads.remedy(raw.parent))
    return assemble(idx_set.name, train, test, idx_set.information.classes)


def read(idx_set: IdxSet, raw: Path, remedy: str) -> tuple[Split, Split]:
    """Both halves from the four files in a folder.

    Args:
        idx_set: what the files must be.
        raw: folder that holds them.
        remedy: what the reader shall do about a wrong file.

    Raises:
        DataError: a file is not the published one; sizes are compared first, then contents.
    """
    for file in idx_set.files:
        _check_size(file, raw, remedy)
    train_images, train_labels, test_images, test_labels = (
        _read_file(file, raw, remedy) for file in idx_set.files
    )
    return (
        Split(train_images[:, None], train_labels.astype(np.int64), None),
        Split(test_images[:, None], test_labels.astype(np.int64), None),
    )


def download(idx_set: IdxSet) -> Path:
    """Fetches the set through torchvision into the user's cache, where it appears only when it is
    complete.

    Returns:
        The folder that holds the four files.

    Raises:
        DataError: no network, no space, or what arrived is not the published set.
    """
    by_hand = (
        f"put {', '.join(file.name for file in idx_set.files)}, unpacked, into DATA/{idx_set.folder}/raw "
        f"and set {folders.VARIABLE}=DATA"
    )

    def fetch(folder: Path) -> None:
        # Imported here: torchvision takes a second to import, and most loads need no download.
        from torchvision import datasets

        getattr(datasets, idx_set.folder)(folder, download=True)
        raw = folder / idx_set.folder / "raw"
        read(idx_set, raw, f"what was downloaded is not what was published, {by_hand}")
        for packed in raw.glob("*.gz"):
            packed.unlink()

    return downloads.into_cache(idx_set.name, idx_set.folder, fetch, by_hand) / "raw"


def _check_size(file: IdxFile, raw: Path, remedy: str) -> None:
    path = raw / file.name
    if not path.is_file():
        packed = raw / f"{file.name}.gz"
        remedy = f"unpack {packed}" if packed.is_file() else remedy
        raise DataError(f"{path} is missing, expected a file of {file.size:,} bytes: {remedy}")
    if path.stat().st_size != file.size:
        raise DataError(
            f"{path} has {path.stat().st_size:,} bytes, expected {file.size:,}, "
            f"so it is cut short or another file: {remedy}"
        )


def _read_file(file: IdxFile, raw: Path, remedy: str) -> np.ndarray:
    path = raw / file.name
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(
            f"{path} cannot be read ({error.strerror}): make it readable, or {remedy}"
        ) from None
    header = content[: len(file.header)]
    if header != file.header:
        raise DataError(
            f"{path} begins with {header.hex()}, expected {file.header.hex()} (IDX): {remedy}"
        )
    found = hashlib.sha256(content).hexdigest()
    if found != file.sha256:
        raise DataError(
            f"{path} has SHA-256 {found}, expected {file.sha256} as published: {remedy}"
        )
    # A copy, since torch takes no read-only arrays.
    return np.frombuffer(content, dtype=np.uint8, offset=len(header)).reshape(file.shape).copy()


_IMAGES, _LABELS = (60_000, 28, 28), (60_000,)
_TEST_IMAGES, _TEST_LABELS = (10_000, 28, 28), (10_000,)

MNIST = IdxSet(
    name="mnist",
    folder="MNIST",
    files=(
        IdxFile(
            "train-images-idx3-ubyte",
            _IMAGES,
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        ),
        IdxFile(
            "train-labels-idx1-ubyte",
            _LABELS,
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        ),
        IdxFile(
            "t10k-images-idx3-ubyte",
            _TEST_IMAGES,
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        ),
        IdxFile(
            "t10k-labels-idx1-ubyte",
            _TEST_LABELS,
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        ),
    ),
    information=Information(
        title="MNIST",
        train=60_000,
        test=10_000,
        image_shape=(1, 28, 28),
        classes=tuple("0123456789"),
        factors=(),
        licence="CC BY-SA 3.0",
        source="Y. LeCun, C. Cortes, C. J. C. Burges, The MNIST database of handwritten digits, "
        "http://yann.lecun.com/exdb/mnist/",
        origin="VSCLIB_DATA, the user's cache, or a download of 11 MB through torchvision",
        sha256="b42c5f56c8492d02f51b2397cf9808b115be2317cc593f90eb7cce7e913a8cd9",
    ),
)

FASHION_MNIST = IdxSet(
    name="fashion_mnist",
    folder="FashionMNIST",
    files=(
        IdxFile(
            "train-images-idx3-ubyte",
            _IMAGES,
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        ),
        IdxFile(
            "train-labels-idx1-ubyte",
            _LABELS,
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        ),
        IdxFile(
            "t10k-images-idx3-ubyte",
            _TEST_IMAGES,
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        ),
        IdxFile(
            "t10k-labels-idx1-ubyte",
            _TEST_LABELS,
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        ),
    ),
    information=Information(
        title="Fashion-MNIST",
        train=60_000,
        test=10_000,
        image_shape=(1, 28, 28),
        classes=(
            *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
            *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
        ),
        factors=(),
        licence="MIT, copyright Zalando SE",
        source="H. Xiao, K. Rasul, R. Vollgraf, Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning "
        "Algorithms (2017), https://github.com/zalandoresearch/fashion-mnist",
        origin="VSCLIB_DATA, the user's cache, or a download of 30 MB through torchvision",
        sha256="ac59b79a13e175f29d9cc9c3a0f4cc92884507caa7caa512cba316a38d3ddb2a",
    ),
)
