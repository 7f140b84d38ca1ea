"""The parameter cell of a notebook, written from the options of runs and models."""

import json
from pathlib import Path
from typing import Any

from vsclib.errors import ConfigurationError
from vsclib.files import write_text
from vsclib.runs.experiment import Experiment


def cell(kind: type[Experiment]) -> str:
    """Source of the cell that holds every parameter of a kind of run, with its default."""
    lines = [f"# The run: every name is explained in {kind.explained_in}."]
    if kind.left_open:
        lines.append(f"# {kind.open_note}")
    lines += [f"{name} = {_literal(value)}" for name, value in kind.run_parameters().items()]
    lines += ["", f"# {kind.options_note}"]
    lines += [f"{name} = None" for name in kind.option_names()]
    return "\n".join(lines)


def write_cell(kind: type[Experiment], notebook: str | Path) -> None:
    """Write the parameter cell into a notebook, in the place of the one that it has.

    Raises:
        ConfigurationError: there is no such notebook, or no cell of it has the tag ``parameters``.
    """
    try:
        content = json.loads(Path(notebook).read_text(encoding="utf-8"))
        cells = content["cells"]
    except (OSError, ValueError, KeyError, TypeError):
        raise ConfigurationError(f"{notebook} is no notebook: give the path of an .ipynb") from None
    for one in cells:
        if "parameters" in one["metadata"].get("tags", []):
            one["source"] = cell(kind).splitlines(keepends=True)
            write_text(notebook, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
            return
    raise ConfigurationError(f"{notebook} has no parameter cell: tag one with 'parameters'")


def _literal(value: Any) -> str:
    """A value as the formatter writes it: text in double quotes."""
    return json.dumps(value) if isinstance(value, str) else repr(value)
