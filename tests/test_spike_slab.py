"""The KL of spike-and-slab codes against quadrature, Monte Carlo and torch.distributions; its
edges; the warm-up.
"""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats
from torch.distributions import Bernoulli, Normal, kl_divergence

from vsclib import spike_slab
from vsclib.errors import ConfigurationError

# gamma, mu, sigma of q; alpha, mu_p, sigma_p of the prior
CASES = [
    (0.3, 0.3, 0.5, 0.01, 0.0, 1.0),
    (0.9, -1.7, 0.2, 0.5, 0.0, 1.0),
    (0.02, 2.5, 1.8, 0.01, 0.4, 0.6),
    (0.6, 0.0, 1.0, 0.6, 0.0, 1.0),
    (0.99, 0.1, 0.05, 0.2, -0.3, 1.4),
]

probabilities = st.floats(0.0, 1.0, allow_subnormal=False)
inner = st.floats(1e-6, 1 - 1e-6)
means = st.floats(-5.0, 5.0)
log_variances = st.floats(-8.0, 3.0)


def double(*values: float) -> tuple[torch.Tensor, ...]:
    return tuple(torch.tensor([[value]], dtype=torch.float64) for value in values)


def library_kl(gamma, mu, sigma, alpha, mu_p=0.0, sigma_p=1.0) -> float:
    q = double(gamma, mu, 2 * math.log(sigma))
    return spike_slab.kl(*q, alpha, mu_p, 2 * math.log(sigma_p)).item()


def quadrature_kl(gamma, mu, sigma, alpha, mu_p, sigma_p) -> float:
    """Sum over the two atoms' masses at zero, and the integral of q log(q / p) over the two
    continuous parts.
    """

    def integrand(z):
        log_q = math.log(gamma) + stats.norm.logpdf(z, mu, sigma)
        return math.exp(log_q) * (log_q - math.log(alpha) - stats.norm.logpdf(z, mu_p, sigma_p))

    slab, _ = integrate.quad(
        integrand, mu - 14 * sigma, mu + 14 * sigma, points=[mu], epsabs=1e-12, limit=400
    )
    return slab + (1 - gamma) * math.log((1 - gamma) / (1 - alpha))


# ------------------------------------------------------------------------------------------- values


@pytest.mark.parametrize("case", CASES)
def test_kl_agrees_with_quadrature(case):
    assert library_kl(*case) == pytest.approx(quadrature_kl(*case), abs=1e-8)


@pytest.mark.parametrize("case", CASES)
def test_kl_agrees_with_monte_carlo(case):
    gamma, mu, sigma, alpha, mu_p, sigma_p = case
    rng = np.random.default_rng(11)
    on = rng.random(400_000) < gamma
    z = mu + sigma * rng.standard_normal(on.size)
    slab = (
        math.log(gamma / alpha)
        + stats.norm.logpdf(z, mu, sigma)
        - stats.norm.logpdf(z, mu_p, sigma_p)
    )
    ratio = np.where(on, slab, math.log((1 - gamma) / (1 - alpha)))
    error = ratio.std() / math.sqrt(ratio.size)
    assert abs(library_kl(*case) - ratio.mean()) <= 4 * error + 1e-12


@given(means, log_variances, means, log_variances)
def test_gaussian_kl_is_that_of_torch_distributions(mu, logvar, mu_p, logvar_p):
    q, p = double(mu, logvar), double(mu_p, logvar_p)
    other = kl_divergence(Normal(q[0], (q[1] / 2).exp()), Normal(p[0], (p[1] / 2).exp()))
    assert spike_slab.gaussian_kl(*q, *p).item() == pytest.approx(other.item(), rel=1e-9, abs=1e-9)


@given(inner, inner)
def test_bernoulli_kl_is_that_of_torch_distributions(gamma, alpha):
    q, p = double(gamma, alpha)
    other = kl_divergence(Bernoulli(q), Bernoulli(p))
    assert spike_slab.bernoulli_kl(q, p).item() == pytest.approx(other.item(), rel=1e-8, abs=1e-9)


