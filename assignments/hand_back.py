"""Writes the students' pages of feedback from the grades that are kept; nothing is graded again."""

import argparse
import sys
from pathlib import Path

from grade import WORK
from grading import batch, feedback, table
from grading.assignment import SOURCE, read
from grading.errors import CourseError


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("assignment", nargs="?", default="", help="its name")
    parser.add_argument("--source", type=Path, default=SOURCE, help="where assignments lie")
    parser.add_argument("--work", type=Path, default=WORK, help="where results are kept")
    parser.add_argument("--feedback", type=Path, default=Path("feedback"), help="where pages go")
    arguments = parser.parse_args()
    try:
        assignment = read(arguments.assignment, arguments.source)
        work = arguments.work / assignment.name
        results = batch.all_kept(work)
        if not results:
            raise CourseError(
                f"no grades of {assignment.name} are kept: make grade ASSIGNMENT={assignment.name} "
                "SUBMISSIONS=folder"
            )
        marks = table.read_marks(assignment, results, work)
        pages = feedback.write(assignment, results, marks, arguments.feedback / assignment.name)
    except CourseError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{len(pages)} pages in {pages[0].parent.resolve()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
