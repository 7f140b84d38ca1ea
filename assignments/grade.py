"""Grades a folder of submissions: a table of students and questions, and the same as a CSV file.

Grading runs the students' code as you. README.md beside this file says how to fence it in.
"""

import argparse
import csv
import io
import json
import os
import re
import shutil
import sys
from pathlib import Path
from typing import NamedTuple

import course
from nbgrader.api import MissingEntry
from nbgrader.apps import NbGraderAPI
from release import release

from vsclib.files import write_text

NOTEBOOK = f"{course.ASSIGNMENT}.ipynb"


class Row(NamedTuple):
    """One student's grades.

    Attributes:
        student: name of the student's folder.
        points: points for each question.
        note: what went wrong; empty where nothing did.
    """

    student: str
    points: dict[str, float]
    note: str


def grade(submissions: Path, work: Path = course.WORK) -> tuple[list[Row], dict[str, float]]:
    """Run and grade every submission; one that fails never stops the others.

    Args:
        submissions: holds ``<student>/spike-and-slab-kl/spike-and-slab-kl.ipynb``.
        work: emptied first, and left with the graded copies.

    Returns:
        One row for each student, sorted by name, and the points that each question is worth.

    Raises:
        CourseError: there is nothing to grade, or it lies in ``work``.
    """
    students = find_students(submissions, work)
    shutil.rmtree(work, ignore_errors=True)
    release(work, work / "release")
    # A warning that a test prints would count as its failure.
    os.environ["PYTHONWARNINGS"] = "ignore"
    nbgrader = course.open_course(work, work / "release")
    with nbgrader.gradebook as gradebook:
        cells = gradebook.find_assignment(course.ASSIGNMENT).notebooks[0].grade_cells
        worth = {cell.name: cell.max_score for cell in sorted(cells, key=lambda cell: cell.name)}
    rows = []
    for folder in students:
        try:
            rows.append(_grade_one(nbgrader, folder, work, worth))
        except (
            Exception
        ) as error:  # whatever one student's folder holds, the others get their grades
            rows.append(
                Row(
                    folder.name,
                    dict.fromkeys(worth, 0.0),
                    f"cannot be graded: {type(error).__name__} {error}",
                )
            )
    return rows, worth


def find_students(submissions: Path, work: Path) -> list[Path]:
    """The students' folders.

    Raises:
        CourseError: the folder is missing, is empty, or lies where grading deletes files.
    """
    if not submissions.is_dir():
        raise course.CourseError(
            f"there is no folder {submissions}: give one with make grade SUBMISSIONS=folder"
        )
    if submissions.resolve().is_relative_to(work.resolve()) or work.resolve().is_relative_to(
        submissions.resolve()
    ):
        raise course.CourseError(
            f"{submissions} overlaps {work}, which grading empties: keep submissions elsewhere"
        )
    students = sorted(
        path for path in submissions.iterdir() if path.is_dir() and not path.name.startswith(".")
    )
    if not students:
        raise course.CourseError(
            f"{submissions} is empty: it should hold <student>/{course.ASSIGNMENT}/{NOTEBOOK}"
        )
    return students


def _grade_one(nbgrader: NbGraderAPI, folder: Path, work: Path, worth: dict[str, float]) -> Row:
    student, nothing = folder.name, dict.fromkeys(worth, 0.0)
    handed_in, note = find_notebook(folder)
    if handed_in is None:
        return Row(student, nothing, note)
    if not re.fullmatch(r"\w[\w.@ -]*", student):
        return Row(
            student,
            nothing,
            "the folder's name may hold letters, digits, '.', '@', '-', '_' and blanks only",
        )
    try:
        notebook = unique_cells(json.loads(handed_in.read_text(encoding="utf-8")))
    except (ValueError, LookupError, TypeError, AttributeError):
        return Row(student, nothing, "the file is no notebook")
    write_text(work / "submitted" / student / course.ASSIGNMENT / NOTEBOOK, json.dumps(notebook))
    outcome = nbgrader.autograde(course.ASSIGNMENT, student, force=True, create=True)
    if not outcome["success"]:
        return Row(student, nothing, _failure(outcome))
    try:
        with nbgrader.gradebook as gradebook:
            grades = gradebook.find_submission(course.ASSIGNMENT, student).notebooks[0].grades
            points = {**nothing, **{grade.cell.name: grade.auto_score or 0.0 for grade in grades}}
    except MissingEntry as error:
        return Row(student, nothing, f"nbgrader lost it: {error}")
    graded = json.loads(
        (work / "autograded" / student / course.ASSIGNMENT / NOTEBOOK).read_text(encoding="utf-8")
    )
    return Row(student, points, "; ".join(part for part in (note, *remarks(graded, worth)) if part))


