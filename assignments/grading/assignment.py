"""An assignment: a folder with a notebook, what is asked, what is right, and a page of facts."""

import difflib
import hashlib
import tomllib
from pathlib import Path
from typing import NamedTuple

from grading.errors import CourseError
from grading.fence import Limits
from grading.notebook import Cell, source_cells

SOURCE = Path(__file__).resolve().parents[1] / "source"


class Question(NamedTuple):
    """One question.

    Attributes:
        name: of its function in ``probes.py`` and ``judge.py``, such as ``question_1``.
        points: what it is worth.
        answers: names of the answer cells that it asks for.
    """

    name: str
    points: float
    answers: tuple[str, ...]


class Criterion(NamedTuple):
    """One line of a rubric, which a person judges.

    Attributes:
        name: its column in ``rubric.csv``.
        points: the most it gives.
        text: what full points ask for.
    """

    name: str
    points: float
    text: str


class Assignment(NamedTuple):
    """What ``assignment.toml`` and the notebook say.

    Attributes:
        name: of its folder.
        title: for people.
        week: of the four-week plan.
        minutes: what a master's student needs.
        goals: what one can do afterwards.
        chapters: which pages it rests on.
        questions: in order.
        rubric: what a person judges; often empty.
        cells: named cells of the notebook.
        cell_seconds, question_seconds, notebook_seconds: what a submission may take.
        limits: of each fence.
        folder: where it lies.
    """

    name: str
    title: str
    week: int
    minutes: int
    goals: tuple[str, ...]
    chapters: tuple[str, ...]
    questions: tuple[Question, ...]
    rubric: tuple[Criterion, ...]
    cells: list[Cell]
    cell_seconds: float
    question_seconds: float
    notebook_seconds: float
    limits: Limits
    folder: Path

    @property
    def notebook(self) -> Path:
        """The notebook with its solution."""
        return self.folder / f"{self.name}.ipynb"

    @property
    def points(self) -> float:
        """Of all questions and the rubric."""
        return sum(q.points for q in self.questions) + sum(c.points for c in self.rubric)

    def digest(self) -> str:
        """Changes when anything changes that a grade depends on."""
        files = [self.notebook, *(self.folder / f"{n}.py" for n in ("probes", "judge"))]
        text = b"".join(hashlib.sha256(path.read_bytes()).digest() for path in files)
        return hashlib.sha256(text).hexdigest()


def names(source: Path = SOURCE) -> list[str]:
    """All assignments, by week."""
    found = [path.parent.name for path in source.glob("*/assignment.toml")]
    return sorted(found, key=lambda name: (read(name, source).week, name))


def read(name: str, source: Path = SOURCE) -> Assignment:
    """An assignment by its name.

    Raises:
        CourseError: there is none of that name.
    """
    folder = source / name
    if not name or not (folder / "assignment.toml").is_file():
        known = sorted(path.parent.name for path in source.glob("*/assignment.toml"))
        near = difflib.get_close_matches(name, known, 1)
        hint = f"do you mean {near[0]}? " if near else ""
        raise CourseError(f"there is no assignment {name!r}: {hint}there are {', '.join(known)}")
    facts = tomllib.loads((folder / "assignment.toml").read_text(encoding="utf-8"))
    cells = source_cells(folder / f"{name}.ipynb")
    worth = {cell.name.replace("-", "_"): cell.points for cell in cells if cell.role == "test"}
    questions = tuple(
        Question(question, worth[question], tuple(facts["answers"][question]))
        for question in facts["answers"]
    )
    limits = facts.get("limits", {})
    seconds = float(limits.get("question_seconds", 120))
    return Assignment(
        name=name,
        title=facts["title"],
        week=facts["week"],
        minutes=facts["minutes"],
        goals=tuple(facts["goals"]),
        chapters=tuple(facts["chapters"]),
        questions=questions,
        rubric=tuple(Criterion(**line) for line in facts.get("rubric", [])),
        cells=cells,
        cell_seconds=float(limits.get("cell_seconds", 60)),
        question_seconds=seconds,
        notebook_seconds=float(limits.get("notebook_seconds", 600)),
        limits=Limits(seconds=seconds, memory=int(limits.get("memory_mb", 4000)) * 1_000_000),
        folder=folder,
    )
