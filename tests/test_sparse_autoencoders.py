"""Sparse autoencoders: the count, the price, the unit columns, and latents that come back from the
dead.
"""

import numpy as np
import pytest
import torch
from small_models import SHAPE, images, loss, seeded, tiny

import vsclib
from vsclib import data, metrics
from vsclib.errors import ConfigurationError
from vsclib.models import Code, TrainingStep

BOTH = ("relu_sae", "top_k")


@pytest.mark.parametrize("k", [1, 3, 20])
def test_exactly_k_latents_are_on_and_they_are_the_largest(k):
    model, x = tiny("top_k", latents=20, k=k), images(50)
    code = model.encode(x)
    values = (x.flatten(1) @ model.encoder.head.weight.T + model.encoder.head.bias).detach().numpy()
    for found, row in zip(code.z.detach().numpy(), values, strict=True):
        largest = np.argsort(row)[-k:]
        assert set(np.flatnonzero(found)) == set(largest)
        np.testing.assert_allclose(found[largest], row[largest], rtol=1e-5, atol=1e-6)
    assert metrics.l0(code) == k and torch.equal(code.active, code.z != 0)
    drawn = model.sample_prior(9, seeded())
    assert metrics.l0(Code(drawn, drawn != 0)) == k


@pytest.mark.parametrize(("latents", "k"), [(5, 1), (40, 2), (200, 10)])
def test_k_is_a_twentieth_unless_given(latents, k):
    assert tiny("top_k", latents=latents).k == k


def test_price_of_a_code_by_hand():
    model, x = tiny("relu_sae", l1=0.7, latents=20), images()
    values = (
        (x.flatten(1) @ model.encoder.head.weight.T + model.encoder.head.bias)
        .detach()
        .double()
        .numpy()
    )
    assert 0.2 < (values > 0).mean() < 0.8
    terms = loss(model).terms
    assert terms["l1"].item() == pytest.approx(0.7 * np.maximum(values, 0).sum(1).mean(), rel=1e-5)
    code = model.encode(x)
    np.testing.assert_allclose(code.z.detach(), np.maximum(values, 0), rtol=1e-4, atol=1e-6)
    assert metrics.penalty(model, code) == pytest.approx(terms["l1"].item(), rel=1e-6)


@pytest.mark.parametrize("name", BOTH)
def test_gradient_is_that_of_finite_differences(name):
    model = tiny(name, **({"k": 2} if name == "top_k" else {})).double()
    x = images().double()
    parameters = [
        model.encoder.head.weight,
        model.decoder.layers[-1].parametrizations.weight.original,
    ]
    gradients = torch.autograd.grad(model.objective(TrainingStep(x, seeded())).total, parameters)
    for weight, gradient in zip(parameters, gradients, strict=True):
        for place in ((0, 3), (2, 1), (4, 4)):
            ends = []
            for shift in (1e-6, -1e-6):
                with torch.no_grad():
                    weight[place] += shift
                    ends.append(model.objective(TrainingStep(x, seeded())).total.item())
                    weight[place] -= shift
            assert gradient[place].item() == pytest.approx(
                (ends[0] - ends[1]) / 2e-6, rel=1e-4, abs=1e-5
            )


@pytest.mark.parametrize("hidden_layers", [0, 1])
@pytest.mark.parametrize("name", BOTH)
def test_columns_keep_length_one_through_a_training_and_a_file(name, hidden_layers, tmp_path):
    model = tiny(name, hidden_layers=hidden_layers, latents=12)
    before = model.first_layer.weight.clone()
    vsclib.fit(
        model, data.load("digits"), steps=20, batch_size=50, learning_rate=0.03, progress=False
    )
    assert not torch.allclose(before, model.first_layer.weight, atol=0.01)
    vsclib.save(model, tmp_path / "model.safetensors", torch.float16)
    for made in (model, vsclib.load(tmp_path / "model.safetensors")):
        assert made.first_layer.weight.shape[1] == 12
        torch.testing.assert_close(made.first_layer.weight.norm(dim=0), torch.ones(12))


