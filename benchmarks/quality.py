"""Do the first and the last rung of the ladder end at the same quality? Five seeds of each.

A training of 20,000 steps takes minutes. Each one is stored when it ends, and a run that was
stopped goes on with those that are missing.
"""

import json
import statistics
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks import loops, ours
from benchmarks.ladder import BATCH_SIZE, MODEL
from benchmarks.setting import Setting, made
from vsclib import data, fit, metrics, models
from vsclib.files import write_text

STEPS, SEEDS, GOAL = 20_000, 5, -105.0
"""Length of a training, how many, and the least bound on test images, nats per image."""
PLAIN, FAST = "plain loop", "compiled"
FILE = Path(__file__).parent.parent / "results" / "benchmarks" / "quality.json"


def measure(setting: Setting, file: Path = FILE, steps: int = STEPS) -> dict[str, Any]:
    """Bounds of both rungs, seed by seed, from the file as far as they are there."""
    seeds = 1 if setting.quick else SEEDS
    steps = min(steps, 40) if setting.quick else steps
    done: dict[str, Any] = {}
    if file.exists() and not setting.quick:
        done = json.loads(file.read_text(encoding="utf-8"))
    images = setting.images()
    for seed in range(seeds):
        for rung, train in ((PLAIN, plain), (FAST, fast)):
            name = f"{rung} {steps} {seed}"
            if name not in done:
                done[name] = bound(setting, train(setting, images, steps, seed))
                if not setting.quick:
                    write_text(file, json.dumps(done, indent=1) + "\n")
    found = {}
    for rung in (PLAIN, FAST):
        elbos = [done[f"{rung} {steps} {seed}"] for seed in range(seeds)]
        found[rung] = {
            "elbo": elbos,
            "mean": round(statistics.mean(elbos), 2),
            "goal": GOAL,
            "reached": min(elbos) >= GOAL,
        }
    return {"steps": steps, "batch_size": BATCH_SIZE, "rungs": found}


def plain(setting: Setting, images: np.ndarray, steps: int, seed: int) -> models.Model:
    """The first rung's training, its weights put into a model of the library to be measured."""
    sizes = (setting.latents, setting.hidden)
    loop = loops.PlainLoop(
        MODEL, loops.pil_batches, images, BATCH_SIZE, *sizes, steps, fused=False, seed=seed
    )
    loop.turn()
    return as_model(loop.network, made(MODEL, setting.network(images)))


def as_model(network: loops.PlainVAE, model: models.Model) -> models.Model:
    """The weights of a plain network in a model of the same sizes."""
    pairs = (
        (network.encoder[0], model.encoder.layers[1]),
        (network.encoder[2], model.encoder.head),
        (network.decoder[0], model.decoder.layers[0]),
        (network.decoder[2], model.decoder.layers[2]),
    )
    for theirs, mine in pairs:
        mine.load_state_dict(theirs.state_dict())
    return model.eval()


def fast(setting: Setting, images: np.ndarray, steps: int, seed: int) -> models.Model:
    """The library's training, compiled where it can be."""
    model = made(MODEL, setting.network(images), seed)
    changes = {} if setting.quick or ours.compiles() else {"compile": "on"}
    options = {"steps": steps, "batch_size": BATCH_SIZE, "seed": seed, "progress": False}
    fit(model, images, **options, **changes)
    return model


def bound(setting: Setting, model: models.Model) -> float:
    """The evidence lower bound of the test images, nats per image."""
    images = data.load(setting.dataset).test.images
    generator = torch.Generator().manual_seed(0)
    found = metrics.elbo(model, images, generator)
    assert found is not None
    return round(found.elbo, 3)
