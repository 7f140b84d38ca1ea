"""Presets: networks, numbers and training of each source, what may be given otherwise, and data
that do not fit.
"""

import json
import math
import tomllib
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import vsclib
from vsclib import data, models
from vsclib.errors import ConfigurationError, DataError
from vsclib.metrics import Evaluation
from vsclib.networks import Decoder, Encoder
from vsclib.runs import Experiment, execute, parameters_of, write_record

REPORT = [name for name in models.presets() if name.startswith("report")]
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


@pytest.mark.trains
@pytest.mark.slow
@pytest.mark.parametrize("name", REPORT)
def test_every_preset_of_the_report_learns_digits(name):
    model, digits = made(name, (1, 8, 8)), data.load("digits")
    history = vsclib.fit(
        model, digits, steps=60, batch_size=100, learning_rate=3e-3, progress=False
    )
    assert model.latents == 2 and history.terms["total"][-1] < history.terms["total"][0] - 5
    assert model.sample(3, torch.Generator().manual_seed(0)).shape == (3, 1, 8, 8)


@pytest.mark.parametrize("latents", [10, 32])
def test_presets_take_other_options(latents):
    asked = Experiment.of(
        model="report_vsc", dataset="mnist", latents=latents, alpha=0.1, sigma=None
    )
    assert asked.model == "vsc" and asked.options == {
        "network": "conv3",
        "hidden_layers": 0,
        "latents": latents,
        "alpha": 0.1,
    }
    assert asked.make_model().latents == latents


def test_runs_of_the_report_are_its_presets():
    runs = tomllib.loads(RUNS.read_text(encoding="utf-8"))
    assert {
        one["model"] for one in runs.values() if str(one.get("model")).startswith("report")
    } <= set(REPORT)
    settings = runs["report-vsc-wu-mnist"]
    made_run = Experiment.of(
        **{k: v for k, v in settings.items() if k not in ("title", "seeds")}, dataset="mnist"
    )
    steps = made_run.training(60_000).steps
    assert steps == 25 * math.floor(60_000 / 256)
    assert made_run.model == "vsc_wu"


def test_shapes_that_do_not_fit_are_refused_by_name_before_training():
    with pytest.raises(ConfigurationError, match="model 'vae' on 'digits': network = 'conv3' halv"):
        Experiment.of(model="report_vae", dataset="digits", image_shape=(1, 1, 561))
    with pytest.raises(ConfigurationError, match="model 'vae' on 'uci_har': network = 'conv' halv"):
        Experiment.of(model="vae", dataset="uci_har", network="conv")
    with pytest.raises(
        ConfigurationError,
        match="network = 'conv3' halves an image twice, but 1 x 561 pixels cannot be",
    ):
        made("report_vae", (1, 1, 561))


# ------------------------------------------------------------------------- the papers' own settings

GREY, SMILEY, SVHN, CELEBA = (1, 28, 28), (1, 32, 32), (3, 32, 32), (3, 64, 64)
LI_HAN = {
    "sigma": 0.3,
    "step_size": 0.1,
    "inference_steps": 30,
    "alpha": 0.01,
    "alpha_start": 1.0,
    "alpha_decay": 0.033,
}
GATES = {"gamma_form": "relu", "gate": "relaxed", "slope_start": 50.0, "slope_end": 200.0}
SETTINGS = {
    # Supplement of UAI 2019, D.1 and D.3, and D.2: networks of 3,000 units, 20 pseudo-inputs,
    # batches of 500, warm-up.
    "uai_2019": (
        "mnist",
        {
            **GATES,
            "hidden": 3000,
            "pseudo_inputs": 20,
            "alpha": 0.01,
            "lam_begin": 15_000,
            "lam_until": 20_000,
        },
        {"steps": 70_000, "batch_size": 500, "first": 1e-3, "last": 1e-4, "switch": 20_000},
    ),
    "uai_2019_smiley": (
        "smiley",
        {**GATES, "hidden": 3000, "pseudo_inputs": 20, "lam_begin": 50_000, "lam_until": 60_000},
        {"steps": 200_000, "batch_size": 500, "first": 5e-4, "last": 5e-5, "switch": 60_000},
    ),
    # Submission to ICLR 2019, 4.1 and D.1: 400 units, 20,000 iterations, rates from 0.001.
    "iclr_2019": (
        "mnist",
        {**GATES, "hidden": 400, "latents": 200, "alpha": 0.01, "lam_until": 0},
        {"steps": 20_000, "first": 1e-3, "last": 1e-3},
    ),
    # Li & Han, section 4: one layer of 400 units for grey images, two of 2,000 for colour.
    "li_han_mnist": (
        "mnist",
        {**LI_HAN, "latents": 200, "hidden": 400, "hidden_layers": 1},
        {"batch_size": 100},
    ),
    "li_han_svhn": (
        "svhn",
        {**LI_HAN, "latents": 400, "hidden": 2000, "hidden_layers": 2},
        {"batch_size": 100},
    ),
    "li_han_celeba": (
        "celeba",
        {**LI_HAN, "latents": 800, "hidden": 2000, "hidden_layers": 2},
        {"batch_size": 100},
    ),
}


