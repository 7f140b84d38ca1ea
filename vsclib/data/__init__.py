"""Data sets: ``load(name)`` gives images to train and to test on, ``about(name)`` what they are.

``names()`` lists them. A set that comes as files is read from a folder that you name, from
VSCLIB_DATA or from your cache, and downloaded otherwise where its authors allow it.
``from_folder`` and ``from_array`` take your own images.

A new set is a module in this folder, its entry in ``_MODULES`` and a test. By contract the module
has ``INFORMATION``, which says of each of its sets what ``about`` gives, and ``load(name, root)``;
the page on data is made from the former, and the latter is held to it.
"""

from pathlib import Path
from typing import Protocol

from vsclib.data import celeba, digits, mnist, smiley, svhn, uci_har
from vsclib.data.arrays import from_array
from vsclib.data.dataset import (
    DataSet,
    Information,
    PublishedFile,
    Split,
    check_images,
    check_promise,
    checksum,
    to_tensor,
)
from vsclib.data.image_folder import from_folder
from vsclib.data.values import from_values
from vsclib.errors import DataError, nearest

__all__ = [
    "DataSet",
    "Information",
    "PublishedFile",
    "Split",
    "about",
    "check_images",
    "checksum",
    "from_array",
    "from_folder",
    "from_values",
    "load",
    "names",
    "smiley",
    "to_tensor",
]


class _Module(Protocol):
    """What the module of a data set offers."""

    INFORMATION: dict[str, Information]

    def load(self, name: str, root: str | Path | None = None) -> DataSet:
        """The set of that name, read from ``root`` if it comes as files."""


_MODULES: tuple[_Module, ...] = (celeba, digits, mnist, smiley, svhn, uci_har)
_SETS = {name: module for module in _MODULES for name in module.INFORMATION}


def names() -> tuple[str, ...]:
    """The data sets that ``load`` knows."""
    return tuple(_SETS)


def load(name: str, root: str | Path | None = None) -> DataSet:
    """Images, labels and factors of a data set.

    Args:
        name: one of ``names()``.
        root: folder that the files are read from and nowhere else; without it VSCLIB_DATA is
            searched, then the user's cache, and then they are downloaded into the cache.

    Returns:
        ``train`` and ``test``, each with uint8 images (N, C, H, W), labels and factors; and more.
        ``to_tensor(data.train.images)`` is what models take.

    Raises:
        DataError: unknown name; a file that is missing, cut short or another one; no copy and no
            network; a loader that returns something else than ``about`` promises.

    Example:
        >>> from vsclib import data
        >>> data.load("digits").train.images.shape
        (1433, 1, 8, 8)
    """
    promised = about(name)
    loaded = _SETS[name].load(name, root)
    check_promise(loaded, name, promised)
    return loaded


def about(name: str) -> Information:
    """Size, licence, source and checksum of a data set, without loading it.

    Raises:
        DataError: the name is not one of ``names()``.

    Example:
        >>> from vsclib import data
        >>> data.about("mnist").licence
        'CC BY-SA 3.0'
    """
    if name not in _SETS:
        raise DataError(f"unknown data set {name!r}: {nearest(str(name), names())}")
    return _SETS[name].INFORMATION[name]