def test_printed_slips_would_be_caught():
    """E34 prints sigma for sigma^2, E53 a wrong sign of the slab term, E54 loses its half: each is
    far from the truth.
    """
    for gamma, mu, sigma, alpha, mu_p, sigma_p in CASES[:3]:
        exact = quadrature_kl(gamma, mu, sigma, alpha, mu_p, sigma_p)
        spike = gamma * math.log(gamma / alpha) + (1 - gamma) * math.log((1 - gamma) / (1 - alpha))
        slab = (exact - spike) / gamma
        sigma_for_variance = (
            math.log(sigma_p / sigma) + (sigma + (mu - mu_p) ** 2) / (2 * sigma_p) - 0.5
        )
        for slip in (
            spike - gamma * slab,
            spike + 2 * gamma * slab,
            spike + gamma * sigma_for_variance,
        ):
            assert abs(slip - exact) > 1e-3
            assert library_kl(gamma, mu, sigma, alpha, mu_p, sigma_p) != pytest.approx(
                slip, abs=1e-4
            )


def test_kl_at_the_point_where_the_errata_worked_it_out():
    """gamma .3, mu .3, sigma .5, alpha .01 (E53): 0.8867."""
    assert library_kl(0.3, 0.3, 0.5, 0.01) == pytest.approx(0.8867, abs=5e-5)


def test_kl_is_per_latent_and_broadcasts_the_prior():
    generator = torch.Generator().manual_seed(1)
    gamma = torch.rand(4, 3, generator=generator)
    mu, logvar = torch.randn(2, 4, 3, generator=generator)
    alpha = torch.tensor([0.1, 0.5, 0.9])
    whole = spike_slab.kl(gamma, mu, logvar, alpha)
    assert whole.shape == (4, 3)
    for j in range(3):
        alone = spike_slab.kl(
            gamma[:, j : j + 1], mu[:, j : j + 1], logvar[:, j : j + 1], alpha[j].item()
        )
        torch.testing.assert_close(whole[:, j : j + 1], alone)


# -------------------------------------------------------------------------------------------- edges


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_kl_is_exact_where_a_coin_is_certain(dtype):
    gamma = torch.tensor([0.0, 1.0], dtype=dtype)
    alpha = 0.25
    expected = torch.tensor([-math.log(0.75), -math.log(0.25)], dtype=dtype)
    torch.testing.assert_close(spike_slab.bernoulli_kl(gamma, alpha), expected, rtol=1e-6, atol=0)
    # A latent that is off pays nothing for its slab, wherever that lies.
    mu, logvar = torch.tensor([7.0, 7.0], dtype=dtype), torch.tensor([2.0, 2.0], dtype=dtype)
    whole = spike_slab.kl(gamma, mu, logvar, alpha)
    assert whole[0].item() == pytest.approx(-math.log(0.75), rel=1e-6)
    assert whole[1].item() == pytest.approx(
        -math.log(0.25) + 0.5 * (-2 + math.exp(2) + 49 - 1), rel=1e-6
    )


@pytest.mark.parametrize("certain", [0.0, 1.0])
def test_equal_certain_coins_have_no_divergence_and_a_finite_gradient(certain):
    gamma = torch.full((1, 3), certain, requires_grad=True)
    value = spike_slab.bernoulli_kl(gamma, certain)
    assert value.tolist() == [[0.0, 0.0, 0.0]]
    value.sum().backward()
    assert torch.isfinite(gamma.grad).all()


@pytest.mark.parametrize("certain", [0.0, 1.0])
@pytest.mark.parametrize("alpha", [1e-6, 0.01, 0.5, 1.0])
def test_gradients_are_finite_where_a_coin_is_certain(certain, alpha):
    gamma = torch.full((1, 2), certain, requires_grad=True)
    mu, logvar = (
        torch.tensor([[0.5, -3.0]], requires_grad=True),
        torch.tensor([[0.0, -9.0]], requires_grad=True),
    )
    value = spike_slab.kl(gamma, mu, logvar, alpha)
    if alpha < 1 or certain == 1:
        value.sum().backward()
        assert all(torch.isfinite(tensor.grad).all() for tensor in (gamma, mu, logvar))
    else:
        assert value.tolist() == [[math.inf, math.inf]]


def test_gradient_at_the_edge_pushes_back_inside():
    gamma = torch.tensor([[0.0, 1.0]], requires_grad=True)
    spike_slab.bernoulli_kl(gamma, 0.3).sum().backward()
    assert gamma.grad[0, 0] < -10 and gamma.grad[0, 1] > 10


