"""Assignments: the solution gets all points, slips lose theirs and no others, unusual right answers
lose nothing, and nothing leaks.
"""

import copy
import io
import json
import re
import tomllib
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from functools import cache
from pathlib import Path

import pytest
import yaml
from conftest import REPOSITORY
from forked_grading import forked, grade
from grading.assignment import Assignment, names, read
from grading.student import Graded
from grading.submissions import Submission
from release import release

ASSIGNMENTS = {name: read(name) for name in names()}
SOLUTION = re.compile(r"^ *### BEGIN SOLUTION\n(.*?)^ *### END SOLUTION$", re.MULTILINE | re.DOTALL)


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


def visible_failures(content: dict, first: bool = False) -> list[str]:
    """Names of visible tests that fail from top to bottom; only the ``first``, where that is all."""
    return forked(lambda: _visible_failures(content, first))


def _visible_failures(content: dict, first: bool) -> list[str]:
    space: dict = {"__name__": "__main__"}
    failed = []
    for cell in content["cells"]:
        about = cell["metadata"].get("nbgrader", {})
        if cell["cell_type"] != "code" or "shown" in cell["metadata"].get("tags", []):
            continue
        try:
            with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
                exec(compile("".join(cell["source"]), about.get("grade_id", "own"), "exec"), space)
        except Exception:
            if about.get("grade"):
                failed.append(about["grade_id"])
        if first and failed:
            break
    return failed


# ------------------------------------------------------------------------------------------- points


