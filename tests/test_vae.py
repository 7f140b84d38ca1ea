"""The VAE and the beta-VAE against the bound and the divergences of torch.distributions."""

import math

import pytest
import torch
from small_models import LIKELIHOODS, SHAPE, images, loss, posterior, seeded, tiny
from torch.distributions import Independent, Normal, kl_divergence

from vsclib.models import TrainingStep

DRAWS = 4_000


def test_vae_loss_is_minus_the_elbo():
    """A mean over many draws of one image, against the bound that torch.distributions gives with
    its own draws.
    """
    model, x = tiny("vae", likelihood="gaussian"), images(1)
    with torch.no_grad():
        code = model.encode(x)
        q = Normal(code.mu, (0.5 * code.logvar).exp())
        torch.manual_seed(0)
        pixels = Independent(
            Normal(torch.sigmoid(model.decoder.layers(q.sample((DRAWS,))[:, 0])), 0.3), 1
        )
        bound = pixels.log_prob(x.flatten(1)) - kl_divergence(q, Normal(0.0, 1.0)).sum()
        found = -model.loss(TrainingStep(x.expand(DRAWS, *SHAPE), seeded())).total
    error = bound.std() * math.sqrt(2 / DRAWS)
    assert abs(bound.mean() - found) <= 4 * error
    assert error < 0.2


def test_vae_kl_is_that_of_torch_distributions():
    model = tiny("vae")
    expected = kl_divergence(posterior(model), Normal(0.0, 1.0))
    torch.testing.assert_close(model.kl(model.encode(images())), expected, rtol=1e-4, atol=1e-5)
    assert loss(model).terms["kl"].item() == pytest.approx(expected.sum(1).mean().item(), rel=1e-5)


@pytest.mark.parametrize("name", ["vae", "vsc"])
def test_sampled_slabs_have_the_posteriors_mean_and_variance(name):
    model, x = tiny(name), images(1).expand(DRAWS, *SHAPE)
    with torch.no_grad():
        code = model.sample_code(x, seeded())
    for j in range(5):
        on = code.active[:, j]
        values, mu, var = (
            code.z[on, j].double(),
            code.mu[0, j].double(),
            code.logvar[0, j].double().exp(),
        )
        n = len(values)
        assert n > 50
        assert abs(values.mean() - mu) <= 4 * (var / n).sqrt()
        assert abs(values.var() - var) <= 4 * var * math.sqrt(2 / n)


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_beta_of_one_is_the_vae(likelihood):
    vae, beta = (
        tiny("vae", likelihood=likelihood),
        tiny("beta_vae", beta=1.0, likelihood=likelihood),
    )
    assert torch.equal(loss(vae).total, loss(beta).total)
    assert tiny("beta_vae").config.beta == 4.0


def test_beta_of_zero_leaves_the_reconstruction_alone():
    vae, model = tiny("vae"), tiny("beta_vae", beta=0.0)
    found = loss(model)
    assert found.terms["kl"].item() == 0.0
    assert torch.equal(found.total, found.terms["reconstruction"])
    assert torch.equal(found.total, loss(vae).terms["reconstruction"])
    for part, whole in zip(
        torch.autograd.grad(loss(vae).terms["reconstruction"], vae.parameters()),
        torch.autograd.grad(found.total, model.parameters()),
        strict=True,
    ):
        assert torch.equal(part, whole)


def test_beta_weighs_the_kl_alone():
    one, four = loss(tiny("vae")), loss(tiny("beta_vae", beta=4.0))
    assert torch.equal(one.terms["reconstruction"], four.terms["reconstruction"])
    assert four.terms["kl"].item() == pytest.approx(4 * one.terms["kl"].item(), rel=1e-6)


@pytest.mark.parametrize("name", ["vae", "vsc"])
def test_weight_of_the_kl_warms_up(name):
    slow, plain = tiny(name, beta=2.0, kl_warm_up=10), tiny(name, beta=2.0)
    for step, share in ((0, 0.0), (5, 0.5), (10, 1.0), (11, 1.0)):
        for term in set(loss(plain).terms) - {"reconstruction"}:
            expected = share * loss(plain, step).terms[term].item()
            assert loss(slow, step).terms[term].item() == pytest.approx(expected, rel=1e-6)