def layer(inputs: int, outputs: int) -> int:
    """Weights of a fully connected layer, biases included."""
    return inputs * outputs + outputs


WEIGHTS = {
    # Encoder with three heads, decoder with mean and variance, 20 pseudo-inputs, and a selector of
    # one layer.
    "uai_2019": layer(784, 3000)
    + layer(3000, 180)
    + layer(60, 3000)
    + layer(3000, 1568)
    + 20 * 784
    + layer(784, 20),
    "uai_2019_smiley": layer(1024, 3000)
    + layer(3000, 180)
    + layer(60, 3000)
    + layer(3000, 2048)
    + 20 * 1024
    + layer(1024, 20),
    "iclr_2019": layer(784, 400) + layer(400, 600) + layer(200, 400) + layer(400, 1568),
    "li_han_mnist": layer(200, 400) + layer(400, 784),
    "li_han_svhn": layer(400, 2000) + layer(2000, 2000) + layer(2000, 3072),
    "li_han_celeba": layer(800, 2000) + layer(2000, 2000) + layer(2000, 12_288),
}


def test_every_preset_is_tested():
    assert {*REPORT, *SETTINGS} == set(models.presets()) and set(SETTINGS) == set(WEIGHTS)


@pytest.mark.parametrize("name", SETTINGS)
def test_settings_are_those_of_the_source(name):
    dataset, options, training = SETTINGS[name]
    asked = Experiment.of(model=name, dataset=dataset)
    with torch.device("meta"):
        model = asked.make_model()
    assert sum(weight.numel() for weight in model.parameters()) == WEIGHTS[name]
    assert {option: getattr(model.config, option) for option in options} == options
    config = asked.training(60_000)
    found = {
        "steps": config.steps,
        "batch_size": config.batch_size,
        "switch": config.learning_rate_switch,
    }
    found |= {"first": config.rate(0), "last": config.rate(config.steps)}
    expected = (
        training
        if "first" in training
        else training | {"first": 1e-4, "last": 1e-4, "steps": 32 * 600}
    )
    assert {key: found[key] for key in expected} == expected
    if "switch" in training:
        assert (config.rate(training["switch"] - 1), config.rate(training["switch"])) == (
            found["first"],
            found["last"],
        )


SHAPES = {"uai_2019_smiley": SMILEY, "li_han_svhn": SVHN, "li_han_celeba": CELEBA}


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow if name in SHAPES else ())
        for name in models.presets()
    ],
)
def test_every_preset_trains_with_fewer_steps_alone(name, tmp_path):
    asked = Experiment.of(
        model=name,
        dataset=SETTINGS.get(name, ["mnist"])[0],
        steps=2,
        device="cpu",
        folder=str(tmp_path),
    )
    pixels = (
        (torch.rand(500, *SHAPES.get(name, GREY), generator=torch.Generator().manual_seed(0)) * 255)
        .byte()
        .numpy()
    )
    model = asked.make_model()
    before = [weight.clone() for weight in model.decoder.parameters()]
    history = vsclib.fit(model, pixels, asked.training(len(pixels)))
    assert history.steps == [1, 2] and math.isfinite(history.terms["total"][-1])
    assert not any(
        torch.equal(one, other)
        for one, other in zip(before, model.decoder.parameters(), strict=True)
    )


# ---------------------------------------------------------------------- what may be given otherwise


