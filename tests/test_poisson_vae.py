"""Poisson codes against sums over counts and against scipy's distribution."""

import math

import numpy as np
import pytest
import torch
from scipy import stats
from small_models import images, loss, seeded, tiny

import vsclib
from vsclib import data, metrics, spike_slab
from vsclib.errors import ConfigurationError

RATES = [0.05, 0.7, 3.0]


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("prior", RATES)
def test_the_kl_is_the_sum_over_counts(rate, prior):
    counts = np.arange(80)
    q, p = stats.poisson(rate), stats.poisson(prior)
    wanted = (q.pmf(counts) * (q.logpmf(counts) - p.logpmf(counts))).sum()
    logs = (torch.tensor([math.log(one)], dtype=torch.float64) for one in (rate, prior))
    assert spike_slab.poisson_kl(*logs).item() == pytest.approx(wanted, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("rate", RATES)
def test_a_cold_count_has_the_poisson_distribution(rate):
    n = 40_000
    noise = torch.rand(n, 1, 20, generator=seeded(3), dtype=torch.float64)
    log_rate = torch.full((n, 1), math.log(rate), dtype=torch.float64)
    found = spike_slab.arrival_count(noise, log_rate, 1e-5).round().squeeze(1).numpy()
    for count in range(8):
        share = stats.poisson(rate).pmf(count)
        error = 4 * math.sqrt(share * (1 - share) / n) + 1e-9
        assert (found == count).mean() == pytest.approx(share, abs=error)


def test_the_gradient_of_a_soft_count_is_that_of_finite_differences():
    noise = torch.rand(3, 2, 6, generator=seeded(), dtype=torch.float64)
    log_rate = torch.randn(3, 2, generator=seeded(1), dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda one: spike_slab.arrival_count(noise, one, 0.3), log_rate)


def test_the_mean_gradient_of_a_cold_count_is_that_of_the_mean():
    """The mean of a Poisson count is its rate: d rate / d log rate = rate."""
    noise = torch.rand(100_000, 1, 20, generator=seeded(5))
    log_rate = torch.full((100_000, 1), math.log(1.5), requires_grad=True)
    spike_slab.arrival_count(noise, log_rate, 0.05).sum().backward()
    assert log_rate.grad.mean().item() == pytest.approx(1.5, rel=0.05)


def test_codes_are_whole_counts_and_exact_zeros():
    model, x = tiny("poisson_vae", rate_start=1.0), images()
    code = model.encode(x)
    assert torch.equal(code.z, code.mu.round()) and torch.equal(code.active, code.mu > 0.5)
    draws = torch.stack([model.sample_code(x, seeded(i)).z for i in range(3000)])
    assert torch.equal(draws, draws.round()) and draws.min() == 0
    error = (draws.mean(0) - code.mu).abs() / (code.mu.sqrt() / math.sqrt(3000))
    assert error.max() < 4.5


def test_the_ratio_of_draws_is_that_of_torchs_poisson():
    model, x = tiny("poisson_vae", rate_start=1.0), images()
    draw = model.sample_code(x, seeded())
    q = torch.distributions.Poisson(model.encode(x).mu)
    p = torch.distributions.Poisson(model.limited(model.log_prior).exp())
    wanted = (q.log_prob(draw.z) - p.log_prob(draw.z)).sum(1).double()
    torch.testing.assert_close(model.log_ratio(draw), wanted, rtol=1e-4, atol=1e-4)


def test_a_count_that_is_not_zero_has_the_moments_of_scipy():
    model = tiny("poisson_vae", rate_start=1.3)
    rate = model.limited(model.log_prior).exp()[0].item()
    counts = np.arange(1, 60)
    share = stats.poisson(rate).pmf(counts) / stats.poisson(rate).sf(0)
    mean = (share * counts).sum()
    found, sigma = model.prior_slab(model.encode(images()))
    assert found[0, 0].item() == pytest.approx(mean, rel=1e-5)
    spread = math.sqrt((share * counts**2).sum() - mean**2)
    assert sigma[0, 0].item() == pytest.approx(spread, rel=1e-4)


def test_rates_stay_below_half_of_the_arrivals():
    model = tiny("poisson_vae", arrivals=10)
    found = model.limited(torch.tensor([-9.0, 0.0, 100.0])).exp()
    assert found[0].item() == pytest.approx(math.exp(-9.0), rel=1e-3)
    assert found[1] < 1.0 and found[2].item() == pytest.approx(5.0)


def test_terms_and_temperature():
    model = tiny("poisson_vae")
    assert set(loss(model).terms) == {"reconstruction", "kl"}
    wanted = model.kl(model.encode(images())).sum(1).mean()
    assert loss(model).terms["kl"].item() == pytest.approx(wanted.item(), rel=1e-5)
    model.plan(11, 1)
    assert [model.temperature(n) for n in (0, 10)] == pytest.approx([1.0, 0.05])
    with pytest.raises(ConfigurationError, match=r"temperature_end = 0\.0 is not allowed"):
        tiny("poisson_vae", temperature_end=0.0)


@pytest.mark.trains
@pytest.mark.slow
def test_trains_on_digits_with_a_true_bound():
    """Over three seeds the loss falls to .53 to .58 of its start, .38 to .40 of the counts are on."""
    digits = data.load("digits")
    model = tiny("poisson_vae", latents=20, hidden=64)
    found = vsclib.fit(model, digits, steps=400, learning_rate=3e-3, progress=False)
    assert found.terms["total"][-1] < 0.9 * found.terms["total"][0]
    x = digits.test.images[:200]
    single = metrics.elbo(model, x, seeded(), samples=10)
    weighed = metrics.importance_bound(model, x, seeded(), draws=20)
    assert weighed.bound > single.elbo
    # Hard counts cost little against the soft ones of the end of the training.
    assert single.elbo > -found.terms["total"][-1] - 3.0
    assert 0 < model.sample_code(data.to_tensor(x), seeded()).active.float().mean() < 0.9
