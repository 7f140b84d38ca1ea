"""The parameters that a notebook holds, and those that stand in when it holds none."""

from collections.abc import Mapping
from typing import Any

TASTE: Mapping[str, Any] = {
    "name": "a-taste",
    "alpha": 0.1,
    "latents": 20,
    "hidden": 128,
    "likelihood": "gaussian",
    "sigma": 0.15,
    "steps": 500,
    "learning_rate": 3e-3,
}
"""A small model whose code comes alive within seconds."""


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
