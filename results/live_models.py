"""The models of the page "Draw a digit", written down for a browser: book/live/models.js.

Beside them the picture that stands in for the page where no script runs.

    python results/live_models.py              what is not trained yet is trained first: six minutes
    python results/live_models.py --runs DIR   with the runs that lie in another folder

The runs are the three of runs.toml whose names begin with ``live-``; records land in results/.
Every weight becomes one printable character: a whole number from -46 to 46, times the scale of its
row, so that a file of text holds 6.5 bits in each of its bytes. The file says by how much this
changes reconstructions, which record a model comes from, and the checksum of its trained file.
"""

import argparse
import base64
import dataclasses
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from reproduce import experiment_of, listing
from torch import Tensor, nn

import vsclib
from vsclib import data, figures, metrics, models, runs
from vsclib.errors import VsclibError
from vsclib.files import write_text
from vsclib.models import Model

HERE = Path(__file__).parent
TARGET = HERE.parent / "book" / "live" / "models.js"
RUNS = {
    "vae": "live-vae-mnist",
    "vsc": "live-vsc-mnist",
    "generator": "live-sparse-generator-mnist",
}
LARGEST = 46
CHARACTERS = "".join(chr(code) for code in range(32, 127) if chr(code) not in '"\\')
"""Of the levels from -46 to 46 in turn; none needs an escape in a string of JSON."""
STAGES = (0, 3, 10, 30)
STILL_DIGIT, MIDDLE_GREY = 3, "#7a7f86"
STILL = HERE.parent / "book" / "_assets" / "draw-still.png"
MEASURED_ON = 1000
"""Test images by which the rounding is judged."""
BEFORE, AFTER = "globalThis.vsclibDigitModels = ", ";\n"
MOST_BYTES = 1_200_000


