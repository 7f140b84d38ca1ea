"""Networks of one's own: a registered name or an import path, so that a model's file can say it."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import nn

from vsclib.configuration import import_from, is_import_path
from vsclib.errors import ConfigurationError, nearest

Factory = Callable[..., nn.Module]
"""What makes a network of one's own, see :func:`register`."""

FACTORIES: dict[str, Factory] = {}
"""Networks of one's own by name or import path."""


def register(name: str, make: Factory) -> Factory:
    """Make a network of one's own known by a name, for this process.

    A model takes the name for its option ``encoder`` or ``decoder`` and keeps it in its file; who
    loads the file registers the same factory first. A network should treat images one by one:
    batch normalisation would make a loss depend on the images beside, and looking at it a change.

    Args:
        name: a new name; a function of the same module and name is replaced.
        make: for an encoder ``make(image_shape, features)``, a module from images
            (B, C, H, W) to (B, features): ``features`` is the option ``hidden``, and the model puts
            its heads on top. For a decoder ``make(latents, image_shape)``, a module from codes
            (B, J) to (B, C', H, W), C' in ``image_shape``: the log-odds or the mean, then the
            log-variances of ``gaussian_learned``.

    Returns:
        The factory.

    Raises:
        ConfigurationError: the name is taken or is none.

    Example:
        >>> def wide(image_shape, features):
        ...     return nn.Sequential(nn.Flatten(), nn.Linear(64, features))
        >>> _ = register("wide", wide)
        >>> from vsclib import models
        >>> model = models.create("vsc", image_shape=(1, 8, 8), encoder="wide")
    """
    require_new("network", name, make, FACTORIES)
    FACTORIES[name] = _checked(make)
    return make


def factory(name: str) -> Factory:
    """The factory that was registered under a name, or that ``package.module:factory`` names.

    A path is imported, and known from then on.

    Raises:
        ConfigurationError: nothing is known by this name, or the path leads nowhere.
    """
    if name not in FACTORIES and is_import_path(name):
        FACTORIES[name] = _checked(import_from(name))
    if name not in FACTORIES:
        raise ConfigurationError(
            f"network {name!r} is not registered: call vsclib.networks.register({name!r}, factory) "
            f"first, or give 'package.module:factory'; {nearest(name, FACTORIES)}"
        )
    return FACTORIES[name]


def _checked(made: Any) -> Factory:
    if not callable(made) or isinstance(made, nn.Module):
        kind = type(made).__name__
        raise ConfigurationError(f"factory = a {kind}: give a function that makes the network")
    return made


def require_new(kind: str, name: str, made: Any, known: Mapping[str, Any]) -> None:
    """Raise ConfigurationError for a name that is none, or that another definition has."""
    if not name.isidentifier():
        raise ConfigurationError(f"name = {name!r} is not allowed: choose letters, digits and _")
    if not same_origin(made, known.get(name, made)):
        raise ConfigurationError(f"{kind} {name!r} exists already: choose another name")


def same_origin(one: Any, other: Any) -> bool:
    """Whether two functions or classes are one definition, perhaps executed twice."""
    names = ("__module__", "__qualname__")
    return one is other or all(getattr(one, n, 1) == getattr(other, n, 2) for n in names)


@contextlib.contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Let a network evaluate for a moment: nothing is dropped, and no statistics are taken."""
    modes = {part: part.training for part in module.modules()}
    module.eval()
    try:
        yield
    finally:
        for part, mode in modes.items():
            part.training = mode


def make_own(kind: str, name: str, sizes: tuple[Any, Any], wanted: tuple[int, ...]) -> nn.Module:
    """A network of one's own, tried on one image or code of zeros."""
    make = factory(name)
    shape = sizes[0] if kind == "encoder" else (sizes[0],)
    try:
        module = make(*sizes)
        with torch.no_grad(), evaluating(module):
            found = str(tuple(module(torch.zeros(1, *shape)).shape))
    except Exception as error:
        found = f"{type(error).__name__}: {error}".splitlines()[0]
        cause: Exception | None = error
    else:
        cause = None
    if found != str((1, *wanted)):
        raise ConfigurationError(
            f"{kind} = {name!r} gives {found} for an input {(1, *shape)}, wanted {(1, *wanted)}: "
            f"let {name} make an nn.Module of the two sizes that it is given, {sizes}"
        ) from cause
    return module
