"""The grades as a table: for the terminal, as CSV, and as Moodle and Canvas read it."""

import csv
import io
from pathlib import Path

from grading.assignment import Assignment
from grading.errors import CourseError
from grading.student import Graded
from vsclib.files import write_text

Marks = dict[str, dict[str, float | None]]


def short(question: str) -> str:
    """A question's column: ``question_1`` is ``q1``."""
    return question.replace("question_", "q")


def note(result: Graded) -> str:
    """All that a teacher should know of one result, on one line."""
    lines = [f"{short(name)}: {why}" if name else why for name, why in result.reasons.items()]
    fence = [] if result.fenced else ["graded without a fence"]
    return "; ".join([*result.remarks, *lines, *fence])


def records(assignment: Assignment, results: list[Graded], marks: Marks) -> list[list[str]]:
    """A line of names, one for each student, and what each column is worth.

    Args:
        assignment: what was asked.
        results: in the order of the table.
        marks: what a person gave, by student and criterion; None where it is still to be read.
    """
    columns = [short(question.name) for question in assignment.questions]
    columns += [criterion.name for criterion in assignment.rubric]
    lines = [["student", *columns, "total", "note"]]
    for result in results:
        earned = [result.points(question.name) for question in assignment.questions]
        given = [marks.get(result.student, {}).get(c.name) for c in assignment.rubric]
        total = sum(earned) + sum(points or 0.0 for points in given)
        numbers = [f"{points:g}" for points in earned]
        numbers += ["?" if points is None else f"{points:g}" for points in given]
        unread = ["rubric to be read"] if None in given else []
        remark = "; ".join(part for part in (note(result), *unread) if part)
        lines.append([result.student, *numbers, f"{total:g}", remark])
    worth = [f"{question.points:g}" for question in assignment.questions]
    worth += [f"{criterion.points:g}" for criterion in assignment.rubric]
    return [*lines, ["(worth)", *worth, f"{assignment.points:g}", ""]]


def as_text(lines: list[list[str]]) -> str:
    """The table for the terminal."""
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    shown = []
    for student, *numbers, remark in lines:
        middle = "  ".join(n.rjust(w) for n, w in zip(numbers, widths[1:-1], strict=True))
        shown.append(f"{student.ljust(widths[0])}  {middle}  {remark}".rstrip())
    return "\n".join(shown)


def write_csv(path: Path, lines: list[list[str]]) -> None:
    """A CSV file, whole or not at all, that no spreadsheet takes for formulas."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerows([harmless(cell) for cell in line] for line in lines)
    write_text(path, buffer.getvalue())


def harmless(cell: str) -> str:
    """A cell that begins like a formula gets an apostrophe in front."""
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t") else cell


def moodle(assignment: Assignment, lines: list[list[str]]) -> list[list[str]]:
    """What Moodle's grade import takes: username, the grade and a comment."""
    rows = [[line[0], line[-2], line[-1]] for line in lines[1:-1]]
    return [["username", assignment.title, f"{assignment.title} (feedback)"], *rows]


def canvas(assignment: Assignment, lines: list[list[str]]) -> list[list[str]]:
    """What Canvas's grade import takes; it finds students by their login."""
    header = ["Student", "ID", "SIS Login ID", "Section", assignment.title]
    worth = ["    Points Possible", "", "", "", f"{assignment.points:g}"]
    return [header, worth, *([line[0], "", line[0], "", line[-2]] for line in lines[1:-1])]


def rubric_file(work: Path) -> Path:
    """Where a person writes the marks of the rubric."""
    return work / "rubric.csv"


def read_marks(assignment: Assignment, results: list[Graded], work: Path) -> Marks:
    """The rubric's marks; a file with an empty line for each student is made where there is none.

    Raises:
        CourseError: a mark is no number, or not within what its criterion gives.
    """
    if not assignment.rubric:
        return {}
    path, names = rubric_file(work), [criterion.name for criterion in assignment.rubric]
    marks: Marks = {result.student: dict.fromkeys(names) for result in results}
    if path.exists():
        with path.open(encoding="utf-8-sig", newline="") as file:
            for number, line in enumerate(csv.DictReader(file), start=2):
                student = (line.get("student") or "").strip().removeprefix("'")
                for criterion in assignment.rubric:
                    text = (line.get(criterion.name) or "").strip()
                    if text:
                        mark = _mark(text, criterion.points, f"{path}, line {number}")
                        marks.setdefault(student, dict.fromkeys(names))[criterion.name] = mark
    rows = [
        [student, *("" if given[name] is None else f"{given[name]:g}" for name in names)]
        for student, given in marks.items()
    ]
    write_csv(path, [["student", *names], *rows])
    return marks


def _mark(text: str, most: float, where: str) -> float:
    try:
        mark = float(text.replace(",", "."))
    except ValueError:
        mark = -1.0
    if not 0.0 <= mark <= most:
        raise CourseError(f"{where}: {text!r} is no mark, give a number from 0 to {most:g}")
    return mark