def test_mass_where_the_prior_has_none_costs_infinitely_much():
    assert spike_slab.bernoulli_kl(torch.tensor([0.5, 1.0]), 0.0).tolist() == [math.inf, math.inf]
    assert spike_slab.bernoulli_kl(torch.tensor([0.5, 0.0]), 1.0).tolist() == [math.inf, math.inf]


def test_always_on_is_the_variational_autoencoder():
    """gamma = alpha = 1 leaves the Gaussian KL, to the last bit."""
    mu, logvar = torch.randn(2, 50, 20, generator=torch.Generator().manual_seed(2))
    one = torch.ones(50, 20)
    vae = kl_divergence(Normal(mu, (0.5 * logvar).exp()), Normal(0.0, 1.0))
    torch.testing.assert_close(spike_slab.kl(one, mu, logvar, 1.0), vae, rtol=1e-5, atol=1e-5)
    assert torch.equal(spike_slab.kl(one, mu, logvar, 1.0), spike_slab.gaussian_kl(mu, logvar))


def test_gradients_agree_with_finite_differences():
    generator = torch.Generator().manual_seed(3)
    gamma = (
        0.05 + 0.9 * torch.rand(3, 4, dtype=torch.float64, generator=generator)
    ).requires_grad_()
    mu = torch.randn(3, 4, dtype=torch.float64, generator=generator).requires_grad_()
    logvar = torch.randn(3, 4, dtype=torch.float64, generator=generator).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda g, m, v: spike_slab.kl(g, m, v, 0.1, 0.2, -0.3), (gamma, mu, logvar)
    )


@pytest.mark.parametrize("value", [-0.1, 1.1, math.nan])
def test_what_is_no_probability_is_refused(value):
    half = torch.full((1, 2), 0.5)
    for call in (
        lambda: spike_slab.bernoulli_kl(half, value),
        lambda: spike_slab.kl(half, half, half, value),
        lambda: spike_slab.warm_up(half, half, value),
    ):
        with pytest.raises(
            ConfigurationError, match=rf"= {value:g} is no probability: .* must lie in \[0, 1\]"
        ):
            call()


@pytest.mark.parametrize("value", [-0.1, 1.1])
def test_one_value_among_many_that_is_no_probability_is_refused(value):
    with pytest.raises(ConfigurationError, match=rf"gamma = {value:g} is no probability"):
        spike_slab.bernoulli_kl(torch.tensor([[0.5, value]]), 0.5)


def test_whole_numbers_are_no_probabilities():
    with pytest.raises(ConfigurationError, match=r"gamma is a tensor of int64: .*\.float\(\)"):
        spike_slab.bernoulli_kl(torch.tensor([0, 1]), 0.5)


def test_nan_in_a_tensor_goes_on():
    """A training that diverges ends with a loss that is NaN, never with a finite one."""
    good, bad = torch.tensor([0.0, 0.5, 1.0]), torch.tensor([0.5, math.nan, 0.5])
    for gamma, alpha in ((bad, good), (good, bad), (bad, bad)):
        assert spike_slab.bernoulli_kl(gamma, alpha).isnan().tolist() == [False, True, False]
    assert spike_slab.warm_up(good, bad, 0.5)[1].isnan().tolist() == [False, True, False]
    assert spike_slab.mixture_log_prob(bad, 0.5).isnan().tolist() == [False, True, False]


# --------------------------------------------------------------------------------------- properties


@given(inner, means, log_variances, inner, means, log_variances)
def test_kl_is_never_negative_and_zero_for_equal_distributions(
    gamma, mu, logvar, alpha, mu_p, logvar_p
):
    q, p = double(gamma, mu, logvar), double(alpha, mu_p, logvar_p)
    assert spike_slab.kl(*q, *p).item() >= -1e-12
    assert spike_slab.kl(*q, *q).item() == pytest.approx(0.0, abs=1e-12)


