"""Linear baselines: principal components and sparse coding, into results/linear.json.

    python results/linear.py    every set, size, penalty and seed, a quarter of an hour

Each baseline learns from 5,000 training images that its seed draws, classes in proportion; the
classifier (``accuracy``, the records' logistic regression) learns from their codes. PSNR, accuracy
and ``l0``, the mean number of entries of a code that are not zero, are of all test images. A line
that stands there already is not measured again: to do so, delete it.

Source:
    Tonolini et al. (2019, ICLR submission), Eq. 1-2, for sparse coding; `vsclib.linear` says how.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from growing import part_of

from vsclib import data, linear, metrics
from vsclib.errors import VsclibError
from vsclib.files import write_text
from vsclib.runs import provenance

TARGET = Path(__file__).parent / "linear.json"
SETS = ("mnist", "fashion_mnist")
LATENTS = (8, 32, 200)
PENALTIES = (0.1, 0.5, 1.0)
SEEDS = (0, 1, 2)
PASSES = 5


def fitted(images: Any, latents: int, penalty: float | None, seed: int) -> linear.LinearBaseline:
    """Principal components, or with a penalty sparse coding."""
    if penalty is None:
        return linear.pca(images, latents)
    options = {"penalty": penalty, "passes": PASSES, "seed": seed}
    return linear.dictionary(images, latents=latents, **options)


def measure(
    images: data.DataSet, latents: int, penalty: float | None, seed: int
) -> dict[str, float]:
    """PSNR, accuracy and non-zeros of a baseline, and the time that it took."""
    began, (train, test) = time.process_time(), (images.train, images.test)
    drawn = metrics.stratified_sample(
        train.labels, min(metrics.PROBE_CODES, len(train.labels)), seed
    )
    baseline = fitted(train.images[drawn], latents, penalty, seed)
    code, test_code = (baseline.codes(each) for each in (train.images[drawn], test.images))
    return {
        "psnr": metrics.psnr(test.images, baseline.reconstruct(test_code)),
        "accuracy": metrics.linear_accuracy(code.z, train.labels[drawn], test_code.z, test.labels),
        "l0": metrics.l0(test_code),
        "cpu_seconds": round(time.process_time() - began, 1),
    }


def settings(few: argparse.Namespace) -> Iterator[tuple[str, tuple[int, float | None, int]]]:
    """Name of each line, and what is measured for it."""
    for seed in few.seeds:
        for latents in few.latents:
            yield f"pca-{latents}-seed{seed}", (latents, None, seed)
            for penalty in few.penalties:
                name = f"sparse-coding-{latents}-penalty{penalty:g}-seed{seed}"
                yield name, (latents, penalty, seed)


def main() -> int:
    """Measure what the command line asks for, and write the record after every line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", nargs="+", default=SETS)
    parser.add_argument("--latents", nargs="+", type=int, default=LATENTS)
    parser.add_argument("--penalties", nargs="+", type=float, default=PENALTIES)
    parser.add_argument("--seeds", nargs="+", type=int, default=SEEDS)
    few = parser.parse_args()
    torch.set_num_threads(1)
    origin = provenance("cpu")
    head = {"name": "linear", "training_images": metrics.PROBE_CODES, "passes": PASSES}
    record: dict[str, Any] = {**head, "sets": {}}
    if TARGET.is_file():
        before = json.loads(TARGET.read_text(encoding="utf-8"))
        # Other settings make another record: nothing of the old one may stay.
        record = before if head.items() <= before.items() else record
    try:
        for name in few.sets:
            images = data.load(name)
            part = part_of(record, name, images)
            for line, setting in settings(few):
                if line not in part["lines"]:
                    part["lines"][line] = measure(images, *setting) | {"provenance": origin}
                    print(f"{name}: {line} {part['lines'][line]['psnr']:.2f} dB", flush=True)
                    write_text(TARGET, json.dumps(record, indent=1) + "\n")
    except VsclibError as error:
        print(f"linear.py: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
