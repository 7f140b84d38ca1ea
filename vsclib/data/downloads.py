"""Published files: a reader's own folder or the user's cache, and the downloads into it."""

import gzip
import hashlib
import io
import os
import zlib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from vsclib.data.dataset import Information
from vsclib.errors import DataError

VARIABLE = "VSCLIB_DATA"
_LARGEST_UNPACKED = 2**26


def cache_folder() -> Path:
    """Folder of the downloads: ``vsclib`` in XDG_CACHE_HOME, else in the platform's own cache."""
    base = os.environ.get("XDG_CACHE_HOME")
    return Path(base, "vsclib") if base else Path(_pooch().os_cache("vsclib"))


def _pooch() -> ModuleType:
    """It is imported when files are downloaded, not by everyone who loads a set."""
    import pooch

    # The progress bar is enough; the notice before it would put this machine's paths on a page.
    pooch.get_logger().setLevel("WARNING")
    return pooch


def own_folder(folder: str, root: str | Path | None) -> Path | None:
    """The reader's own copy of a data set; None without a root when VSCLIB_DATA does not hold it.

    Args:
        folder: of the set below a root, such as ``MNIST/raw``.
        root: searched and nothing else, when it is given; else VSCLIB_DATA is.

    Raises:
        DataError: VSCLIB_DATA names something that is no folder.
    """
    if root is not None:
        return Path(root).expanduser() / folder
    named = os.environ.get(VARIABLE)
    if not named:
        return None
    place = Path(named).expanduser()
    if not place.is_dir():
        remedy = f"correct it, or unset it to use {cache_folder()}"
        raise DataError(f"{VARIABLE}={named} is not a folder: {remedy}")
    return place / folder if (place / folder).is_dir() else None


def obtain(
    name: str,
    about: Information,
    root: str | Path | None = None,
    downloader: Callable[[str, str, Any], None] | None = None,
) -> Path:
    """The folder with the files of a data set, each verified by its checksum.

    A reader's own files are verified and left alone. In the cache, a file that is missing or
    damaged is downloaded; it appears under its name only when it is complete and verified. An
    archive that lies there unpacked is taken as it is.

    Args:
        name, about: of the set.
        root: folder to read from; without it VSCLIB_DATA is searched, then the cache.
        downloader: for pooch; None where the files are published as they are used.

    Raises:
        DataError: a file is missing or another one; or there is no copy and no download.
    """
    own = own_folder(about.folder, root)
    folder = own or cache_folder() / about.folder
    files = [file for file in about.files if not (folder / file.name).with_suffix("").is_dir()]
    if own:
        for file in files:
            _check(own / file.name, file.digest)
        return own
    try:
        options: Any = {"downloader": downloader, "progressbar": True}
        for file in files:
            _pooch().retrieve(file.url, file.digest, file.name, folder, **options)
    except (OSError, ValueError, EOFError, zlib.error, ImportError) as error:
        raise DataError(
            f"no copy of {name} under {VARIABLE} or in {cache_folder()}, and no download "
            f"({_reason(error)}): put {', '.join(file.name for file in about.files)} "
            f"into DATA/{about.folder} and set {VARIABLE}=DATA"
        ) from None
    return folder


def unpacked(url: str, output: str, _: Any) -> None:
    """Download a gzip file and write what is in it: a downloader for pooch."""
    packed = io.BytesIO()
    _pooch().HTTPDownloader(progressbar=True)(url, packed, None)
    packed.seek(0)
    # Limited, so that a wrong file cannot fill the memory; its checksum then refuses it.
    Path(output).write_bytes(gzip.GzipFile(fileobj=packed).read(_LARGEST_UNPACKED))


def _check(path: Path, digest: str) -> None:
    remedy = f"put the published file there, or load without root and {VARIABLE} to download it"
    if not path.is_file():
        packed = path.with_name(f"{path.name}.gz")
        raise DataError(f"{path} is missing: {f'unpack {packed}' if packed.is_file() else remedy}")
    algorithm, _, expected = digest.partition(":")
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, algorithm).hexdigest()
    except OSError as error:
        reason = f"{path} cannot be read ({error.strerror})"
        raise DataError(f"{reason}: make it readable, or {remedy}") from None
    if found != expected:
        has = f"{path.stat().st_size:,} bytes has {algorithm.upper()} {found}, expected {expected}"
        raise DataError(f"{path} with {has}, so it is cut short or another file: {remedy}")


def _reason(error: Exception) -> str:
    """What a download failed of, in one line; requests wraps the reason twice."""
    wrapped = getattr(next(iter(error.args), None), "reason", None)
    return " ".join(str(wrapped or error).split()) or type(error).__name__
