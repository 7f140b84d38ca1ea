"""Presets: a model, its options and how it is trained under one name, as a source has it."""

import functools
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

from vsclib.errors import ConfigurationError, nearest


class Preset(NamedTuple):
    """A model, its options and its training.

    Attributes:
        model: one of ``vsclib.models.names()``.
        options: of that model.
        source: where it comes from, and where it departs from that.
        training: parameters of a run, such as ``steps``; what is left out keeps its default.
    """

    model: str
    options: dict[str, Any]
    source: str
    training: dict[str, Any]


@functools.cache
def _table() -> dict[str, Preset]:
    text = Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
    return {
        name: Preset(**entry | {"source": " ".join(entry["source"].split())})
        for name, entry in sorted(tomllib.loads(text).items())
    }


def presets() -> tuple[str, ...]:
    """The names that :func:`preset` knows."""
    return tuple(_table())


def preset(name: str) -> Preset:
    """The model, the options and the training behind a name.

    Raises:
        ConfigurationError: no preset has this name.

    Example:
        >>> found = preset("report_vae")
        >>> found.model, found.options["latents"]
        ('vae', 2)
    """
    if name not in _table():
        raise ConfigurationError(f"there is no preset {name!r}: {nearest(str(name), _table())}")
    return _table()[name]
