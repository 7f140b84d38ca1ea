"""What a training step of a generator costs, by the kind of its inference.

    python benchmarks/inference.py

trains every kind for a few steps in turn, many rounds over, on one thread, and prints each one's
processor time as a ratio to one chain of thirty steps in the same round: the median round, and the
smallest and largest. The result goes to results/inference-speed.json. It takes two minutes and
needs no data set.
"""

import argparse
import json
import random
import statistics
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch

from vsclib import fit, models
from vsclib.files import write_text
from vsclib.inference_precision import native_bfloat16
from vsclib.models import generator
from vsclib.runs import provenance

RESULT = Path(__file__).parent.parent / "results" / "inference-speed.json"

BASELINE = "one chain of 30 steps"
FULL = {"inference_precision": "float32"}
AUTOGRAD = "autograd for the closed form"
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    BASELINE: ("sparse_generator", FULL),
    "3 chains": ("sparse_generator", FULL | {"chains": 3}),
    "5 chains": ("sparse_generator", FULL | {"chains": 5}),
    "7 chains": ("sparse_generator", FULL | {"chains": 7}),
    "3 states of one chain": ("sparse_generator", FULL | {"kept": 3}),
    "5 states of one chain": ("sparse_generator", FULL | {"kept": 5}),
    "7 states of one chain": ("sparse_generator", FULL | {"kept": 7}),
    "Langevin noise": ("sparse_generator", FULL | {"langevin_noise": True}),
    "products in bfloat16": ("sparse_generator", {"inference_precision": "bfloat16"}),
    AUTOGRAD: ("sparse_generator", FULL),
    "dense prior": ("short_run", FULL),
    "persistent chains, 10 steps": ("abp", FULL | {"inference_steps": 10}),
    "persistent chains, 30 steps": ("abp", FULL | {"inference_steps": 30}),
}
"""Every kind of inference, as a model and its options; all but one in float32."""

NETWORK: dict[str, Any] = {"image_shape": (1, 28, 28), "latents": 200, "hidden": 400}
"""The papers' network for MNIST."""
BATCH = 100


def seconds_per_step(
    model: models.Model, images: np.ndarray, steps: int, autograd: bool = False
) -> float:
    """Processor seconds of a training step, Adam's update included."""
    known = (lambda decoder: False) if autograd else generator.is_plain_mlp
    with mock.patch.object(generator, "is_plain_mlp", known):
        return fit(model, images, steps=steps, batch_size=BATCH, progress=False).cpu_seconds / steps


def measure(rounds: int, steps: int) -> dict[str, list[float]]:
    """Processor seconds of a training step in every round, for every kind.

    A machine that slows down for a while slows all kinds of a round, and their order changes from
    round to round.
    """
    # Speed does not depend on what the images show.
    images = np.random.default_rng(0).integers(
        0, 256, (2 * BATCH, *NETWORK["image_shape"]), dtype=np.uint8
    )
    made = {
        kind: models.create(model, **NETWORK, **options) for kind, (model, options) in KINDS.items()
    }
    order, shuffle = list(KINDS), random.Random(0)
    found: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for index in range(rounds + 1):
        shuffle.shuffle(order)
        for kind in order:
            seconds = seconds_per_step(made[kind], images, steps, kind == AUTOGRAD)
            # The first round warms up.
            if index:
                found[kind].append(seconds)
    return found


def summarise(found: dict[str, list[float]]) -> dict[str, dict[str, Any]]:
    """For every kind its model and options, the median seconds of a step, and the ratio to the
    baseline in each round.
    """
    return {
        kind: {
            "model": KINDS[kind][0],
            "options": KINDS[kind][1],
            "seconds_per_step": round(statistics.median(seconds), 5),
            "ratios": [
                round(one / base, 3) for one, base in zip(seconds, found[BASELINE], strict=True)
            ],
        }
        for kind, seconds in found.items()
    }


def main() -> None:
    """Measure, print and store."""
    parser = argparse.ArgumentParser(
        description="What a training step of a generator costs, by the kind of its inference."
    )
    parser.add_argument("--rounds", type=int, default=9, help="how often each kind takes its turn")
    parser.add_argument("--steps", type=int, default=3, help="training steps in a turn")
    parser.add_argument("--output", type=Path, default=RESULT, help="where the result goes")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    origin = provenance("cpu")
    kinds = summarise(measure(arguments.rounds, arguments.steps))
    print(f"{'kind of inference':28} {'median':>7} {'range':>13}   ms a step")
    for kind, numbers in kinds.items():
        ratios = numbers["ratios"]
        spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
        middle, step = statistics.median(ratios), 1000 * numbers["seconds_per_step"]
        print(f"{kind:28} {middle:7.2f} {spread:>13}   {step:9.1f}")
    record = {
        "name": "inference-speed",
        "baseline": BASELINE,
        "settings": NETWORK
        | {"batch_size": BATCH, "rounds": arguments.rounds, "steps": arguments.steps},
        "native_bfloat16": native_bfloat16(torch.device("cpu")),
        "kinds": kinds,
        "provenance": origin,
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    write_text(arguments.output, json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
