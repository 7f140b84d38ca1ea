"""A student's notebook in order: locked cells as they were handed out, answers, cells of their own.

A cell is known by nbgrader's name in its metadata or, where an editor dropped that, by its id.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

LARGEST = 20_000_000


class UnreadableError(Exception):
    """Why a file is no notebook to grade, in a line with the remedy."""


class Cell(NamedTuple):
    """A cell of the assignment as handed out.

    Attributes:
        name: nbgrader's name.
        kind: ``code`` or ``markdown``.
        role: ``locked``, ``answer``, ``test`` or ``text``.
        source: its text.
        points: what a test is worth; else 0.
        shown: it only shows something (a training, a picture) and is left out when graded.
    """

    name: str
    kind: str
    role: str
    source: str
    points: float = 0.0
    shown: bool = False


def source_cells(path: Path) -> list[Cell]:
    """The cells of an assignment's own notebook that have a name."""
    cells = []
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        about = cell["metadata"].get("nbgrader", {})
        name, text = about.get("grade_id", ""), "".join(cell["source"])
        if not name:
            continue
        role = "locked"
        if about.get("solution"):
            role = "answer"
        elif about.get("grade"):
            role = "test"
        shown = "shown" in cell["metadata"].get("tags", [])
        cells.append(Cell(name, cell["cell_type"], role, text, about.get("points", 0.0), shown))
    return cells


def read(path: Path) -> list[dict[str, Any]]:
    """The cells of a notebook that was handed in.

    Raises:
        UnreadableError: too large, no notebook, or of an old format.
    """
    if path.is_symlink() or not path.is_file():
        raise UnreadableError(f"{path.name} is a link, not a file: hand in the notebook itself")
    size = path.stat().st_size
    if size > LARGEST:
        raise UnreadableError(
            f"the file has {size / 1e6:.0f} MB, at most {LARGEST / 1e6:.0f}: "
            "clear its outputs and hand in again"
        )
    try:
        notebook = json.loads(path.read_text(encoding="utf-8-sig"))
        cells = [
            {
                "kind": str(cell["cell_type"]),
                "source": "".join(cell["source"]),
                "name": _name(cell),
            }
            for cell in notebook["cells"]
        ]
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError, OSError):
        raise UnreadableError(
            "the file is no notebook: save it in Jupyter and hand in the .ipynb file"
        ) from None
    return cells


def _name(cell: dict[str, Any]) -> str:
    about = cell.get("metadata", {}).get("nbgrader", {})
    return str(about.get("grade_id") or cell.get("id") or "")


def in_order(
    handed_in: list[dict[str, Any]], source: list[Cell], answers: tuple[str, ...], seconds: float
) -> list[dict[str, Any]]:
    """What is run for one question: everything above the last of its answers.

    Locked cells come from the assignment, in front of the answer that follows them there; test
    cells are left out. Where an answer's cell is gone, all cells are run: it may stand in another.

    Args:
        handed_in: from :func:`read`.
        source: from :func:`source_cells`.
        answers: names of the answers that the question asks for.
        seconds: what each cell may take.
    """
    known = {cell.name: cell for cell in source if cell.kind == "code"}
    order = [cell.name for cell in source]
    last_source = max(order.index(answer) for answer in answers)
    waiting = [
        cell
        for cell in source[: last_source + 1]
        if cell.role == "locked" and cell.kind == "code" and not cell.shown
    ]
    places = [n for n, cell in enumerate(handed_in) if cell["name"] in answers]
    present = {handed_in[n]["name"] for n in places}
    end = places[-1] + 1 if set(answers) <= present else len(handed_in)
    cells: list[dict[str, Any]] = []

    def add(role: str, name: str, text: str, index: int) -> None:
        cells.append(
            {"role": role, "name": name, "source": text, "index": index, "seconds": seconds}
        )

    for index, cell in enumerate(handed_in[:end]):
        part = known.get(cell["name"])
        role = part.role if part is not None else "own"
        if cell["kind"] != "code" or role in ("locked", "test"):
            continue
        here = order.index(cell["name"]) if role == "answer" else -1
        # A cell of the student's own may stand anywhere: the set-up comes before it in any case.
        first = waiting[:1] if not cells else []
        due = [c for c in waiting if c in first or (here >= 0 and order.index(c.name) < here)]
        for locked in due:
            waiting.remove(locked)
            add("locked", locked.name, locked.source, -1)
        add(role, cell["name"], cell["source"], index)
    for locked in waiting:
        add("locked", locked.name, locked.source, -1)
    return cells
