"""Puts stored widgets into pages: each one's state and still in place, script and models apart.

Stored notebooks hold a widget's data only. The site serves script and style once, as two files, and
every decoder as a script of its own, which pages share and load beside their text; when the script
changes, the pages are written again, and no notebook is executed or touched. A page needs no widget
manager: ``vsclib/traversal/page.js`` gives each widget a model. What is no anywidget, such as a
progress bar, becomes plain HTML.
"""

import base64
import hashlib
import html
import json
import re
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective

from vsclib.files import write_atomically, write_text
from vsclib.traversal.packed import pack_weights
from vsclib.traversal.script import SITE_SCRIPT, SITE_STYLE
from vsclib.traversal.stored import REFERENCE, STATE

FILES = {"vsclib/traversal.js": SITE_SCRIPT, "vsclib/traversal.css": SITE_STYLE}
ROOT = Path(__file__).resolve().parent.parent.parent
FILE = re.compile(r'<div class="vsclib-stored" data-file="([^"]+)"></div>')
VIEW = "application/vnd.jupyter.widget-view+json"
VIEWS = re.compile(rf'<script type="{re.escape(VIEW)}">(.*?)</script>', re.DOTALL)


def write_files(app: Sphinx) -> None:
    """Put script and style where pages find them."""
    if app.builder.format == "html":
        for name, text in FILES.items():
            write_text(Path(app.outdir) / "_static" / name, text)


def stills(notebook: dict[str, Any]) -> dict[str, tuple[bytes, str]]:
    """The stored still of each widget, as PNG, and what it shows in words."""
    found = {}
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if VIEW in data and "image/png" in data:
                png = "".join(data["image/png"])
                alt = output.get("metadata", {}).get("image/png", {}).get("alt", "")
                found[data[VIEW]["model_id"]] = (base64.b64decode(png), alt)
    return found


def plain(models: dict[str, Any], name: str) -> str:
    """A widget that nobody can move any more, as HTML: what boxes, texts and bars show."""
    model = models.get(name.removeprefix(REFERENCE), {"model_name": "", "state": {}})
    state = model["state"]
    if model["model_name"] == "FloatProgressModel":
        value, most = state["value"], state["max"]
        return f'<progress value="{value:g}" max="{most:g}" aria-label="progress"></progress>'
    if "children" in state:
        return " ".join(plain(models, child) for child in state["children"])
    return html.escape(html.unescape(str(state.get("value", ""))).replace("\xa0", " "))


def packed(state: dict[str, Any]) -> dict[str, Any]:
    """A model's state as a page gets it: a decoder's weights are made shorter."""
    if not {"layers", "weights"} <= set(state):
        return state
    return {"layers": state["layers"], "packed": pack_weights(state["weights"])}


class Page:
    """One page in the making: what it shows of its widgets, and the models that it must load."""

    def __init__(self, app: Sphinx, context: dict[str, Any]) -> None:
        self.app, self.context = app, context
        self.needed: list[str] = []

    def write(self, name: str, content: bytes) -> str:
        """Write a file that is named by its content, once; its address as this page says it."""
        digest = hashlib.sha256(content).hexdigest()[:16]
        stem, ending = name.rsplit(".", 1)
        path = f"{stem}{digest}.{ending}"
        if not (Path(self.app.outdir) / path).exists():

            def write(file: Path) -> None:
                file.write_bytes(content)

            write_atomically(Path(self.app.outdir) / path, write)
        return str(self.context["pathto"](path, 1))

    def need(self, models: dict[str, Any], state: dict[str, Any]) -> None:
        """Have the page load the models that a widget refers to, each as a script of its own."""
        for value in state.values():
            if not (isinstance(value, str) and value.startswith(REFERENCE)):
                continue
            name = value.removeprefix(REFERENCE)
            if models[name]["model_name"] == "LayoutModel":
                continue
            entry = json.dumps([name, packed(models[name]["state"])], separators=(",", ":"))
            script = f"(globalThis.vsclibModels ??= []).push({entry});\n"
            address = self.write("_static/vsclib/models/.js", script.encode())
            self.needed += [] if address in self.needed else [address]
            self.need(models, models[name]["state"])

    def place(self, models: dict[str, Any], name: str, still: tuple[bytes, str] | None) -> str:
        """The HTML of one widget."""
        state = models.get(name, {"state": {}})["state"]
        if "_esm" not in state:
            return f'<p class="vsclib-progress">{plain(models, name)}</p>'
        self.need(models, state)
        picture = ""
        if still:
            address = self.write("_images/still-.png", still[0])
            picture = f'<img class="still" src="{address}" alt="{html.escape(still[1])}">'
        data = json.dumps(state, separators=(",", ":")).replace("</", "<\\/")
        return (
            f'<div class="vsclib-live" data-model="{name}">{picture}'
            f'<script type="application/json">{data}</script></div>'
        )


def put_widgets(app: Sphinx, page: str, template: str, context: dict[str, Any], tree: Any) -> None:
    """Replace a page's widget views, and take its block of states out of its head."""
    scripts = context.get("script_files", [])
    kept = [script for script in scripts if getattr(script, "attributes", {}).get("type") != STATE]
    body, made = context.get("body") or "", Page(app, context)
    if len(kept) < len(scripts):
        scripts[:] = kept  # in place: Sphinx adds to this list
        notebook = json.loads(Path(app.env.doc2path(page)).read_text("utf-8"))
        models = notebook["metadata"]["widgets"][STATE]["state"]
        pictures = stills(notebook)

        def replaced(view: re.Match) -> str:
            name = json.loads(html.unescape(view[1]))["model_id"]
            return made.place(models, name, pictures.get(name))

        body = VIEWS.sub(replaced, body)

    def stored(place: re.Match) -> str:
        kept = json.loads((ROOT / place[1]).read_text("utf-8"))
        still = base64.b64decode(kept["still"]), kept["alt"]
        return made.place(kept["state"], kept["model_id"], still)

    context["body"] = FILE.sub(stored, body)
    add_scripts(app, context, made)


class TraversalDirective(SphinxDirective):
    """Puts a widget that lies in a file of the repository on a page of text."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """A place that `put_widgets` fills."""
        if not (ROOT / self.arguments[0]).is_file():
            raise ExtensionError(
                f"{self.env.docname}: no {self.arguments[0]} here: name a file of the repository"
            )
        self.env.note_dependency(str(ROOT / self.arguments[0]))
        place = f'<div class="vsclib-stored" data-file="{self.arguments[0]}"></div>'
        return [nodes.raw("", place, format="html")]


def add_scripts(app: Sphinx, context: dict[str, Any], made: Page) -> None:
    """Name script, style and models in a page that holds a live widget."""
    if 'class="vsclib-live"' not in context["body"]:
        return
    app.add_js_file("vsclib/traversal.js", loading_method="defer")
    app.add_css_file("vsclib/traversal.css", priority=900)  # after the theme's
    tags = [f'<script async src="{html.escape(address)}"></script>' for address in made.needed]
    context["body"] += "\n".join(["", *tags, ""])


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx, after the extension that puts widgets into pages."""
    digest = hashlib.sha256("".join(FILES.values()).encode()).hexdigest()
    # With another value Sphinx writes every page again: each names the files with their checksum.
    app.add_config_value("widget_script", digest, "html")
    app.add_directive("traversal", TraversalDirective)
    app.connect("builder-inited", write_files)
    app.connect("html-page-context", put_widgets, priority=800)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
