"""Makes a link of every erratum that a page names, as in "(erratum E34)".

The link leads to the erratum on the page of errata, whose anchors are its labels. Code, formulas,
headings and what is a link already stay as they are, and so does a name that no erratum has.
"""

import re
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

from ledger.entries import read
from vsclib.errors import ConfigurationError

NAME = re.compile(r"\b(E\d\d)\b")
PAGE = "errata"  # names its own entries
KEPT = (
    addnodes.pending_xref,
    nodes.Invisible,
    nodes.FixedTextElement,
    nodes.literal,
    nodes.math,
    nodes.math_block,
    nodes.raw,
    nodes.reference,
    nodes.title,
)


def _kept(text: nodes.Node) -> bool:
    node = text.parent
    while node is not None and not isinstance(node, KEPT):
        node = node.parent
    return node is not None


def linked(text: str, known: set[str], page: str) -> list[nodes.Node]:
    """A text in pieces: its words, and a link for each erratum that exists."""
    pieces: list[nodes.Node] = []
    for position, part in enumerate(NAME.split(text)):
        if position % 2 and part in known:
            where = {"refdomain": "std", "reftype": "ref", "reftarget": part.lower()}
            link = addnodes.pending_xref("", refdoc=page, refexplicit=True, refwarn=True, **where)
            link += nodes.inline(part, part, classes=["erratum-name"])
            pieces.append(link)
        elif part:
            pieces.append(nodes.Text(part))
    return pieces


def link_errata(app: Sphinx, tree: nodes.document) -> None:
    """Put the links into a page that was read."""
    page = app.env.docname
    if page == PAGE:
        return
    try:
        known = set(read().errata)
    except ConfigurationError as error:
        raise ExtensionError(str(error)) from None
    for text in list(tree.findall(nodes.Text)):
        if NAME.search(text) and not _kept(text):
            text.parent.replace(text, linked(str(text), known, page))


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("doctree-read", link_errata)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
