"""Presets: the course report's networks and models, and data sets that they do not fit."""

import math
import tomllib
from pathlib import Path

import pytest
import torch
from torch import nn

import vsclib
from vsclib import data, models
from vsclib.errors import ConfigurationError
from vsclib.experiment import Experiment
from vsclib.networks import Decoder, Encoder

RUNS = Path(__file__).parent.parent / "results" / "runs.toml"


def made(name: str, shape=(1, 28, 28), **options) -> models.Model:
    found = models.preset(name)
    return models.create(found.model, **{"image_shape": shape} | found.options | options)


def test_networks_of_the_report_have_its_layers_and_weights():
    """The sizes follow from the strides; the numbers of weights from the kernels, counted by hand."""
    model = made("report_vae")
    kinds = [type(layer) for layer in model.encoder.layers]
    assert kinds == [nn.Conv2d, nn.ReLU, nn.Conv2d, nn.ReLU, nn.Conv2d, nn.Flatten]
    x = torch.rand(2, 1, 28, 28)
    sizes = []
    for layer in model.encoder.layers:
        x = layer(x)
        sizes.append(tuple(x.shape[1:]))
    assert sizes[::2] == [(16, 14, 14), (32, 7, 7), (64, 1, 1)] and sizes[-1] == (64,)
    convolutions = (16 * 9 + 16) + (32 * 16 * 9 + 32) + (64 * 32 * 49 + 64)
    assert sum(weight.numel() for weight in model.encoder.parameters()) == convolutions + 4 * 64 + 4
    back = (2 * 64 + 64) + (64 * 32 * 49 + 32) + (32 * 16 * 9 + 16) + (16 * 9 + 1)
    assert sum(weight.numel() for weight in model.decoder.parameters()) == back


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian_learned"])
@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 12, 8), (1, 4, 4)])
def test_third_convolution_takes_what_is_left(shape, likelihood):
    encoder = Encoder(shape, 5, 3, "conv3", hidden=11, hidden_layers=2)
    decoder = Decoder(shape, 5, likelihood, network="conv3", hidden=11, hidden_layers=2)
    x = torch.rand(7, *shape)
    heads = encoder(x)
    assert [head.shape for head in heads] == [(7, 5)] * 3
    assert decoder(heads[0]).mean.shape == x.shape and decoder(heads[0]).log_prob(x).shape == (7,)


@pytest.mark.parametrize("name", models.presets())
def test_every_preset_learns_digits(name):
    model, digits = made(name, (1, 8, 8)), data.load("digits")
    history = vsclib.fit(model, digits, steps=60, batch_size=100, learning_rate=3e-3, progress=False)
    assert model.latents == 2 and history.terms["total"][-1] < history.terms["total"][0] - 5
    assert model.sample(3, torch.Generator().manual_seed(0)).shape == (3, 1, 8, 8)


@pytest.mark.parametrize("latents", [10, 32])
def test_presets_take_other_options(latents):
    run = Experiment.of(model="report_vsc", dataset="mnist", latents=latents, alpha=0.1, sigma=None)
    assert run.model == "vsc" and run.options == {
        "network": "conv3",
        "hidden_layers": 0,
        "latents": latents,
        "alpha": 0.1,
    }
    assert run.make_model().latents == latents


def test_runs_of_the_report_are_its_presets():
    runs = tomllib.loads(RUNS.read_text(encoding="utf-8"))
    assert {run["model"] for run in runs.values() if str(run.get("model")).startswith("report")} == set(
        models.presets()
    )
    settings = runs["report-vsc-wu-mnist"]
    made_run = Experiment.of(**{k: v for k, v in settings.items() if k != "title"}, dataset="mnist")
    steps = made_run.training(60_000).steps
    assert steps == 25 * math.floor(60_000 / 256)
    assert made_run.model == "vsc_wu"


def test_shapes_that_do_not_fit_are_refused_by_name_before_training():
    for refuse in (
        lambda: Experiment.of(model="report_vae", dataset="digits", image_shape=(1, 1, 561)),
        lambda: Experiment.of(model="vae", network="conv", image_shape=(1, 30, 28)),
    ):
        with pytest.raises(ConfigurationError, match=r"model 'vae' on 'digits': network = 'conv3?' halves") as caught:
            refuse()
        assert "\n" not in str(caught.value)
    with pytest.raises(
        ConfigurationError, match="network = 'conv3' halves an image twice, but 1 x 561 pixels cannot be"
    ):
        made("report_vae", (1, 1, 561))


def test_unknown_presets_are_refused_with_the_nearest():
    with pytest.raises(ConfigurationError, match="no preset 'report_vea': did you mean 'report_vae'"):
        models.preset("report_vea")
    with pytest.raises(ConfigurationError, match="no model 'report_vea'"):
        Experiment.of(model="report_vea")
