"""Toys in a browser: their modules as functions that Python calls, and a page that holds them all."""

import json
import sys
from pathlib import Path
from typing import Any

import nbformat
from conftest import load_script
from playwright.sync_api import Page
from published_page import REPOSITORY, build_small_book

sys.path.insert(0, str(REPOSITORY))

from book.toys import bundle

CHAPTERS = sorted(
    [
        *(REPOSITORY / "notebooks").glob("[0-9]*.ipynb"),
        *(REPOSITORY / "notebooks").glob("derivations/[0-9]*.ipynb"),
    ]
)
OPENING = ":::{toy} "
links = load_script("book/_extensions/chapter_links.py")


def placed() -> list[tuple[str, str, str]]:
    """Every toy of a chapter: its name, the chapter, and its block of Markdown."""
    return [
        (block.splitlines()[0].removeprefix(OPENING).strip(), path.stem, block)
        for path in CHAPTERS
        for cell in nbformat.read(path, as_version=4).cells
        if cell.cell_type == "markdown"
        and (block := links.as_roles(cell.source, path)).startswith(OPENING)
    ]


def built_toys(folder: Path) -> Path:
    """A book of two pages, one with every toy and one with none; returns its HTML."""
    blocks = [block for _, _, block in placed()]
    (folder / "all.md").write_text("\n\n".join(["# Toys", *blocks, ""]), encoding="utf-8")
    (folder / "none.md").write_text("# No toy\n\nWords.\n", encoding="utf-8")
    return build_small_book(folder, ["all", "none"], extensions=("toys", "own_server"))


class Modules:
    """The modules of the toys, loaded into a page: ``modules("a.js", "f", 1)`` is ``f(1)`` there."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def evaluate(self, place: str, expression: str, *values: Any) -> Any:
        """An expression of the module ``m`` and of the values ``v``."""
        self.page.evaluate(bundle.bundle(place))
        sent = json.dumps(values)
        return self.page.evaluate(
            f'() => {{ const m = vsclibToys.take("{place}"); const v = {sent}; return {expression}; }}'
        )

    def __call__(self, place: str, function: str, *values: Any) -> Any:
        """What a function of a module gives for values that JSON knows."""
        return self.evaluate(place, f"m.{function}(...v)", *values)

    def each(self, place: str, function: str, rows: list[list[Any]]) -> list[Any]:
        """What it gives for each row of arguments."""
        return self.evaluate(place, f"v[0].map((row) => m.{function}(...row))", rows)
