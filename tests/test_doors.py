"""What the public calls of a model refuse, in one line each."""

import math

import numpy as np
import pytest
import torch
from small_models import NAMES, images, seeded, tiny

from vsclib.errors import VsclibError
from vsclib.models import TrainingStep


def refused(call, *parts: str) -> None:
    with pytest.raises(VsclibError) as caught:
        call()
    message = str(caught.value)
    assert "\n" not in message and all(part in message for part in parts), message


@pytest.mark.parametrize("name", ["vae", "vsc", "sparse_generator", "top_k"])
def test_codes_that_cannot_be_decoded(name):
    model = tiny(name)
    for z, parts in (
        (torch.zeros(2, 7), ("codes (B, 5)", "(2, 7)", "code.z")),
        (torch.zeros(5), ("codes (B, 5)", "(5,)", "z.unsqueeze(0)")),
        (torch.zeros(0, 5), ("(0, 5)",)),
        (torch.zeros(2, 5, dtype=torch.float64), ("float64", "float32")),
        (torch.zeros(2, 5, dtype=torch.int64), ("int64", "float32")),
        (torch.full((2, 5), math.nan), ("finite numbers", "NaN")),
        (torch.full((2, 5), -math.inf), ("finite numbers", "infinity")),
        (torch.zeros(2, 5, device="meta"), ("a tensor on meta", "a model on cpu", ".to('cpu')")),
    ):
        refused(lambda z=z: model.decode(z), *parts)


@pytest.mark.parametrize("name", NAMES)
def test_samples_that_cannot_be_drawn(name):
    model = tiny(name)
    refused(lambda: model.sample(0, seeded()), "n = 0", "n >= 1")
    refused(lambda: model.sample(-1, seeded()), "n = -1", "n >= 1")
    refused(lambda: model.sample(5, 0), "generator")
    refused(lambda: model.sample_code(images(), 3), "generator")


@pytest.mark.parametrize("name", NAMES)
def test_steps_that_cannot_be_taken(name):
    model, x = tiny(name), images()
    before = torch.get_rng_state()
    for step, part in (
        (lambda: TrainingStep(x, None), "generator"),
        (lambda: TrainingStep(x, np.random.default_rng(0)), "generator"),
        (lambda: TrainingStep(x, seeded(), -5), "number = -5 is not allowed: choose number >= 0"),
        (lambda: TrainingStep(x, seeded(), 0, torch.arange(4)), "rows = tensor (4,) for 6 images"),
    ):
        refused(lambda step=step: model.loss(step()), part)
    assert torch.equal(before, torch.get_rng_state())


def test_a_model_and_its_images_share_a_type_and_a_place():
    refused(lambda: tiny("vsc").double().encode(images()), "float32", "float64", "model.float()")
    refused(lambda: tiny("vsc").half().encode(images()), "float32", "float16", "model.float()")
    refused(lambda: tiny("vae").to("meta").encode(images()), "on cpu", "on meta")


def test_one_image_has_no_aggregate_posterior():
    step = TrainingStep(images(1), seeded())
    refused(lambda: tiny("beta_tcvae").loss(step), "batch_size = 1", "batch_size >= 2")


@pytest.mark.parametrize("name", NAMES)
def test_rows_beyond_a_training_set_are_named(name):
    model, step = tiny(name), TrainingStep(images(), seeded(), 0, torch.arange(6))
    if name == "abp":
        refused(lambda: model.loss(step), "rows = 0..5 of 0 chains", "train with fit first")
    else:
        model.loss(step)


@pytest.mark.parametrize("name", NAMES)
def test_a_model_called_as_a_function_gives_the_loss(name):
    model, x = tiny(name), images()
    one, two = model(TrainingStep(x, seeded(), 2)), model.loss(TrainingStep(x, seeded(), 2))
    assert torch.equal(one.total, two.total) and one.terms.keys() == two.terms.keys()