@given(probabilities, st.floats(-2, 2), st.floats(-4, 2), inner)
def test_float32_agrees_with_float64(gamma, mu, logvar, alpha):
    single = spike_slab.kl(
        *(t.float() for t in double(gamma, mu, logvar)), torch.tensor(alpha)
    ).item()
    rounded = [t.float().double() for t in double(gamma, mu, logvar, alpha)]
    assert single == pytest.approx(spike_slab.kl(*rounded).item(), rel=1e-4, abs=2e-5)


@given(inner, st.floats(0.01, 0.99), st.floats(0.01, 0.99))
def test_different_coins_differ(gamma, alpha, step):
    other = alpha + step * ((1 - alpha) if alpha < 0.5 else -alpha) * 0.9
    kl = spike_slab.bernoulli_kl(*double(alpha, other)).item()
    assert kl >= 2 * (alpha - other) ** 2 - 1e-12  # Pinsker's inequality


@given(probabilities, inner)
def test_bernoulli_kl_does_not_care_which_side_is_called_on(gamma, alpha):
    q, p = double(gamma, alpha)
    one = spike_slab.bernoulli_kl(q, p).item()
    assert spike_slab.bernoulli_kl(1 - q, 1 - p).item() == pytest.approx(one, rel=1e-9, abs=1e-9)


@given(means, log_variances, means, log_variances, st.floats(-3, 3), st.floats(0.1, 10))
def test_gaussian_kl_does_not_care_for_units(mu, logvar, mu_p, logvar_p, shift, scale):
    here = spike_slab.gaussian_kl(*double(mu, logvar, mu_p, logvar_p)).item()
    extra = 2 * math.log(scale)
    there = double(scale * mu + shift, logvar + extra, scale * mu_p + shift, logvar_p + extra)
    assert spike_slab.gaussian_kl(*there).item() == pytest.approx(here, rel=1e-7, abs=1e-7)


@given(means, log_variances, inner, st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_kl_is_convex_in_gamma(mu, logvar, alpha, one, other, share):
    def at(gamma):
        return spike_slab.kl(*double(gamma, mu, logvar), alpha).item()

    assert at(share * one + (1 - share) * other) <= share * at(one) + (1 - share) * at(other) + 1e-9


# ------------------------------------------------------------------------------------------ warm-up


def test_warm_up_begins_with_noise_and_ends_with_the_encoders_slab():
    mu = torch.tensor([0.5, -3.0, 7.0, 0.1, 0.0])
    logvar = torch.tensor([-40.0, -20.0, 0.0, 3.0, 60.0])
    noise = spike_slab.warm_up(mu, logvar, 0.0)
    assert noise[0].tolist() == [0.0] * 5 and noise[1].tolist() == [0.0] * 5
    slab = spike_slab.warm_up(mu, logvar, 1.0)
    assert torch.equal(slab[0], mu) and torch.equal(slab[1], logvar)


@pytest.mark.parametrize("lam", [0.0, 0.3, 1.0])
def test_warm_up_gradients_are_finite(lam):
    mu = torch.zeros(4, requires_grad=True)
    logvar = torch.tensor([-40.0, -1.0, 0.0, 20.0], requires_grad=True)
    sum(part.sum() for part in spike_slab.warm_up(mu, logvar, lam)).backward()
    assert torch.isfinite(mu.grad).all() and torch.isfinite(logvar.grad).all()
    assert mu.grad.tolist() == pytest.approx([lam] * 4)


@given(st.floats(0.0, 1.0), means, log_variances)
def test_warm_up_is_linear_in_the_variance(lam, mu, logvar):
    warm_mu, warm_logvar = spike_slab.warm_up(*double(mu, logvar), lam)
    assert warm_mu.item() == pytest.approx(lam * mu, abs=1e-12)
    assert math.exp(warm_logvar.item()) == pytest.approx(lam * math.exp(logvar) + 1 - lam, rel=1e-9)


def test_warm_up_is_none_of_the_other_interpolations():
    """Released code mixes standard deviations (E67) or log-variances: half way, both are far from
    the paper's.
    """
    logvar = torch.tensor([-4.0])
    warm = spike_slab.warm_up(torch.zeros(1), logvar, 0.5)[1].exp().item()
    by_deviation = (0.5 * math.exp(-2.0) + 0.5) ** 2
    by_logarithm = math.exp(-2.0)
    assert abs(warm - by_deviation) > 0.1 and abs(warm - by_logarithm) > 0.1
