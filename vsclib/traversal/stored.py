"""What a notebook stores of its widgets: their data, and the weights of each decoder once.

    python -m vsclib.traversal.stored notebooks/03-vsc.ipynb     or any number of notebooks

Script and style come from the library when a page is built, so a change of them runs nothing again.
"""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

from vsclib.files import write_text
from vsclib.traversal.script import STUB, WIDGET

STATE = "application/vnd.jupyter.widget-state+json"
REFERENCE = "IPY_MODEL_"
# Of a widget's model that has data and no view, as ipywidgets writes it.
PLAIN_MODEL = {
    "model_module": "@jupyter-widgets/base",
    "model_module_version": "2.0.0",
    "model_name": "WidgetModel",
}


def keep_data_only(notebook: dict[str, Any]) -> None:
    """Take script, style and repeated weights out of an executed notebook, in place.

    What is done already is left as it is.
    """
    models = notebook["metadata"].get("widgets", {}).get(STATE, {}).get("state", {})
    states = [model["state"] for model in models.values()]
    replaced, decoders = set(), {}
    widgets = [state for state in states if state.get("_anywidget_id") == WIDGET]
    for state in widgets:
        state["_esm"] = STUB
        state.pop("_css", None)
    second = [
        models[state["beside"].removeprefix(REFERENCE)]["state"]
        for state in widgets
        if state.get("beside")
    ]
    for state in widgets + second:
        decoder = _decoder(models, state)
        data = [decoder["state"]["layers"], decoder["state"]["weights"]]
        name = hashlib.sha256(json.dumps(data).encode()).hexdigest()[:32]
        replaced.add(state.get("decoder", "").removeprefix(REFERENCE))
        state["decoder"] = REFERENCE + name
        decoders[name] = decoder
    for name in replaced:
        models.pop(name, None)
    models |= decoders


def _decoder(models: dict[str, Any], state: dict[str, Any]) -> dict[str, Any]:
    """The model of a widget's decoder; notebooks of before it was one hold it in the widget."""
    if "decoder" in state:
        return models[state["decoder"].removeprefix(REFERENCE)]
    data = {name: state.pop(name) for name in ("layers", "weights")}
    kind = {f"_{name}": value for name, value in PLAIN_MODEL.items()}
    return {**PLAIN_MODEL, "state": {**kind, **data}}


def main(paths: list[str]) -> None:
    """Rewrite the notebooks that hold more than data."""
    for path in map(Path, paths):
        text = path.read_text("utf-8")
        notebook = json.loads(text)
        keep_data_only(notebook)
        if notebook != json.loads(text):
            write_text(path, json.dumps(notebook, indent=1, ensure_ascii=False) + "\n")
            print(f"{path}: {len(text.encode()):,} -> {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main(sys.argv[1:])
