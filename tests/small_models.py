"""Untrained models small enough for a test, and a batch of images for them."""

import torch
from torch.distributions import Normal

from vsclib import models
from vsclib.models import Loss, TrainingStep

SHAPE = (1, 8, 8)
NAMES = models.names()
UNBOUNDED = tuple(name for name in NAMES if not models.family(name).has_bound)
# The families with a spike-and-slab of their own: gates and a bound.
SPARSE = tuple(
    name
    for name in NAMES
    if models.family(name).has_bound and hasattr(models.family(name).Config, "alpha")
)
LIKELIHOODS = ("bernoulli", "continuous_bernoulli", "gaussian", "gaussian_learned", "gaussian_real")


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def tiny(name: str, **options) -> models.Model:
    """An untrained model whose codes differ from image to image."""
    model = models.create(
        name, **{"image_shape": SHAPE, "latents": 5, "hidden": 12, "seed": 3} | options
    )
    if hasattr(model, "encoder"):
        with torch.no_grad():
            model.encoder.head.weight.mul_(6.0)
    return model


def typical(name: str, **options) -> models.Model:
    """The same, with about half of a sparse code on."""
    return tiny(name, **({"gamma_bias": 0.0, "alpha": 0.3} if name in SPARSE else {}) | options)


def images(n: int = 6, shape: tuple[int, ...] = SHAPE) -> torch.Tensor:
    return torch.rand(n, *shape, generator=seeded(7))


def loss(model: models.Model, step: int = 0, seed: int = 1) -> Loss:
    """The loss of a step; what the step leaves behind is kept, as in a training."""
    given = TrainingStep(images(), seeded(seed), step)
    found = model.loss(given)
    model.remember(given, found.state)
    return found


def posterior(model: models.Model) -> Normal:
    code = model.encode(images())
    return Normal(code.mu, (0.5 * code.logvar).exp())
