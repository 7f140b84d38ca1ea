"""Real-valued data: a likelihood whose mean has any size, and a check that asks for finite numbers."""

import math

import numpy as np
import pytest
import torch
from small_models import NAMES, SHAPE, seeded, tiny
from torch.distributions import Normal

import vsclib
from vsclib import data, models
from vsclib.errors import DataError
from vsclib.models import TrainingStep

REAL = {"likelihood": "gaussian_real", "sigma": 0.5}


def signals(n: int = 6, shape: tuple[int, ...] = SHAPE) -> torch.Tensor:
    return 7.0 * torch.randn(n, *shape, generator=seeded(11)) - 20.0


@pytest.mark.parametrize("network", ["mlp", "conv", "conv3"])
def test_the_mean_is_what_the_last_layer_gives(network):
    decoder = tiny("ae", network=network, **REAL).decoder
    with torch.no_grad():
        decoder.layers[-1].bias.fill_(-30.0)
    z, x = torch.randn(6, 5, generator=seeded()), signals()
    mean = decoder.layers(z).reshape(6, *SHAPE)
    assert mean.max() < -20.0
    torch.testing.assert_close(decoder(z).mean, mean)
    expected = Normal(mean.double(), 0.5).log_prob(x.double()).sum((1, 2, 3))
    torch.testing.assert_close(decoder(z).log_prob(x).double(), expected, rtol=1e-5, atol=1e-2)


@pytest.mark.parametrize("name", NAMES)
def test_every_family_takes_real_values(name):
    model, x = tiny(name, **REAL), signals()
    assert model.real_valued and not tiny(name).real_valued
    found = model.loss(TrainingStep(x, seeded()))
    found.total.backward()
    assert math.isfinite(found.total.item())
    assert torch.isfinite(model.encode(x).z).all()
    assert torch.isfinite(model.sample(3, seeded())).all()


@pytest.mark.parametrize("name", ["relu_sae", "top_k", "vsc_uai", "vsc_mixture"])
def test_what_starts_from_the_data_starts_from_their_own_scale(name):
    model, x = tiny(name, pseudo_inputs=4, **REAL) if "vsc" in name else tiny(name, **REAL), None
    x = signals(30)
    model.prepare(x, seeded())
    if "vsc" in name:
        rows = {tuple(row.flatten().tolist()) for row in x}
        assert all(tuple(row.flatten().tolist()) in rows for row in model.pseudo_inputs)
    else:
        average = model.decode(torch.zeros(1, 5)).mean[0]
        torch.testing.assert_close(average, x.mean(0), rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("worst", [math.nan, math.inf, -math.inf])
def test_only_finite_numbers_are_real_values(worst):
    x = signals()
    x[2, 0, 3, 3] = worst
    with pytest.raises(DataError, match=r"of finite numbers, got an? (NaN|infinity) among"):
        tiny("vae", **REAL).encode(x)
    with pytest.raises(DataError, match=r"in \[0, 1\], got"):
        tiny("vae").encode(signals())


@pytest.mark.trains
@pytest.mark.slow
@pytest.mark.parametrize("name", ["ae", "vsc"])
def test_real_values_are_learned_and_their_model_loads_again(name, tmp_path):
    """Vectors in a plane of 12 dimensions, whose average alone leaves nearly all of them open."""
    draws = np.random.default_rng(0)
    rows = draws.normal(size=(300, 2)) @ draws.normal(size=(2, 12)) * 3.0 + 10.0
    found = data.from_values(rows.astype(np.float32))
    shape = found.train.images.shape[1:]
    model = models.create(name, image_shape=shape, latents=4, hidden=32, **REAL)
    vsclib.fit(model, found, steps=400, batch_size=50, learning_rate=3e-3, progress=False)
    x = torch.from_numpy(found.test.images)
    with torch.no_grad():
        rebuilt = model.decode(model.encode(x).z).mean
    open_variance = ((rebuilt - x).square().mean() / x.var(0).mean()).item()
    assert open_variance < 0.2
    vsclib.save(model, tmp_path / "model.safetensors")
    loaded = vsclib.load(tmp_path / "model.safetensors")
    assert loaded.real_valued and torch.equal(loaded.encode(x).z, model.encode(x).z)
