"""Notebooks as students hand them in: the solution with some answers changed, and its grade."""

import copy
import json
import tomllib
from pathlib import Path

import pytest
from forked_grading import grade
from grading.assignment import Assignment, names, read
from grading.student import Graded
from grading.submissions import Submission

ASSIGNMENTS = {name: read(name) for name in names()}


def variants(kind: str) -> list:
    """Every slip or unusual answer of every assignment, as parameters of a test."""
    return [
        pytest.param(name, variant, id=f"{name}-{variant['name']}")
        for name, assignment in ASSIGNMENTS.items()
        for variant in variants_of(assignment, kind)
    ]


def variants_of(assignment: Assignment, kind: str) -> list[dict]:
    text = (assignment.folder / "slips.toml").read_text(encoding="utf-8")
    return tomllib.loads(text).get(kind, [])


def notebook(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


def changed(assignment: Assignment, changes: list[list[str]]) -> dict:
    """The solution's notebook with some answers changed."""
    content = copy.deepcopy(notebook(assignment.notebook))
    cells = {
        cell["metadata"].get("nbgrader", {}).get("grade_id"): cell for cell in content["cells"]
    }
    for answer, old, new in changes:
        text = "".join(cells[answer]["source"])
        assert old in text, f"{assignment.name}: {answer} does not hold {old!r}"
        cells[answer]["source"] = text.replace(old, new) if old else new
    return content


def graded(
    assignment: Assignment, content: dict, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Graded:
    path = folder / "handed-in.ipynb"
    path.write_text(json.dumps(content), encoding="utf-8")
    return grade(assignment, Submission("ada", path, ()), monkeypatch)


def lost(assignment: Assignment, result: Graded) -> set[str]:
    return {q.name for q in assignment.questions if result.points(q.name) < q.points}
