"""Families by name: the library's own, and a reader's."""

import importlib
from typing import Any

import torch

from vsclib.errors import ConfigurationError, nearest
from vsclib.models.contract import Model, ModelConfig

FAMILIES: dict[str, str | type[Model]] = {
    "abp": "abp:ABP",
    "ae": "autoencoder:AutoEncoder",
    "beta_tcvae": "beta_tcvae:BetaTCVAE",
    "beta_vae": "vae:BetaVAE",
    "relu_sae": "sparse_autoencoder:ReluSAE",
    "short_run": "short_run:ShortRun",
    "sparse_generator": "sparse_generator:SparseGenerator",
    "top_k": "top_k:TopK",
    "vae": "vae:VAE",
    "vsc": "vsc:VSC",
    "vsc_mixture": "vsc_mixture:VSCMixture",
    "vsc_thresholds": "vsc_thresholds:VSCThresholds",
    "vsc_uai": "vsc_uai:VSCUAI",
    "vsc_wu": "vsc_wu:VSCWarmUp",
}
"""A model's name and its class: ``module:Class`` in this room, or a class that was registered."""

HOOKS = ("recognise", "objective")
BOUND_HOOKS = ("kl", "log_ratio")


def names() -> tuple[str, ...]:
    """The names that :func:`create` knows."""
    return tuple(FAMILIES)


def family(name: str) -> type[Model]:
    """The class behind a name.

    Raises:
        ConfigurationError: no model has this name.
    """
    place = FAMILIES.get(name) if isinstance(name, str) else None
    if place is None:
        raise ConfigurationError(f"there is no model {name!r}: {nearest(str(name), FAMILIES)}")
    if not isinstance(place, str):
        return place
    module, _, cls = place.partition(":")
    return getattr(importlib.import_module(f"vsclib.models.{module}"), cls)


def register(name: str, cls: type[Model]) -> type[Model]:
    """Make a family of one's own known by a name, for this process.

    Args:
        name: a new name.
        cls: a subclass of :class:`Model` that defines what the contract asks of a family.

    Returns:
        The class.

    Raises:
        ConfigurationError: the name is taken, or the class does not keep the contract.
    """
    if not isinstance(name, str) or not name.isidentifier():
        raise ConfigurationError(f"name = {name!r} is not allowed: choose letters, digits and _")
    if name in FAMILIES:
        raise ConfigurationError(f"model {name!r} exists already: choose another name")
    if not (isinstance(cls, type) and issubclass(cls, Model)):
        raise ConfigurationError(f"{cls!r} is no model: derive it from vsclib.models.Model")
    wanted = HOOKS + (BOUND_HOOKS if cls.has_bound else ())
    missing = [hook for hook in wanted if getattr(cls, hook) is getattr(Model, hook)]
    if missing:
        raise ConfigurationError(
            f"{cls.__name__} defines no {missing[0]}, but the contract asks for "
            f"{', '.join(wanted)}: define it, see vsclib.models.Model"
        )
    if not (isinstance(cls.Config, type) and issubclass(cls.Config, ModelConfig)):
        raise ConfigurationError(
            f"{cls.__name__}.Config is no ModelConfig: derive it and mark it with @configuration"
        )
    FAMILIES[name] = cls
    return cls


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
