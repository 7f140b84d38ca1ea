"""Finds what was handed in, however the files were collected.

A student is a folder, or a file where the files lie flat. Of several files the newest counts.
"""

import os
import re
import unicodedata
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from grading.errors import CourseError

# "x (1).ipynb", "x-2.ipynb" behind a blank: what browsers and Moodle call a second copy.
COPY = re.compile(r"( ?\(\d+\)| copy( \d+)?|-Copy\d+)+$")
CANVAS = re.compile(r"^(?P<student>[^_]+)(_LATE)?_\d+_\d+_.*$")
MOODLE = re.compile(r"^(?P<student>.+?)_\d+_assignsubmission_file_?.*$")
MOST_LETTERS = 120


class Submission(NamedTuple):
    """One student's file.

    Attributes:
        student: the name in the table.
        path: the notebook; None where none was found.
        remarks: what the teacher should know of it.
    """

    student: str
    path: Path | None
    remarks: tuple[str, ...]


def find(folder: Path, assignment: str, deadline: datetime | None = None) -> list[Submission]:
    """What was handed in, by student.

    Args:
        folder: holds ``<student>/<assignment>/<file>``, ``<student>/<file>`` or
            ``<student>.ipynb``, or what Moodle and Canvas pack.
        assignment: its name.
        deadline: files younger than that are marked as late.

    Raises:
        CourseError: there is no such folder, or nothing in it.
    """
    if not folder.is_dir():
        raise CourseError(
            f"there is no folder {folder}: give one with make grade SUBMISSIONS=folder"
        )
    files: dict[str, list[Path]] = {}
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith(".") or entry.name.startswith("__MACOSX"):
            continue
        if entry.is_dir():
            name = MOODLE.match(entry.name)
            student = name["student"] if name else entry.name
            files.setdefault(_composed(student), []).extend(_notebooks(entry, assignment))
        elif entry.suffix.lower() == ".ipynb":
            files.setdefault(_composed(_of_file(entry.stem, assignment)), []).append(entry)
    if not files:
        raise CourseError(
            f"{folder} holds no submission: it should hold "
            f"<student>/{assignment}/{assignment}.ipynb"
        )
    return [_choose(student, files[student], assignment, deadline) for student in sorted(files)]


def _composed(name: str) -> str:
    """One spelling of a name, which systems write with composed or with separate accents."""
    return unicodedata.normalize("NFC", name)


def _of_file(stem: str, assignment: str) -> str:
    """The student who a flat file belongs to."""
    canvas = CANVAS.match(stem)
    student = canvas["student"] if canvas else COPY.sub("", stem)
    for end in (f"-{assignment}", f"_{assignment}"):
        student = student.removesuffix(end)
    return student or stem


def _notebooks(folder: Path, assignment: str) -> list[Path]:
    """Notebooks of a student: those in the assignment's folder, else all beside and below."""
    inside = folder / assignment
    start = inside if inside.is_dir() and not inside.is_symlink() else folder
    found = []
    for place, folders, names in os.walk(start):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(place) / name for name in names if name.lower().endswith(".ipynb")]
    return found


def _choose(
    student: str, files: list[Path], assignment: str, deadline: datetime | None
) -> Submission:
    shown = readable(student)
    real = [path for path in files if path.is_file() and not path.is_symlink()]
    if not real:
        name = readable(files[0].name) if files else ""
        link = f"{name} is a link, hand in the file itself"
        return Submission(
            shown, None, (f"no notebook: {link if files else f'hand in {assignment}.ipynb'}",)
        )
    newest = max(real, key=lambda path: (path.stat().st_mtime, path.name))
    remarks = []
    if len(real) > 1:
        remarks.append(f"{len(real)} files, the newest counts: {readable(newest.name)}")
    elif newest.stem != assignment and newest.parent.name in (student, assignment):
        remarks.append(f"handed in as {readable(newest.name)}")
    written = datetime.fromtimestamp(newest.stat().st_mtime).astimezone()
    if deadline is not None and written > deadline:
        late = written - deadline
        remarks.append(
            f"late by {late.days} d {late.seconds // 3600} h {late.seconds // 60 % 60} min"
        )
    return Submission(shown, newest, tuple(remarks))


def readable(name: str) -> str:
    """A name on one line: letters of any script, no control characters, not endless."""
    kept = "".join(
        letter if unicodedata.category(letter)[0] != "C" else "?" for letter in _composed(name)
    )
    return kept if len(kept) <= MOST_LETTERS else f"{kept[:MOST_LETTERS]}…"
