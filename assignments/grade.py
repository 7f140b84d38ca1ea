"""Grades a folder of submissions, each student in a fence: a table, and the same as CSV files.

Results are kept in ``work/ASSIGNMENT``: what is graded already is not graded again, a run that was
killed goes on, and ``--only`` grades one student anew.
"""

import argparse
import sys
from datetime import datetime
from pathlib import Path

from grading import batch, feedback, reading, submissions, table
from grading.assignment import SOURCE, read
from grading.errors import CourseError

WORK = Path(__file__).resolve().parent / "work"


def run(arguments: argparse.Namespace) -> None:
    """Grade, then write the tables and the pages.

    Raises:
        CourseError: something that the teacher can put right.
    """
    assignment = read(arguments.assignment, arguments.source)
    if not arguments.submissions:
        raise CourseError("say what to grade: make grade ASSIGNMENT=... SUBMISSIONS=folder")
    folder, work = Path(arguments.submissions), arguments.work / assignment.name
    if folder.resolve().is_relative_to(work.resolve()):
        raise CourseError(f"{folder} lies in {work}, where grades are kept: keep it elsewhere")
    found = submissions.find(folder, assignment.name, _deadline(arguments.deadline))
    results = batch.grade_all(
        assignment,
        found,
        work,
        only=arguments.only,
        unfenced=arguments.unfenced,
        at_once=arguments.at_once,
    )
    marks = table.read_marks(assignment, results, work)
    lines = table.records(assignment, results, marks)
    output = arguments.output
    table.write_csv(output, lines[:-1])
    for name, form in (("moodle", table.moodle), ("canvas", table.canvas)):
        table.write_csv(output.with_stem(f"{output.stem}-{name}"), form(assignment, lines))
    pages = arguments.feedback / assignment.name
    feedback.write(assignment, results, marks, pages)
    print(table.as_text(lines))
    print(f"\nWritten to {output.resolve()}, beside it the same for Moodle and Canvas.")
    print(f"One page a student in {pages.resolve()}: they hold no tests and may be given back.")
    if assignment.rubric:
        reading.write(assignment, found, work / "to-read")
        print(f"What the students wrote lies in {(work / 'to-read').resolve()}, a page for each.")
        print(f"Write the rubric's marks into {table.rubric_file(work)} and grade again.")


def _deadline(text: str) -> datetime | None:
    if not text:
        return None
    try:
        return datetime.fromisoformat(text).astimezone()
    except ValueError:
        raise CourseError(f"DEADLINE {text!r} is no time: write 2026-12-01T12:00") from None


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "assignment",
        nargs="?",
        default="",
        help="its name: python assignments/course.py lists them",
    )
    parser.add_argument("submissions", nargs="?", default="", help="the folder handed in")
    parser.add_argument(
        "--source", type=Path, default=SOURCE, help="where assignments lie, if not here"
    )
    parser.add_argument("--output", type=Path, default=Path("grades.csv"), help="the CSV file")
    parser.add_argument("--work", type=Path, default=WORK, help="where results are kept")
    parser.add_argument(
        "--feedback", type=Path, default=Path("feedback"), help="where the students' pages go"
    )
    parser.add_argument("--only", default="", help="a student to grade anew")
    parser.add_argument("--deadline", default="", help="files younger than this are late")
    parser.add_argument("--at-once", type=int, default=0, help="submissions at a time")
    parser.add_argument("--unfenced", action="store_true", help="where there is no fence")
    try:
        run(parser.parse_args())
    except CourseError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; what is graded is kept, the same command goes on", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
