"""Is an ensemble faster than as many processes as the machine has cores?

Eight trainings: together in one process with two threads, or one after another in each of two
processes with one thread. Times are by the clock.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import torch

from benchmarks import ours
from benchmarks.processes import Team, training_process
from benchmarks.setting import Setting
from benchmarks.turns import Contestant, against_goal, alternate, described, times_faster

MEMBERS, THREADS, BATCH_SIZE = 8, 2, 100
SIZES = {"32 / 128": (32, 128, 1.3), "200 / 400": (200, 400, 1.0)}
"""Latents, hidden units, and how many times faster the ensemble is to be."""
MODELS = ("vae", "vsc")
TOGETHER, PROCESSES = f"ensemble of {MEMBERS}", f"{THREADS} processes"


@contextlib.contextmanager
def threads(count: int) -> Iterator[None]:
    """So many threads meanwhile."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def measure(setting: Setting) -> dict[str, Any]:
    """Every model and size, compiled where that is possible."""
    missing = ours.has_ensembles()
    if missing:
        return {"skipped": {TOGETHER: missing}}
    images, found = setting.images(), {}
    for name, (latents, hidden, goal) in SIZES.items():
        sizes = {"latents": latents, "hidden": hidden}
        if setting.quick and name != "32 / 128":
            continue
        for model in MODELS[: 1 if setting.quick else None]:
            with threads(THREADS):
                made = contestants(setting, model, images, sizes)
                rounds = alternate(made, setting.rounds)
            rows = described(rounds, BATCH_SIZE, clock=True)
            ratio = times_faster(rounds, TOGETHER, PROCESSES, clock=True)
            result = ratio if setting.quick else against_goal(ratio, goal)
            found[f"{model} {name}"] = {"rows": rows, "ensemble_is_faster_by": result}
    return {"members": MEMBERS, "threads": THREADS, "comparisons": found}


def contestants(
    setting: Setting, model: str, images: Any, sizes: dict[str, int]
) -> dict[str, Contestant]:
    """An ensemble in this process, and two processes that train alone."""
    steps = setting.turn_steps(BATCH_SIZE)
    network = setting.network(images, **sizes)
    changes = {} if setting.quick or ours.compiles() else {"compile": "on"}
    asked = {"dataset": setting.dataset, "model": model, "sizes": sizes, "batch_size": BATCH_SIZE}
    asked |= {"steps": MEMBERS // THREADS * steps, "changes": changes, "threads": 1}
    return {
        TOGETHER: ours.together(model, images, BATCH_SIZE, steps, network, MEMBERS, **changes),
        PROCESSES: Team([training_process(asked) for _ in range(THREADS)]),
    }
