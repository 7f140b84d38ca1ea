"""What releasing and grading share: the course's folders and nbgrader, set up for them.

A working folder of its own keeps the grades of one run apart from those of another.
"""

import logging
import os
import sys
import warnings
from pathlib import Path

import traitlets.config
from nbgrader.apps import NbGraderAPI
from sqlalchemy.exc import SAWarning
from traitlets.config.loader import PyFileConfigLoader

# nbgrader's own use of its database, nothing that a teacher could change.
warnings.simplefilter("ignore", SAWarning)

HERE = Path(__file__).resolve().parent
ASSIGNMENT = "spike-and-slab-kl"
WORK = HERE / "work"
RELEASE = HERE / "release"


class CourseError(Exception):
    """Something a teacher can put right; the message is one line."""


def open_course(work: Path = WORK, release: Path = RELEASE) -> NbGraderAPI:
    """nbgrader, reading this folder and writing to ``work`` and ``release`` only.

    Args:
        work: submissions, graded copies and the database; made when it is missing.
        release: what students get.
    """
    work.mkdir(parents=True, exist_ok=True)
    # nbgrader starts alembic by its name, which only an activated environment would find.
    os.environ["PATH"] = os.pathsep.join(
        [str(Path(sys.executable).parent), os.environ.get("PATH", "")]
    )
    config = PyFileConfigLoader("nbgrader_config.py", path=str(HERE)).load_config()
    folders = {name: str(work / name) for name in ("submitted", "autograded", "feedback")}
    for name, folder in folders.items():
        config.CourseDirectory[f"{name}_directory"] = folder
    config.CourseDirectory.release_directory = str(release)
    config.CourseDirectory.db_url = f"sqlite:///{work / 'gradebook.db'}"
    # nbgrader narrates; what went wrong comes back with each answer.
    config.Application.log_level = config.NbGrader.log_level = logging.CRITICAL
    # nbgrader's parts hand one set-up around through this global.
    traitlets.config.SingletonConfigurable.clear_instance()
    return NbGraderAPI(config=config)


def last_line(outcome: dict) -> str:
    """Why nbgrader failed, in a line."""
    text = outcome.get("error") or outcome.get("log") or "nbgrader gave no reason"
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "nbgrader gave no reason"
