"""Gives the page "Draw a digit" its script, style and models, from the modules in book/live.

The modules are written for a browser that imports them, and tested so. A page that is opened from a
disk may import none: the site serves them as one classic script, and the models as another.
"""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

from vsclib.files import write_text

LIVE = Path(__file__).parent.parent / "live"
PAGE = "draw"
MARKER = re.compile(r"^% live-models$", re.MULTILINE)
NAMES = {"vae": "VAE", "vsc": "VSC", "generator": "sparse generator"}
# Each one imports from those before it.
MODULES = (
    "digit",
    "weights",
    "networks",
    "inference",
    "pictures",
    "pad",
    "upload",
    "markup",
    "page",
)
START = """
const here = document.currentScript.src;
const root = document.getElementById("live-digit");
if (root) begin(root, here.replace(/draw\\.js[^/]*$/, "models.js?v=VERSION"));
"""


def bundle(folder: Path = LIVE) -> str:
    """The modules as one classic script without a global name.

    Raises:
        ExtensionError: two modules give something at their top the same name.
    """
    parts, owners = [], {}
    for module in MODULES:
        text = (folder / f"{module}.js").read_text("utf-8")
        text = re.sub(r"^import [^;]*;\n", "", text, flags=re.MULTILINE)
        text = re.sub(r"^export ", "", text, flags=re.MULTILINE)
        for name in re.findall(
            r"^(?:async )?(?:function|const|let|class) (\w+)", text, re.MULTILINE
        ):
            if owners.setdefault(name, module) != module:
                found = f"{module}.js and {owners[name]}.js both define {name}"
                raise ExtensionError(f"{found}: rename one, they become one script")
        parts.append(text)
    # Browsers keep files: another content has another address.
    version = hashlib.sha256((folder / "models.js").read_bytes()).hexdigest()[:8]
    return "(() => {\n" + "\n".join(parts) + START.replace("VERSION", version) + "})();\n"


def models() -> dict[str, Any]:
    """What the file of the models says of each."""
    text = (LIVE / "models.js").read_text("utf-8").split("\n", 1)[1]
    written = json.loads(text[text.index("{") : text.rindex("}") + 1])
    return written["models"]


def breakable(text: str, after: str = "") -> str:
    """Code that a narrow cell may break, and that is whole when copied."""
    parts = re.findall(f"[^{after}]+{after}?" if after else ".{1,8}", text)
    return f"<code style='white-space: normal'>{'<wbr>'.join(parts)}</code>"


def table() -> str:
    """Where each model comes from, and what writing its weights down did to it."""
    lines = [
        "| model | as trained | in this page | record and SHA-256 of the trained file |",
        "|---|---|---|---|",
    ]
    for name, model in models().items():
        rounding = model["rounding"]
        levels = f"{rounding['psnr']:.2f} dB | {rounding['psnr_rounded']:.2f} dB"
        origin = f"{breakable(model['record'], '-')}<br>{breakable(model['sha256'])}"
        lines.append(f"| {NAMES[name]} | {levels} | {origin} |")
    return "\n".join(lines)


def insert_table(app: Sphinx, docname: str, source: list[str]) -> None:
    """Put the table where the page asks for it."""
    if docname == PAGE:
        found = f":::{{div}} live-models\n\n{table()}\n\n:::\n"
        source[0] = MARKER.sub(lambda match: found, source[0])


def reread_table(app: Sphinx, env: Any, added: set, changed: set, removed: set) -> list[str]:
    """The page depends on a file that Sphinx does not watch: read it at every build."""
    return [PAGE] if PAGE in env.found_docs else []


def write_files(app: Sphinx) -> None:
    """Put script, style and models where the page finds them."""
    if app.builder.format == "html":
        target = Path(app.outdir) / "_static" / "live"
        write_text(target / "draw.js", bundle())
        for name in ("draw.css", "models.js"):
            write_text(target / name, (LIVE / name).read_text("utf-8"))


def add_files(app: Sphinx, page: str, template: str, context: dict[str, Any], tree: Any) -> None:
    """Name script and style in the page; the script asks for the models when the text is there."""
    if page == PAGE:
        app.add_js_file("live/draw.js", loading_method="defer")
        app.add_css_file("live/draw.css", priority=900)  # after the theme's


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("source-read", insert_table)
    app.connect("env-get-outdated", reread_table)
    app.connect("builder-inited", write_files)
    app.connect("html-page-context", add_files)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
