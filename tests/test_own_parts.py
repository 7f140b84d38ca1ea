"""Networks and families of one's own: by a registered name or an import path, saved and loaded."""

import sys
import warnings
from pathlib import Path

import pytest
import torch
from small_models import NAMES, SHAPE, images, seeded, tiny
from torch import nn

import vsclib
from vsclib import data, models, networks
from vsclib.errors import CheckpointError, ConfigurationError
from vsclib.models import Model, TrainingStep, registry
from vsclib.own_networks import FACTORIES

MODULE = """
import math
import torch
from torch import nn
from vsclib.models import Code, Loss, Model
torch.rand(3)  # an import that draws must not move the weights

def wide(image_shape, features):
    return nn.Sequential(nn.Flatten(), nn.Linear(math.prod(image_shape), features), nn.GELU())

class Spread(nn.Module):
    def __init__(self, latents, image_shape):
        super().__init__()
        self.linear, self.shape = nn.Linear(latents, math.prod(image_shape)), image_shape
    def forward(self, z):
        return self.linear(z).unflatten(1, self.shape)

class Plain(Model):
    def recognise(self, x, generator=None):
        (z,) = self.encoder(x)
        return Code(z, self.all_active(z))
    def objective(self, step):
        code = self.recognise(step.images)
        return Loss.of(reconstruction=-self.decode(code.z).log_prob(step.images).mean())

class Mute(Model):
    pass
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A module of a reader's own, on the path of this test only, and nothing known of it after."""
    (tmp_path / "readers_own.py").write_text(MODULE, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(registry, "FAMILIES", dict(registry.FAMILIES))
    kept = dict(FACTORIES)
    FACTORIES.clear()
    yield "readers_own"
    sys.modules.pop("readers_own", None)
    FACTORIES.clear()
    FACTORIES.update(kept)


OWN = {"encoder": "readers_own:wide", "decoder": "readers_own:Spread"}


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian_learned"])
@pytest.mark.parametrize("name", NAMES)
def test_every_family_takes_networks_of_ones_own(module, name, likelihood):
    own = OWN if models.family(name).heads else {"decoder": OWN["decoder"]}
    model, x = tiny(name, likelihood=likelihood, **own), images()
    assert type(model.decoder.layers).__name__ == "Spread"
    if model.heads:
        assert isinstance(model.encoder.layers[-1], nn.GELU)
    model.check_networks()
    model.loss(TrainingStep(x, seeded())).total.backward()
    trained = (model.encoder if model.heads else model.decoder).layers
    assert all(weight.grad.abs().max() > 0 for weight in trained.parameters())
    assert model.sample(3, seeded()).shape == (3, *SHAPE)


@pytest.mark.parametrize("name", ["vsc", "top_k", "short_run"])
def test_a_model_with_networks_of_ones_own_loads_again(module, tmp_path, name):
    own = OWN if models.family(name).heads else {"decoder": OWN["decoder"]}
    model, path = tiny(name, **own), tmp_path / "model.safetensors"
    vsclib.fit(model, data.load("digits"), steps=2, batch_size=20, progress=False)
    vsclib.save(model, path)
    found = vsclib.load(path)
    assert torch.equal(found.encode(images()).z, model.encode(images()).z)
    FACTORIES.clear()
    sys.modules.pop("readers_own")
    with pytest.raises(CheckpointError, match=r"model\.safetensors.*networks\.factory\('readers"):
        vsclib.load(path)
    assert "readers_own" not in sys.modules
    for place in own.values():
        networks.factory(place)
    assert torch.equal(vsclib.load(path).encode(images()).z, model.encode(images()).z)


def test_a_registered_network_is_asked_for_by_its_name(module, tmp_path):
    def narrow(image_shape, features):
        return nn.Sequential(nn.Flatten(), nn.Linear(64, features))

    assert networks.register("narrow", narrow) is narrow
    networks.register("narrow", narrow)
    path = tmp_path / "model.safetensors"
    vsclib.save(tiny("vae", encoder="narrow"), path)
    vsclib.load(path)
    FACTORIES.clear()
    with pytest.raises(CheckpointError, match=r"networks\.register\('narrow', factory\) first"):
        vsclib.load(path)


def test_weights_of_ones_own_depend_on_the_seed_alone(module):
    one = tiny("vsc", **OWN).state_dict()
    FACTORIES.clear()
    sys.modules.pop("readers_own")
    two = tiny("vsc", **OWN).state_dict()
    assert all(torch.equal(one[key], two[key]) for key in one)


def test_batch_normalisation_is_tried_without_a_trace(module):
    def normalised(image_shape, features):
        return nn.Sequential(nn.Flatten(), nn.Linear(64, features), nn.BatchNorm1d(features))

    networks.register("normalised", normalised)
    model = tiny("vae", encoder="normalised")
    model.check_networks()
    assert model.encoder.layers[-1].num_batches_tracked == 0 and model.encoder.layers.training


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"encoder": "wide"}, r"network 'wide' is not registered: call vsclib\.networks\.register"),
        ({"encoder": nn.Linear(3, 4)}, r"encoder = Linear.* is no name: call .*register\('mine'"),
        ({"decoder": torch.nn.Linear}, r"decoder = .* is no name: call vsclib\.networks\.register"),
        ({"decoder": 3}, r"decoder = 3 is not allowed"),
        ({"encoder": "no_such:thing"}, r"'no_such:thing' cannot be imported \(ModuleNotFound"),
        ({"encoder": "readers_own:no"}, r"'readers_own:no' cannot be imported \(Attribute"),
        ({"encoder": "readers_own:math"}, r"factory = a module: give a function"),
        ({"encoder": "readers_own:Spread"}, r"encoder = 'readers_own:Spread' gives "),
        ({"decoder": "readers_own:wide"}, r"decoder = 'readers_own:wide' gives .*wanted \(1, 1, 8"),
    ],
)
def test_networks_that_cannot_be(module, options, message):
    with pytest.raises(ConfigurationError, match=message) as caught:
        tiny("vae", **options)
    assert "\n" not in str(caught.value)


