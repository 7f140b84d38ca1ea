"""The table of data sets, written from what the library says about each.

A page holding the line ``% data-sets`` gets a table with a row for each of ``vsclib.data.names()``.
Nothing is loaded: ``vsclib.data.about(name)`` knows all that the table tells.
"""

import re
from typing import Any

from sphinx.application import Sphinx

from vsclib import data
from vsclib.data import Information

MARKER = re.compile(r"^% data-sets$", re.MULTILINE)
HEADER = "| set | licence | source and checksum |\n|---|---|---|\n"
ADDRESS = re.compile(r"https?://[^\s;,]+")


def breakable(digest: str) -> str:
    """A checksum that a narrow cell may break, and that is whole when copied."""
    parts = [digest[start : start + 8] for start in range(0, len(digest), 8)]
    return f"<code style='white-space: normal'>{'<wbr>'.join(parts)}</code>"


def checksums(about: Information) -> str:
    """SHA-256 of the arrays, or the checksum of each published file."""
    if about.sha256:
        return f"SHA-256 of the arrays {breakable(about.sha256)}"
    lines = []
    for file in about.files:
        algorithm, _, digest = file.digest.partition(":")
        lines.append(f"{algorithm.upper()} of <code>{file.name}</code> {breakable(digest)}")
    return "<br>".join(lines)


def row(name: str, about: Information) -> str:
    """One data set as a line of the table."""
    shape = " x ".join(map(str, about.image_shape))
    source = ADDRESS.sub(lambda found: f"<{found[0]}>", about.source)
    size = f"{about.train:,} to train<br>{about.test:,} to test<br>each {shape}"
    cells = [
        f"`{name}`<br>{about.title}<br>{size}",
        about.licence,
        f"{source}.<br>From: {about.origin}.<br>Done to the images: {about.preparation}."
        f"<br>{checksums(about)}",
    ]
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n"


def table() -> str:
    """The MyST table of every data set."""
    return HEADER + "".join(row(name, data.about(name)) for name in data.names())


def insert_table(app: Sphinx, docname: str, source: list[str]) -> None:
    """Put the table where the page asks for it."""
    source[0] = MARKER.sub(lambda match: f":::{{div}} data-sets\n\n{table()}\n:::\n", source[0])


def reread_table(app: Sphinx, env: Any, added: set, changed: set, removed: set) -> list[str]:
    """The page depends on the library, which Sphinx does not watch: read it at every build."""
    return [name for name in ("data",) if name in env.found_docs]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("source-read", insert_table)
    app.connect("env-get-outdated", reread_table)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
