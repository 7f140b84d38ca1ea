"""The dense mixture prior, held against torch's own mixture of Gaussians and against the sparse
family with gates that are all open.
"""

import math

import pytest
import torch
from small_models import SHAPE, images, loss, seeded, tiny
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal, kl_divergence

import vsclib
from vsclib import data, metrics


def mixture(**options):
    """A small model whose pseudo-inputs and codes differ."""
    return tiny("vae_mixture", **{"pseudo_inputs": 4} | options)


def gaussians(code):
    return Normal(code.mu, (0.5 * code.logvar).exp())


def prior(model):
    """The same prior as torch writes it."""
    slabs = Independent(gaussians(model.prior()), 1)
    return MixtureSameFamily(Categorical(torch.ones(model.config.pseudo_inputs)), slabs)


def each_kl(model, x):
    """KL of every image's code to every pseudo-input's by torch, (B, K)."""
    q, p = model.encode(x), model.prior()
    one = Normal(q.mu.unsqueeze(1), (0.5 * q.logvar).exp().unsqueeze(1))
    return kl_divergence(one, gaussians(p)).sum(2)


def test_terms_are_the_bound_of_the_least_weights():
    model = mixture()
    found = loss(model)
    assert set(found.terms) == {"reconstruction", "kl", "choice"}
    closed = -(-each_kl(model, images())).logsumexp(1).mean() + math.log(4)
    bound = found.terms["kl"] + found.terms["choice"]
    assert bound.item() == pytest.approx(closed.item(), rel=1e-4)


def test_the_kl_of_a_latent_is_the_weighted_average_of_the_kls():
    model, x = mixture(), images()
    code, p = model.encode(x), model.prior()
    one = Normal(code.mu.unsqueeze(1), (0.5 * code.logvar).exp().unsqueeze(1))
    weights = torch.softmax(-each_kl(model, x), 1)
    wanted = (weights.unsqueeze(2) * kl_divergence(one, gaussians(p))).sum(1)
    torch.testing.assert_close(model.kl(code), wanted, rtol=1e-4, atol=1e-4)


def test_the_ratio_of_draws_is_that_of_torchs_mixture():
    model, x = mixture(), images()
    draw = model.sample_code(x, seeded())
    wanted = gaussians(model.encode(x)).log_prob(draw.z).sum(1) - prior(model).log_prob(draw.z)
    torch.testing.assert_close(model.log_ratio(draw), wanted, rtol=1e-4, atol=1e-4)


def test_what_training_charges_bounds_the_kl_to_the_mixture_from_above():
    model, x = mixture(), images(1).expand(40_000, *SHAPE)
    q = gaussians(model.encode(x[:1]))
    z = q.sample((40_000,)).squeeze(1)
    ratio = (q.log_prob(z).sum(1) - prior(model).log_prob(z)).double().detach()
    charged = sum(part.item() for part in model.costs(model.encode(x[:1]), 0)[0].values())
    error = 4 * ratio.std().item() / math.sqrt(40_000)
    assert ratio.mean().item() - error < charged < ratio.mean().item() + math.log(4) + error


def test_codes_drawn_from_the_prior_have_the_moments_of_torchs_mixture():
    model = mixture()
    wanted, draws = prior(model), model.sample_prior(40_000, seeded())
    spread = wanted.variance.sqrt()
    error = (draws.mean(0) - wanted.mean).abs() / spread
    assert error.max() < 4 / math.sqrt(40_000)
    torch.testing.assert_close(draws.std(0), spread, rtol=0.05, atol=0.0)


def test_open_gates_leave_of_the_sparse_mixture_the_dense_one():
    """With gamma at its upper clamp, 1 - 1e-6, for images and pseudo-inputs alike."""
    dense, sparse = mixture(), tiny("vsc_mixture", pseudo_inputs=4, gamma_bias=0.0)
    heads = 2 * dense.latents
    with torch.no_grad():
        for own, other in zip(dense.encoder.parameters(), sparse.encoder.parameters(), strict=True):
            other[: len(own)] = own
        sparse.encoder.head.weight[heads:] = 0.0
        sparse.encoder.head.bias[heads:] = 50.0
        sparse.pseudo_inputs.copy_(dense.pseudo_inputs)
    code, other = dense.encode(images()), sparse.encode(images())
    torch.testing.assert_close(other.weights, code.weights, rtol=1e-3, atol=1e-4)
    found, wanted = sparse.charges(other), dense.charges(code)
    torch.testing.assert_close(found["kl_slab"], wanted["kl"], rtol=1e-4, atol=1e-3)
    torch.testing.assert_close(found["choice"], wanted["choice"], rtol=1e-3, atol=1e-4)
    assert found["kl_spike"].abs().max() < 1e-3


def test_one_pseudo_input_at_zero_and_one_is_the_vae():
    """The KL to one Gaussian N(0, 1), which a flat encoder gives for any pseudo-input."""
    model = mixture(pseudo_inputs=1)
    code = model.encode(images())
    standard = model.prior()._replace(mu=torch.zeros(1, 5), logvar=torch.zeros(1, 5))
    wanted = kl_divergence(gaussians(code), Normal(0.0, 1.0)).sum(1)
    torch.testing.assert_close(model.charges(code, standard)["kl"], wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.trains
@pytest.mark.slow
def test_trains_on_digits_and_pays_for_its_choice():
    """Over three seeds the loss falls to .56 to .58 of its start."""
    digits = data.load("digits")
    model = tiny("vae_mixture", latents=8, hidden=32, pseudo_inputs=10)
    history = vsclib.fit(model, digits, steps=300, learning_rate=3e-3, progress=False)
    assert history.terms["total"][-1] < 0.85 * history.terms["total"][0]
    x = digits.test.images[:200]
    found = metrics.elbo(model, x, seeded(), samples=20)
    assert found.elbo - math.log(10) - 0.3 < found.paid
    weighed = metrics.importance_bound(model, x, seeded(), draws=20)
    assert weighed.bound > found.paid - weighed.standard_error / 10
    record = metrics.evaluate(model, digits, seeded(), test_images=100).numbers
    assert 1 <= record["pseudo_inputs_used"] <= 10 and record["low_threshold"] is None
