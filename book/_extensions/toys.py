"""The directive ``toy``: a small picture that a reader moves, by the name of its file.

    :::{toy} coin-price
    What to look for, in a sentence.
    :::

The page gets the toy's still, in place, and its scripts, deferred; a page without a toy gets
neither. What is no page, such as a PDF, gets the sentence. Toys are the files of ``book/toys``.
"""

import hashlib
import html
import re
import sys
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective

from vsclib.errors import ConfigurationError
from vsclib.files import write_text

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT))  # book/ is no installed package

from book.toys import bundle  # noqa: E402

STILLS = ROOT / "book" / "_assets" / "toys"
DESCRIPTION = re.compile(r"<desc>(.*?)</desc>", re.DOTALL)


class Toy(nodes.General, nodes.Element):
    """A toy's place on a page, with its ``name`` and the ``number`` of toys before it."""


class ToyDirective(SphinxDirective):
    """Puts a toy on the page; the build fails where there is no toy of this name."""

    required_arguments = 1
    has_content = True

    def run(self) -> list[nodes.Node]:
        """The toy with its sentence as a node of the page."""
        try:
            name = bundle.checked(self.arguments[0])
        except ConfigurationError as error:
            raise ExtensionError(f"{self.env.docname}: {error}") from None
        for place in bundle.needed(f"{name}.js"):
            self.env.note_dependency(str(bundle.FOLDER / place))
        self.env.note_dependency(str(STILLS / f"{name}.svg"))
        toy = Toy("", name=name)
        self.state.nested_parse(self.content, self.content_offset, toy)
        if not toy.children:
            raise ExtensionError(
                f"{self.env.docname}: toy {name!r} has no sentence: say what to look for"
            )
        return [toy]


def open_toy(self: Any, node: Toy) -> None:
    """Begin the toy's place: its title, and what to look for follows."""
    name = node["name"]
    node["number"] = self.toys = getattr(self, "toys", 0) + 1
    label = f"toy-{name}-title-{node['number']}"
    self.body.append(
        f'<div class="toy" data-toy="{name}" role="group" aria-labelledby="{label}">\n'
        f'<p class="toy-title" id="{label}">Try it: {html.escape(bundle.title(name))}</p>\n'
        '<div class="toy-look">\n'
    )


def close_toy(self: Any, node: Toy) -> None:
    """End the toy's place: the still, and the words that say what it shows."""
    still = (STILLS / f"{node['name']}.svg").read_text(encoding="utf-8").strip()
    (said,) = DESCRIPTION.findall(still)
    self.body.append(
        '</div>\n<div class="toy-body">\n<div class="toy-controls"></div>\n'
        f'<div class="toy-picture">{still}</div>\n</div>\n<div class="toy-words">{said}</div>\n'
        "</div>\n"
    )


def only_sentence(self: Any, node: Toy) -> None:
    """In what is no page a toy is its sentence."""


def write_files(app: Sphinx) -> None:
    """Put scripts and style where pages find them."""
    if app.builder.format == "html":
        for name, text in site_files().items():
            write_text(Path(app.outdir) / "_static" / "toys" / name, text)


def site_files() -> dict[str, str]:
    """Scripts and style by file name."""
    style = (bundle.FOLDER / "toys.css").read_text(encoding="utf-8")
    return {**bundle.scripts(), "toys.css": style}


def add_files(app: Sphinx, page: str, template: str, context: dict[str, Any], tree: Any) -> None:
    """Name the scripts of a page's toys, and the style, in that page."""
    found = list(dict.fromkeys(toy["name"] for toy in tree.findall(Toy))) if tree else []
    for name in ["base", *found] if found else []:
        app.add_js_file(f"toys/{name}.js", loading_method="defer")
    if found:
        app.add_css_file("toys/toys.css", priority=900)  # after the theme's


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    digest = hashlib.sha256("".join(site_files().values()).encode()).hexdigest()
    # With another value Sphinx writes every page again: each names the files with their checksum.
    app.add_config_value("toys", digest, "html")
    other = (only_sentence, only_sentence)
    app.add_node(Toy, html=(open_toy, close_toy), latex=other, text=other)
    app.add_directive("toy", ToyDirective)
    app.connect("builder-inited", write_files)
    app.connect("html-page-context", add_files, priority=800)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
