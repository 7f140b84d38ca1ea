"""The two small models of the book's first page: a VAE and a VSC, to be dragged side by side.

    python results/landing.py        trains both and writes results/landing.json: a minute

They have 100 hidden units, so that the page gets them within a moment; the models that the book
judges are larger.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ipywidgets.embed import dependency_state

import vsclib
from vsclib import data, models
from vsclib.files import write_text
from vsclib.traversal import Traversal
from vsclib.traversal.stored import STATE, keep_data_only

TARGET = Path(__file__).parent / "landing.json"
SIZE = {"latents": 40, "hidden": 100}
MODELS: dict[str, dict[str, Any]] = {"vae": {}, "vsc": {"alpha": 0.2}}
TRAINING = {"steps": 3_000, "batch_size": 200, "seed": 0}
IMAGES = (0, 1, 2, 4, 7, 18, 61, 84)
"""Test images of the digits 7, 2, 1, 4, 9, 3, 8 and 8."""
TITLES = {"vae": "VAE", "vsc": "VSC"}


def trained(name: str, mnist: data.DataSet) -> models.Model:
    """One of the two models after its training."""
    torch.manual_seed(TRAINING["seed"])
    shape = tuple(mnist.train.images.shape[1:])
    model = models.create(name, image_shape=shape, **SIZE, **MODELS[name])
    vsclib.fit(model, mnist, **TRAINING, progress=False)
    return model.eval()


def psnr(model: models.Model, images: np.ndarray) -> float:
    """The reconstructions' mean PSNR in dB."""
    x = torch.from_numpy(images).float() / 255
    with torch.no_grad():
        mean = model.decode(model.encode(x).z).mean.reshape(x.shape)
    error = ((mean - x) ** 2).mean(dim=(1, 2, 3)).double()
    return float((10 * torch.log10(1 / error)).mean())


def widget(made: dict[str, models.Model], images: np.ndarray) -> dict[str, Any]:
    """The widget of both models as a notebook stores it, with its still and what that shows."""
    shown = Traversal(made["vae"], images, sliders=4, beside=made["vsc"])
    shown.title, shown.beside.title = TITLES["vae"], TITLES["vsc"]
    bundle, metadata = shown._repr_mimebundle_()
    notebook = {
        "cells": [],
        "metadata": {"widgets": {STATE: {"state": dependency_state(shown, drop_defaults=False)}}},
    }
    keep_data_only(notebook)
    return {
        "model_id": shown.model_id,
        "still": bundle["image/png"],
        "alt": metadata["image/png"]["alt"],
        "state": json.loads(json.dumps(notebook["metadata"]["widgets"][STATE]["state"])),
    }


def main() -> None:
    """Train, measure on the test images, write."""
    mnist = data.load("mnist")
    made = {name: trained(name, mnist) for name in MODELS}
    test = mnist.test.images
    measured = {}
    for name, model in made.items():
        with torch.no_grad():
            active = model.encode(torch.from_numpy(test).float() / 255).active
        on = float(active.sum(1).double().mean())
        measured[name] = {"psnr": round(psnr(model, test), 2), "on_per_image": round(on, 2)}
        print(name, measured[name])
    written = {
        "settings": {"models": MODELS, "size": SIZE, "training": TRAINING},
        "dataset": {"name": mnist.name, "sha256": mnist.sha256, "images": list(IMAGES)},
        "versions": {"vsclib": vsclib.__version__, "torch": torch.__version__},
        "measured": measured,
        **widget(made, test[list(IMAGES)]),
    }
    write_text(TARGET, json.dumps(written, indent=1) + "\n")


if __name__ == "__main__":
    main()
