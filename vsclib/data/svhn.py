"""SVHN: house numbers photographed from the street, 32x32 in colour."""

from pathlib import Path

import numpy as np

from vsclib.data import downloads
from vsclib.data.dataset import DataSet, Information, PublishedFile, Split, assemble, information_of

_SITE = "http://ufldl.stanford.edu/housenumbers"
INFORMATION = {
    "svhn": Information(
        title="SVHN",
        train=73_257,
        test=26_032,
        image_shape=(3, 32, 32),
        classes=tuple("0123456789"),
        licence="for non-commercial use only",
        source="Y. Netzer, T. Wang, A. Coates, A. Bissacco, B. Wu, A. Y. Ng, Reading Digits in "
        f"Natural Images with Unsupervised Feature Learning (2011), {_SITE}; the cropped digits",
        origin="VSCLIB_DATA, the user's cache, or a download of 250 MB",
        preparation="nothing",
        folder="SVHN",
        files=tuple(
            PublishedFile(file, f"md5:{digest}", f"{_SITE}/{file}")
            for file, digest in (
                ("train_32x32.mat", "e26dedcc434d2e4c54c9b2d4a06d8373"),
                ("test_32x32.mat", "eb5a983be6a315427106f1b164d9cef3"),
            )
        ),
    )
}


def load(name: str = "svhn", root: str | Path | None = None) -> DataSet:
    """The cropped digits as published; the digit in the middle is the label.

    The 531,131 easier images of the part called *extra* stay out.

    ``root`` is a folder that holds ``SVHN/train_32x32.mat`` and ``SVHN/test_32x32.mat``.

    Raises:
        DataError: a file is missing or another one; or there is no copy and no download.
    """
    about = information_of(INFORMATION, name)
    folder = downloads.obtain(name, about, root)
    train, test = (_read(folder / file.name) for file in about.files)
    return assemble(name, train, test, about.classes)


def _read(path: Path) -> Split:
    # Imported here: SciPy's reader is needed by this set only.
    from scipy.io import loadmat

    content = loadmat(path)
    images = content["X"].transpose(3, 2, 0, 1).copy(order="C")  # (N, 3, 32, 32)
    labels = content["y"].astype(np.int64).reshape(-1) % 10  # the file writes 10 for a zero
    return Split(images, labels, None)
