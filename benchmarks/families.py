"""What does a step of every family cost? A sweep adds its price up from this table."""

from typing import Any

from benchmarks import ours
from benchmarks.setting import Setting
from benchmarks.turns import alternate, described
from vsclib import models

BATCH_SIZE = 100
SIZES = ((200, 400), (50, 400), (10, 400), (32, 128))
"""Latents and hidden units."""
QUICK_FAMILIES = ("vae", "vsc")
STEPS, GENERATOR_STEPS = 20, 3
"""Of a turn: a generator's step takes a fifth of a second."""


def key(model: str, latents: int, hidden: int, batch_size: int) -> str:
    """A row's name."""
    return f"{model} {latents} {hidden} {batch_size}"


def turn_steps(name: str, quick: bool) -> int:
    """Steps of a turn."""
    return GENERATOR_STEPS if quick or not models.family(name).heads else STEPS


def measure(setting: Setting) -> dict[str, Any]:
    """Processor seconds of a step, not compiled and on one thread, by family and size."""
    images, seconds = setting.images(), {}
    names = QUICK_FAMILIES if setting.quick else models.names()
    rounds = min(setting.rounds, 5)
    for latents, hidden in SIZES[-1:] if setting.quick else SIZES:
        network = setting.network(images, latents=latents, hidden=hidden)
        made = {
            key(name, latents, hidden, BATCH_SIZE): ours.alone(
                name, images, BATCH_SIZE, turn_steps(name, setting.quick), network
            )
            for name in names
        }
        rows = described(alternate(made, rounds))
        seconds |= {name: row["seconds_per_step"] for name, row in rows.items()}
    return {"seconds_per_step": seconds, "rounds": rounds}
