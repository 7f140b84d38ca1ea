"""A reader's own sets by name: registered in this process, or found by an import path."""

import importlib
import inspect
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

from vsclib.data.dataset import DataSet, Information, assemble, information_from, warn_of_root
from vsclib.errors import DataError

Loader = Callable[..., DataSet]
_NAME = re.compile(r"\w[\w.-]*")
_PATH = re.compile(r"[^\W\d]\w*(\.\w+)*:[^\W\d]\w*")
_FORM = "a function that takes the root folder, or nothing, and gives a vsclib.data.DataSet"


class OwnSet:
    """A set that a function of the reader's makes, with what a module of this room has."""

    def __init__(self, name: str, loader: Loader, information: Information | None = None):
        self.name, self._loader = name, loader
        self._promised = self._last = information

    @property
    def INFORMATION(self) -> dict[str, Information]:
        """What was promised, or else what the last load gave; the set is loaded for it once."""
        if self._last is None:
            self.load(self.name)
        assert self._last is not None
        return {self.name: self._last}

    def load(self, name: str, root: str | Path | None = None) -> DataSet:
        """The set under its name here, with its own checksum, whatever the function wrote there.

        Raises:
            DataError: the function gives something else than a data set.
        """
        takes_root = bool(inspect.signature(self._loader).parameters)
        if not takes_root:
            warn_of_root(name, root)
        found: object = self._loader(root) if takes_root else self._loader()
        if not isinstance(found, DataSet):
            made = f"the loader of {name!r} gave a {type(found).__name__}"
            raise DataError(f"{made}, expected {_FORM}: see vsclib.data.from_array")
        own = assemble(name, found.train, found.test, found.classes)
        self._last = self._promised or information_from(own, _source(self._loader))
        return own


def _source(loader: Loader) -> str:
    """The function's place in words."""
    name = getattr(loader, "__qualname__", type(loader).__qualname__)
    return f"{getattr(loader, '__module__', None)}.{name}"


def own_name(name: str) -> str:
    """The name of a set that is to be registered, if it is one.

    Raises:
        DataError: the name is empty, or has signs that do not belong into a file's name.
    """
    if not _NAME.fullmatch(name):
        raise DataError(f"name = {name!r}, expected letters, digits, '_', '-' and '.'")
    return name


def is_path(name: str) -> bool:
    """Whether a name is meant as ``package.module:function``."""
    return ":" in name


@cache
def imported(path: str) -> OwnSet:
    """The set behind ``package.module:function``.

    Raises:
        DataError: the path has another form; there is no such module, or no such function in it.
    """
    if not _PATH.fullmatch(path):
        raise DataError(f"data set {path!r}, expected 'package.module:function': correct the path")
    module, _, attribute = path.partition(":")
    try:
        function = getattr(importlib.import_module(module), attribute, None)
    except ImportError as error:
        remedy = "install its package, or put its folder on PYTHONPATH"
        raise DataError(
            f"data set {path!r}: {module} cannot be imported ({error}): {remedy}"
        ) from None
    if not callable(function):
        raise DataError(
            f"data set {path!r}: {module} has no function {attribute}, expected {_FORM}"
        )
    return OwnSet(path, function)
