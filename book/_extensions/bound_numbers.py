"""Roles that bind a number on a page to a record, a printed value or a constant.

``{measured}``, ``{printed}`` and ``{constant}`` show the number that is written, and the page's
build fails where the records give another: :mod:`results.bound` says what may be written. Where the
number is from shows when the mouse rests on it, and at the foot of the
window when it has the focus.
"""

import sys
from functools import cache
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxRole

from vsclib.errors import VsclibError

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT))  # results/ is no installed package

from results.bound import Results, parse  # noqa: E402
from results.verify import printed_values  # noqa: E402

LOG = logging.getLogger(__name__)


@cache
def results() -> Results:
    """The book's records and printed values, read once a build."""
    return Results(ROOT / "results", printed_values())


class BoundNumber(nodes.inline):
    """A number with its ``role``, its ``target`` and a ``note`` that says where it is from."""


class BoundRole(SphinxRole):
    """Shows a number that is bound; an error of the page where it is not what is recorded."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """The number as a node of the page."""
        try:
            bound = parse(self.name, self.text)
            note = results().check(bound).note
        except VsclibError as error:
            LOG.error("%s", error, location=self.get_location())
            return [nodes.literal(text=self.text)], []
        node = BoundNumber(self.rawtext, bound.written)
        node.attributes.update(role=bound.role, target=bound.target, note=note)
        return [node], []


def open_number(self: Any, node: BoundNumber) -> None:
    """Open the number's element; it can have the focus, so that no mouse is needed."""
    self.body.append(
        self.starttag(
            node,
            "span",
            "",
            CLASS=f"bound bound-{node['role']}",
            TITLE=node["note"],
            TABINDEX="0",
            **{"data-target": node["target"]},
        )
    )


def close_number(self: Any, node: BoundNumber) -> None:
    """Close it."""
    self.body.append("</span>")


def ignore(self: Any, node: BoundNumber) -> None:
    """In what is no HTML a number is its text."""


def reread_pages(app: Sphinx, env: Any, added: set, changed: set, removed: set) -> list[str]:
    """Pages depend on records, which Sphinx does not watch: read those with numbers every time."""
    roles = ("measured", "printed", "constant")
    marks = [mark for role in roles for mark in (f"{{{role}}}`", f"<!-- {role}: ")]
    return [
        name
        for name in env.found_docs
        if any(mark in Path(env.doc2path(name)).read_text(encoding="utf-8") for mark in marks)
    ]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    results.cache_clear()
    other = (ignore, ignore)
    app.add_node(BoundNumber, html=(open_number, close_number), latex=other, text=other)
    for name in ("measured", "printed", "constant"):
        app.add_role(name, BoundRole())
    app.connect("env-get-outdated", reread_pages)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
