"""Gives names and places to what the theme and the bibliography leave without, for screen readers.

The arrow that unfolds a part of the contents gets the name of that part. An entry of the
bibliography becomes an item of the list that holds it: its own role, doc-biblioentry, is deprecated
and allowed in no such list.
"""

import re
from typing import Any

from markupsafe import Markup
from sphinx.application import Sphinx

ARROW = re.compile(r">(?P<part>[^<>]+)(?P<between></a>\s*<details[^>]*>\s*)<summary>")


def name_arrows(sidebar: Markup) -> Markup:
    """The contents with a name for each arrow."""

    def named(found: re.Match) -> str:
        part = " ".join(found["part"].split())
        return f'>{found["part"]}{found["between"]}<summary aria-label="Pages of {part}">'

    return Markup(ARROW.sub(named, str(sidebar)))


def make_accessible(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any
) -> None:
    """Mend the body, and let the template name the arrows."""
    context["name_arrows"] = name_arrows
    if "doc-biblioentry" in context.get("body", ""):
        context["body"] = context["body"].replace('role="doc-biblioentry"', 'role="listitem"')


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("html-page-context", make_accessible)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
