"""The parameter cell of a notebook: written from the models' options, read by the first call."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vsclib.errors import ConfigurationError
from vsclib.files import write_text

if TYPE_CHECKING:
    from vsclib.runs.experiment import Experiment


def parameters_of(namespace: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters that a notebook holds: every public name with a plain value.

    Papermill accepts a misspelt name without a word; given to :meth:`Experiment.of`, it is refused.
    """
    plain = (type(None), bool, int, float, str, list, dict)
    return {
        name: value
        for name, value in namespace.items()
        if type(value) in plain and not name.startswith("_") and name not in ("In", "Out")
    }


def cell(kind: "type[Experiment]") -> str:
    """Source of the cell that holds every parameter of a kind of run, with its default."""
    lines = [f"# The run: every name is explained in {kind.explained_in}."]
    if kind.left_open:
        lines.append("# Steps and batch size of None are the preset's, or 200 and 100.")
    lines += [f"{name} = {_literal(value)}" for name, value in kind.run_parameters().items()]
    lines += ["", f"# {kind.options_note}"]
    lines += [f"{name} = None" for name in kind.option_names()]
    return "\n".join(lines)


def write_cell(kind: "type[Experiment]", notebook: str | Path) -> None:
    """Write the parameter cell into a notebook, in the place of the one that it must have."""
    content = json.loads(Path(notebook).read_text(encoding="utf-8"))
    for one in content["cells"]:
        if "parameters" in one["metadata"].get("tags", []):
            one["source"] = cell(kind).splitlines(keepends=True)
            write_text(notebook, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
            return
    raise ConfigurationError(f"{notebook} has no parameter cell: tag one with 'parameters'")


def _literal(value: Any) -> str:
    """A value as the formatter writes it: text in double quotes."""
    return json.dumps(value) if isinstance(value, str) else repr(value)
