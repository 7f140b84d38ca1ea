"""Making a model: numbers of NumPy's, seeds, memory, and options that change nothing."""

import re
import warnings

import numpy as np
import pytest
import torch
from small_models import NAMES, SHAPE, images, seeded, tiny

from vsclib import data, models
from vsclib.errors import ConfigurationError, VsclibError
from vsclib.models import doors


def refused(call, message: str) -> None:
    with pytest.raises(VsclibError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_numbers_of_numpy_are_numbers():
    given = tiny(
        "vsc",
        latents=np.int64(8),
        image_shape=tuple(np.array(SHAPE)),
        hidden=np.uint8(6),
        hidden_layers=np.int32(2),
        alpha=np.float32(0.25),
        beta=np.float64(2.0),
        kl_warm_up=np.int16(3),
        seed=np.int64(3),
    )
    plain = {"hidden_layers": 2, "alpha": 0.25, "beta": 2.0, "kl_warm_up": 3, "seed": 3}
    wanted = tiny("vsc", latents=8, hidden=6, **plain)
    assert given.config == wanted.config and type(given.config.alpha) is float
    assert type(given.config.image_shape[0]) is int
    pairs = zip(given.parameters(), wanted.parameters(), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)
    refused(
        lambda: tiny("vae", latents=np.float64(8.0)), r"latents = np.float64\(8.0\)|latents = 8"
    )


@pytest.mark.parametrize("seed", [None, -1, 1.5, 2**31, 2**70, "0", True])
def test_seeds_that_are_none(seed):
    refused(lambda: models.create("vae", seed=seed), "seed")


@pytest.mark.parametrize("name", [["vsc"], None, 3])
def test_names_that_are_none(name):
    refused(lambda: models.create(name), ".")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "options",
    [
        {"latents": 10**9},
        {"image_shape": (1, 10**5, 10**5)},
        {"image_shape": (1, 10**9, 10**9)},
        {"hidden": 10**12, "hidden_layers": 1},
        {"latents": 10**9, "image_shape": (1, 64, 64), "network": "conv", "hidden_layers": 0},
    ],
)
def test_a_model_that_no_memory_holds_is_refused_before_it_is_made(name, options):
    refused(lambda: models.create(name, **options), r"take [\d,]+ GiB of weights .*has [\d,]+ GiB")


@pytest.mark.parametrize("network", ["mlp", "conv", "conv3"])
@pytest.mark.parametrize("layers", [0, 1])
@pytest.mark.parametrize("name", ["vae", "vsc_uai", "short_run"])
def test_the_memory_asked_for_is_no_more_than_the_weights_take(monkeypatch, name, layers, network):
    options = {"network": network, "hidden_layers": layers, "latents": 30, "hidden": 50}
    model = models.create(name, **options)
    taken = 4 * sum(weight.numel() for weight in model.parameters())
    monkeypatch.setattr(doors, "_machine_memory", lambda: 2 * taken)
    models.create(name, **options)
    if network == "mlp":
        monkeypatch.setattr(doors, "_machine_memory", lambda: int(1.5 * taken))
        refused(lambda: models.create(name, **options), "GiB of weights or more")


def test_pseudo_inputs_take_memory_too():
    refused(lambda: models.create("vsc_uai", pseudo_inputs=10**10), "GiB of weights or more")


def test_making_a_model_touches_no_random_state_of_the_user(monkeypatch):
    """On a machine without a GPU, that the seed of all devices is never called stands for it."""

    def forbidden(*args):
        raise AssertionError("this would restart the user's streams on every GPU")

    for name in ("manual_seed", "manual_seed_all"):
        monkeypatch.setattr(torch.cuda, name, forbidden)
    monkeypatch.setattr(torch, "manual_seed", forbidden)
    state = torch.get_rng_state()
    one = models.create("vsc", image_shape=SHAPE, seed=4)
    assert torch.equal(state, torch.get_rng_state())
    with torch.device("meta"):
        two = models.create("vsc", image_shape=SHAPE, seed=4)
    pairs = zip(one.parameters(), two.parameters(), strict=True)
    assert all(torch.equal(*pair) for pair in pairs)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("vae", {"sigma": 0.5}, "sigma = 0.5 has no effect with likelihood = 'bernoulli'"),
        ("vae", {"sigma": 0.5, "likelihood": "gaussian_learned"}, "sigma = 0.5 has no effect"),
        ("vsc", {"temperature": 0.5}, "temperature = 0.5 has no effect with gate = 'straight"),
        ("vsc", {"gate": "concrete", "slope_end": 9.0}, "slope_end = 9.0 has no effect with gate"),
        ("vsc", {"slope_start": 20.0}, "slope_start = 20.0 lets the gate .* from slope 20 to 10"),
        ("short_run", {"skip": 4}, "skip = 4 has no effect with kept = 1"),
        ("short_run", {"pick": "mean"}, "pick = 'mean' has no effect"),
        ("vae", {"image_shape": (28, 28, 1)}, r"means 28 channels of 28 x 1 .*\(1, 28, 28\)"),
        ("vae", {"image_shape": (12, 8, 2)}, r"means 12 channels of 8 x 2 .*\(2, 12, 8\)"),
    ],
)
def test_what_changes_nothing_is_said(name, options, message):
    with pytest.warns(UserWarning, match=f"^model '{name}': .*{message}") as caught:
        models.create(name, **options)
    assert len(caught) == 1 and caught[0].filename == __file__


QUIET = [
    ("vae", {"sigma": 0.5, "likelihood": "gaussian"}),
    ("vae", {"sigma": 0.5, "likelihood": "gaussian_real", "image_shape": (1, 1, 561)}),
    ("vae", {"image_shape": (9, 1, 128)}),
    ("vsc", {"temperature": 0.5, "gate": "concrete"}),
    ("short_run", {"kept": 2, "skip": 4, "pick": "mean"}),
    *((name, {}) for name in NAMES),
    *((models.preset(name).model, models.preset(name).options) for name in models.presets()),
]


@pytest.mark.parametrize(("name", "options"), QUIET)
def test_options_that_count_and_presets_earn_no_warning(name, options):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = models.create(name, **options)
        if model.image_shape[1] > 1:
            model.plan(10**6, 10)


@pytest.mark.parametrize("bias", [1e30, -1e30, 21.0, float("nan")])
@pytest.mark.parametrize("name", ["vsc", "vsc_thresholds"])
def test_a_bias_that_shuts_every_gate_is_refused(name, bias):
    refused(lambda: tiny(name, gamma_bias=bias), re.escape("-20 <= gamma_bias <= 20"))


def test_a_warm_up_that_does_not_end_is_said():
    model = tiny("vsc", lam_until=200)
    with pytest.warns(UserWarning, match=r"lam_until = 200 of 101 steps: .* share of 0\.5;"):
        model.plan(101, 10)


def test_more_pseudo_inputs_than_images_are_said():
    pixels = torch.from_numpy(data.load("digits").train.images[:15])
    with pytest.warns(UserWarning, match=r"pseudo_inputs = 40 of 15 images .* at most 15"):
        tiny("vsc_uai", pseudo_inputs=40).prepare(pixels, seeded())


def test_the_encoding_of_a_new_model_is_on_the_cpu():
    with torch.device("meta"):
        model = tiny("vsc_uai")
    assert model.encode(images()).z.device.type == "cpu"
    with pytest.raises(ConfigurationError, match="did you mean"):
        models.create("vcs")