def test_a_family_by_its_import_path(module, tmp_path):
    name, path = "readers_own:Plain", tmp_path / "model.safetensors"
    model = tiny(name)
    assert model.name == name and name in models.names()
    assert models.family(name) is type(model)
    vsclib.fit(model, data.load("digits"), steps=2, batch_size=20, progress=False)
    vsclib.save(model, path)
    assert torch.equal(vsclib.load(path).encode(images()).z, model.encode(images()).z)
    registry.FAMILIES.pop(name)
    with pytest.raises(
        CheckpointError, match=r"call vsclib\.models\.family\('readers_own:Plain'\)"
    ):
        vsclib.load(path)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("readers_own:Mute", r"Mute defines no recognise"),
        ("readers_own:wide", r"is no model: derive it"),
        ("no_such:Model", r"'no_such:Model' cannot be imported \(ModuleNotFoundError"),
        ("readers_own:", r"there is no model 'readers_own:'"),
        ("report_vae", r"'report_vae' is no model but a preset: take .*preset\('report_vae'\)"),
    ],
)
def test_families_that_cannot_be(module, name, message):
    with pytest.raises(ConfigurationError, match=message):
        models.create(name)
    assert name not in models.names()


def test_a_class_that_is_executed_again_takes_its_own_place(module):
    def cell():
        class Own(Model):
            recognise = objective = lambda self: None

        return Own

    models.register("own", cell())
    again = cell()
    assert models.register("own", again) is again and models.family("own") is again
    with pytest.raises(ConfigurationError, match="'own' exists already"):
        models.register("own", type("Other", (again,), {}))


def test_what_has_no_effect_beside_own_networks_is_said(module, tmp_path):
    with pytest.warns(UserWarning, match="network = 'mlp' has no effect: encoder and decoder are"):
        model = tiny("vae", network="mlp", **OWN)
    with pytest.warns(UserWarning, match="encoder = .* has no effect: a generator has no encoder"):
        tiny("short_run", encoder="readers_own:wide")
    vsclib.save(model, tmp_path / "model.safetensors")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        vsclib.load(Path(tmp_path / "model.safetensors"))
