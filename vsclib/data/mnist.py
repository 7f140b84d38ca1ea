"""MNIST and Fashion-MNIST: four files of one format, in torchvision's layout."""

from pathlib import Path

import numpy as np

from vsclib.data import downloads
from vsclib.data.dataset import DataSet, Information, PublishedFile, Split, assemble, information_of

_NAMES = (
    *("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    *("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
)


def _files(site: str, *digests: str) -> tuple[PublishedFile, ...]:
    return tuple(
        PublishedFile(name, f"sha256:{digest}", f"{site}/{name}.gz")
        for name, digest in zip(_NAMES, digests, strict=True)
    )


INFORMATION = {
    "fashion_mnist": Information(
        title="Fashion-MNIST",
        train=60_000,
        test=10_000,
        image_shape=(1, 28, 28),
        classes=(
            *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
            *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
        ),
        licence="MIT, copyright Zalando SE",
        source="H. Xiao, K. Rasul, R. Vollgraf, Fashion-MNIST: a Novel Image Dataset for "
        "Benchmarking Machine Learning Algorithms (2017), "
        "https://github.com/zalandoresearch/fashion-mnist",
        origin="VSCLIB_DATA, the user's cache, or a download of 30 MB",
        preparation="nothing",
        sha256="ac59b79a13e175f29d9cc9c3a0f4cc92884507caa7caa512cba316a38d3ddb2a",
        folder="FashionMNIST/raw",
        files=_files(
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        ),
    ),
    "mnist": Information(
        title="MNIST",
        train=60_000,
        test=10_000,
        image_shape=(1, 28, 28),
        classes=tuple("0123456789"),
        licence="CC BY-SA 3.0",
        source="Y. LeCun, C. Cortes, C. J. C. Burges, The MNIST database of handwritten digits, "
        "http://yann.lecun.com/exdb/mnist/",
        origin="VSCLIB_DATA, the user's cache, or a download of 11 MB",
        preparation="nothing",
        sha256="b42c5f56c8492d02f51b2397cf9808b115be2317cc593f90eb7cce7e913a8cd9",
        folder="MNIST/raw",
        files=_files(
            "https://ossci-datasets.s3.amazonaws.com/mnist",
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        ),
    ),
}


def load(name: str, root: str | Path | None = None) -> DataSet:
    """The images as published, their four files verified by their SHA-256.

    Args:
        name: ``mnist`` or ``fashion_mnist``.
        root: folder that holds ``MNIST/raw`` or ``FashionMNIST/raw`` with the unpacked files.

    Raises:
        DataError: a file is missing or another one; or there is no copy and no download.
    """
    about = information_of(INFORMATION, name)
    folder = downloads.obtain(name, about, root, downloads.unpacked)
    train_images, train_labels, test_images, test_labels = (
        _read_idx(folder / file.name) for file in about.files
    )
    train = Split(train_images[:, None], train_labels.astype(np.int64), None)
    test = Split(test_images[:, None], test_labels.astype(np.int64), None)
    return assemble(name, train, test, about.classes)


def _read_idx(path: Path) -> np.ndarray:
    """The array of bytes in a verified IDX file."""
    content = np.fromfile(path, dtype=np.uint8)
    # Byte 3 is the number of axes, their lengths follow as big-endian 32-bit integers.
    start = 4 + 4 * int(content[3])
    return content[start:].reshape(content[4:start].view(">u4"))
