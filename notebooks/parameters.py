"""Write the parameter cells of the notebooks for runs, from the options of models and runs.

    python notebooks/parameters.py

To be called after a model has got an option, or a new model was added; a test holds the stored
cells against what this writes.
"""

from pathlib import Path

import vsclib.refiner  # noqa: F401  (its kind of run is registered there)
from vsclib import runs

EXPERIMENTS = Path(__file__).parent / "experiments"


def main() -> None:
    """Write the cell of every kind of run into the notebook of its name."""
    for name, kind in runs.kinds().items():
        runs.write_cell(kind, EXPERIMENTS / f"{name}.ipynb")


if __name__ == "__main__":
    main()
