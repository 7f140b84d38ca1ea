"""Where real data lies: the reader's folder, VSCLIB_DATA, or the user's cache."""

import os
import sys
from pathlib import Path

from vsclib.errors import DataError

VARIABLE = "VSCLIB_DATA"


def cache_folder() -> Path:
    """Folder into which downloads go: XDG_CACHE_HOME or the platform's own cache, and in it
    ``vsclib``.
    """
    home = Path.home()
    if os.environ.get("XDG_CACHE_HOME"):
        base = Path(os.environ["XDG_CACHE_HOME"])
    elif sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", home / "AppData" / "Local"))
    elif sys.platform == "darwin":
        base = home / "Library" / "Caches"
    else:
        base = home / ".cache"
    return base / "vsclib"


def find(relative: str, root: str | Path | None) -> Path | None:
    """The folder that holds a data set, if some folder does.

    A ``root`` is taken at its word: nothing else is searched. Without one, VSCLIB_DATA is searched,
    then the cache.

    Args:
        relative: the set's folder below a root, such as ``MNIST/raw``.
        root: what the caller named, or None.

    Returns:
        The folder; None when neither VSCLIB_DATA nor the cache has it.

    Raises:
        DataError: VSCLIB_DATA names something that is no folder.
    """
    if root is not None:
        return Path(root).expanduser() / relative
    named = os.environ.get(VARIABLE)
    candidates = [cache_folder() / relative]
    if named:
        folder = Path(named).expanduser()
        if not folder.is_dir():
            raise DataError(
                f"{VARIABLE}={named} is not a folder: correct it, or unset it to use {cache_folder()}"
            )
        candidates.insert(0, folder / relative)
    return next((candidate for candidate in candidates if candidate.is_dir()), None)
