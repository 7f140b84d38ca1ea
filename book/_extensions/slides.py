"""Slides as pages: each second heading of a page under ``slides/`` is a screen.

Style and script are loaded on those pages only. Figures are those that the chapters store: the
directive ``chapter-figure`` takes a chapter and the label of one of its figures, and shows the
drawing as the chapter does, in the page's text colour::

    ```{chapter-figure} 02-vae fig-vae-gap
    ```
"""

import json
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.parsers.rst import Directive
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

from vsclib.errors import nearest
from vsclib.figures.picture import DRAWING

SCREENS = "slides/week-"


class NoFigure(ExtensionError):
    """A figure that no chapter stores; one line with the page and the remedy."""


def drawings(path: Path) -> dict[str, str]:
    """The labelled figures that a notebook stores, as SVG elements."""
    found = {}
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        label = cell["metadata"].get("mystnb", {}).get("figure", {}).get("name")
        for output in cell.get("outputs", []):
            if label and DRAWING in output.get("data", {}):
                found[label] = "".join(output["data"][DRAWING])
    return found


class ChapterFigure(Directive):
    """Shows a figure of a chapter, with a link to it."""

    required_arguments = 2

    def run(self) -> list[nodes.Node]:
        """The drawing and the link as nodes of the page."""
        env = self.state.document.settings.env
        chapter, label = self.arguments
        chapters = Path(env.srcdir) / "notebooks"
        path = chapters / f"{chapter}.ipynb"
        if not path.is_file():
            known = [
                found.relative_to(chapters).with_suffix("").as_posix()
                for found in chapters.rglob("[0-9]*.ipynb")
            ]
            raise NoFigure(f"{env.docname}: no chapter {chapter}: {nearest(chapter, known)}")
        stored = drawings(path)
        if label not in stored:
            raise NoFigure(f"{env.docname}: {chapter} stores no {label}: {nearest(label, stored)}")
        env.note_dependency(str(path.resolve()))
        figure = nodes.container(classes=["chapter-figure"])
        figure += nodes.raw("", stored[label], format="html")
        source = StringList([f"From {{numref}}`{label}`"], source=str(path))
        self.state.nested_parse(source, self.content_offset, figure)
        return [figure]


def add_files(app: Sphinx, page: str, template: str, context: dict[str, Any], tree: Any) -> None:
    """Load script and style on the pages that are slides."""
    if page.startswith(SCREENS):
        app.add_js_file("slides.js", loading_method="defer")
        app.add_css_file("slides.css", priority=900)  # after the theme's


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.add_directive("chapter-figure", ChapterFigure)
    app.connect("html-page-context", add_files)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
