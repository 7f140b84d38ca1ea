"""Atomic writing: a killed run leaves no half-written file under its final name."""

import contextlib
import os
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from vsclib.errors import CheckpointError

LEAST_ROOM = 50_000_000
"""Bytes that a folder must have free before work begins that ends in it."""


def write_atomically(path: str | Path, write: Callable[[Path], None]) -> None:
    """Let ``write`` fill a temporary file, then move it to ``path`` in one step.

    Args:
        path: final name; a missing folder is made.
        write: called with the temporary path.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = f".{path.stem}.part."
    descriptor, name = tempfile.mkstemp(prefix=part, suffix=path.suffix, dir=path.parent)
    os.close(descriptor)
    temporary = Path(name)
    try:
        write(temporary)
        # mkstemp gives access to the owner alone; the file gets the usual permissions.
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    """Write a text file atomically, as UTF-8."""
    write_atomically(path, lambda temporary: _fill(temporary, text))


def _fill(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


@contextlib.contextmanager
def lock(path: Path) -> Iterator[None]:
    """Keep a folder to this process; it is free again when the block ends or the process dies.

    Args:
        path: the folder; it is made.

    Raises:
        CheckpointError: another process holds it, or it cannot be made.
    """
    check_writable(path / ".lock")
    with open(path / ".lock", "a+", encoding="utf-8") as file:
        if not _taken(file):
            file.seek(0)
            holder = file.read().strip() or "another process"
            raise CheckpointError(
                f"{path} is in use by {holder}: wait for it, end it, or choose another name"
            )
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}\n")
        file.flush()
        yield


def check_writable(path: Path) -> None:
    """Refuse a file that could not be written, before the work that it is to hold.

    Raises:
        CheckpointError: its folder cannot be made or written to, or has less than 50 MB free.
    """
    remedy = "choose another folder"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent):
            free = shutil.disk_usage(path.parent).free
    except OSError as error:
        reason = error.strerror or error
        raise CheckpointError(f"{path.parent} cannot be written ({reason}): {remedy}") from None
    if free < LEAST_ROOM:
        found = f"{path.parent} has {free / 1e6:.0f} MB free"
        raise CheckpointError(f"{found}, at least {LEAST_ROOM / 1e6:.0f} are needed: {remedy}")


def _taken(file: IO[str]) -> bool:
    """Whether this process has got the lock of an open file."""
    try:
        if os.name == "nt":
            import msvcrt

            file.seek(1_000_000)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
