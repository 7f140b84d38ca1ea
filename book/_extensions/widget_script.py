"""Gives the pages that hold a live widget its script and style, from the library as it is now.

Stored notebooks hold a widget's data only. The site serves script and style once, as two files;
when they change, the pages are written again, and no notebook is executed or touched.
"""

import hashlib
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

from vsclib.files import write_text
from vsclib.traversal.script import SITE_SCRIPT, STYLE
from vsclib.traversal.stored import WIDGET

FILES = {"vsclib/traversal.js": SITE_SCRIPT, "vsclib/traversal.css": STYLE}


def write_files(app: Sphinx) -> None:
    """Put script and style where pages find them."""
    if app.builder.format == "html":
        for name, text in FILES.items():
            write_text(Path(app.outdir) / "_static" / name, text)


def add_files(app: Sphinx, page: str, template: str, context: dict[str, Any], tree: Any) -> None:
    """Name the two files in a page whose widget state holds a traversal."""
    states = (script.attributes.get("body") or "" for script in context.get("script_files", []))
    if any(WIDGET in state for state in states):
        app.add_js_file("vsclib/traversal.js")
        app.add_css_file("vsclib/traversal.css", priority=900)  # after the theme's


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx, after the extension that puts widgets into pages."""
    digest = hashlib.sha256("".join(FILES.values()).encode()).hexdigest()
    # With another value Sphinx writes every page again: each names the files with their checksum.
    app.add_config_value("widget_script", digest, "html")
    app.connect("builder-inited", write_files)
    app.connect("html-page-context", add_files, priority=800)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