@pytest.mark.parametrize("name", BOTH)
def test_a_training_starts_at_the_average_image_with_values_of_one_spread(name):
    model, digits = tiny(name, latents=12), data.load("digits")
    vsclib.fit(model, digits, steps=1, batch_size=50, learning_rate=1e-9, progress=False)
    x = data.to_tensor(digits.train.images)[:2000]
    values = model.encoder(x)[0]
    torch.testing.assert_close(values.mean(0), torch.zeros(12), atol=1e-4, rtol=0)
    torch.testing.assert_close(values.std(0, correction=0), torch.ones(12), atol=1e-3, rtol=0)
    torch.testing.assert_close(
        model.decode(torch.zeros(1, 12)).mean[0], x.mean(0).clamp(1e-3, 0.999), atol=1e-4, rtol=0
    )
    bias = model.encoder.head.bias.clone()
    model.prepare(
        torch.zeros(9, *SHAPE, dtype=torch.uint8), seeded()
    )  # a second training goes on where the first ended
    assert torch.equal(model.encoder.head.bias, bias)


def test_idle_latents_are_counted_in_steps():
    model = tiny("top_k", latents=20, k=2)
    used = model.encode(images()).active.any(0)
    assert 0 < used.sum() < 20
    for step in range(3):
        loss(model, step)
    assert torch.equal(model.idle, torch.where(used, 0.0, 3.0))


def test_dead_latents_add_to_the_fixed_code():
    model = tiny(
        "top_k", latents=20, k=2, dead_after=1, likelihood="gaussian", sigma=1.0, revival=0.25
    )
    assert loss(model).terms["revival"].item() == 0.0
    term, x = loss(model).terms["revival"], images()
    dead = ~model.encode(x).active.any(0)
    values = (x.flatten(1) @ model.encoder.head.weight.T + model.encoder.head.bias).detach()
    z = model.encode(x).z.detach().clone()
    for row, found in zip(values, z, strict=True):
        candidates = torch.where(dead, row, -torch.inf).argsort(descending=True)[
            : min(32, int(dead.sum()))
        ]
        found[candidates] = row[candidates]
    squares = (x - model.decode(z).mean).square().sum((1, 2, 3)).mean()
    assert term.item() == pytest.approx(
        0.25 * (0.5 * squares.item() + 32 * np.log(2 * np.pi)), rel=1e-5
    )
    (gradient,) = torch.autograd.grad(term, model.encoder.head.bias)
    assert (gradient[~dead] == 0).all() and gradient[dead].abs().max() > 0


@pytest.mark.trains
@pytest.mark.slow
def test_revival_leaves_fewer_dead():
    """Over three seeds and sets of instructions it leaves .69 to .72 of them."""
    dead = {}
    for revival in (0.0, 1 / 32):
        model = vsclib.models.create(
            "top_k", image_shape=SHAPE, latents=100, k=3, dead_after=20, revival=revival
        )
        vsclib.fit(
            model,
            data.load("digits"),
            steps=1000,
            batch_size=100,
            learning_rate=3e-3,
            progress=False,
        )
        dead[revival] = metrics.dead_latents(metrics.codes(model, data.load("digits").train.images))
    assert dead[1 / 32] < 0.85 * dead[0.0]


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("top_k", {"k": 6}, "k = 6 of 5 latents: choose 1 <= k <= 5"),
        ("top_k", {"k": 0}, "k = 0 is not allowed"),
        ("top_k", {"l1": 0.1}, "model 'top_k' has no option 'l1'"),
        ("relu_sae", {"l1": -0.1}, "l1 = -0.1 is not allowed: choose l1 >= 0"),
        ("relu_sae", {"k": 3}, "model 'relu_sae' has no option 'k'"),
    ],
)
def test_bad_options_are_refused_in_one_line(name, options, message):
    with pytest.raises(ConfigurationError) as caught:
        tiny(name, **options)
    assert message in str(caught.value) and "\n" not in str(caught.value)
