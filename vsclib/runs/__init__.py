"""A run as a function: train a model, measure it, write its record.

However a run is started, by a call, by papermill or by ``python -m vsclib.runs``, the same files
lie in its folder afterwards: ``training.safetensors`` (the checkpoint that a killed run resumes
from), ``model.safetensors``, ``record.json`` and, written last, ``done.json``.

Example:
    >>> import tempfile
    >>> from vsclib import runs
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     asked = runs.Experiment.of(model="vae", latents=2, hidden=8, steps=2, folder=folder)
    ...     done = runs.run(asked, progress=False)
    >>> done.record["training"]["steps"], done.model.latents
    (2, 2)
"""

from vsclib.runs.experiment import LEFT_OPEN, Experiment
from vsclib.runs.kernel import Stopped
from vsclib.runs.kinds import kinds, register
from vsclib.runs.namespace import parameters_of
from vsclib.runs.naming import check_name, default_name
from vsclib.runs.notebook import execute
from vsclib.runs.parameters import cell, write_cell
from vsclib.runs.provenance import provenance
from vsclib.runs.run import Run, run, write_record
from vsclib.runs.together import run_many

__all__ = [
    "LEFT_OPEN",
    "Experiment",
    "Run",
    "Stopped",
    "cell",
    "check_name",
    "default_name",
    "execute",
    "kinds",
    "parameters_of",
    "provenance",
    "register",
    "run",
    "run_many",
    "write_cell",
    "write_record",
]
