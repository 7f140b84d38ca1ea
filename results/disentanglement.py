"""Measures of disentanglement of several models on Smiley, three seeds each, into
results/disentanglement-smiley.json.

    python results/disentanglement.py    the sweep, about four minutes of one processor core

No download: the images are drawn by the library.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import torch

from vsclib import data, fit, metrics, models
from vsclib.data.smiley import ATTRIBUTE_OF_FACTOR
from vsclib.files import write_text
from vsclib.runs import provenance
from vsclib.spike_slab import split_kl

TARGET = Path(__file__).parent / "disentanglement-smiley.json"
SIZE: dict[str, Any] = {"image_shape": (1, 32, 32), "latents": 20, "hidden": 200}
TRAINING: dict[str, Any] = {"steps": 1000, "batch_size": 50, "learning_rate": 2e-3}
SWEEP: dict[str, tuple[str, dict[str, float]]] = {
    "VAE": ("vae", {}),
    "beta-VAE 4": ("beta_vae", {"beta": 4.0}),
    "beta-TCVAE 4": ("beta_tcvae", {"beta": 4.0}),
    "beta-TCVAE 10": ("beta_tcvae", {"beta": 10.0}),
    # The set's own sparsity: half of 18 factors are there, of 20 latents.
    "VSC": ("vsc", {"alpha": 0.45}),
    "VSC of 2019": ("vsc_uai", {"alpha": 0.45}),
}


def gaps(codes: Any, factors: Any) -> dict[str, float]:
    """MIG and the block contrasts of codes (N, J), by size and by value."""
    contrast = {
        name: metrics.blocks(
            metrics.absolute_correlation(factors, codes, size), ATTRIBUTE_OF_FACTOR
        ).contrast
        for name, size in (("contrast_sizes", True), ("contrast_values", False))
    }
    return {"mig": metrics.mig(codes, factors).gap} | contrast


def measure(codes: Any, factors: Any) -> dict[str, float]:
    """These, and DCI, which takes longest."""
    dci = metrics.dci(codes, factors, trees=5)._asdict()
    return gaps(codes, factors) | {
        name: dci[name] for name in ("disentanglement", "completeness", "informativeness")
    }


def train(
    name: str, options: dict, seed: int, smiley: data.DataSet, steps: int
) -> dict[str, dict[str, float]]:
    """Measures of one trained model by how its code is read, and what it knows of the images."""
    model = models.create(name, seed=seed, **SIZE, **options)
    fit(model, smiley, **TRAINING | {"steps": steps}, seed=seed, progress=False)
    test, generator = smiley.test, torch.Generator().manual_seed(seed)
    mean = metrics.codes(model, test.images)
    drawn = metrics.codes(model, test.images, sampled=True, generator=generator)
    found = {"mean": measure(mean.z, test.factors), "drawn": gaps(drawn.z, test.factors)}
    if mean.gamma is not None:
        found["slab"] = gaps(mean.mu, test.factors)  # mu alone, as if no gate were there
    known = {
        "psnr": metrics.psnr(test.images, metrics.reconstruct(model, mean)),
        "l0": float(metrics.l0(mean)),
        "moving_latents": float(metrics.moving_latents(mean)),
    }
    if mean.gamma is None:
        split = split_kl(drawn.z, mean.mu, mean.logvar, len(mean.z))
        known |= {part: float(values.mean()) for part, values in split._asdict().items()}
    return found | {"model": known}


def main() -> None:
    """Train and measure all, and write the record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=TRAINING["steps"], help="of each training")
    steps = parser.parse_args().steps
    torch.set_num_threads(1)
    origin, smiley = provenance("cpu"), data.load("smiley")
    record: dict[str, Any] = {
        "name": "disentanglement-smiley",
        "training": TRAINING | {"steps": steps},
        "size": SIZE,
        "sweep": {
            name: {"model": model, "options": options} for name, (model, options) in SWEEP.items()
        },
        "dataset": {"name": smiley.name, "sha256": smiley.sha256},
        "provenance": origin,
        "perfect": measure(smiley.test.factors, smiley.test.factors),
        "found": {name: [] for name in SWEEP},
    }
    for seed in range(3):
        for name, (model, options) in SWEEP.items():
            record["found"][name].append(train(model, options, seed, smiley, steps))
            print(f"seed {seed} {name}", flush=True)
        write_text(TARGET, json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
