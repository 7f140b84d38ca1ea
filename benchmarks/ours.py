"""The library's trainings as contestants, alone and as an ensemble."""

import inspect
from typing import Any

import numpy as np

from benchmarks.setting import configured, has_option, made
from benchmarks.turns import Paused
from vsclib import fit, training


def alone(
    name: str,
    images: np.ndarray,
    batch_size: int,
    turn_steps: int,
    network: dict[str, Any],
    **changes: Any,
) -> Paused:
    """One call of ``fit`` that goes on from turn to turn; ``changes`` are options of training."""
    config = configured(turn_steps, batch_size, **changes)
    model = made(name, network)
    return Paused(lambda paused: fit(model, images, config, callbacks=[paused]), turn_steps)


def compiled(*arguments: Any, **options: Any) -> Paused:
    """The same with a compiled step."""
    return alone(*arguments, **options, compile="on")


def compiles() -> str | None:
    """Why the step of this version cannot be compiled, or None."""
    return None if has_option("compile") else "fit has no option compile in this version"


def has_ensembles() -> str | None:
    """Why there is no ensemble in this version, or None."""
    found = getattr(training, "fit_many", None)
    if found is None:
        return "vsclib.training has no fit_many in this version"
    if "callbacks" not in inspect.signature(found).parameters:
        return "fit_many takes no callbacks in this version"
    return None


def together(
    name: str,
    images: np.ndarray,
    batch_size: int,
    turn_steps: int,
    network: dict[str, Any],
    members: int,
    **changes: Any,
) -> Paused:
    """One call of ``fit_many``; its steps are those of all members."""
    trained = [made(name, network, seed) for seed in range(members)]
    configs = [configured(turn_steps, batch_size, seed=seed, **changes) for seed in range(members)]
    fit_many: Any = training.fit_many
    return Paused(
        lambda paused: fit_many(trained, images, configs, callbacks=[paused]), members * turn_steps
    )
