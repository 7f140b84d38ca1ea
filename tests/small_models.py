"""Untrained models small enough for a test, and a batch of images for them."""

import torch
from torch.distributions import Normal

from vsclib import models
from vsclib.models import Loss

SHAPE = (1, 8, 8)
NAMES = (
    *("abp", "ae", "beta_tcvae", "beta_vae", "relu_sae", "short_run", "sparse_generator", "top_k"),
    *("vae", "vsc", "vsc_mixture", "vsc_thresholds", "vsc_uai", "vsc_wu"),
)
UNBOUNDED = ("abp", "ae", "relu_sae", "short_run", "sparse_generator", "top_k")
SPARSE = ("vsc", "vsc_mixture", "vsc_thresholds", "vsc_uai", "vsc_wu")
LIKELIHOODS = ("bernoulli", "gaussian", "gaussian_learned")


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
    return model.loss(images(), step, seeded(seed))


def posterior(model: models.Model) -> Normal:
    code = model.encode(images())
    return Normal(code.mu, (0.5 * code.logvar).exp())
