"""The library's trainings as contestants, alone and as an ensemble."""

import threading
from types import SimpleNamespace
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
    found = hasattr(training, "fit_many")
    return None if found else "vsclib.training has no fit_many in this version"


class Ended(Exception):
    """The last round is over."""


_here = threading.local()
"""Of the thread that trains: whose ensemble it is."""


def _stop_at_points() -> None:
    """Let an ensemble of this process stop at each point of its history, as ``fit`` does.

    ``fit_many`` takes no callbacks; its state takes the points.
    """
    from vsclib.training import many

    if many.EnsembleState.__name__ == "Stopping":
        return

    class Stopping(many.EnsembleState):
        def record(self) -> None:
            before = len(self.states[0].points)
            super().record()
            paused = getattr(_here, "paused", None)
            if paused is None or len(self.states[0].points) == before:
                return
            total = sum(state.terms["total"][-1] for state in self.states) / self.size
            if paused.record(SimpleNamespace(terms={"total": total})):
                raise Ended

    many.EnsembleState = Stopping


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
    _stop_at_points()

    def train(paused: Paused) -> None:
        _here.paused = paused
        training.fit_many(trained, images, configs)

    return Paused(train, members * turn_steps)
