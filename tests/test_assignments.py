"""Assignments: a right answer gets all points, typical slips lose theirs and no others, and nothing
leaks.
"""

import copy
import csv
import importlib
import json
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import pytest
from conftest import REPOSITORY, require

FOLDER = REPOSITORY / "assignments"
NAME = "spike-and-slab-kl"
SOURCE = FOLDER / "source" / NAME / f"{NAME}.ipynb"
WORTH = {"q1": 2, "q2": 3, "q3": 3, "q4": 4, "q5": 4, "q6": 4}
HIDDEN = re.compile(
    r"^### BEGIN HIDDEN TESTS\n(.*?)^### END HIDDEN TESTS$", re.MULTILINE | re.DOTALL
)
SOLUTION = re.compile(r"^ *### BEGIN SOLUTION\n(.*?)^ *### END SOLUTION$", re.MULTILINE | re.DOTALL)

BORROWED_COIN = """
from vsclib import spike_slab


def bernoulli_kl(gamma, alpha):
    return spike_slab.bernoulli_kl(gamma, alpha)
"""
BORROWED_KL = """
from torch.distributions import Normal, kl_divergence
from vsclib.spike_slab import kl


def gaussian_kl(mu, sigma):
    return kl_divergence(Normal(mu, sigma), Normal(0 * mu, 1 + 0 * sigma))


def spike_slab_kl(gamma, mu, sigma, alpha):
    return kl(gamma, mu, 2 * sigma.log(), alpha)
"""
COIN_REVERSED = """
def bernoulli_kl(gamma, alpha):
    alpha = torch.as_tensor(alpha, dtype=gamma.dtype)
    return alpha * (alpha / gamma).log() + (1 - alpha) * ((1 - alpha) / (1 - gamma)).log()
"""


class Student(NamedTuple):
    """What a student does to the solution, by answer (old text, new text), and the questions that
    this costs.
    """

    changes: dict[str, list[tuple[str, str]]]
    lost: set[str]
    removes_tests: bool = False


STUDENTS = {
    "solution": Student({}, set()),
    "factor-half": Student(
        {
            "answer-1": [("(1 / 2, 1 / 2, -1, -1 / 2)", "(1, 1, -1, -1)")],
            "answer-4": [("0.5 * (mu**2", "(mu**2")],
            "answer-6": [("dense = gaussian_kl", "dense = 2 * gaussian_kl")],
        },
        {"q1", "q4", "q6"},
    ),
    "sign": Student(
        {
            "answer-2": [
                ("- sympy.log(sigma)", "+ sympy.log(sigma)"),
                ("- sympy.log(sigma_p)", "+ sympy.log(sigma_p)"),
            ],
            "answer-5": [("- math.log(sigma)", "+ math.log(sigma)")],
        },
        {"q2", "q5"},
        removes_tests=True,
    ),
    "sigma-for-its-square": Student(
        {
            "answer-2": [("2 * sigma**2", "2 * sigma"), ("2 * sigma_p**2", "2 * sigma_p")],
            "answer-4": [("+ sigma**2", "+ sigma")],
        },
        {"q2", "q4"},
    ),
    "wrong-way-round": Student(
        {
            "answer-2": [
                (
                    "(log_q - log_p).subs(z, mu + sigma * t)",
                    "(log_p - log_q).subs(z, mu_p + sigma_p * t)",
                )
            ],
            "answer-3": [("", COIN_REVERSED)],
            "answer-4": [
                (
                    "0.5 * (mu**2 + sigma**2 - 1) - sigma.log()",
                    "0.5 * ((1 + mu**2) / sigma**2 - 1) + sigma.log()",
                )
            ],
        },
        {"q2", "q3", "q4"},
    ),
    "borrower": Student(
        {
            "answer-3": [("", BORROWED_COIN)],
            "answer-4": [("", BORROWED_KL)],
            "answer-5": [("", "1 / 0")],
        },
        {"q3", "q4", "q5", "q6"},
    ),
}


