"""A second stage that makes a model's images sharp: a diffusion model that is told the
reconstruction.

A decoder's mean image is an average over all images that share a code, so it is blurred where they
differ. A refiner draws one of them: it starts from noise and removes it in a few steps, with the
reconstruction as a second image beside the noisy one. The code stays what it was, sparse and
readable; what the refiner adds is invented, in the manner of the training images.

Networks and noise schedules come from ``diffusers``, which only this room needs: ``pip install
"vsclib[refiner]"``.

Example:
    >>> import torch
    >>> from vsclib import data, fit, models, refiner
    >>> digits = data.load("digits")
    >>> base = models.create("vsc", image_shape=(1, 8, 8), latents=16, hidden=32, alpha=0.2)
    >>> _ = fit(base, digits, steps=20, progress=False)
    >>> sharp = refiner.create(base, channels=8, levels=2)
    >>> _ = fit(sharp, digits, steps=2, batch_size=20, progress=False)
    >>> sharp.sample(3, torch.Generator().manual_seed(0), steps=4).shape
    torch.Size([3, 1, 8, 8])

Source:
    Pandey, Mukherjee, Rai & Kumar (2022), first formulation; Li & Han (2022), supplement, section
    B.3.
"""

from vsclib.refiner.measure import REFINEMENT_DEFINITIONS, evaluate
from vsclib.refiner.model import STEPS, Refiner, RefinerConfig, create
from vsclib.refiner.refinement import Refinement
from vsclib.refiner.saving import load, save

__all__ = [
    "REFINEMENT_DEFINITIONS",
    "STEPS",
    "Refinement",
    "Refiner",
    "RefinerConfig",
    "create",
    "evaluate",
    "load",
    "save",
]
