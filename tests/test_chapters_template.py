"""Every chapter opens, folds its answers and breaks its lines in the same way.

The form is described in notebooks/TEMPLATE.md. Nothing is executed: the notebooks are read as JSON.
"""

import ast
import json
import re
from copy import deepcopy
from pathlib import Path

import pytest

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"
CHAPTERS = sorted([*NOTEBOOKS.glob("[0-9]*.ipynb"), *NOTEBOOKS.glob("derivations/[0-9]*.ipynb")])
BOX = ":::{admonition} Goals, prerequisites, time\n:class: tip\n"
PROMISES = {
    "what you can do afterwards": r"\*\*Afterwards you can\*\* \w",
    "what you need": r"\*\*You need\*\* \S",
    "how long it takes": r"\*\*It takes\*\* (about )?\d+ minutes to read",
}
ANSWER = ":::{admonition} Answer\n:class: dropdown\n"
QUESTION = re.compile(r"^\*\*(\d+)\. [^*\n]+[.?]\*\* ", re.MULTILINE)
SELF_CHECK = re.compile(r"\bassert |\bchecks\.|\b(close|fails|run|monte_carlo|symbolic)\(")
# What may go over several lines inside a call: a text, a literal, a comprehension.
WHOLE = (ast.Constant, ast.JoinedStr, ast.List, ast.Tuple, ast.Dict, ast.Set)
WHOLE += (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def source(cell: dict) -> str:
    return "".join(cell["source"])


def opening(cells: list[dict]) -> list[str]:
    """What the first cell lacks."""
    text = source(cells[0])
    if cells[0]["cell_type"] != "markdown" or not text.startswith("# "):
        return ["the first cell is no Markdown cell with a title"]
    if text.count(BOX) != 1 or not text.endswith("\n:::"):
        return ["the first cell does not end with the box 'Goals, prerequisites, time'"]
    before, box = text.split(BOX)
    missing = [] if before.count("\n\n") >= 2 else ["no paragraph between the title and the box"]
    paragraphs = box.removesuffix("\n:::").split("\n\n")
    if len(paragraphs) != len(PROMISES):
        missing.append(f"the box has {len(paragraphs)} paragraphs instead of {len(PROMISES)}")
    for paragraph, (promise, form) in zip(paragraphs, PROMISES.items(), strict=False):
        if not re.match(form, paragraph):
            missing.append(f"the box does not say {promise}")
    return missing


def answers(cells: list[dict]) -> list[str]:
    """What the exercises and their folded answers lack."""
    markdown = [source(cell) for cell in cells if cell["cell_type"] == "markdown"]
    text = "\n\n".join(markdown)
    headings = re.findall(r"^## (Take away|Exercises)$", text, re.MULTILINE)
    if headings != ["Take away", "Exercises"]:
        return [f"its last sections are {headings} instead of Take away, then Exercises"]
    exercises = text.split("\n## Exercises\n")[1]
    numbers = [int(number) for number in QUESTION.findall(exercises)]
    wrong = []
    if len(numbers) < 3 or numbers != list(range(1, len(numbers) + 1)):
        wrong.append(f"its exercises are numbered {numbers}; expected **1. Name.** and so on")
    if text.count(ANSWER) != len(numbers):
        wrong.append(f"{text.count(ANSWER)} folded answers to {len(numbers)} exercises")
    if text.count("} Answer") != text.count(ANSWER) or "{dropdown}" in text:
        wrong.append("an answer is folded by another directive")
    for cell, after in zip(cells, [*cells[1:], None], strict=True):
        if cell["cell_type"] == "markdown" and ANSWER in source(cell):
            if not source(cell).endswith("\n:::"):
                wrong.append(f"cell {cell['id']} goes on after its answer")
            if after is None or "hide-cell" not in after["metadata"].get("tags", []):
                wrong.append(f"cell {cell['id']}: no folded code follows the answer")
            elif not SELF_CHECK.search(source(after)):
                wrong.append(f"cell {after['id']}: the answer's code asserts nothing")
    return wrong


def broken(code: str) -> list[str]:
    """Arguments that go over several lines, each by its first line."""
    found = []
    for call in ast.walk(ast.parse(code)):
        if isinstance(call, ast.Call):
            for argument in [*call.args, *(keyword.value for keyword in call.keywords)]:
                value = argument.value if isinstance(argument, ast.Starred) else argument
                if value.end_lineno != value.lineno and not isinstance(value, WHOLE):
                    found.append((ast.get_source_segment(code, value) or "").splitlines()[0])
    return found


def broken_arguments(cells: list[dict]) -> list[str]:
    """Calls whose argument is a call that is broken itself."""
    return [
        f"cell {cell['id']} breaks a call in the middle of the argument {argument}"
        for cell in cells
        if cell["cell_type"] == "code"
        for argument in broken(source(cell))
    ]


def problems(notebook: dict) -> list[str]:
    """All that keeps a chapter from the template."""
    cells = notebook["cells"]
    return [*opening(cells), *answers(cells), *broken_arguments(cells)]


def read(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


def test_there_are_twenty_chapters() -> None:
    assert len(CHAPTERS) == 20


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.relative_to(NOTEBOOKS).as_posix())
def test_chapter_follows_the_template(path: Path) -> None:
    found = problems(read(path))
    assert found == [], f"{path.name}: {'; '.join(found)}"


@pytest.mark.parametrize(
    "old, new, complaint",
    [
        ("# An autoencoder", "An autoencoder", "title"),
        ("{admonition} Goals, prerequisites, time", "{admonition} This chapter", "box"),
        ("**You need** Python", "**Before this.** Python", "what you need"),
        ("**It takes** 40 minutes", "**It takes** a while", "how long"),
        (":::{admonition} Answer", ":::{dropdown} Answer", "another directive"),
        ("**2. ", "**4. ", "numbered"),
        ("## Take away", "## Summary", "last sections"),
    ],
)
def test_a_departure_is_seen(old: str, new: str, complaint: str) -> None:
    notebook = deepcopy(read(NOTEBOOKS / "01-autoencoder.ipynb"))
    assert problems(notebook) == []
    cell = next(cell for cell in notebook["cells"] if old in source(cell))
    cell["source"] = [source(cell).replace(old, new, 1)]
    assert any(complaint in problem for problem in problems(notebook))


def test_an_answer_without_a_check_is_seen() -> None:
    notebook = read(NOTEBOOKS / "01-autoencoder.ipynb")
    next(cell for cell in notebook["cells"] if cell["id"] == "answer-1")["source"] = ["x = 1"]
    assert problems(notebook) == ["cell answer-1: the answer's code asserts nothing"]


@pytest.mark.parametrize(
    "code, arguments",
    [
        ("print(\n    close(\n        a,\n        b,\n    )\n)", ["close("]),
        ("f(x=a\n  + b)", ["a"]),
        ("f(*g(\n    a\n))", ["g("]),
        ("f(\n    g(a),\n    h(b),\n)", []),
        ("f(\n    'one '\n    'two',\n    [\n        1,\n    ],\n)", []),
        ("f(\n    x\n    for x in y\n)", []),
    ],
)
def test_broken_arguments_are_seen(code: str, arguments: list[str]) -> None:
    assert broken(code) == arguments
