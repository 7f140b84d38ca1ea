"""Sparse latent representations, from the autoencoder to Variational Sparse Coding and the
spike-and-slab generator.

The rooms, ground floor first: :mod:`~vsclib.spike_slab` (the mathematics),
:mod:`~vsclib.schedules`, :mod:`~vsclib.networks`, :mod:`~vsclib.inference`, :mod:`~vsclib.models`,
:mod:`~vsclib.data`, :mod:`~vsclib.training`, :mod:`~vsclib.metrics`, :mod:`~vsclib.figures`,
:mod:`~vsclib.traversal`, :mod:`~vsclib.records`, :mod:`~vsclib.runs`. Behind them,
:mod:`~vsclib.refiner` makes a trained model's images sharp; it alone needs an optional package.
Beside them, :mod:`~vsclib.checks` hold an equation against something that knows nothing of it.
"""

# ``arguments`` comes first: it covers what is imported after it.
from vsclib import arguments, data, models  # noqa: F401
from vsclib.checkpoints import load, save
from vsclib.training import fit

__all__ = ["__version__", "data", "fit", "load", "models", "save"]
__version__ = "0.1.0"
