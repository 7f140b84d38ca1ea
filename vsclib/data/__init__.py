"""Data sets: ``load(name)`` gives images to train and to test on, ``about(name)`` what they are.

``names()`` lists them. A set that comes as files is read from a folder that you name, from
VSCLIB_DATA or from your cache, and downloaded otherwise where its authors allow it.
``from_folder`` and ``from_array`` take your own images, ``from_values`` vectors and signals of any
range; ``binarised`` draws grey pixels black or white. A set of yours has a name of its own once it
is given to ``register``; and ``load`` and ``about`` import and use what they find under a path such
as ``my_package.my_module:load``.

A new set is a module in this folder, its entry in ``_MODULES`` and a test. By contract the module
has ``INFORMATION``, which says of each of its sets what ``about`` gives, and ``load(name, root)``;
the page on data is made from the former, and the latter is held to it.
"""

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vsclib.data.arrays import from_array
from vsclib.data.binarising import BINARISING_SEED, Binarise, binarised
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
from vsclib.data.own_sets import Loader, OwnSet, imported, is_path, own_name
from vsclib.data.values import from_values
from vsclib.errors import DataError, nearest

if TYPE_CHECKING:
    from vsclib.data import smiley

__all__ = [
    "BINARISING_SEED",
    "Binarise",
    "DataSet",
    "Information",
    "PublishedFile",
    "Split",
    "about",
    "binarised",
    "check_images",
    "checksum",
    "from_array",
    "from_folder",
    "from_values",
    "load",
    "names",
    "register",
    "smiley",
    "to_tensor",
]


_MODULES = {
    "celeba": ("celeba", "celeba_32"),
    "colour_digits": ("colour_digits",),
    "digits": ("digits",),
    "mnist": ("fashion_mnist", "mnist"),
    "smiley": ("smiley",),
    "smiley_colour": ("smiley_colour",),
    "svhn": ("svhn",),
    "uci_har": ("uci_har", "uci_har_real", "uci_har_signals"),
}
"""The sets of each module, which is imported when one of them is asked for."""

_SETS: dict[str, str | OwnSet] = {name: module for module in _MODULES for name in _MODULES[module]}


def names() -> tuple[str, ...]:
    """The data sets that ``load`` knows."""
    return tuple(sorted(_SETS))


def register(name: str, load: Loader, information: Information | None = None) -> None:
    """Give a set of your own a name, for ``load``, ``about`` and recorded runs of this process.

    A name of yours may be given anew, as when a cell is executed again.

    Args:
        name: letters, digits, ``_``, ``-`` and ``.``.
        load: takes the root folder (None where nobody named one), or nothing, and gives a
            ``DataSet``. Each ``load(name)`` calls it, so it does its work then and not before.
        information: what ``about(name)`` says and ``load(name)`` is held to; without it the set is
            loaded when it is first asked for, and described as it comes.

    Raises:
        DataError: the name belongs to one of the library's sets, or is none.

    Example:
        >>> import numpy as np
        >>> from vsclib import data
        >>> data.register("corners", lambda: data.from_values(np.eye(4), name="eye"))
        >>> data.load("corners").name, data.about("corners").image_shape
        ('corners', (1, 1, 4))
    """
    if isinstance(_SETS.get(name), str):
        raise DataError(f"name = {name!r} is one of the library's sets: choose another")
    _SETS[own_name(name)] = OwnSet(name, load, information)


def load(name: str, root: str | Path | None = None, binarise: Binarise | None = None) -> DataSet:
    """Images, labels and factors of a data set.

    Args:
        name: one of ``names()``, or an import path, ``package.module:function``.
        root: folder that the files are read from and nowhere else; without it VSCLIB_DATA is
            searched, then the user's cache, and then they are downloaded into the cache.
        binarise: draw the pixels black or white, ``static`` or ``dynamic``: see ``binarised``.

    Returns:
        ``train`` and ``test``, each with images (N, C, H, W), uint8 or, of a real-valued set,
        float32, labels and factors; and more. ``to_tensor(data.train.images)`` is what models take.

    Raises:
        DataError: unknown name or path; a file that is missing, cut short or another one; no copy
            and no network; a loader that returns something else than ``about`` promises; real
            values to be binarised.

    Example:
        >>> from vsclib import data
        >>> data.load("digits").train.images.shape
        (1433, 1, 8, 8)
    """
    loaded = _named(name).load(name, root)
    check_promise(loaded, name, about(name))
    return loaded if binarise is None else binarised(loaded, binarise)


def about(name: str) -> Information:
    """Size, licence, source and checksum of a data set, without loading it.

    A set of your own of which nothing was promised is loaded once.

    Raises:
        DataError: the name is not one of ``names()``, and no import path of a loader.

    Example:
        >>> from vsclib import data
        >>> data.about("mnist").licence
        'CC BY-SA 3.0'
    """
    return _named(name).INFORMATION[name]


def _named(name: str) -> Any:
    """The module, or what stands for one: to ask its type would ask for its ``INFORMATION``."""
    if is_path(name):
        return imported(name)
    if name not in _SETS:
        raise DataError(f"unknown data set {name!r}: {nearest(name, names())}")
    found = _SETS[name]
    return importlib.import_module(f"{__name__}.{found}") if isinstance(found, str) else found


if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """The module of a set, imported when it is first asked for (PEP 562)."""
        if name in _MODULES:
            return importlib.import_module(f"{__name__}.{name}")
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
