"""Presets: a model, its options and how it is trained under one name, as a source has it."""

import functools
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

from vsclib.errors import ConfigurationError, nearest


class Preset(NamedTuple):
    """A model by name, its options, its source and departures, and parameters of its run."""

    model: str
    options: dict[str, Any]
    source: str
    training: dict[str, Any]


@functools.cache
def _table() -> dict[str, Preset]:
    text = Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
    found = sorted(tomllib.loads(text).items())
    return {
        name: Preset(**one | {"source": " ".join(one["source"].split())}) for name, one in found
    }


def presets() -> tuple[str, ...]:
    """The names that :func:`preset` knows."""
    return tuple(_table())


def preset(name: str) -> Preset:
    """The preset behind a name; ConfigurationError when there is none.

    Example:
        >>> found = preset("report_vae")
        >>> found.model, found.options["latents"]
        ('vae', 2)
    """
    if name not in _table():
        raise ConfigurationError(f"there is no preset {name!r}: {nearest(str(name), _table())}")
    return _table()[name]
