"""The parameters that a notebook holds."""

from collections.abc import Mapping
from typing import Any


def parameters_of(namespace: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters that a notebook holds: every public name with a plain value.

    Papermill accepts a misspelt name without a word; :meth:`~vsclib.runs.Experiment.of` refuses it.
    """
    plain = (type(None), bool, int, float, str, list, dict)
    return {
        name: value
        for name, value in namespace.items()
        if type(value) in plain and not name.startswith("_") and name not in ("In", "Out")
    }