def read(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


def answers() -> dict[str, str]:
    """The solution's answers, by cell."""
    cells = [
        cell
        for cell in read(SOURCE)["cells"]
        if cell["metadata"].get("nbgrader", {}).get("solution")
    ]
    return {cell["metadata"]["nbgrader"]["grade_id"]: "".join(cell["source"]) for cell in cells}


def filled(notebook: dict, student: Student) -> dict:
    """A released notebook with the solution's answers, changed as the student would."""
    notebook, right = copy.deepcopy(notebook), answers()
    for cell in notebook["cells"]:
        about = cell["metadata"].get("nbgrader", {})
        name = about.get("grade_id")
        if about.get("grade") and student.removes_tests:
            cell["source"] = "assert True"
        elif name in right:
            text = right[name]
            for old, new in student.changes.get(name, []):
                assert old in text, f"{name} does not hold {old}"
                text = text.replace(old, new) if old else new
            cell["source"] = text
    return notebook


def tamper(notebook: dict) -> None:
    """Copy an answer below the first test, and delete the last test."""
    cells = notebook["cells"]
    names = [cell["metadata"].get("nbgrader", {}).get("grade_id") for cell in cells]
    del cells[names.index("question-6")]
    cells.insert(
        names.index("question-1") + 1,
        {**copy.deepcopy(cells[names.index("answer-1")]), "id": "copied"},
    )


def hand_in(submissions: Path, student: str, notebook: dict | str) -> None:
    path = submissions / student / NAME / f"{NAME}.ipynb"
    path.parent.mkdir(parents=True)
    path.write_text(
        notebook if isinstance(notebook, str) else json.dumps(notebook), encoding="utf-8"
    )


@pytest.fixture(scope="module")
def grade() -> ModuleType:
    """The grading script as a module."""
    require(
        find_spec("nbgrader") is not None, "nbgrader is not installed: pip install -e '.[course]'"
    )
    sys.path.insert(0, str(FOLDER))
    try:
        return importlib.import_module("grade")
    finally:
        sys.path.remove(str(FOLDER))


@pytest.fixture(scope="module")
def released(grade: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What students get."""
    folder = tmp_path_factory.mktemp("course")
    return grade.release(folder / "work", folder / "release")


@pytest.fixture(scope="module")
def grades(
    grade: ModuleType, released: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[str, str]]:
    """The lines of grades.csv for a course of students, graded in one go."""
    folder = tmp_path_factory.mktemp("grading")
    submissions, stub = folder / "handed in", read(released)
    for name, student in STUDENTS.items():
        notebook = filled(stub, student)
        if name == "borrower":
            tamper(notebook)
        hand_in(submissions, name, notebook)
    hand_in(submissions, "untouched", stub)
    leave = {
        "cell_type": "code",
        "id": "leave",
        "metadata": {},
        "outputs": [],
        "execution_count": None,
    }
    hand_in(
        submissions,
        "quitter",
        {**stub, "cells": [{**leave, "source": "import os\nos._exit(1)"}, *stub["cells"]]},
    )
    hand_in(submissions, "broken", '{"cells": [')
    (submissions / "absent").mkdir()
    output = folder / "grades.csv"
    assert (
        run_main(grade, str(submissions), "--output", str(output), "--work", str(folder / "work"))
        == 0
    )
    with output.open(encoding="utf-8", newline="") as file:
        return {line["student"]: line for line in csv.DictReader(file)}


def run_main(grade: ModuleType, *arguments: str) -> int:
    """The command line's exit status."""
    before, sys.argv = sys.argv, ["grade.py", *arguments]
    try:
        return grade.main()
    finally:
        sys.argv = before


# ------------------------------------------------------------------------------------------- points


@pytest.mark.slow
@pytest.mark.parametrize("name", STUDENTS)
def test_slips_lose_points_where_they_are_made_and_nowhere_else(grades: dict, name: str) -> None:
    line, lost = grades[name], STUDENTS[name].lost
    expected = {question: 0 if question in lost else points for question, points in WORTH.items()}
    assert {question: float(line[question]) for question in WORTH} == expected
    assert float(line["total"]) == sum(expected.values())


@pytest.mark.slow
def test_the_released_notebook_itself_gets_nothing(grades: dict) -> None:
    assert {float(grades["untouched"][column]) for column in (*WORTH, "total")} == {0.0}


@pytest.mark.slow
@pytest.mark.parametrize(
    "name, note",
    [
        ("absent", f"no {NAME}/{NAME}.ipynb"),
        ("broken", "the file is no notebook"),
        ("quitter", "its code ended the kernel"),
        ("borrower", "answer-5: ZeroDivisionError; question-6: deleted"),
        ("solution", ""),
        ("untouched", ""),
    ],
)
def test_what_went_wrong_is_named_and_stops_nobody_else(grades: dict, name: str, note: str) -> None:
    assert grades[name]["note"] == note
    assert len(grades) == len(STUDENTS) + 4
    if name in {"absent", "broken", "quitter"}:
        assert float(grades[name]["total"]) == 0


def test_points_of_the_source_are_those_that_the_text_names() -> None:
    cells = read(SOURCE)["cells"]
    points = [
        cell["metadata"]["nbgrader"].get("points")
        for cell in cells
        if "nbgrader" in cell["metadata"]
    ]
    named = re.findall(
        r"^## Question \d.*\((\d+) points\)",
        "\n".join("".join(c["source"]) for c in cells),
        re.MULTILINE,
    )
    assert [p for p in points if p is not None] == [int(n) for n in named] == list(WORTH.values())


# -------------------------------------------------------------------------------------------- leaks


def secrets() -> set[str]:
    """Telling lines of hidden tests and solutions that the visible parts do not hold."""
    cells = ["".join(cell["source"]) for cell in read(SOURCE)["cells"]]
    hidden = "\n".join(
        found for cell in cells for pattern in (HIDDEN, SOLUTION) for found in pattern.findall(cell)
    )
    visible = "\n".join(SOLUTION.sub("", HIDDEN.sub("", cell)) for cell in cells)
    return {
        line.strip()
        for line in hidden.splitlines()
        if len(line.strip()) > 25 and line.strip() not in visible
    }


@pytest.mark.slow
def test_the_release_holds_no_solution_and_no_hidden_test(released: Path) -> None:
    text = "\n".join("".join(cell["source"]) for cell in read(released)["cells"])
    assert len(secrets()) > 40
    assert [line for line in secrets() if line in text] == []
    assert "HIDDEN" not in text and "SOLUTION" not in text
    assert [path.name for path in released.parent.iterdir()] == [released.name]
    assert all(not cell.get("outputs") for cell in read(released)["cells"])
    stubs = re.findall(r"^ *raise NotImplementedError\(\)$", text, re.MULTILINE)
    assert len(stubs) == len(SOLUTION.findall("\n".join(answers().values())))


def test_the_book_shows_no_solution_and_no_hidden_test() -> None:
    pages = [*(REPOSITORY / "book").glob("*.md"), *(REPOSITORY / "notebooks").rglob("*.ipynb")]
    hidden = {
        line
        for cell in read(SOURCE)["cells"]
        for block in HIDDEN.findall("".join(cell["source"]))
        for line in block.splitlines()
    }
    telling = {line.strip() for line in hidden if len(line.strip()) > 40} & secrets()
    for page in pages:
        text = page.read_text(encoding="utf-8")
        if page.suffix == ".ipynb":
            text = "\n".join("".join(cell["source"]) for cell in json.loads(text)["cells"])
        assert [line for line in telling if line in text] == [], page.name
        assert "BEGIN HIDDEN TESTS" not in text and "BEGIN SOLUTION" not in text, page.name
    assert "assignments/" not in (REPOSITORY / "_toc.yml").read_text(encoding="utf-8")


def test_git_does_not_take_what_grading_makes() -> None:
    require(
        (REPOSITORY / ".git").exists() and shutil.which("git") is not None, "this is no git clone"
    )
    for path in ("assignments/release/x.ipynb", "assignments/work/gradebook.db", "grades.csv"):
        assert (
            subprocess.run(["git", "check-ignore", "-q", path], cwd=REPOSITORY).returncode == 0
        ), path


# ---------------------------------------------------------------------------------- one-line errors


def test_make_grade_asks_for_a_folder() -> None:
    require(shutil.which("make") is not None, "make is not installed")
    outcome = subprocess.run(["make", "grade"], cwd=REPOSITORY, capture_output=True, text=True)
    assert outcome.returncode != 0
    assert outcome.stderr.splitlines()[0] == "say what to grade: make grade SUBMISSIONS=folder"


@pytest.mark.slow
def test_what_cannot_be_graded_is_said_in_one_line(
    grade: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    work = tmp_path / "work"
    inside = work / "submitted" / "ada" / NAME
    inside.mkdir(parents=True)
    (tmp_path / "empty").mkdir()
    for folder, words in {
        "": "say what to grade: make grade SUBMISSIONS=folder",
        str(tmp_path / "nowhere"): "there is no folder",
        str(tmp_path / "empty"): "is empty: it should hold",
        str(work / "submitted"): "overlaps",
        str(tmp_path): "overlaps",
    }.items():
        assert (
            run_main(grade, folder, "--work", str(work), "--output", str(tmp_path / "grades.csv"))
            == 1
        )
        error = capsys.readouterr().err
        assert words in error and len(error.splitlines()) == 1
    assert inside.is_dir() and not (tmp_path / "grades.csv").exists()


@pytest.mark.slow
def test_an_endless_loop_is_named(grade: ModuleType) -> None:
    outputs = [
        {"output_type": "error", "ename": name}
        for name in ("KeyboardInterrupt", "CellTimeoutError")
    ]
    cell = {"metadata": {"nbgrader": {"grade_id": "question-3", "grade": True}}, "outputs": outputs}
    assert grade.remarks({"cells": [cell]}, {"question-3": 3.0}) == ["question-3: took too long"]


@pytest.mark.slow
def test_a_notebook_under_another_name_is_taken_and_a_link_is_not(
    grade: ModuleType, tmp_path: Path
) -> None:
    place = tmp_path / "ada" / NAME
    place.mkdir(parents=True)
    (place / "mine (1).ipynb").write_text("{}", encoding="utf-8")
    assert grade.find_notebook(tmp_path / "ada") == (
        place / "mine (1).ipynb",
        "handed in as mine (1).ipynb",
    )
    (place / "mine (1).ipynb").unlink()
    (place / f"{NAME}.ipynb").symlink_to(SOURCE)
    assert grade.find_notebook(tmp_path / "ada") == (None, f"no {NAME}/{NAME}.ipynb")
