"""The parts that want a GPU: one long training, a grid of small ones, a generator's epoch."""

import itertools
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from benchmarks import ours
from benchmarks.setting import Setting, made
from vsclib import fit, training
from vsclib.training import TrainingConfig

GOALS = {
    "20,000 steps of VSC": 3.0,
    "364 trainings of 20,000 steps": 120.0,
    "a generator's epoch of 30 steps": 1.0,
}
"""Seconds on one H200, after a training that warms up."""
LATENTS = (2, 5, 10, 20, 50, 100, 200)
ALPHAS = (0.01, 0.05, 0.1, 0.2)
SEEDS = range(13)


def measure(setting: Setting) -> dict[str, Any]:
    """Seconds by the clock; without a GPU, why not."""
    if not torch.cuda.is_available():
        return {"skipped": {"all": "there is no CUDA device on this machine"}}
    missing = ours.compiles() or ours.has_ensembles()
    if missing:
        return {"skipped": {"all": missing}}
    images, rows = setting.images(), {}
    parts = (one_training, grid, generator_epoch)
    for (name, goal), part in zip(GOALS.items(), parts, strict=True):
        seconds = measured(part, setting, images)
        rows[name] = {"seconds": round(seconds, 3), "goal": goal, "reached": seconds <= goal}
    return {"rows": rows}


def measured(part: Callable, setting: Setting, images: np.ndarray) -> float:
    """Seconds of a part's second run; a fall-back to eager is an error."""
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*compile.*")
        part(setting, images, True)
        torch.cuda.synchronize()
        start = time.perf_counter()
        part(setting, images, False)
        torch.cuda.synchronize()
    return time.perf_counter() - start


def config(steps: int, **changes: Any) -> TrainingConfig:
    """A compiled training on the GPU."""
    options = {"steps": steps, "device": "cuda", "compile": "on", "progress": False}
    return TrainingConfig(**{**options, **changes})


def one_training(setting: Setting, images: np.ndarray, warm: bool) -> None:
    """VSC, batch 100."""
    model = made("vsc", setting.network(images))
    fit(model, images, config(500 if warm else 20_000))


def grid(setting: Setting, images: np.ndarray, warm: bool) -> None:
    """Every latent size with every alpha and seed, in one call."""
    cells = list(itertools.product(LATENTS, ALPHAS, SEEDS))
    network = setting.network(images)
    trained = [
        made("vsc", {**network, "latents": latents, "alpha": alpha}, seed)
        for latents, alpha, seed in cells
    ]
    fit_many: Any = training.fit_many
    steps = 500 if warm else 20_000
    fit_many(trained, images, [config(steps, seed=seed) for _, _, seed in cells])


def generator_epoch(setting: Setting, images: np.ndarray, warm: bool) -> None:
    """All images once, thirty steps of inference for each."""
    model = made("sparse_generator", setting.network(images))
    fit(model, images, config(20 if warm else len(images) // 100))
