"""Files: whole or not at all, for one process at a time, on a disk that takes them."""

import contextlib
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from vsclib.errors import CheckpointError, warn_caller

LEAST_FREE = 50_000_000
"""Bytes that must be free on a disk before work begins whose result goes there."""


def write_atomically(path: str | Path, write: Callable[[Path], None]) -> None:
    """Let ``write`` fill a temporary file, then move it to ``path`` in one step.

    Args:
        path: final name; a missing folder is made, ``~`` is the user's.
        write: called with the temporary path.

    Raises:
        CheckpointError: the path names no file, or the disk does not take it; what was there stays.
    """
    path = file_path(path)
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_left_over(path)
        part = f".{path.stem}.part.{_owner(os.getpid())}."
        descriptor, name = tempfile.mkstemp(prefix=part, suffix=path.suffix, dir=path.parent)
        os.close(descriptor)
        temporary = Path(name)
        try:
            write(temporary)
            # mkstemp gives access to the owner alone; the file gets the usual permissions.
            umask = os.umask(0)
            os.umask(umask)
            temporary.chmod(0o666 & ~umask)
            # Otherwise a power cut may keep the new name and lose what stands under it.
            _flush(temporary)
            os.replace(temporary, path)
            _flush(path.parent)
        finally:
            temporary.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    """Write a text file atomically, as UTF-8."""
    write_atomically(path, lambda temporary: _fill(temporary, text))


def file_path(path: str | Path) -> Path:
    """The path of a file to write, ``~`` expanded.

    Raises:
        CheckpointError: it is empty or names a folder.
    """
    found = Path(path).expanduser()
    if found == Path() or found.is_dir():
        kind = "names no file" if found == Path() else "is a folder"
        raise CheckpointError(f"path = {str(path)!r} {kind}: give the path of a file, name and all")
    return found


def check_writable(path: str | Path) -> None:
    """Make the folder of a file to come, and find out whether it takes one.

    Args:
        path: of the file, or a folder that is there.

    Raises:
        CheckpointError: the folder cannot be made, takes no file, or has under 50 MB free.
    """
    path = Path(path).expanduser()
    folder = path if path.is_dir() else path.parent
    with disk_errors(path):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
        free = shutil.disk_usage(folder).free
    if free < LEAST_FREE:
        raise CheckpointError(
            f"{path} has {free / 1e6:.0f} MB of disk left, wanted at least "
            f"{LEAST_FREE / 1e6:.0f} MB: free some space, or choose another folder"
        )


@contextlib.contextmanager
def lock(path: str | Path) -> Iterator[None]:
    """Hold a folder; whoever asks for it meanwhile is refused. A killed holder holds nothing.

    Args:
        path: the folder, made where it is missing.

    Raises:
        CheckpointError: another process or thread holds it; the line names it.
    """
    file = Path(path).expanduser() / ".lock"
    with disk_errors(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor = _take(file)
    try:
        yield
    finally:
        # Removed while it is held: nobody else can have taken this file.
        with contextlib.suppress(OSError):
            file.unlink()
        os.close(descriptor)


def _take(file: Path) -> int:
    while True:
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            _hold(descriptor)
        except (BlockingIOError, PermissionError):
            os.close(descriptor)
            try:
                holder = file.read_text(encoding="utf-8", errors="replace") or "another process"
            except FileNotFoundError:
                continue  # the holder has just left
            raise CheckpointError(
                f"{file.parent} is in use by {holder}: wait until it ends, or choose another folder"
            ) from None
        except OSError as error:
            warn_caller(
                f"{file.parent} cannot be locked ({error.strerror}): start no second run in it"
            )
        # The last holder may have removed the file between the two calls.
        if _stands(file, descriptor):
            os.truncate(descriptor, 0)
            os.write(descriptor, f"process {os.getpid()} on {socket.gethostname()}".encode())
            return descriptor
        os.close(descriptor)


def _stands(file: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), file.stat())
    except FileNotFoundError:
        return False


def _hold(descriptor: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        # Windows lets nobody read a byte that is locked: take one behind the holder's name.
        os.lseek(descriptor, 4096, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        os.lseek(descriptor, 0, os.SEEK_SET)
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextlib.contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Errors of the disk as one line that names the file."""
    try:
        yield
    except OSError as error:
        raise CheckpointError(
            f"{path} cannot be written ({error.strerror or error}): free some space, make its "
            "folder writable, or choose another path"
        ) from error


def _flush(path: Path) -> None:
    """Put a file, or the names in a folder, on the disk itself."""
    if path.is_dir() and sys.platform == "win32":
        return
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _owner(process: int) -> str:
    return f"{socket.gethostname()}-{process}"


def _remove_left_over(path: Path) -> None:
    """Remove what killed processes of this machine left of the same file."""
    if sys.platform == "win32":  # where asking for a process by its number would end it
        return
    start = f".{path.stem}.part.{_owner(0)[:-1]}"
    for found in path.parent.iterdir():
        if found.name.startswith(start) and found.suffix == path.suffix:
            process = found.name.removeprefix(start).partition(".")[0]
            if process.isdigit() and not _lives(int(process)):
                found.unlink(missing_ok=True)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _fill(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
