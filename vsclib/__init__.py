"""Sparse latent representations, from the autoencoder to Variational Sparse Coding and the
spike-and-slab generator.

The rooms, ground floor first: :mod:`~vsclib.spike_slab` (the mathematics),
:mod:`~vsclib.schedules`, :mod:`~vsclib.networks`, :mod:`~vsclib.inference`, :mod:`~vsclib.models`,
:mod:`~vsclib.data`, :mod:`~vsclib.training`, :mod:`~vsclib.metrics`, :mod:`~vsclib.figures`,
:mod:`~vsclib.traversal`, :mod:`~vsclib.records`, :mod:`~vsclib.runs`. Behind them,
:mod:`~vsclib.refiner` makes a trained model's images sharp; it alone needs an optional package.
Beside them, :mod:`~vsclib.checks` hold an equation against something that knows nothing of it.
"""

import importlib
import importlib.util
from typing import TYPE_CHECKING, Any

# It covers what is imported after it.
from vsclib import arguments  # noqa: F401

if TYPE_CHECKING:
    from vsclib import data, models
    from vsclib.checkpoints import load, save
    from vsclib.training import fit

__all__ = ["__version__", "data", "fit", "load", "models", "save"]
__version__ = "0.1.0"

_FUNCTIONS = {"fit": "training", "load": "checkpoints", "save": "checkpoints"}

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """A room, or one of the three functions, imported when it is first asked for (PEP 562)."""
        if name in _FUNCTIONS:
            room = importlib.import_module(f"vsclib.{_FUNCTIONS[name]}")
            return globals().setdefault(name, getattr(room, name))
        if not name.startswith("_") and importlib.util.find_spec(f"vsclib.{name}"):
            return importlib.import_module(f"vsclib.{name}")
        raise AttributeError(f"module 'vsclib' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
