"""Variational Sparse Coding: exact zeros, true rates, its KL, its warm-ups, and the VAE as its
limit.
"""

import math

import numpy as np
import pytest
import torch
from small_models import SHAPE, images, loss, posterior, seeded, tiny
from torch.distributions import Normal, kl_divergence

DRAWS = 4_000


def test_vsc_that_is_always_on_is_the_vae():
    """The same weights, gamma held at its upper clamp, alpha beside one: loss, code, KL and draws
    of a VAE.
    """
    vae, vsc = tiny("vae"), tiny("vsc", alpha=1 - 1e-6)
    with torch.no_grad():
        vsc.encoder.layers.load_state_dict(vae.encoder.layers.state_dict())
        vsc.decoder.load_state_dict(vae.decoder.state_dict())
        vsc.encoder.head.weight.zero_()
        vsc.encoder.head.weight[:10], vsc.encoder.head.bias[:10] = (
            vae.encoder.head.weight,
            vae.encoder.head.bias,
        )
        vsc.encoder.head.bias[10:] = 40.0
    x = images()
    torch.testing.assert_close(vsc.encode(x).z, vae.encode(x).z)
    torch.testing.assert_close(vsc.kl(vsc.encode(x)), vae.kl(vae.encode(x)), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(vsc.sample_code(x, seeded()).z, vae.sample_code(x, seeded()).z)
    assert loss(vsc).total.item() == pytest.approx(loss(vae).total.item(), rel=1e-4)
    assert loss(vsc).terms["kl_spike"].item() == pytest.approx(0.0, abs=1e-4)


def test_vsc_kl_is_its_own_definition_by_torch_distributions():
    model, x = tiny("vsc", alpha=0.2), images()
    code = model.encode(x)
    slab = kl_divergence(posterior(model), Normal(0.0, 1.0))
    off = (1 - code.gamma) * ((1 - code.gamma) / 0.8).log()
    expected = code.gamma * (slab + (code.gamma / 0.2).log()) + off
    torch.testing.assert_close(model.kl(code), expected, rtol=1e-4, atol=1e-5)
    terms = loss(model).terms
    assert terms["kl_slab"].item() == pytest.approx(
        (code.gamma * slab).sum(1).mean().item(), rel=1e-4
    )
    assert (terms["kl_slab"] + terms["kl_spike"]).item() == pytest.approx(
        expected.sum(1).mean().item(), rel=1e-4
    )


@pytest.mark.parametrize("gate", ["straight_through", "relaxed", "concrete"])
@pytest.mark.parametrize("gamma_form", ["sigmoid", "relu"])
def test_vsc_codes_are_exactly_zero_where_they_are_off(gate, gamma_form):
    model, x = (
        tiny("vsc", gate=gate, gamma_form=gamma_form, latents=20, gamma_bias=-0.5),
        images(50),
    )
    mean, drawn = model.encode(x), model.sample_code(x, seeded())
    assert torch.equal(mean.active, mean.gamma > 0.5)
    assert torch.equal(mean.z, torch.where(mean.active, mean.mu, 0.0))
    for code in (mean, drawn):
        assert 0.05 < code.active.float().mean() < 0.95
        assert (code.z[~code.active] == 0).all() and (code.z[code.active] != 0).all()


def test_vsc_reads_out_at_the_threshold_asked_for():
    half, low = tiny("vsc"), tiny("vsc", threshold=0.02)
    code = low.encode(images())
    assert torch.equal(code.active, code.gamma > 0.02)
    assert code.active.sum() > half.encode(images()).active.sum()


@pytest.mark.parametrize("gate", ["straight_through", "relaxed", "concrete"])
def test_vsc_draws_its_spikes_with_probability_gamma(gate):
    model, x = tiny("vsc", gate=gate, gamma_bias=-1.0), images(1).expand(DRAWS, *SHAPE)
    with torch.no_grad():
        code = model.sample_code(x, seeded(3))
    gamma = code.gamma[0].double()
    error = (gamma * (1 - gamma) / DRAWS).sqrt()
    assert ((code.active.double().mean(0) - gamma).abs() <= 4 * error).all()
    assert gamma.min() < 0.4 and (gamma - 0.5).abs().min() > 0.01


@pytest.mark.parametrize("gate", ["straight_through", "relaxed", "concrete"])
def test_reconstruction_has_a_gradient_in_gamma(gate):
    model = tiny("vsc", gate=gate)
    model.plan(10, 5)
    (gradient,) = torch.autograd.grad(loss(model).terms["reconstruction"], model.encoder.head.bias)
    assert gradient[10:].abs().max() > 0


def test_gamma_is_what_its_form_says():
    x = images()
    for form, bias in (("sigmoid", -2.0), ("relu", 0.0)):
        model = tiny("vsc", gamma_form=form)
        assert model.encoder.head.bias[10:].tolist() == [bias] * 5
        assert tiny("vsc", gamma_form=form, gamma_bias=0.7).encoder.head.bias[
            10:
        ].tolist() == pytest.approx([0.7] * 5)
        v = model.encoder.head(model.encoder.layers(x))[:, 10:].detach().double().numpy()
        gamma = 1 / (1 + np.exp(-v)) if form == "sigmoid" else np.exp(-np.maximum(-v, 0))
        np.testing.assert_allclose(
            model.encode(x).gamma.detach(), np.clip(gamma, 1e-6, 1 - 1e-6), rtol=1e-5
        )


def test_relu_form_has_no_gradient_once_a_unit_is_always_on():
    """The defect that the form is kept to show (E38), and that the sigmoid has not."""
    for form, dead in (("relu", True), ("sigmoid", False)):
        model = tiny("vsc", gamma_form=form, gamma_bias=3.0)
        with torch.no_grad():
            model.encoder.head.weight[10:].zero_()
        (gradient,) = torch.autograd.grad(loss(model).total, model.encoder.head.bias)
        assert (gradient[10:] == 0).all() == dead


def test_slope_of_the_gate_rises_over_the_training():
    for options, ends in (
        ({}, (10.0, 10.0)),
        ({"gamma_form": "relu"}, (50.0, 200.0)),
        ({"gate": "relaxed"}, (50.0, 200.0)),
        ({"gate": "relaxed", "slope_start": 5.0, "slope_end": 7.0}, (5.0, 7.0)),
    ):
        model = tiny("vsc", **options)
        model.plan(steps=101, steps_per_epoch=10)
        slopes = [model.slope(step) for step in (0, 50, 100)]
        assert slopes == pytest.approx([ends[0], sum(ends) / 2, ends[1]])


def test_slab_warms_up_from_noise_to_the_encoders():
    warm, plain = tiny("vsc", lam_begin=10, lam_until=20), tiny("vsc")
    noise = loss(warm, step=10)
    assert warm.lam.item() == 0.0 and noise.terms["kl_slab"].item() == 0.0
    assert (warm.encode(images()).mu == 0).all()
    for step, lam in ((15, 0.5), (20, 1.0), (99, 1.0)):
        loss(warm, step)
        assert warm.lam.item() == lam
        here, there = warm.encode(images()), plain.encode(images())
        torch.testing.assert_close(here.mu, lam * there.mu)
        torch.testing.assert_close(here.logvar.exp(), lam * there.logvar.exp() + 1 - lam)
    assert torch.equal(loss(warm, 20).total, loss(plain, 20).total)


def test_losses_of_two_steps_may_share_a_backward_pass():
    model = tiny("vsc", lam_until=20)
    together = torch.autograd.grad(
        loss(model, 5).total + loss(model, 15).total, model.encoder.head.weight
    )[0]
    apart = [
        torch.autograd.grad(loss(model, step).total, model.encoder.head.weight)[0]
        for step in (5, 15)
    ]
    torch.testing.assert_close(together, sum(apart), rtol=1e-4, atol=1e-5)


def test_prior_of_the_vsc_is_on_with_probability_alpha():
    model = tiny("vsc", alpha=0.13, latents=50)
    z = model.sample_prior(2000, seeded()).double()
    on = z != 0
    n = on.numel()
    assert abs(on.double().mean() - 0.13) <= 4 * math.sqrt(0.13 * 0.87 / n)
    assert abs(z[on].var() - 1) <= 4 * math.sqrt(2 / (0.13 * n)) and abs(
        z[on].mean()
    ) <= 4 / math.sqrt(0.13 * n)