def quantise(weight: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """A weight (O, I) as levels int8 (O, I) and the scale float32 (O,) of each row.

    The largest weight of a row is the level 46, so that no weight moves by more than half a scale.
    """
    largest = weight.abs().amax(1)
    scale = torch.where(largest > 0, largest / LARGEST, torch.ones_like(largest))
    levels = (weight / scale[:, None]).round().clamp(-LARGEST, LARGEST)
    return levels.to(torch.int8).numpy(), scale.numpy().astype("<f4")


def text_of(levels: np.ndarray) -> str:
    """Levels as characters, row by row."""
    codes = np.frombuffer(CHARACTERS.encode("ascii"), np.uint8)
    return codes[levels.astype(int).ravel() + LARGEST].tobytes().decode("ascii")


def levels_of(text: str) -> np.ndarray:
    """The levels that characters stand for."""
    levels = np.zeros(128, int)
    levels[np.frombuffer(CHARACTERS.encode("ascii"), np.uint8)] = np.arange(len(CHARACTERS))
    return levels[np.frombuffer(text.encode("ascii"), np.uint8)] - LARGEST


def packed(values: Tensor | np.ndarray) -> str:
    """Numbers as base64 of little-endian float32."""
    return base64.b64encode(np.asarray(values, dtype="<f4").tobytes()).decode("ascii")


def unpacked(text: str) -> np.ndarray:
    """The float32 numbers of base64."""
    return np.frombuffer(base64.b64decode(text), "<f4")


def written_layer(layer: nn.Linear, rows: slice = slice(None)) -> dict[str, Any]:
    """Some rows of a linear layer as the page reads them."""
    weight, bias = layer.weight.detach()[rows], layer.bias.detach()[rows]
    levels, scale = quantise(weight)
    sizes = {"inputs": weight.shape[1], "outputs": weight.shape[0]}
    return {**sizes, "scale": packed(scale), "bias": packed(bias), "weight": text_of(levels)}


def linear_layers(layers: nn.Module) -> list[nn.Linear]:
    """The linear layers of a plain network, in order."""
    return [layer for layer in layers.modules() if isinstance(layer, nn.Linear)]


def head_rows(model: Model) -> torch.Tensor:
    """Rows of an encoder's head that make its mean code: mu, and a VSC's gates."""
    found = torch.arange(model.latents)
    return torch.cat([found, 2 * model.latents + found]) if model.sparse else found


def written_model(model: Model, record: dict[str, Any]) -> dict[str, Any]:
    """A trained model with its origin, ready for the page."""
    family, config = record["experiment"]["model"], model.config
    found: dict[str, Any] = {
        "record": record["name"],
        "record_sha256": record["sha256"],
        "family": family,
        "latents": model.latents,
        "hidden": linear_layers(model.decoder)[0].out_features,
        "likelihood": config.likelihood,
        "sigma": config.sigma if config.likelihood == "gaussian" else None,
        "decoder": [written_layer(layer) for layer in linear_layers(model.decoder)],
    }
    if family == "sparse_generator":
        prior = {"alpha": float(model.alpha), "sigma1": config.sigma1, "sigma2": config.sigma2}
        steps = {"steps": config.inference_steps, "stepSize": config.step_size}
        return found | {"setting": {"prior": prior, **steps}}
    if model.sparse:
        assert float(model.lam) == 1.0 and config.gamma_form == "sigmoid"  # what the page computes
        found["threshold"] = model.threshold
    encoder = [written_layer(layer) for layer in linear_layers(model.encoder.layers)]
    rows = head_rows(model)
    head = nn.Linear(model.encoder.head.in_features, len(rows))
    with torch.no_grad():
        head.weight.copy_(model.encoder.head.weight[rows])
        head.bias.copy_(model.encoder.head.bias[rows])
    return found | {"encoder": [*encoder, written_layer(head)]}


def read_model(written: dict[str, Any]) -> Model:
    """The model that the page computes with, as the library has it; a VAE's variances are 1."""
    options = {name: written[name] for name in ("latents", "hidden", "likelihood")}
    if written["sigma"] is not None:
        options["sigma"] = written["sigma"]
    if "threshold" in written:
        options["threshold"] = written["threshold"]
    if "setting" in written:
        prior = written["setting"]["prior"]
        options |= {"alpha": prior["alpha"], "inference_precision": "float32"}
        options |= {"sigma1": prior["sigma1"], "sigma2": prior["sigma2"]}
    model = models.create(written["family"], image_shape=(1, 28, 28), **options)
    with torch.no_grad():
        for layer, stored in zip(linear_layers(model.decoder), written["decoder"], strict=True):
            fill(layer, stored)
        if "encoder" in written:
            *body, head = written["encoder"]
            inner = linear_layers(model.encoder.layers)
            for layer, stored in zip(inner, body, strict=True):
                fill(layer, stored)
            for parameter in model.encoder.head.parameters():
                parameter.zero_()
            fill(model.encoder.head, head, head_rows(model))
    return model.eval()


def fill(layer: nn.Linear, written: dict[str, Any], rows: Tensor | None = None) -> None:
    """Put written weights into a layer, or into some of its rows."""
    levels = levels_of(written["weight"]).reshape(written["outputs"], written["inputs"])
    weight = torch.from_numpy((levels * unpacked(written["scale"])[:, None]).astype("float32"))
    places = torch.arange(len(weight)) if rows is None else rows
    layer.weight[places] = weight
    layer.bias[places] = torch.from_numpy(unpacked(written["bias"]).copy())


def reconstruction(model: Model, images: np.ndarray) -> Tensor:
    """Mean codes' reconstructions (N, 1, 28, 28)."""
    return metrics.reconstruct(model, metrics.codes(model, images))


def rounding(model: Model, written: dict[str, Any], images: np.ndarray) -> dict[str, float]:
    """What the rounding of the weights does to reconstructions, in dB."""
    exact, rounded = (reconstruction(each, images) for each in (model, read_model(written)))
    return {
        "psnr": round(metrics.psnr(images, exact), 3),
        "psnr_rounded": round(metrics.psnr(images, rounded), 3),
        "psnr_between": round(metrics.psnr(exact, rounded), 2),
    }


def samples(test: data.Split) -> dict[str, Any]:
    """The first test image of every digit, as base64 of its bytes."""
    assert test.labels is not None
    first = [int(np.flatnonzero(test.labels == digit)[0]) for digit in range(10)]
    text = base64.b64encode(test.images[first].tobytes()).decode("ascii")
    return {"places": first, "images": text}


def stages(models_written: dict[str, Any], image: np.ndarray) -> list[tuple[Tensor, Tensor | None]]:
    """What the page shows of an image (1, 1, 28, 28): each picture with its code, if it has one.

    The image; VAE and VSC; the generator after a few numbers of steps.
    """
    x = data.to_tensor(image)
    found: list[tuple[Tensor, Tensor | None]] = [(x[0, 0], None)]
    for name in ("vae", "vsc"):
        model = read_model(models_written[name])
        z = model.encode(x).z
        found.append((model.decode(z).mean[0, 0], z[0]))
    model = read_model(models_written["generator"])
    for steps in STAGES:
        z = model.run(x, torch.zeros(1, model.latents), steps, None)
        found.append((model.decode(z).mean[0, 0], z[0]))
    return [(picture.detach(), None if z is None else z.detach()) for picture, z in found]


def draw_still(content: dict[str, Any], target: Path) -> None:
    """The picture that stands in for the page in print and where no script runs."""
    pixels = base64.b64decode(content["samples"]["images"])
    image = np.frombuffer(pixels, np.uint8).reshape(10, 1, 28, 28)[STILL_DIGIT][None]
    shown = stages(content["models"], image)
    with figures.style():
        picture, axes = plt.subplots(
            2, len(shown), figsize=(7.0, 1.75), height_ratios=(1.6, 1), layout="constrained"
        )
        for place, (values, z) in enumerate(shown):
            above, below = axes[:, place]
            above.imshow(values, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
            above.set(xticks=[], yticks=[])
            for spine in above.spines.values():
                spine.set(visible=True, color=figures.RECONSTRUCTION if place else figures.DATA)
                spine.set_linewidth(1.5)
            below.axis("off")
            if z is not None:
                # Grey of about the same contrast on light and on dark pages.
                below.axhline(0, color=MIDDLE_GREY, linewidth=0.5)
                below.vlines(range(len(z)), 0, z, color=MIDDLE_GREY, linewidth=60 / len(z))
                below.set_ylim(-3, 3)
        picture.savefig(target, dpi=200, transparent=True, metadata={"Software": None})
        plt.close(picture)


def read(path: Path = TARGET) -> dict[str, Any]:
    """What the page's file holds."""
    text = path.read_text(encoding="utf-8").split("\n", 1)[1]
    return json.loads(text.removeprefix(BEFORE).removesuffix(AFTER))


def write(folder: Path | None, target: Path) -> dict[str, Any]:
    """Train what is missing, and write the file of the page."""
    mnist, listed = data.load("mnist"), listing()
    images = mnist.test.images[:MEASURED_ON]
    content: dict[str, Any] = {"models": {}, "samples": samples(mnist.test)}
    for name, run_name in RUNS.items():
        experiment = experiment_of(run_name, listed[run_name], seed=0, threads=1)
        if folder is not None:
            path = folder / experiment.title
            experiment = dataclasses.replace(experiment, folder=str(path))
        if not (experiment.path / "done.json").is_file():
            runs.run(experiment)
        text = (experiment.path / "record.json").read_text(encoding="utf-8")
        trained = experiment.path / "model.safetensors"
        model = vsclib.load(trained)
        write_text(HERE / f"{experiment.title}.json", text)
        written = written_model(model, json.loads(text))
        written["sha256"] = hashlib.sha256(trained.read_bytes()).hexdigest()
        content["models"][name] = written | {"rounding": rounding(model, written, images)}
    body = json.dumps(content, separators=(",", ":"))
    checksum = hashlib.sha256(body.encode("ascii")).hexdigest()
    head = f"// Written by results/live_models.py; SHA-256 of the JSON below: {checksum}\n"
    whole = f"{head}{BEFORE}{body}{AFTER}"
    assert len(whole) <= MOST_BYTES, f"{len(whole)} bytes: a page takes at most {MOST_BYTES}"
    write_text(target, whole)
    return content


def main() -> int:
    """Read the command line and write the file."""
    parser = argparse.ArgumentParser(description="Write the models of the page that draws a digit.")
    parser.add_argument("--runs", type=Path, metavar="DIR", help="folder of the runs")
    parser.add_argument("--target", type=Path, default=TARGET, help="the file")
    arguments = parser.parse_args()
    try:
        content = write(arguments.runs, arguments.target)
        draw_still(content, STILL)
    except VsclibError as error:
        print(f"live_models.py: {error}", file=sys.stderr)
        return 1
    for name, model in content["models"].items():
        found = model["rounding"]
        print(f"{name}: {found['psnr']} dB, with rounded weights {found['psnr_rounded']} dB")
    print(f"{arguments.target}: {arguments.target.stat().st_size:,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
