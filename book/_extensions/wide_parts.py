"""Keeps what is wider than the page readable: it scrolls in its own place, and shows that it does.

Text that a cell prints in columns keeps its lines, whatever their length; all other printed text is
wrapped by the page's style. A script marks the parts that are cut at an edge.
"""

import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

COLUMNS = re.compile(r"\S {2,}\S")
LEAST = 2  # so many lines with the same gap make a table


def in_columns(text: str) -> bool:
    """Whether lines that follow one another hold words apart by two spaces or more."""
    gaps = [bool(COLUMNS.search(line)) for line in text.splitlines()]
    return any(all(gaps[start : start + LEAST]) for start in range(len(gaps) - LEAST + 1))


def mark_columns(app: Sphinx, tree: nodes.document) -> None:
    """Give printed tables the class that keeps their lines."""
    for block in tree.findall(nodes.literal_block):
        if "output" in block.get("classes", []) and in_columns(block.astext()):
            block["classes"].append("columns")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("doctree-read", mark_columns)
    app.add_js_file("wide-parts.js", loading_method="defer")
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
