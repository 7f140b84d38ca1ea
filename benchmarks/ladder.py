"""From a plain loop to the fastest training, one change a rung, of one VAE.

Every rung takes the same steps on the same images with the same network, objective and Adam. That
the first and the last end at the same quality is what ``quality`` measures.
"""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks import loops, ours
from benchmarks.comparison import check_losses
from benchmarks.setting import Setting
from benchmarks.turns import Contestant, alternate, described, times_faster

MODEL, BATCH_SIZE, MEMBERS = "vae", 100, 8

Maker = Callable[[Setting, np.ndarray], Contestant]


def _plain(batches: loops.Batches, fused: bool = False) -> Maker:
    def make(setting: Setting, images: np.ndarray) -> Contestant:
        sizes, steps = (setting.latents, setting.hidden), setting.turn_steps(BATCH_SIZE)
        return loops.PlainLoop(MODEL, batches, images, BATCH_SIZE, *sizes, steps, fused)

    return make


def _ours(**changes: Any) -> Maker:
    def make(setting: Setting, images: np.ndarray) -> Contestant:
        steps, network = setting.turn_steps(BATCH_SIZE), setting.network(images)
        return ours.alone(MODEL, images, BATCH_SIZE, steps, network, **changes)

    return make


def _ensemble(setting: Setting, images: np.ndarray) -> Contestant:
    steps, network = setting.turn_steps(BATCH_SIZE), setting.network(images)
    changes = {} if setting.quick or ours.compiles() else {"compile": "on"}
    return ours.together(MODEL, images, BATCH_SIZE, steps, network, MEMBERS, **changes)


RUNGS: dict[str, tuple[str, Maker]] = {
    "plain loop": (
        "a DataLoader over PIL images, an eager step, PyTorch's plain Adam",
        _plain(loops.pil_batches),
    ),
    "tensor": (
        "a DataLoader over a tensor: each image is decoded and scaled once",
        _plain(loops.tensor_batches),
    ),
    "whole set": (
        "no DataLoader: the whole set on the device, a batch cut out by its rows",
        _plain(loops.whole_batches),
    ),
    "fused Adam": (
        "one call updates all weights",
        _plain(loops.whole_batches, fused=True),
    ),
    "fit": (
        "the library's loop, with its checks, history and exact resume",
        _ours(),
    ),
    "compiled": (
        "the step as a program of its own",
        _ours(compile="on"),
    ),
    "ensemble": (
        f"{MEMBERS} members at once, weights stacked; images of all members count",
        _ensemble,
    ),
}
"""Every rung's name, what changes there, and how it is made."""


def missing(rung: str, quick: bool) -> str | None:
    """Why a rung cannot be climbed in this version, or None."""
    if rung == "compiled":
        return "a quick run compiles nothing" if quick else ours.compiles()
    return ours.has_ensembles() if rung == "ensemble" else None


def measure(setting: Setting) -> dict[str, Any]:
    """Images a second of every rung, and how many times those of the rung before."""
    images, skipped = setting.images(), {}
    made: dict[str, Contestant] = {}
    for rung, (_, make) in RUNGS.items():
        reason = missing(rung, setting.quick)
        if reason:
            skipped[rung] = reason
        else:
            made[rung] = make(setting, images)
    rounds = alternate(made, setting.rounds)
    rows, names = described(rounds, BATCH_SIZE), list(rounds)
    for before, rung in itertools.pairwise(names):
        rows[rung]["times_the_rung_before"] = times_faster(rounds, rung, before)
        rows[rung]["times_the_first"] = times_faster(rounds, rung, names[0])
    if not setting.quick:
        check_losses(rows, MODEL)
    for rung, row in rows.items():
        row["change"] = RUNGS[rung][0]
    return {"model": MODEL, "batch_size": BATCH_SIZE, "rungs": rows, "skipped": skipped}
