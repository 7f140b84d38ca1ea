"""The widget's script and style: what a kernel sends, a site serves and a notebook stores."""

from pathlib import Path

FOLDER = Path(__file__).parent


def _joined(*names: str) -> str:
    return "\n".join((FOLDER / name).read_text("utf-8") for name in names)


SCRIPTS = ("decoder.js", "drawing.js", "dragging.js", "motion.js", "panel.js", "traversal.js")
SCRIPT = _joined(*SCRIPTS)
STYLE = _joined("traversal.css", "controls.css")
WIDGET = "vsclib.traversal.Traversal"
"""What the widget is called in a stored state."""

MODULE = f"{SCRIPT}\nexport default {{ render }};\n"
"""What a widget brings along where there is a kernel.

:meta hide-value:
"""
SITE_SCRIPT = (
    f"(() => {{\n{SCRIPT}\n{_joined('page.js')}\nglobalThis.vsclibTraversal = {{ render }};\n"
    f"drawWidgets({{ {WIDGET!r}: {{ render }} }});\n}})();\n"
)
"""What a site serves once for all pages; no module, for those do not load from ``file://``.

:meta hide-value:
"""
SITE_STYLE = f"{STYLE}\n{_joined('page.css')}"
"""The style that goes with it.

:meta hide-value:
"""
STUB = (
    "export default globalThis.vsclibTraversal ?? "
    '{ render({ el }) { el.textContent = "Run this cell to move the latents."; } };'
)
"""What a stored notebook holds in the script's place: it takes the site's, or says what to do."""
