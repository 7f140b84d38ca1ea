"""The continuous Bernoulli against quadrature, against PyTorch's own, and in its gradients."""

import itertools

import numpy as np
import pytest
import torch
from scipy.integrate import quad

from vsclib import data, fit, models
from vsclib.errors import ConfigurationError
from vsclib.networks import (
    CLOSE_TO_EVEN,
    Bernoulli,
    ContinuousBernoulli,
    continuous_bernoulli_mean,
    continuous_bernoulli_normaliser,
)
from vsclib.traversal import Traversal

LOGITS = [
    -40.0,
    -6.0,
    -1.0,
    -0.1001,
    -0.0999,
    -1e-3,
    0.0,
    1e-9,
    0.05,
    0.0999,
    0.1001,
    0.5,
    3.0,
    25.0,
]


def image(values, dtype=torch.float64):
    return torch.as_tensor(values, dtype=dtype).reshape(-1, 1, 1, 1)


@pytest.mark.parametrize("logit", LOGITS)
def test_it_is_a_density_with_this_mean(logit):
    likelihood = ContinuousBernoulli(image(logit))

    def density(x):
        return likelihood.log_prob(image(x)).exp().item()

    # Far from even all mass lies at one end.
    edges = [0.0, *sorted({min(1 / (1 + abs(logit)) * k, 1.0) for k in (1, 5, 20)}), 1.0]
    edges = edges if logit < 0 else [1.0 - edge for edge in reversed(edges)]
    parts = [(a, b) for a, b in itertools.pairwise(edges) if a < b]
    total = sum(quad(density, a, b, epsabs=1e-13)[0] for a, b in parts)
    first = sum(quad(lambda x: x * density(x), a, b, epsabs=1e-13)[0] for a, b in parts)
    assert total == pytest.approx(1.0, abs=1e-10)
    assert likelihood.mean.item() == pytest.approx(first, abs=1e-10)


@pytest.mark.parametrize(
    ("dtype", "close"), [(torch.float64, 1e-9), (torch.float32, 3e-6)], ids=["64", "32"]
)
def test_it_agrees_with_pytorch(dtype, close):
    # PyTorch clamps its parameter and cuts out [0.499, 0.501], where it takes a shorter series.
    logits = torch.linspace(-12.0, 12.0, 2001, dtype=torch.float64)
    x = torch.rand(2001, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    expected = torch.distributions.ContinuousBernoulli(logits=logits, lims=(0.4999, 0.5001))
    ours = ContinuousBernoulli(image(logits, dtype))
    found = ours.log_prob(image(x, dtype)).double()
    assert (found - expected.log_prob(x)).abs().max() < close
    assert (ours.mean.flatten().double() - expected.mean).abs().max() < max(close, 1e-8)


def test_it_joins_smoothly_and_is_symmetric():
    edge = torch.tensor([CLOSE_TO_EVEN * (1 - 1e-12), CLOSE_TO_EVEN], dtype=torch.float64)
    for function in (continuous_bernoulli_normaliser, continuous_bernoulli_mean):
        below, above = function(edge)
        assert abs(below - above) < 1e-12
    logits = torch.tensor(LOGITS, dtype=torch.float64)
    mirrored = continuous_bernoulli_mean(-logits)
    assert torch.allclose(mirrored, 1 - continuous_bernoulli_mean(logits), atol=1e-13)
    other = continuous_bernoulli_normaliser(-logits)
    assert torch.equal(other, continuous_bernoulli_normaliser(logits))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_values_and_gradients_are_finite_for_all_logits(dtype):
    sizes = [0.0, 1e-30, 1e-8, 0.1, 1.0, 20.0, 90.0, 1e3, 1e6]
    logits = image([sign * size for size in sizes for sign in (1, -1)], dtype).requires_grad_()
    for x in (0.0, 0.3, 1.0):
        likelihood = ContinuousBernoulli(logits)
        value = likelihood.log_prob(torch.full_like(logits, x))
        (gradient,) = torch.autograd.grad(value.sum(), logits)
        assert value.isfinite().all() and gradient.isfinite().all()
        # An exponential family: the score is what was seen minus its mean.
        assert torch.allclose(gradient, x - likelihood.mean, atol=2e-6)
        (slope,) = torch.autograd.grad(likelihood.mean.sum(), logits)
        assert slope.isfinite().all()
    assert (likelihood.mean >= 0).all() and (likelihood.mean <= 1).all()


def test_the_gradient_is_that_of_finite_differences():
    logits = image(LOGITS).requires_grad_()
    x = torch.full_like(logits, 0.3)
    assert torch.autograd.gradcheck(lambda one: ContinuousBernoulli(one).log_prob(x), logits)


def test_the_cross_entropy_of_grey_pixels_is_no_density():
    """Its exponential integrates to (2p - 1) / logit p over a pixel: below 1, and of p."""
    for logit in (0.0, 0.8, -2.5):
        cross_entropy = Bernoulli(image(logit))
        mass = quad(lambda x, at=cross_entropy: at.log_prob(image(x)).exp().item(), 0, 1)[0]
        p = 1 / (1 + np.exp(-logit))
        expected = 0.5 if logit == 0.0 else (2 * p - 1) / logit
        assert mass == pytest.approx(expected, abs=1e-9) and mass <= 0.5


def test_a_model_learns_with_it_and_shows_its_mean():
    digits = data.load("digits")
    options = {"image_shape": (1, 8, 8), "latents": 4, "hidden": 32}
    model = models.create("vae", **options, likelihood="continuous_bernoulli")
    history = fit(model, digits, steps=60, batch_size=100, learning_rate=3e-3, progress=False)
    assert history.terms["total"][-1] < history.terms["total"][0] - 3
    z = torch.zeros(2, 4)
    shown = model.decode(z)
    assert isinstance(shown, ContinuousBernoulli)
    assert torch.equal(shown.mean, continuous_bernoulli_mean(shown.logits))
    assert not torch.allclose(shown.mean, torch.sigmoid(shown.logits), atol=0.05)
    with pytest.raises(ConfigurationError, match="has another mean than the sigmoid"):
        Traversal(model, digits.test.images[:3])
