"""A small assignment for the tests of grading: handed-in notebooks and what became of them."""

import copy
import json
from pathlib import Path
from typing import Any

from conftest import REPOSITORY
from grading.assignment import Assignment, read

SOURCE = REPOSITORY / "tests" / "fixtures" / "course"
RIGHT = {"answer-1": "number = 271", "answer-2": "def area(r):\n    return math.pi * r**2"}


def tiny() -> Assignment:
    """The assignment."""
    return read("tiny", SOURCE)


def notebook(answers: dict[str, str], before: str = "", after: str = "") -> dict[str, Any]:
    """The tiny notebook with these answers, and with a cell of the student's before or after them."""
    content = copy.deepcopy(json.loads((SOURCE / "tiny" / "tiny.ipynb").read_text("utf-8")))
    for cell in content["cells"]:
        if cell["id"] in ("answer-1", "answer-2"):
            cell["source"] = answers.get(cell["id"], "raise NotImplementedError()")
    if before:
        content["cells"].insert(0, own("before", before))
    if after:
        content["cells"].append(own("after", after))
    return content


def own(name: str, source: str) -> dict[str, Any]:
    """A cell that a student adds."""
    cell = {"cell_type": "code", "id": name, "metadata": {}, "outputs": [], "source": source}
    return {**cell, "execution_count": None}


def hand_in(folder: Path, student: str, content: dict[str, Any] | str, name: str = "tiny") -> Path:
    """Put a notebook where a student's lies."""
    path = folder / student / "tiny" / f"{name}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    text = content if isinstance(content, str) else json.dumps(content)
    path.write_text(text, encoding="utf-8")
    return path
