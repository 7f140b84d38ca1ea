"""Keeps scripts and fonts from standing between a reader and the text of a page.

The theme sends every icon of Font Awesome twice, as a script (543 kB, compressed) and as a font:
the book takes the few that its pages draw out of the installed font and serves them inside one
small style. The search index, which grows with the book, waits until a reader searches. All other
scripts of the head are deferred, in their order, and mathematics is set as soon as its script is
there.
"""

import base64
import io
import re
from functools import cache
from pathlib import Path
from typing import Any

import pydata_sphinx_theme
import sphinx_book_theme
from fontTools import subset
from fontTools.ttLib import TTFont
from markupsafe import Markup
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

from vsclib.files import write_text

THEME = Path(pydata_sphinx_theme.__file__).parent / "theme/pydata_sphinx_theme/static"
BOOK_THEME = Path(sphinx_book_theme.__file__).parent / "theme/sphinx_book_theme/static"
# What the templates and scripts of the two themes draw on a page of this book, by name. Any other
# icon still comes, with the theme's whole font.
ICONS = (
    "angle-left",
    "angle-right",
    "arrow-up",
    "bars",
    "chevron-down",
    "circle-half-stroke",
    "download",
    "expand",
    "file",
    "file-pdf",
    "list",
    "magnifying-glass",
    "moon",
    "sun",
    "xmark",
)
LICENCE = (
    "/* Icons: Font Awesome Free 6 by @fontawesome, https://fontawesome.com/license/free,\n"
    "   font under SIL OFL 1.1; licence in vendor/licences/fontawesome-free-LICENSE.txt. */\n"
)
SCRIPT = re.compile(r"<script\b[^>]*></script>")
# `DOCUMENTATION_OPTIONS` is asked for by a script inside the page, before anything deferred runs.
AT_ONCE = ("documentation_options.js",)
LATE = ("searchindex.js", "scripts/fontawesome.js")


def code_points() -> set[int]:
    """Where the needed icons stand in the font: those of `ICONS`, and those that styles name."""
    style = (THEME / "styles/pydata-sphinx-theme.css").read_text("utf-8")
    found = set()
    for name in ICONS:
        rule = re.search(rf"\.fa-{name}:before[^{{}}]*\{{content:\"\\([0-9a-f]+)\"", style)
        if not rule:
            raise ExtensionError(f"Font Awesome has no icon {name!r}: take it out of ICONS")
        found.add(int(rule[1], 16))
    own = (BOOK_THEME / "styles/sphinx-book-theme.css").read_text("utf-8")
    escaped = re.findall(r"content:\s*\"\\(f[0-9a-f]{3})", own)
    written = re.findall(r"--pst-icon-[a-z-]+:\s*\"([^\"\\])\"", style)
    return found | {int(point, 16) for point in escaped} | {ord(sign) for sign in written}


@cache
def icon_style() -> str:
    """The needed icons as a font inside a style, which comes before the theme's for them alone."""
    points = sorted(code_points())
    with TTFont(
        THEME / "vendor/fontawesome/webfonts/fa-solid-900.ttf", recalcTimestamp=False
    ) as font:
        points = [point for point in points if point in font.getBestCmap()]
        options = subset.Options(flavor="woff", layout_features=[], notdef_outline=False)
        options.name_IDs = [0, 13, 14]  # copyright and licence
        reduced = subset.Subsetter(options)
        reduced.populate(unicodes=points)
        reduced.subset(font)
        font.flavor = "woff"
        made = io.BytesIO()
        font.save(made)
    data = base64.b64encode(made.getvalue()).decode("ascii")
    covered = ", ".join(f"U+{point:04X}" for point in points)
    return (
        f'{LICENCE}@font-face {{ font-family: "Font Awesome 6 Free"; font-style: normal;'
        f" font-weight: 900; unicode-range: {covered};"
        f' src: url("data:font/woff;base64,{data}") format("woff"); }}\n'
    )


def light_head(head: Markup) -> Markup:
    """A part of the head without what a page can do without, and with its scripts deferred."""

    def judged(match: re.Match) -> str:
        tag = match[0]
        if any(name in tag for name in LATE):
            return ""
        if "mathjax" in tag:
            return tag.replace('defer="defer"', "async")
        if "src=" not in tag or re.search(r"\b(defer|async)\b", tag):
            return tag
        if any(name in tag for name in AT_ONCE):
            return tag
        return tag.replace("<script", "<script defer", 1)

    return Markup(SCRIPT.sub(judged, str(head)))


def without_icons(head: Markup) -> Markup:
    """A part of the search page's head, whose own scripts ask at once for those before them."""
    return Markup(SCRIPT.sub(lambda tag: "" if LATE[-1] in tag[0] else tag[0], str(head)))


def give_filter(app: Sphinx, page: str, template: str, context: dict, tree: Any) -> None:
    """Let the template call `light_head`."""
    context["light_head"] = without_icons if page == "search" else light_head


def write_icons(app: Sphinx) -> None:
    """Put the icons where pages find them."""
    if app.builder.format == "html":
        write_text(Path(app.outdir) / "_static" / "icons.css", icon_style())


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("builder-inited", write_icons)
    app.connect("html-page-context", give_filter)
    app.add_css_file(
        "icons.css", priority=900
    )  # after the theme's: the last one that covers a sign wins
    app.add_js_file("search-on-demand.js", loading_method="defer")
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
