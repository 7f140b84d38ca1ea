"""Writes what students get: the assignment without solutions and hidden tests."""

import argparse
import json
import sys
from pathlib import Path

import course


def release(work: Path = course.WORK, destination: Path = course.RELEASE) -> Path:
    """Make the students' notebook.

    Args:
        work: where nbgrader keeps its database, which grading compares submissions with.
        destination: the release goes into a folder of the assignment's name in there.

    Returns:
        The students' notebook.

    Raises:
        CourseError: nbgrader failed, or something that students must not see is left in the result.
    """
    outcome = course.open_course(work, destination).generate_assignment(
        course.ASSIGNMENT, force=True, create=True
    )
    if not outcome["success"]:
        raise course.CourseError(f"nbgrader makes no release: {course.last_line(outcome)}")
    notebook = destination / course.ASSIGNMENT / f"{course.ASSIGNMENT}.ipynb"
    text = "\n".join(
        "".join(cell["source"])
        for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    )
    if "HIDDEN TESTS" in text or "SOLUTION" in text:
        notebook.unlink()
        raise course.CourseError(
            f"the release held solutions or hidden tests and was deleted: check {notebook.name}"
        )
    return notebook


def main() -> int:
    """Command line: write the release and say where it is."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    try:
        notebook = release()
    except course.CourseError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"Give this to your students: {notebook}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
