"""What pictures, the widget, records and checks refuse, in one line that says what to give."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import sympy
import torch
from torch import nn

from vsclib import checks, data, figures, metrics, models, records, runs
from vsclib.errors import VsclibError
from vsclib.training import History
from vsclib.traversal import Traversal

IMAGES = data.load("digits").test.images[:6]
LABELS = data.load("digits").test.labels[:6]
CLASSES = data.load("digits").classes
MODEL = models.create("vsc", image_shape=(1, 8, 8), latents=2, hidden=4)
CODE = metrics.codes(MODEL, IMAGES)
Z = np.linspace(-1, 1, 5)
X = sympy.Symbol("x", real=True)
HISTORY = History([1, 2], {"total": [2.0, 1.0]}, 1.0)


def own_decoder() -> SimpleNamespace:
    whole = {name: getattr(MODEL, name) for name in ("image_shape", "latents", "encode", "decode")}
    return SimpleNamespace(**whole, decoder=nn.Linear(2, 64))


CALLS = {
    "no history": (lambda: figures.history(None), "history = None is not allowed"),
    "no step": (lambda: figures.history(History([], {}, 0.0)), "the history has no point: train"),
    "values lack": (
        lambda: figures.history(HISTORY._replace(terms={"total": [1.0]})),
        "term 'total' has 1 values at 2 steps",
    ),
    "a tensor for a code": (lambda: figures.code_bars(CODE.z), "is not allowed: give Code"),
    "no code to show": (lambda: figures.code_bars(CODE, n=0), "n = 0 is not allowed: choose 1 <="),
    "no image to show": (
        lambda: figures.reconstructions(IMAGES, IMAGES, n=0),
        "n = 0 is not allowed",
    ),
    "no reconstruction": (lambda: figures.reconstructions(IMAGES, {}), "no reconstructions"),
    "fewer images than codes": (
        lambda: figures.code_bars(CODE, n=4, images=IMAGES[:3]),
        "3 images for 4 codes",
    ),
    "a code of NaN": (
        lambda: figures.code_statistics(CODE._replace(z=CODE.z * math.nan)),
        "code.z holds NaN or infinity",
    ),
    "an empty code": (
        lambda: figures.code_statistics(metrics.codes(MODEL, IMAGES)._replace(z=CODE.z[:0])),
        "code.z is shaped (0, 2)",
    ),
    "a label without class": (
        lambda: figures.activation_by_class(CODE, LABELS + 9, CLASSES),
        "with 10 classes: give a class for every label",
    ),
    "labels that are none": (
        lambda: figures.activation_by_class(CODE, LABELS + 0.5, CLASSES),
        "labels are float64: give whole numbers",
    ),
    "positions of NaN": (
        lambda: figures.embedding({"a": np.full((6, 2), math.nan)}, LABELS, CLASSES),
        "give (6, 2) finite numbers",
    ),
    "grey levels up to 255 as floats": (
        lambda: figures.samples(torch.from_numpy(IMAGES).float()),
        "cannot be shown: pass uint8, or floats in [0, 1]",
    ),
    "images of NaN": (
        lambda: figures.samples(torch.full((1, 1, 2, 2), math.nan)),
        "cannot be shown",
    ),
    "a grid without end": (
        lambda: figures.latent_grid(MODEL, limits=(0.0, math.inf)),
        "choose 2 <= n <= 100 and finite low < high",
    ),
    "values of NaN": (
        lambda: figures.traversal_strip(MODEL, IMAGES[0], [0], [math.nan]),
        "choose 1 to 100 finite numbers",
    ),
    "two images for a strip": (
        lambda: figures.traversal_strip(MODEL, IMAGES[:2]),
        "image is shaped (2, 1, 8, 8): give one",
    ),
    "no function": (lambda: figures.density(Z, {}), "one curve or point mass at least"),
    "a mass above one": (
        lambda: figures.density(Z, {"p": Z}, {"spike": 1.5}),
        "spikes['spike'] = 1.5: choose a probability",
    ),
    "text for numbers": (lambda: figures.density("a", {"p": Z}), "z holds something else"),
    "an infinite number": (
        lambda: figures.compare({"a": [math.inf]}, {}, "nats"),
        "give finite numbers, one per seed",
    ),
    "a canvas of no height": (lambda: figures.canvas("A line.", height=0.0), "height = 0.0 is not"),
    "no such colour": (lambda: figures.contrast("blu", "red"), "colour 'blu' is not known"),
    "a widget of a name": (lambda: Traversal("vsc", IMAGES), "a str has no image_shape: give a mo"),
    "a widget of own layers": (
        lambda: Traversal(own_decoder(), IMAGES),
        "the decoder is a Linear without layers in a row",
    ),
    "an empty description": (lambda: records.describe({}), "this is no record, it lacks"),
    "no record at all": (lambda: records.describe("nowhere.json"), "there is no record nowhere"),
    "no column": (lambda: records.table_of([{"a": 1}], {}), "columns = {} is not allowed"),
    "another meaning": (
        lambda: records.register("train", {"psnr": "Something else."}),
        "kind = 'train' is taken",
    ),
    "a record of NaN": (
        lambda: records.store({"metrics": math.nan}, "never-written.json"),
        "a record holds what JSON cannot",
    ),
    "no notebook": (
        lambda: runs.write_cell(runs.Experiment, "nowhere.ipynb"),
        "nowhere.ipynb is no notebook",
    ),
    "no such device": (lambda: runs.provenance("gpu"), "there is no device 'gpu'"),
    "no point": (lambda: checks.symbolic("a", X, X, points=0), "points = 0 is not allowed"),
    "no point of a function": (
        lambda: checks.implements("a", torch.tanh, sympy.tanh(X), {"input": X}, points=0),
        "points = 0 is not allowed: choose 1 <= points",
    ),
    "a grid of no point": (
        lambda: checks.overflow("a", {"f": lambda z: z}, lambda z: z, points=0),
        "points = 0 is not allowed",
    ),
    "no batch": (
        lambda: checks.monte_carlo("a", lambda n, g: torch.randn(n, generator=g), 0.0, batch=0),
        "batch = 0 is not allowed",
    ),
    "arguments of other names": (
        lambda: checks.implements("a", torch.tanh, sympy.tanh(X), {"y": X}),
        "the function raised TypeError",
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_what_cannot_be_shown_or_decided_is_refused_in_one_line(name):
    call, message = CALLS[name]
    with pytest.raises(VsclibError) as caught:
        call()
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_more_than_ten_classes_of_one_letter_can_be_drawn():
    letters = "abcdefghijklmno"
    positions = {"code": np.stack([np.arange(15.0), np.arange(15.0)], 1)}
    picture = figures.embedding(positions, np.arange(15), letters)
    assert len(picture.axes[0].lines) == 15


@pytest.mark.parametrize(
    ("images", "seen"),
    [
        (IMAGES, True),
        (np.repeat(IMAGES, 3, 1), True),
        (np.repeat(IMAGES, 2, 1), False),
        (IMAGES.astype(np.float32), False),
    ],
)
def test_what_is_an_image_can_be_drawn(images, seen):
    assert figures.drawable(images) is seen
