"""SVHN: house numbers photographed from the street, 32x32 in colour, read through torchvision."""

from pathlib import Path

from vsclib.data import downloads, folders
from vsclib.data.dataset import DataSet, Information, Split, assemble

FOLDER = "SVHN"
FILES = (
    ("train_32x32.mat", "e26dedcc434d2e4c54c9b2d4a06d8373"),
    ("test_32x32.mat", "eb5a983be6a315427106f1b164d9cef3"),
)
INFORMATION = Information(
    title="SVHN",
    train=73_257,
    test=26_032,
    image_shape=(3, 32, 32),
    classes=tuple("0123456789"),
    factors=(),
    licence="for non-commercial use only",
    source="Y. Netzer, T. Wang, A. Coates, A. Bissacco, B. Wu, A. Y. Ng, Reading Digits in Natural Images with "
    "Unsupervised Feature Learning (2011), http://ufldl.stanford.edu/housenumbers; the cropped digits",
    origin="VSCLIB_DATA, the user's cache, or a download of 250 MB through torchvision",
    sha256="",
    files=FILES,
)


def load(root: str | Path | None = None) -> DataSet:
    """The cropped digits as published: 32x32 is their own size, nothing is cut or scaled.

    The digit in the middle is the label; its neighbours in the house number are often in the
    picture, too. The 531,131 easier images of the part called *extra* stay out.

    Args:
        root: folder that holds ``SVHN/train_32x32.mat`` and ``SVHN/test_32x32.mat``; when it is
            given, nothing else is searched and nothing is downloaded.

    Returns:
        The data set; the files are verified by the MD5 that torchvision knows.

    Raises:
        DataError: a file is missing or another one; or there is no copy and no network.
    """
    folder = folders.find(FOLDER, root) or _download()
    train, test = _read(folder, downloads.remedy(folder))
    return assemble("svhn", train, test, INFORMATION.classes)


def _read(folder: Path, remedy: str) -> tuple[Split, Split]:
    # Imported here: torchvision takes a second to import.
    from torchvision import datasets

    for file, md5 in FILES:
        downloads.check_md5(folder / file, md5, remedy)
    parts = [datasets.SVHN(folder, split=part) for part in ("train", "test")]
    train, test = (Split(part.data.copy(order="C"), part.labels, None) for part in parts)
    return train, test


def _download() -> Path:
    by_hand = f"put {' and '.join(file for file, _ in FILES)} into DATA/{FOLDER} and set {folders.VARIABLE}=DATA"

    def fetch(temporary: Path) -> None:
        from torchvision import datasets

        folder = temporary / FOLDER
        for part in ("train", "test"):
            datasets.SVHN(folder, split=part, download=True)

    return downloads.into_cache("svhn", FOLDER, fetch, by_hand)
