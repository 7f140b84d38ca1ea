"""All models under one contract: :func:`create` makes one by name, :func:`names` lists them."""

from typing import Any

import torch

from vsclib.errors import ConfigurationError, nearest
from vsclib.models.abp import ABP
from vsclib.models.autoencoder import AutoEncoder
from vsclib.models.beta_tcvae import BetaTCVAE
from vsclib.models.contract import Code, Loss, Model, ModelConfig
from vsclib.models.preset_table import preset, presets
from vsclib.models.short_run import ShortRun
from vsclib.models.sparse_autoencoder import ReluSAE
from vsclib.models.sparse_generator import SparseGenerator
from vsclib.models.top_k import TopK
from vsclib.models.vae import VAE, BetaVAEConfig
from vsclib.models.vsc import VSC
from vsclib.models.vsc_mixture import VSCMixture
from vsclib.models.vsc_thresholds import VSCThresholds
from vsclib.models.vsc_uai import VSCUAI
from vsclib.models.vsc_wu import VSCWarmUp

__all__ = ["Code", "Loss", "Model", "ModelConfig", "create", "family", "names", "preset", "presets"]


class BetaVAE(VAE):
    """A VAE whose KL weighs ``beta`` times."""

    Config = BetaVAEConfig


FAMILIES: dict[str, type[Model]] = {
    "abp": ABP,
    "ae": AutoEncoder,
    "beta_tcvae": BetaTCVAE,
    "beta_vae": BetaVAE,
    "relu_sae": ReluSAE,
    "short_run": ShortRun,
    "sparse_generator": SparseGenerator,
    "top_k": TopK,
    "vae": VAE,
    "vsc": VSC,
    "vsc_mixture": VSCMixture,
    "vsc_thresholds": VSCThresholds,
    "vsc_uai": VSCUAI,
    "vsc_wu": VSCWarmUp,
}


def names() -> tuple[str, ...]:
    """The names that :func:`create` knows."""
    return tuple(FAMILIES)


def family(name: str) -> type[Model]:
    """The class behind a name.

    Raises:
        ConfigurationError: no model has this name.
    """
    if name not in FAMILIES:
        raise ConfigurationError(f"there is no model {name!r}: {nearest(str(name), FAMILIES)}")
    return FAMILIES[name]


def create(name: str, *, seed: int = 0, **options: Any) -> Model:
    """Make an untrained model.

    Args:
        name: one of :func:`names`.
        seed: of the initial weights.
        **options: fields of the model's ``Config``.

    Returns:
        The model, on the CPU.

    Raises:
        ConfigurationError: an unknown name or option (with the nearest valid one), or a value out
            of range.

    Example:
        >>> model = create("vsc", image_shape=(1, 8, 8), latents=16, hidden=32, alpha=0.1)
        >>> model.encode(torch.rand(2, 1, 8, 8)).z.shape
        torch.Size([2, 16])
    """
    made = family(name)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return made.build(name, options)
