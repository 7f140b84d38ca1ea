"""Writes what students get: assignments without solutions, and the files that stand beside them."""

import argparse
import json
import logging
import os
import sys
import tempfile
import warnings
from pathlib import Path

import traitlets.config
from grading.assignment import SOURCE, Assignment, names, read
from grading.errors import CourseError
from nbgrader.apps import NbGraderAPI
from sqlalchemy.exc import SAWarning
from traitlets.config.loader import PyFileConfigLoader

from vsclib.files import write_text

# nbgrader's own use of its database, nothing that a teacher could change.
warnings.simplefilter("ignore", SAWarning)

HERE = Path(__file__).resolve().parent
RELEASE = HERE / "release"
# What grades a push with the visible tests alone, where a class works with GitHub Classroom.
WORKFLOW = HERE / "classroom" / "visible-tests.yml"


def release(assignment: Assignment, destination: Path = RELEASE) -> Path:
    """Make the students' notebook.

    Args:
        assignment: what to release.
        destination: the release goes into a folder of the assignment's name in there.

    Returns:
        The students' notebook.

    Raises:
        CourseError: nbgrader failed, or something that students must not see is left in the result.
    """
    with tempfile.TemporaryDirectory(prefix="vsclib-release-") as work:
        outcome = _nbgrader(Path(work), assignment.folder.parent).generate_assignment(
            assignment.name, force=True, create=True
        )
        made = Path(work) / "release" / assignment.name / f"{assignment.name}.ipynb"
        if not outcome["success"] or not made.exists():
            raise CourseError(f"nbgrader makes no release: {_last_line(outcome)}")
        text = made.read_text(encoding="utf-8")
    _require_clean(assignment, text)
    folder = destination / assignment.name
    notebook = folder / f"{assignment.name}.ipynb"
    write_text(notebook, text)
    workflow = WORKFLOW.read_text(encoding="utf-8").replace("ASSIGNMENT", assignment.name)
    write_text(folder / ".github" / "workflows" / WORKFLOW.name, workflow)
    return notebook


def _nbgrader(work: Path, source: Path) -> NbGraderAPI:
    """nbgrader, reading the sources and writing to ``work`` only."""
    # nbgrader starts alembic by its name, which only an activated environment would find.
    beside = str(Path(sys.executable).parent)
    os.environ["PATH"] = os.pathsep.join([beside, os.environ.get("PATH", "")])
    config = PyFileConfigLoader("nbgrader_config.py", path=str(HERE)).load_config()
    config.CourseDirectory.root = str(work)
    config.CourseDirectory.source_directory = str(source)
    config.CourseDirectory.ignore = ["*.py", "*.toml", "__pycache__"]
    config.CourseDirectory.db_url = f"sqlite:///{work / 'gradebook.db'}"
    # nbgrader narrates; what went wrong comes back with each answer.
    config.Application.log_level = config.NbGrader.log_level = logging.CRITICAL
    # nbgrader's parts hand one set-up around through this global.
    traitlets.config.SingletonConfigurable.clear_instance()
    return NbGraderAPI(config=config)


def _last_line(outcome: dict) -> str:
    """Why nbgrader failed, in a line."""
    text = outcome.get("error") or outcome.get("log") or ""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "nbgrader gave no reason"


def _require_clean(assignment: Assignment, text: str) -> None:
    cells = json.loads(text)["cells"]
    shown = "\n".join("".join(cell["source"]) for cell in cells)
    if "HIDDEN TESTS" in shown or "SOLUTION" in shown or any(c.get("outputs") for c in cells):
        raise CourseError(
            f"the release of {assignment.name} would hold solutions, hidden tests or outputs: "
            "check the marks around them in its source"
        )


def main() -> int:
    """Command line: write the releases and say where they are."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="assignments; all where none is named")
    parser.add_argument("--destination", type=Path, default=RELEASE)
    arguments = parser.parse_args()
    try:
        for name in arguments.names or names(SOURCE):
            notebook = release(read(name), arguments.destination)
            print(f"Give this to your students: {notebook}")
    except CourseError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
