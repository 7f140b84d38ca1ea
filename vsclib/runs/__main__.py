"""Run an experiment through its notebook: ``python -m vsclib.runs -p model vae -p steps 2000``.

Ctrl-C or SIGTERM keeps what was trained, for the same command to go on from.
"""

import argparse
import ast
import sys
from pathlib import Path
from typing import Any

from papermill import PapermillExecutionError

import vsclib.refiner  # noqa: F401  (its kind of run is registered there)
from vsclib.errors import VsclibError
from vsclib.runs.experiment import Experiment
from vsclib.runs.kernel import Stopped
from vsclib.runs.kinds import kinds
from vsclib.runs.notebook import execute

NOTEBOOKS = Path(__file__).parents[2] / "notebooks" / "experiments"


def main(arguments: list[str] | None = None) -> int:
    """Read the command line and run what it asks for."""
    parser = argparse.ArgumentParser(prog="python -m vsclib.runs", description=__doc__)
    parser.add_argument("--notebook", default="train", help="train, refine, or the path of a copy")
    parser.add_argument(
        "--page", help="the executed notebook, or a folder for it; by default the run's folder"
    )
    parser.add_argument("-p", nargs=2, action="append", default=[], metavar=("NAME", "VALUE"))
    asked = parser.parse_args(arguments)
    notebook = Path(asked.notebook)
    if notebook.suffix != ".ipynb":
        notebook = NOTEBOOKS / f"{notebook}.ipynb"
    kind = kinds().get(notebook.stem, Experiment)
    try:
        experiment = kind.asked_for({name: _value(text) for name, text in asked.p})
        page = asked.page
        if page is not None and Path(page).suffix != ".ipynb":
            page = Path(page) / f"{experiment.title}.ipynb"
        page = execute(experiment, notebook, page)
    except Stopped as stopped:
        print(f"python -m vsclib.runs: {stopped}", file=sys.stderr)
        return stopped.code
    except (VsclibError, PapermillExecutionError) as error:
        reason = str(error)
        if isinstance(error, PapermillExecutionError):
            reason = f"{error.ename}: {error.evalue}; see {experiment.path / 'failed.ipynb'}"
        print(f"python -m vsclib.runs: {reason}", file=sys.stderr)
        return 1
    print(f"{experiment.title}: the page is {page}, the record {experiment.path / 'record.json'}")
    return 0


def _value(text: str) -> Any:
    """A number, list, truth value or None where the text is one; otherwise the text itself."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


if __name__ == "__main__":
    sys.exit(main())