def unique_cells(notebook: dict) -> dict:
    """The notebook with each answer and each test once: a copy that a student made becomes a cell
    of its own.

    nbgrader refuses a whole notebook because of one copied cell.
    """
    seen = set()
    for cell in notebook["cells"]:
        name = cell["metadata"].get("nbgrader", {}).get("grade_id")
        if name in seen:
            del cell["metadata"]["nbgrader"]
        elif name is not None:
            seen.add(name)
    return notebook


def find_notebook(folder: Path) -> tuple[Path | None, str]:
    """The notebook of a student and a remark; None and the reason where there is none."""
    place = folder / course.ASSIGNMENT
    found = sorted(
        path for path in place.glob("*.ipynb") if path.is_file() and not path.is_symlink()
    )
    named = [path for path in found if path.name == NOTEBOOK]
    if named:
        return named[0], ""
    if len(found) == 1:
        return found[0], f"handed in as {found[0].name}"
    return None, f"no {course.ASSIGNMENT}/{NOTEBOOK}"


def _failure(outcome: dict) -> str:
    """Why a whole notebook could not be graded, in a few words."""
    text = (outcome.get("error") or "") + (outcome.get("log") or "")
    if "DeadKernelError" in text or "Kernel died" in text:
        return "its code ended the kernel"
    if "ValidationError" in text:
        return "the file is no notebook"
    errors = re.findall(r"^\s*([\w.]+(?:Error|Exception): .*)$", text, re.MULTILINE)
    reasons = [error for error in errors if "NbGraderException" not in error]
    return (reasons or [course.last_line(outcome)])[-1][:160]


def remarks(graded: dict, worth: dict[str, float]) -> list[str]:
    """What a teacher should know of an executed notebook: answers that raise an error, endless
    loops, deleted tests.
    """
    found = []
    for cell in graded["cells"]:
        about = cell["metadata"].get("nbgrader", {})
        errors = [
            output["ename"]
            for output in cell.get("outputs", [])
            if output["output_type"] == "error"
        ]
        if "CellTimeoutError" in errors:
            found.append(f"{about.get('grade_id', 'a cell of its own')}: took too long")
        # An answer left as it was released is unanswered, which its zero says; so it does of a test
        # that fails.
        elif errors and not about.get("grade") and errors[0] != "NotImplementedError":
            found.append(f"{about.get('grade_id', 'a cell of its own')}: {errors[0]}")
    left = {cell["metadata"].get("nbgrader", {}).get("grade_id") for cell in graded["cells"]}
    return found + [f"{question}: deleted" for question in worth if question not in left]


def as_records(rows: list[Row], worth: dict[str, float]) -> list[list[str]]:
    """The table: a line of names, one for each student, and what each question is worth."""
    header = ["student", *(name.replace("question-", "q") for name in worth), "total", "note"]
    lines = [
        [
            row.student,
            *(f"{row.points[q]:g}" for q in worth),
            f"{sum(row.points.values()):g}",
            row.note,
        ]
        for row in rows
    ]
    return [
        header,
        *lines,
        ["(worth)", *(f"{points:g}" for points in worth.values()), f"{sum(worth.values()):g}", ""],
    ]


def as_text(records: list[list[str]]) -> str:
    """The table for the terminal."""
    widths = [max(len(record[column]) for record in records) for column in range(len(records[0]))]
    lines = []
    for student, *numbers, note in records:
        middle = "  ".join(
            number.rjust(width) for number, width in zip(numbers, widths[1:-1], strict=True)
        )
        lines.append(f"{student.ljust(widths[0])}  {middle}  {note}".rstrip())
    return "\n".join(lines)


def write_csv(path: Path, records: list[list[str]]) -> None:
    """The students' lines as a CSV file, whole or not at all."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows(
        record for record in records if record[0] != "(worth)"
    )
    write_text(path, buffer.getvalue())


def main() -> int:
    """Command line: grade a folder, print the table, write the file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "submissions", nargs="?", default="", help="folder of <student>/spike-and-slab-kl/*.ipynb"
    )
    parser.add_argument("--output", type=Path, default=Path("grades.csv"), help="the CSV file")
    parser.add_argument(
        "--work", type=Path, default=course.WORK, help="working folder; it is emptied first"
    )
    arguments = parser.parse_args()
    try:
        if not arguments.submissions:
            raise course.CourseError("say what to grade: make grade SUBMISSIONS=folder")
        rows, worth = grade(Path(arguments.submissions), arguments.work.resolve())
    except course.CourseError as error:
        print(error, file=sys.stderr)
        return 1
    records = as_records(rows, worth)
    write_csv(arguments.output, records)
    print(as_text(records))
    print(
        f"\nWritten to {arguments.output.resolve()}; "
        f"the graded notebooks are in {arguments.work}/autograded."
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
