"""Downloads into the user's cache, where a set appears only when it is complete, and the check of
published files.
"""

import os
import socket
import tempfile
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path

from vsclib.data import folders
from vsclib.errors import DataError

# torchvision sets no limit, and a silent firewall would hold the reader for ever.
PATIENCE = 30.0


def into_cache(name: str, folder: str, fetch: Callable[[Path], None], by_hand: str) -> Path:
    """Fetches a set into a temporary folder beside the cached ones, then moves it to its place in
    one step.

    Args:
        name: of the set, for the error.
        folder: the set's folder below the cache, such as ``MNIST``.
        fetch: downloads the set into the folder that it is given, as ``folder`` in it, and refuses
            what is wrong.
        by_hand: what the reader may do instead.

    Returns:
        The set's folder.

    Raises:
        DataError: no network, no space, or what arrived is not what was published.
    """
    cache = folders.cache_folder()
    patience = socket.getdefaulttimeout()
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder}-", dir=cache) as temporary:
            socket.setdefaulttimeout(PATIENCE)
            fetch(Path(temporary))
            if not (cache / folder).is_dir():  # else another process was faster
                os.replace(Path(temporary) / folder, cache / folder)
    except (OSError, RuntimeError, HTTPException, ImportError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[-1]
        raise DataError(
            f"no copy of {name} under {folders.VARIABLE} or in {cache}, and no download ({reason}): {by_hand}"
        ) from None
    finally:
        socket.setdefaulttimeout(patience)
    return cache / folder


def remedy(folder: Path) -> str:
    """What a reader does about a wrong file in a set's folder: it depends on who put it there."""
    if folder.parent == folders.cache_folder():
        return f"delete the folder {folder} and load again to download it anew"
    return (
        f"put the published file there, or load without root and {folders.VARIABLE} to download it"
    )


def check_md5(path: Path, md5: str, remedy: str) -> None:
    """Refuses a file that is missing or is not the one that torchvision knows by its MD5.

    Raises:
        DataError: the file is missing, unreadable or another one.
    """
    # Imported here: torchvision takes a second to import.
    from torchvision.datasets.utils import calculate_md5

    if not path.is_file():
        raise DataError(f"{path} is missing: {remedy}")
    try:
        found = calculate_md5(path)
    except OSError as error:
        raise DataError(
            f"{path} cannot be read ({error.strerror}): make it readable, or {remedy}"
        ) from None
    if found != md5:
        raise DataError(f"{path} has MD5 {found}, expected {md5} as published: {remedy}")
