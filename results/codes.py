"""What the codes of trained runs are good for: few labels, noise, and a picture by t-SNE.

    python results/codes.py                                all, for every run found in runs/
    python results/codes.py labels tsne --runs FOLDER ...  these, for runs of other folders

Writes results/codes-labels.json, codes-robustness.json and codes-tsne.json. A run that stands there
already is not measured again: to do so, delete its line. A run that is missing is named, with the
command that trains it.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

import vsclib
from vsclib import data, metrics
from vsclib.data import to_tensor
from vsclib.errors import VsclibError
from vsclib.files import write_text
from vsclib.runs import provenance

HERE = Path(__file__).parent
RUNS = [
    "vae-mnist",
    "vsc-alpha05-mnist",
    "vsc-alpha10-long-mnist",
    "vsc-uai-mnist",
    "short-run-mnist",
    "sparse-generator-mnist",
]
PIXELS, COMPONENTS = "raw-pixels", "pca-200"
SETTINGS: dict[str, dict[str, Any]] = {
    "labels": {
        "counts": [100, 300, 1000, 5000],
        "choices": 3,
        "pool": 20_000,
        "test_images": 10_000,
    },
    "robustness": {"sigmas": [0.3, 0.5, 0.7], "draws": 3, "test_images": 3000, "ssim_images": 100},
    "tsne": {"test_images": 2000, "perplexity": 30.0, "neighbours": 10, "shown": 300},
}

Encode = Callable[[np.ndarray], np.ndarray]
"""Images (N, C, H, W) to codes (N, J)."""


def encoder(name: str, runs: dict[str, Path], mnist: data.DataSet) -> Encode:
    """What turns images into the codes of a run, or of one of the two that need no model."""
    if name == PIXELS:
        return flat
    if name == COMPONENTS:
        pool = flat(mnist.train.images[: SETTINGS["labels"]["pool"]])
        mean = pool.mean(0)
        directions = np.linalg.eigh(np.cov(pool.T))[1][:, ::-1][:, :200]  # (D, 200)
        return lambda images: (flat(images) - mean) @ directions
    model = vsclib.load(runs[name] / "model.safetensors")
    return lambda images: metrics.codes(model, images).z.numpy()


def flat(images: np.ndarray) -> np.ndarray:
    """Images as rows of pixels (N, D) in [0, 1]."""
    return to_tensor(images).flatten(1).numpy()


def labels(name: str, runs: dict[str, Path], mnist: data.DataSet) -> list[dict]:
    """Accuracy by number of labels, for both classifiers, mean and standard deviation over the
    choices of labels.
    """
    settings = SETTINGS["labels"]
    encode = encoder(name, runs, mnist)
    z = encode(mnist.train.images[: settings["pool"]])  # (pool, J)
    z_test = encode(mnist.test.images[: settings["test_images"]])
    rows = []
    for classifier in ("linear", "network"):
        found = metrics.accuracy_by_labels(
            z,
            mnist.train.labels[: settings["pool"]],
            z_test,
            mnist.test.labels[: settings["test_images"]],
            settings["counts"],
            classifier,
            settings["choices"],
        )
        rows += [{"classifier": classifier, **row._asdict()} for row in found]
    return rows


def robustness(name: str, runs: dict[str, Path], mnist: data.DataSet) -> list[dict]:
    """Accuracy and SSIM under noise, a row for every draw of the noise."""
    settings = SETTINGS["robustness"]
    model = None if name == PIXELS else vsclib.load(runs[name] / "model.safetensors")
    rows = []
    for draw in range(settings["draws"]):
        classifier = of_images(mnist, draw)
        if model is None:
            rows += [{"draw": draw, **row} for row in untouched(mnist, draw, classifier)]
            continue
        found = metrics.robustness(
            model,
            mnist,
            settings["sigmas"],
            test_images=settings["test_images"],
            seed=draw,
            of_images=classifier,
            ssim_images=settings["ssim_images"],
        )
        rows += [{"draw": draw, **row._asdict()} for row in found]
    return rows


def fair(split: data.Split, count: int) -> np.ndarray:
    """Places of the images that metrics.robustness takes as well."""
    return metrics.stratified_sample(split.labels, min(count, len(split.labels)))


_NETS: dict[int, metrics.Classifier] = {}


def of_images(mnist: data.DataSet, draw: int) -> metrics.Classifier:
    """The net on clean pixels that all runs of a draw face; fitted once."""
    if draw not in _NETS:
        drawn = fair(mnist.train, metrics.PROBE_CODES)
        _NETS[draw] = metrics.Classifier(
            flat(mnist.train.images[drawn]), mnist.train.labels[drawn], seed=draw
        )
    return _NETS[draw]


def untouched(mnist: data.DataSet, draw: int, classifier: metrics.Classifier) -> list[dict]:
    """The noisy images themselves: what a model has to beat."""
    settings = SETTINGS["robustness"]
    drawn = fair(mnist.test, settings["test_images"])
    clean, wanted = to_tensor(mnist.test.images[drawn]), mnist.test.labels[drawn]
    rows = []
    for clipped in (True, False):
        for sigma in settings["sigmas"]:
            noisy = metrics.add_noise(clean, sigma, torch.Generator().manual_seed(draw), clipped)
            accuracy = classifier.accuracy(noisy.flatten(1), wanted)
            rows.append({"sigma": sigma, "clipped": clipped, "accuracy": accuracy})
    return rows


def tsne(name: str, runs: dict[str, Path], mnist: data.DataSet) -> list[dict]:
    """t-SNE of test codes: the numbers, and the first positions with their labels."""
    settings = SETTINGS["tsne"]
    z = encoder(name, runs, mnist)(mnist.test.images[: settings["test_images"]])
    wanted = mnist.test.labels[: settings["test_images"]]
    found = metrics.tsne(z, wanted, settings["perplexity"], neighbours=settings["neighbours"])
    shown = {
        "positions": found.positions.astype(float).round(1).tolist(),
        "labels": wanted.tolist(),
    }
    return [found._asdict() | {name: values[: settings["shown"]] for name, values in shown.items()}]


def measure(what: str, names: list[str], runs: dict[str, Path], mnist: data.DataSet) -> None:
    """Add to a record every run that it does not hold yet, one line a run."""
    path = HERE / f"codes-{what}.json"
    record: dict[str, Any] = {
        "what": what,
        "settings": SETTINGS[what],
        "dataset": {"name": mnist.name, "sha256": mnist.sha256},
    }
    before = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    same = all(before.get(key) == value for key, value in record.items())
    lines = before["runs"] if same else {}
    for name in names:
        if name in lines or (what == "robustness" and name == COMPONENTS):
            continue
        origin, began = provenance("cpu"), time.process_time()
        rows = {"labels": labels, "robustness": robustness, "tsne": tsne}[what](name, runs, mnist)
        trained = (
            json.loads((runs[name] / "record.json").read_text(encoding="utf-8"))
            if name in runs
            else None
        )
        lines[name] = {
            "rows": rows,
            "trained": trained
            and {"steps": trained["training"]["steps"], "commit": trained["provenance"]["commit"]},
            "provenance": origin,
            "cpu_seconds": round(time.process_time() - began, 1),
        }
        print(f"{what}: {name} in {lines[name]['cpu_seconds']:.0f} s")
        write_text(path, one_line_each(record, lines))


def one_line_each(record: dict[str, Any], lines: dict[str, Any]) -> str:
    """JSON with a line for each run: small, and changes can be read."""
    head = "".join(f"{json.dumps(key)}: {json.dumps(value)},\n" for key, value in record.items())
    body = ",\n".join(f"{json.dumps(name)}: {json.dumps(line)}" for name, line in lines.items())
    return f'{{\n{head}"runs": {{\n{body}\n}}\n}}\n'


def main() -> int:
    """Read the command line and measure what it names."""
    parser = argparse.ArgumentParser(
        description="Measure what the codes of trained runs are good for."
    )
    parser.add_argument(
        "what", nargs="*", metavar="WHAT", help=f"of {', '.join(SETTINGS)}; all by default"
    )
    parser.add_argument(
        "--runs", nargs="+", default=["runs"], metavar="FOLDER", help="folders that hold the runs"
    )
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2], help="seeds of the runs")
    arguments = parser.parse_args()
    unknown = [what for what in arguments.what if what not in SETTINGS]
    if unknown:
        print(
            f"codes.py: there is no measure {unknown[0]!r}: choose from {', '.join(SETTINGS)}",
            file=sys.stderr,
        )
        return 1
    torch.set_num_threads(1)
    runs, missing = {}, []
    for name in (f"{run}-seed{seed}" for run in RUNS for seed in arguments.seeds):
        places = [
            Path(folder) / name
            for folder in arguments.runs
            if (Path(folder) / name / "done.json").is_file()
        ]
        if places:
            runs[name] = places[0]
        else:
            missing.append(name)
    for name in missing:
        run, seed = name.rsplit("-seed", 1)
        command = f"python results/reproduce.py {run} --seed {seed}"
        print(
            f"codes.py: {name} is in none of {', '.join(arguments.runs)}: {command} makes it",
            file=sys.stderr,
        )
    try:
        mnist = data.load("mnist")
        for what in arguments.what or SETTINGS:
            measure(what, [*runs, PIXELS, COMPONENTS], runs, mnist)
    except VsclibError as error:
        print(f"codes.py: {error}", file=sys.stderr)
        return 1
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
