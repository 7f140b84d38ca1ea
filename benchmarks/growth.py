"""How does a step grow with latents, width, batch, number of images and ensemble size?

Each of these is changed alone; the first value of a list is what the ratios are taken to.
"""

from typing import Any

import numpy as np

from benchmarks import ours
from benchmarks.setting import Setting
from benchmarks.turns import Contestant, alternate, described, times_faster

AXES: dict[str, tuple[int, ...]] = {
    "latents": (50, 200, 800),
    "hidden": (100, 400, 1600),
    "batch_size": (20, 100, 500),
    "images": (6_000, 60_000),
    "members": (1, 4, 8, 16),
}
QUICK_AXES: dict[str, tuple[int, ...]] = {"latents": (5, 20), "images": (600, 1_500)}
MODEL, BATCH_SIZE, TURN_STEPS = "vsc", 100, 30
FLAT = 1.1
"""How much longer a step may take with ten times as many images."""


def measure(setting: Setting) -> dict[str, Any]:
    """Seconds of a step along every axis, and the ratio to its first value."""
    images, found, skipped = setting.images(), {}, {}
    for axis, values in (QUICK_AXES if setting.quick else AXES).items():
        reason = ours.has_ensembles() if axis == "members" else None
        if reason:
            skipped[axis] = reason
            continue
        found[axis] = along(setting, images, axis, values)
    result: dict[str, Any] = {"model": MODEL, "batch_size": BATCH_SIZE, "axes": found}
    if "images" in found:
        longest = list(found["images"].values())[-1]["times_the_first"]
        result["flat_in_images"] = {**longest, "goal": FLAT, "reached": longest["median"] <= FLAT}
    return result | ({"skipped": skipped} if skipped else {})


def along(
    setting: Setting, images: np.ndarray, axis: str, values: tuple[int, ...]
) -> dict[str, Any]:
    """One axis, value by value."""
    steps = 3 if setting.quick else TURN_STEPS
    made = {str(value): contestant(setting, images, axis, value, steps) for value in values}
    rounds = alternate(made, setting.rounds)
    rows = described(rounds)
    first = str(values[0])
    for value, row in rows.items():
        row.pop("last_loss", None)
        if value != first:
            row["times_the_first"] = times_faster(rounds, first, value)
    return rows


def contestant(
    setting: Setting, images: np.ndarray, axis: str, value: int, steps: int
) -> Contestant:
    """A training with one value changed; members count as steps of one model."""
    sizes = {axis: value} if axis in ("latents", "hidden") else {}
    batch_size = value if axis == "batch_size" else BATCH_SIZE
    seen = images[:value] if axis == "images" else images
    network = setting.network(images, **sizes)
    if axis == "members" and value > 1:
        return ours.together(MODEL, seen, batch_size, steps, network, value)
    return ours.alone(MODEL, seen, batch_size, steps, network)
