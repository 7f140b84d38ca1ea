"""Assignments: the solution gets all points, what is handed out none, and nothing leaks."""

import json
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
import yaml
from conftest import REPOSITORY
from forked_grading import visible_failures
from grading.assignment import Assignment
from handed_in import ASSIGNMENTS, changed, graded, notebook, variants_of
from release import release

SOLUTION = re.compile(r"^ *### BEGIN SOLUTION\n(.*?)^ *### END SOLUTION$", re.MULTILINE | re.DOTALL)


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
