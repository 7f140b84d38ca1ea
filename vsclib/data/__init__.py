"""Data sets under one roof: ``load(name)`` gives images to train and to test on, whatever they are.

``smiley`` (drawn on the spot) and ``digits`` (inside scikit-learn) need no network; ``mnist``,
``fashion_mnist``, ``svhn`` and ``celeba`` are read from a folder that you name, from VSCLIB_DATA or
from your cache, and downloaded otherwise; ``uci_har`` is read and never downloaded. ``from_folder``
and ``from_array`` take your own images.
"""

from collections.abc import Callable
from pathlib import Path

from vsclib.data import celeba, digits, mnist, smiley, svhn, uci_har
from vsclib.data.arrays import from_array
from vsclib.data.dataset import DataSet, Information, Split, check_images, checksum, to_tensor
from vsclib.data.image_folder import from_folder
from vsclib.errors import DataError, nearest

__all__ = [
    "DataSet",
    "Information",
    "Split",
    "about",
    "check_images",
    "checksum",
    "from_array",
    "from_folder",
    "load",
    "names",
    "smiley",
    "to_tensor",
]

_Loader = Callable[[str | Path | None], DataSet]
_SETS: dict[str, tuple[_Loader, Information]] = {
    "celeba": (lambda root: celeba.load(celeba.CELEBA_64, root), celeba.CELEBA_64.information),
    "celeba_32": (lambda root: celeba.load(celeba.CELEBA_32, root), celeba.CELEBA_32.information),
    "digits": (lambda root: digits.load(), digits.INFORMATION),
    "fashion_mnist": (
        lambda root: mnist.load(mnist.FASHION_MNIST, root),
        mnist.FASHION_MNIST.information,
    ),
    "mnist": (lambda root: mnist.load(mnist.MNIST, root), mnist.MNIST.information),
    "smiley": (lambda root: smiley.load(), smiley.INFORMATION),
    "svhn": (svhn.load, svhn.INFORMATION),
    "uci_har": (lambda root: uci_har.load(uci_har.FEATURES, root), uci_har.FEATURES.information),
    "uci_har_signals": (
        lambda root: uci_har.load(uci_har.SIGNALS, root),
        uci_har.SIGNALS.information,
    ),
}


def names() -> tuple[str, ...]:
    """The data sets that ``load`` knows."""
    return tuple(_SETS)


def load(name: str, root: str | Path | None = None) -> DataSet:
    """Images, labels and factors of a data set.

    Args:
        name: one of ``names()``.
        root: folder of the files, for sets that come as files: there and nowhere else they are
            read. Without it VSCLIB_DATA is searched, then the user's cache, and then they are
            downloaded into the cache.

    Returns:
        ``train`` and ``test``, each with uint8 images (N, C, H, W), labels and factors; the
        classes, the name and the checksum. ``to_tensor(data.train.images)`` is what models take.

    Raises:
        DataError: unknown name; a file that is missing, cut short or another one; no copy and no
            network.

    Example:
        >>> from vsclib import data
        >>> data.load("digits").train.images.shape
        (1433, 1, 8, 8)
    """
    return _find(name)[0](root)


def about(name: str) -> Information:
    """Size, licence, source and checksum of a data set, without loading it.

    Args:
        name: one of ``names()``.

    Raises:
        DataError: unknown name.

    Example:
        >>> from vsclib import data
        >>> data.about("mnist").licence
        'CC BY-SA 3.0'
    """
    return _find(name)[1]


def _find(name: str) -> tuple[_Loader, Information]:
    if name not in _SETS:
        raise DataError(f"unknown data set {name!r}: {nearest(str(name), names())}")
    return _SETS[name]