def test_a_notebook_of_defaults_leaves_the_preset_alone_and_any_number_overrides_it():
    defaults = parameters_of(Experiment.run_parameters() | {"alpha": None, "hidden": None})
    paper = Experiment.of(**defaults | {"model": "uai_2019", "dataset": "mnist"})
    assert paper == Experiment.of(model="uai_2019", dataset="mnist")
    assert (paper.steps, paper.batch_size, paper.learning_rate, paper.options["hidden"]) == (
        70_000,
        500,
        1e-3,
        3000,
    )
    mine = Experiment.of(
        **defaults | {"model": "uai_2019", "dataset": "mnist", "steps": 7, "hidden": 5}
    )
    assert (mine.steps, mine.batch_size, mine.options["hidden"]) == (7, 500, 5)
    # Steps that are asked for win over the preset's epochs, and epochs over its steps.
    assert Experiment.of(model="li_han_mnist", dataset="mnist", steps=7).training(60_000).steps == 7
    assert Experiment.of(model="uai_2019", dataset="mnist", epochs=2).training(60_000).steps == 240
    assert Experiment.of(model="vsc").steps == 200 and Experiment.of(model="vsc").preset is None


def test_the_record_names_the_preset(tmp_path):
    asked = Experiment.of(model="li_han_mnist", dataset="mnist", steps=2, folder=str(tmp_path))
    record = json.loads(write_record(asked, Evaluation({}, {})).read_text(encoding="utf-8"))
    assert record["name"] == "li_han_mnist-mnist-steps2-seed0"
    assert (record["experiment"]["model"], record["experiment"]["preset"]) == (
        "sparse_generator",
        "li_han_mnist",
    )
    assert record["experiment"]["options"]["alpha_decay"] == 0.033


@pytest.mark.parametrize("name", ["report_vae", "uai_2019"])
def test_a_run_arrives_in_its_notebook_as_it_was_asked_for(name, monkeypatch, tmp_path):
    """What papermill gets, read again by the notebook's first cell, is the same experiment."""
    asked = Experiment.of(model=name, dataset="mnist", steps=2, latents=3, folder=str(tmp_path))
    sent = {}

    def fill_in(notebook, page, parameters, **_):
        sent.update(parameters)
        Path(page).write_text('{"metadata": {"papermill": {}}}')

    monkeypatch.setattr("papermill.execute_notebook", fill_in)
    execute(asked, RUNS.parent.parent / "notebooks" / "experiments" / "train.ipynb", progress=False)
    again = Experiment.of(**Experiment.run_parameters() | sent | {"folder": str(tmp_path)})
    assert again == asked and again.preset == name


def test_a_preset_beside_another_model_is_refused():
    with pytest.raises(
        ConfigurationError, match="preset = 'uai_2019' is no 'vsc': give model = 'uai_2019'"
    ):
        Experiment.of(model="vsc", preset="uai_2019")
    with pytest.raises(ConfigurationError, match="no preset 'uai_2018': did you mean 'uai_2019"):
        Experiment.of(model="vsc", preset="uai_2018")


@pytest.mark.parametrize("name", models.presets())
def test_every_preset_refuses_images_that_do_not_fit_before_it_trains(name):
    """Convolutions refuse a vector when asked for; batches that exceed the images are refused by
    ``fit``.
    """
    found = models.preset(name)
    if found.options.get("network") == "conv3":
        with pytest.raises(
            ConfigurationError,
            match=rf"model '{found.model}' on 'uci_har': network = 'conv3' halves",
        ):
            Experiment.of(model=name, dataset="uci_har")
        return
    asked = Experiment.of(model=name, dataset="digits", latents=2, hidden=3, steps=1)
    for channels, count, message in (
        (3, 600, r"create the model with image_shape=\(3, 8, 8\)"),
        (1, 30, "batch_size = "),
    ):
        with pytest.raises(DataError, match=message):
            vsclib.fit(
                asked.make_model(),
                np.zeros((count, channels, 8, 8), np.uint8),
                asked.training(count),
            )


def test_unknown_presets_are_refused_with_the_nearest():
    with pytest.raises(
        ConfigurationError, match="no preset 'report_vea': did you mean 'report_vae'"
    ):
        models.preset("report_vea")
    with pytest.raises(ConfigurationError, match="no model 'report_vea'"):
        Experiment.of(model="report_vea")
