"""The list of assignments, written from what each says of itself.

A page holding the line ``% assignments`` gets a section for each assignment: what it is for, the
chapters it rests on, its questions and their points. Solutions are never read.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

HERE = Path(__file__).resolve().parents[2] / "assignments"
sys.path.insert(0, str(HERE))

from grading.assignment import Assignment, names, read  # noqa: E402

MARKER = re.compile(r"^% assignments$", re.MULTILINE)
HEADING = re.compile(r"^## Question \d+: (.+?) \((\d+) points?\)", re.MULTILINE)


def questions(assignment: Assignment) -> list[tuple[str, str]]:
    """Title and points of each question, from the notebook's headings."""
    cells = json.loads(assignment.notebook.read_text(encoding="utf-8"))["cells"]
    text = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
    return HEADING.findall(text)


def section(assignment: Assignment) -> str:
    """One assignment as a section of the page."""
    hours = f"{assignment.minutes / 60:.1f}".removesuffix(".0")
    goals = "\n".join(f"- {goal}" for goal in assignment.goals)
    chapters = ", ".join(f"{{doc}}`{chapter}`" for chapter in assignment.chapters)
    rows = "\n".join(
        f"| {number} | {title} | {points} |"
        for number, (title, points) in enumerate(questions(assignment), start=1)
    )
    return f"""(assignment-{assignment.name})=
## {assignment.title}

`{assignment.name}`, week {assignment.week}, {assignment.points:g} points, about {hours} hours.
It rests on {chapters}. Afterwards you can

{goals}

| | question | points |
|---|---|---|
{rows}
"""


def insert_list(app: Sphinx, docname: str, source: list[str]) -> None:
    """Put the list where the page asks for it."""
    if MARKER.search(source[0]):
        sections = "\n".join(section(read(name)) for name in names())
        source[0] = MARKER.sub(lambda match: sections, source[0])


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("source-read", insert_list)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
