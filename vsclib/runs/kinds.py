"""Kinds of runs by name: those of models, and those that other rooms add."""

from typing import TypeVar

from vsclib import records
from vsclib.runs.experiment import Experiment

Kind = TypeVar("Kind", bound=type[Experiment])

_KINDS: dict[str, type[Experiment]] = {Experiment.kind: Experiment}


def register(kind: Kind) -> Kind:
    """Make a kind of run known by name, as a decorator of its class."""
    _KINDS[kind.kind] = kind
    records.register(kind.kind, kind.definitions)
    return kind


def kinds() -> dict[str, type[Experiment]]:
    """The kinds of runs by name; a kind is known once its module is imported."""
    return dict(_KINDS)