@pytest.mark.slow
@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_the_solution_gets_all_points_and_passes_the_visible_tests(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assignment = ASSIGNMENTS[name]
    content = notebook(assignment.notebook)
    result = graded(assignment, content, tmp_path, monkeypatch)
    assert result.reasons == {}
    assert {q.name: result.points(q.name) for q in assignment.questions} == {
        q.name: q.points for q in assignment.questions
    }
    for question in assignment.questions:
        assert sum(part.points for part in result.parts[question.name]) == question.points
    assert visible_failures(content) == []


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """What students get of an assignment, made once."""
    folder = tmp_path_factory.mktemp("release")
    return cache(lambda name: release(ASSIGNMENTS[name], folder))


@pytest.mark.slow
@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_what_is_handed_out_gets_nothing_and_says_so(
    name: str,
    released: Callable[[str], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assignment = ASSIGNMENTS[name]
    stub = notebook(released(name))
    result = graded(assignment, stub, tmp_path, monkeypatch)
    assert {result.points(question.name) for question in assignment.questions} == {0}
    assert result.reasons == {question.name: "unanswered" for question in assignment.questions}


@pytest.mark.slow
@pytest.mark.parametrize("name, slip", variants("slips"))
def test_a_slip_costs_points_where_it_is_made_and_nowhere_else(
    name: str, slip: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assignment = ASSIGNMENTS[name]
    result = graded(assignment, changed(assignment, slip["changes"]), tmp_path, monkeypatch)
    assert lost(assignment, result) == set(slip["lost"])
    assert all(result.reasons[question] for question in slip["lost"])


@pytest.mark.slow
@pytest.mark.parametrize("name, answer", variants("unusual"))
def test_a_right_answer_written_unusually_gets_all_points(
    name: str, answer: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assignment = ASSIGNMENTS[name]
    content = changed(assignment, answer["changes"])
    result = graded(assignment, content, tmp_path, monkeypatch)
    assert result.reasons == {}
    assert lost(assignment, result) == set()


@pytest.mark.slow
@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_visible_tests_catch_at_least_half_of_the_slips(name: str) -> None:
    assignment = ASSIGNMENTS[name]
    slips = variants_of(assignment, "slips")
    seen = {
        s["name"]: bool(visible_failures(changed(assignment, s["changes"]), True)) for s in slips
    }
    assert len(slips) >= 8 and len(variants_of(assignment, "unusual")) >= 5
    assert sum(seen.values()) >= len(slips) / 2, seen


@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_points_are_those_that_the_text_names(name: str) -> None:
    assignment = ASSIGNMENTS[name]
    text = "\n".join("".join(c["source"]) for c in notebook(assignment.notebook)["cells"])
    named = re.findall(r"^## Question \d+.*\((\d+) points?\)", text, re.MULTILINE)
    worth = [*(q.points for q in assignment.questions)]
    assert [float(n) for n in named[: len(worth)]] == worth
    assert re.search(rf"\*\*{assignment.points:g} points", text)


# -------------------------------------------------------------------------------------------- leaks


def solution_lines(assignment: Assignment) -> set[str]:
    """Telling lines of the solution that are not handed out."""
    cells = ["".join(cell["source"]) for cell in notebook(assignment.notebook)["cells"]]
    hidden = "\n".join(found for cell in cells for found in SOLUTION.findall(cell))
    visible = "\n".join(SOLUTION.sub("", cell) for cell in cells)
    lines = {line.strip() for line in hidden.splitlines()}
    return {line for line in lines if len(line) > 25 and line not in visible}


def squeezed(text: str) -> str:
    return re.sub(r"\s+", "", text)


def page_text(path: Path) -> str:
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".ipynb":
        text = "\n".join("".join(cell["source"]) for cell in json.loads(text)["cells"])
    return squeezed(text)


@pytest.mark.slow
@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_the_release_is_the_solution_without_its_answers(
    name: str, released: Callable[[str], Path]
) -> None:
    assignment = ASSIGNMENTS[name]
    path = released(name)
    cells = notebook(path)["cells"]
    text = "\n".join("".join(cell["source"]) for cell in cells)
    assert [line for line in solution_lines(assignment) if line in text] == []
    assert "HIDDEN" not in text and "SOLUTION" not in text
    assert all(not cell.get("outputs") for cell in cells)
    files = [str(p.relative_to(path.parent)) for p in path.parent.rglob("*") if p.is_file()]
    assert sorted(files) == [".github/workflows/visible-tests.yml", path.name]
    source = notebook(assignment.notebook)["cells"]
    assert len(cells) == len(source)
    for ours, theirs in zip(source, cells, strict=True):
        if not ours["metadata"].get("nbgrader", {}).get("solution"):
            assert "".join(ours["source"]).strip() == "".join(theirs["source"]).strip()


@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_no_page_of_the_book_prints_an_answer(name: str) -> None:
    assignment = ASSIGNMENTS[name]
    pages = [*(REPOSITORY / "book").rglob("*.md"), *(REPOSITORY / "notebooks").rglob("*.ipynb")]
    pages = [page for page in pages if "_build" not in page.parts]
    lines = {squeezed(line) for line in solution_lines(assignment)}
    # What a solution shares with a chapter must not be what a question asks for.
    lines = {line for line in lines if len(line) > 30}
    for page in pages:
        text = page_text(page)
        assert [line for line in lines if line in text] == [], page.name
        assert "BEGINSOLUTION" not in text, page.name


@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_the_chapters_that_an_assignment_names_exist(name: str) -> None:
    contents = yaml.safe_load((REPOSITORY / "_toc.yml").read_text(encoding="utf-8"))
    listed = str(contents)
    for chapter in ASSIGNMENTS[name].chapters:
        page = REPOSITORY / f"{chapter}.ipynb"
        assert page.exists() and (chapter in listed or "derivations/" in chapter), chapter


@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_every_assignment_has_a_teachers_comment_and_locked_cells(name: str) -> None:
    assignment = ASSIGNMENTS[name]
    assert (assignment.folder / "comment.md").read_text(encoding="utf-8").startswith("# ")
    assert assignment.cells[0].role == "locked"
    assert 1 <= assignment.week <= 4 and 90 <= assignment.minutes <= 240
    assert len(assignment.goals) >= 2
