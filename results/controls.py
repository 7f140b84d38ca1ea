"""What a classifier reads without any training: from raw pixels, and from the codes of untrained
models. Into results/controls.json.

    python results/controls.py    every set, family and number of latents, a quarter of an hour

An accuracy of a trained code says something of the training as far as it exceeds both. The
classifiers are those of the records: logistic regression (``accuracy``) and the papers' net of one
layer (``network_accuracy``), fitted on the same 5,000 training images and tested on all test
images. The untrained model is the one that a run of that seed begins with. The gates of an
untrained VSC are closed and its code is zero, so the regression reads mu * gamma, too
(``accuracy_mu_gamma``). A line that stands there already is not measured again: to do so, delete
it.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from growing import part_of
from torch import Tensor

from vsclib import data, metrics, models
from vsclib.errors import VsclibError
from vsclib.files import write_text
from vsclib.runs import provenance

TARGET = Path(__file__).parent / "controls.json"
SETS = ("mnist", "fashion_mnist")
FAMILIES = ("vae", "vsc", "short_run", "sparse_generator")
LATENTS = (8, 32, 200)
SEEDS = (0, 1, 2)


class Probe:
    """The classifiers of a data set: which images they learn from, and what they read."""

    def __init__(self, images: data.DataSet) -> None:
        labels = images.train.labels
        drawn = np.sort(metrics.stratified_sample(labels, min(metrics.PROBE_CODES, len(labels))))
        self.train, self.labels = images.train.images[drawn], labels[drawn]
        self.test, self.test_labels = images.test.images, images.test.labels

    def read(self, codes: Tensor, test_codes: Tensor, seed: int = 0) -> dict[str, float]:
        """Both accuracies of codes (N, J) of the training and test images."""
        given = (codes, self.labels, test_codes, self.test_labels)
        return {
            "accuracy": metrics.linear_accuracy(*given),
            "network_accuracy": metrics.network_accuracy(*given, seed=seed),
        }

    def pixels(self) -> dict[str, float]:
        """What they read from raw pixels."""
        return self.read(*(data.to_tensor(images).flatten(1) for images in (self.train, self.test)))

    def untrained(self, family: str, latents: int, seed: int) -> dict[str, Any]:
        """What they read from the mean codes of an untrained model."""
        model = models.create(family, seed=seed, image_shape=self.test.shape[1:], latents=latents)
        code, test_code = (metrics.codes(model, images) for images in (self.train, self.test))
        found = {"l0": metrics.l0(test_code)} | self.read(code.z, test_code.z, seed)
        if code.mu is not None and code.gamma is not None:
            weighed, test_weighed = (each.mu * each.gamma for each in (code, test_code))
            found["accuracy_mu_gamma"] = metrics.linear_accuracy(
                weighed, self.labels, test_weighed, self.test_labels
            )
        return found


def lines_of(probe: Probe, before: dict[str, Any], few: argparse.Namespace) -> Any:
    """Name and numbers of each line that is not there yet, one after the other."""
    if "raw-pixels" not in before:
        yield "raw-pixels", probe.pixels()
    for family in few.families:
        for latents in few.latents:
            for seed in few.seeds:
                name = f"untrained-{family}-{latents}-latents-seed{seed}"
                if name not in before:
                    yield name, probe.untrained(family, latents, seed)


def main() -> int:
    """Measure what the command line asks for, and write the record after every line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", nargs="+", default=SETS)
    parser.add_argument("--families", nargs="+", default=FAMILIES)
    parser.add_argument("--latents", nargs="+", type=int, default=LATENTS)
    parser.add_argument("--seeds", nargs="+", type=int, default=SEEDS)
    few = parser.parse_args()
    torch.set_num_threads(1)
    origin = provenance("cpu")
    record: dict[str, Any] = {"name": "controls", "probe_images": metrics.PROBE_CODES, "sets": {}}
    if TARGET.is_file():
        record = json.loads(TARGET.read_text(encoding="utf-8"))
    try:
        for name in few.sets:
            images = data.load(name)
            part = part_of(record, name, images)
            for line, numbers in lines_of(Probe(images), part["lines"], few):
                part["lines"][line] = numbers | {"provenance": origin}
                print(f"{name}: {line} {numbers['accuracy']:.3f}", flush=True)
                write_text(TARGET, one_line_each(record))
    except VsclibError as error:
        print(f"controls.py: {error}", file=sys.stderr)
        return 1
    return 0


def one_line_each(record: dict[str, Any]) -> str:
    """JSON with a line for each control: changes can be read."""
    head = "".join(f"{json.dumps(k)}: {json.dumps(v)},\n" for k, v in record.items() if k != "sets")
    sets = []
    for name, part in record["sets"].items():
        lines = ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in part["lines"].items())
        digest = json.dumps(part["sha256"])
        sets.append(f'"{name}": {{\n"sha256": {digest},\n"lines": {{\n{lines}\n}}\n}}')
    return f'{{\n{head}"sets": {{\n{",".join(sets)}\n}}\n}}\n'


if __name__ == "__main__":
    sys.exit(main())
