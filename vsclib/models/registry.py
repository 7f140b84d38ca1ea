"""Families by name: the library's own, and a reader's."""

import importlib
from typing import Any

import numpy as np
import torch

from vsclib import networks
from vsclib.configuration import (
    Seed,
    configuration,
    configure,
    import_from,
    is_import_path,
)
from vsclib.errors import CheckpointError, ConfigurationError, nearest, warn_caller
from vsclib.models.contract import Model, ModelConfig
from vsclib.models.preset_table import presets
from vsclib.own_networks import FACTORIES, require_new

FAMILIES: dict[str, str | type[Model]] = {
    "abp": "abp:ABP",
    "ae": "autoencoder:AutoEncoder",
    "batch_top_k": "batch_top_k:BatchTopK",
    "beta_tcvae": "beta_tcvae:BetaTCVAE",
    "beta_vae": "vae:BetaVAE",
    "jump_relu": "jump_relu:JumpReLU",
    "poisson_vae": "poisson_vae:PoissonVAE",
    "relu_sae": "sparse_autoencoder:ReluSAE",
    "short_run": "short_run:ShortRun",
    "sparse_generator": "sparse_generator:SparseGenerator",
    "top_k": "top_k:TopK",
    "vae": "vae:VAE",
    "vae_mixture": "vae_mixture:VAEMixture",
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
    """The class behind a name, or behind an import path ``package.module:Class``.

    A path is imported, checked as :func:`register` does and known from then on.

    Raises:
        ConfigurationError: no model has this name, or the path leads to none.
    """
    if not isinstance(name, str):
        raise ConfigurationError(f"there is no model {name!r}: {nearest(str(name), FAMILIES)}")
    if name not in FAMILIES and is_import_path(name):
        FAMILIES[name] = _checked(import_from(name))
    place = FAMILIES.get(name)
    if place is None and name in presets():
        raise ConfigurationError(
            f"{name!r} is no model but a preset: take found = vsclib.models.preset({name!r}), then "
            "create(found.model, **found.options)"
        )
    if place is None:
        raise ConfigurationError(f"there is no model {name!r}: {nearest(name, FAMILIES)}")
    if not isinstance(place, str):
        return place
    module, _, cls = place.partition(":")
    return getattr(importlib.import_module(f"vsclib.models.{module}"), cls)


def register(name: str, cls: type[Model]) -> type[Model]:
    """Make a family of one's own known by a name, for this process.

    Args:
        name: a new name; a class of the same module and name is replaced.
        cls: a subclass of :class:`Model` that defines what the contract asks of a family.

    Returns:
        The class.

    Raises:
        ConfigurationError: the name is taken, or the class does not keep the contract.
    """
    require_new("model", name, cls, FAMILIES)
    FAMILIES[name] = _checked(cls)
    return cls


def _checked(cls: Any) -> type[Model]:
    """The class, if it keeps the contract."""
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
    return cls


def create(name: str, *, seed: int | np.integer = 0, **options: Any) -> Model:
    """Make an untrained model.

    An option that is given and changes nothing earns a warning.

    Args:
        name: one of :func:`names`, or the import path of a class, ``package.module:Class``.
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
    start = configure(WeightsStart, f"model {name!r}", {"seed": seed})
    model = _made(name, start.seed, options)
    for option, reason in model.config.idle().items():
        if option in options:
            warn_caller(f"model {name!r}: {option} = {options[option]!r} {reason}")
    return model


def rebuild(name: str, options: dict[str, Any]) -> Model:
    """Make a model as a file describes it: nothing is imported, and nothing is warned of.

    Raises:
        CheckpointError: the file names a family or a network of one's own that this process does
            not know yet: what to import or to register first.
        ConfigurationError: an option is unknown or out of range.
    """
    for own in (options.get("encoder"), options.get("decoder")):
        if own is not None and own not in FACTORIES:
            first = f"vsclib.networks.register({own!r}, factory)"
            raise _stranger("network", own, f"vsclib.networks.factory({own!r})", first)
    if name not in FAMILIES:
        first = f"vsclib.models.register({name!r}, its_class)"
        raise _stranger("model", name, f"vsclib.models.family({name!r})", first)
    return _made(name, 0, options)


def _stranger(kind: str, name: str, by_path: str, by_name: str) -> CheckpointError:
    """What a file asks for and only its reader can give: a file is never trusted to import."""
    first = by_path if is_import_path(name) else by_name
    return CheckpointError(
        f"there is no {kind} {name!r} in this process: if you trust the file, call {first} first; "
        "or train the model again"
    )


@configuration
class WeightsStart:
    """Where the initial weights come from."""

    seed: Seed = 0


def _made(name: str, seed: int, options: dict[str, Any]) -> Model:
    made = family(name)
    for own in (options.get("encoder"), options.get("decoder")):
        if isinstance(own, str):
            networks.factory(own)  # imported before the seed, which an import might use up
    # The CPU's generator alone is seeded: torch.manual_seed would restart the user's on every GPU.
    with torch.random.fork_rng(devices=[]), torch.device("cpu"):
        torch.default_generator.manual_seed(seed)
        return made.build(name, options)
