"""Learned thresholds: the gate, the forgetful noise, the bound of the codes, and where the gradient
goes.
"""

import itertools
import math

import numpy as np
import pytest
import torch
from scipy import integrate, stats
from small_models import SHAPE, images, loss, seeded, tiny, typical
from torch.distributions import Laplace, kl_divergence

import vsclib
from vsclib import data, metrics, spike_slab
from vsclib.errors import ConfigurationError
from vsclib.models import Code, TrainingStep

NAME = "vsc_thresholds"


def double(**options):
    """A model in double precision, for the calls that check no images."""
    return tiny(NAME, **options).double()


def drawing(seed: int = 0) -> TrainingStep:
    """A step of which only the draws matter."""
    return TrainingStep(images(), seeded(seed))


def code_of(mu: float, logvar: float, gamma: float, n: int = 1) -> Code:
    """The same posterior n times, in one latent."""
    mu_, logvar_, gamma_ = (
        torch.full((n, 1), value, dtype=torch.float64) for value in (mu, logvar, gamma)
    )
    return Code(mu_, gamma_ > 0.5, mu_, logvar_, gamma_)


# ----------------------------------------------------------------------------------------- the draw


def test_noise_is_laplace_of_variance_one():
    drawn = spike_slab.laplace_noise(torch.rand(200_000, generator=seeded(), dtype=torch.float64))
    assert stats.kstest(drawn.numpy(), stats.laplace(scale=1 / math.sqrt(2)).cdf).pvalue > 0.01
    assert drawn.var().item() == pytest.approx(1.0, abs=0.02)
    assert torch.isfinite(spike_slab.laplace_noise(torch.tensor([0.0, 0.5, 1.0 - 2.0**-24]))).all()


@pytest.mark.parametrize(
    ("mu", "scale", "threshold"), [(0.0, 1.0, 0.5), (1.5, 0.3, 0.9), (-2.0, 0.8, 0.05)]
)
def test_a_thresholded_draw_is_on_at_the_gates_rate_and_has_forgotten_its_threshold(
    mu, scale, threshold
):
    n = 200_000
    noise = np.random.default_rng(3).laplace(0.0, scale, n)  # numpy's noise, not ours
    z = spike_slab.shifted_soft_threshold(
        *(torch.as_tensor(v) for v in (noise, mu, threshold))
    ).numpy()
    on = z[z != 0.0]
    gamma = math.exp(-threshold / scale)
    assert len(on) / n == pytest.approx(gamma, abs=4 * math.sqrt(gamma * (1 - gamma) / n))
    assert stats.kstest(on, stats.laplace(mu, scale).cdf).pvalue > 0.01
    logvar = torch.tensor(math.log(2 * scale**2))
    assert spike_slab.threshold_gamma(torch.tensor(threshold), logvar).item() == pytest.approx(
        gamma, rel=1e-5
    )


def test_gaussian_noise_does_not_forget():
    noise = np.random.default_rng(3).normal(0.0, 1.0, 100_000)
    z = spike_slab.shifted_soft_threshold(
        torch.as_tensor(noise), torch.tensor(0.0), torch.tensor(1.0)
    )
    assert stats.kstest(z[z != 0].numpy(), stats.norm.cdf).pvalue < 1e-6


def test_a_survivor_keeps_its_mean_which_a_threshold_around_zero_shrinks():
    noise = torch.tensor([0.4, -0.4, 0.1])
    z = spike_slab.shifted_soft_threshold(noise, torch.tensor(5.0), torch.tensor(0.3))
    torch.testing.assert_close(z, torch.tensor([5.1, 4.9, 0.0]))


@pytest.mark.parametrize("gamma", [0.02, 0.4, 0.97])
def test_the_models_own_draws_are_a_spike_and_slab(gamma):
    code = code_of(0.7, -1.0, gamma, 100_000)
    drawn = tiny(NAME).draw(code, seeded(5))
    rate = drawn.active.double().mean().item()
    assert rate == pytest.approx(gamma, abs=4 * math.sqrt(gamma * (1 - gamma) / 1e5))
    assert torch.equal(drawn.active, drawn.z != 0)
    scale = math.exp(-0.5) / math.sqrt(2)
    assert stats.kstest(drawn.z[drawn.active].numpy(), stats.laplace(0.7, scale).cdf).pvalue > 0.01
    assert code.gamma[0].item() == pytest.approx(
        spike_slab.threshold_gamma(
            spike_slab.gamma_threshold(code.gamma, code.logvar), code.logvar
        )[0].item()
    )


def test_threshold_zero_is_the_laplace_vae():
    """With gamma at one every latent is on, nothing is cut off, and the KL is the Laplace one
    alone.
    """
    model, code = tiny(NAME, alpha=1 - 1e-6), code_of(0.4, -0.6, 1 - 1e-12, 50_000)
    drawn = model.draw(code, seeded())
    assert drawn.active.double().mean() > 0.9999
    assert (
        stats.kstest(
            drawn.z.flatten().numpy(), stats.laplace(0.4, math.exp(-0.3) / math.sqrt(2)).cdf
        ).pvalue
        > 0.01
    )
    dense = kl_divergence(
        Laplace(0.4, math.exp(-0.3) / math.sqrt(2)), Laplace(0.0, 1 / math.sqrt(2))
    )
    assert model.kl(code)[0].item() == pytest.approx(dense.item(), abs=1e-5)


def test_prior_codes_are_on_at_alpha():
    model = tiny(NAME, alpha=0.2, latents=50)
    z = model.sample_prior(4000, seeded())
    assert (z != 0).double().mean().item() == pytest.approx(0.2, abs=0.005)
    assert (
        stats.kstest(z[z != 0].double().numpy(), stats.laplace(0, 1 / math.sqrt(2)).cdf).pvalue
        > 0.01
    )


# ---------------------------------------------------------------------------------------- the bound


@pytest.mark.parametrize(
    ("mu", "scale", "mu_p", "scale_p"), [(0.8, 0.2, 0.0, 0.7), (-3.0, 1.4, 0.5, 0.3), (0, 1, 0, 1)]
)
def test_laplace_kl_is_its_integral(mu, scale, mu_p, scale_p):
    q, p = stats.laplace(mu, scale), stats.laplace(mu_p, scale_p)
    edges = [mu - 40 * scale, *sorted({mu, mu_p}), mu + 40 * scale]
    expected = sum(
        integrate.quad(lambda z: q.pdf(z) * (q.logpdf(z) - p.logpdf(z)), low, high)[0]
        for low, high in itertools.pairwise(edges)
    )
    arguments = (mu, math.log(2 * scale**2), mu_p, math.log(2 * scale_p**2))
    found = spike_slab.laplace_kl(
        *(torch.tensor(value, dtype=torch.float64) for value in arguments)
    )
    assert found.item() == pytest.approx(expected, abs=1e-6)
    z = torch.linspace(-2, 2, 9, dtype=torch.float64)
    density = spike_slab.laplace_log_prob(
        z, *(torch.tensor(value, dtype=torch.float64) for value in arguments[:2])
    )
    np.testing.assert_allclose(density.numpy(), q.logpdf(z.numpy()), rtol=1e-9)


@pytest.mark.parametrize(
    ("mu", "logvar", "gamma"), [(1.2, -2.0, 0.8), (0.0, 0.3, 0.03), (-0.5, -0.7, 0.3)]
)
def test_kl_is_that_of_the_codes_by_monte_carlo(mu, logvar, gamma):
    """Draw codes by thresholding numpy's noise; weigh them by densities of scipy's, with a unit
    mass at zero.
    """
    n, alpha = 400_000, 0.05
    scale = math.exp(0.5 * logvar) / math.sqrt(2)
    noise = np.random.default_rng(1).laplace(0.0, scale, n)
    on = np.abs(noise) > -scale * math.log(gamma)
    z = mu + np.sign(noise) * (np.abs(noise) + scale * math.log(gamma))
    slab = stats.laplace(mu, scale).logpdf(z) - stats.laplace(0, 1 / math.sqrt(2)).logpdf(z)
    ratio = np.where(on, math.log(gamma / alpha) + slab, math.log((1 - gamma) / (1 - alpha)))
    found = tiny(NAME, alpha=alpha).kl(code_of(mu, logvar, gamma)).item()
    assert found == pytest.approx(ratio.mean(), abs=5 * ratio.std() / math.sqrt(n))


def base_kl(mu, scale, threshold, prior_scale, prior_threshold):
    """KL of the noises, and of the codes that one threshold for both makes of them; scipy-free, by
    torch.distributions.
    """
    noise = kl_divergence(Laplace(mu, scale), Laplace(torch.zeros_like(mu), prior_scale))
    gamma, alpha = (-threshold / scale).exp(), (-prior_threshold / prior_scale).exp()
    coins = gamma * (gamma / alpha).log() + (1 - gamma) * ((1 - gamma) / (1 - alpha)).log()
    return noise, gamma * noise + coins


def test_the_noises_kl_bounds_the_codes_only_under_one_common_threshold():
    rng = torch.Generator().manual_seed(0)
    mu = 3 * torch.randn(5000, generator=rng, dtype=torch.float64)
    scale, prior_scale, threshold, other = 0.02 + 2 * torch.rand(
        4, 5000, generator=rng, dtype=torch.float64
    )
    noise, codes = base_kl(mu, scale, threshold, prior_scale, threshold)
    assert (codes <= noise + 1e-9).all() and (codes < 0.9 * noise).any()
    noise, codes = base_kl(mu, scale, threshold, prior_scale, other)
    assert (
        codes > noise
    ).any()  # an image's own threshold tells something that the noise's KL does not charge


def test_the_gamma_posterior_of_the_paper_pays_for_its_thresholds():
    """Averaged over Gamma thresholds a code is still a spike-and-slab, and noise plus thresholds
    cost at least as much.
    """
    rng = torch.Generator().manual_seed(0)
    shape, rate, rate_p, scale, prior_scale = 0.2 + 3 * torch.rand(
        5, 3000, generator=rng, dtype=torch.float64
    )
    mu = torch.randn(3000, generator=rng, dtype=torch.float64)
    gamma, alpha = (1 + 1 / (scale * rate)) ** -shape, (1 + 1 / (prior_scale * rate_p)) ** -2.0
    drawn = torch.distributions.Gamma(shape[0], rate[0]).sample((200_000,))
    assert (-drawn / scale[0]).exp().mean().item() == pytest.approx(gamma[0].item(), abs=0.005)
    noise = kl_divergence(Laplace(mu, scale), Laplace(0 * mu, prior_scale))
    gammas = torch.distributions.Gamma
    thresholds = kl_divergence(gammas(shape, rate), gammas(torch.full_like(shape, 2.0), rate_p))
    codes = (
        gamma * noise
        + gamma * (gamma / alpha).log()
        + (1 - gamma) * ((1 - gamma) / (1 - alpha)).log()
    )
    assert (codes <= noise + thresholds + 1e-9).all() and (codes > noise + 0.1 * thresholds).any()


def test_importance_bound_with_one_draw_is_the_elbo_and_more_are_tighter():
    model, x = typical(NAME), images(200)
    bound = metrics.elbo(model, x, seeded(), samples=40)
    one = np.mean(
        [metrics.importance_bound(model, x, seeded(seed), draws=1).bound for seed in range(30)]
    )
    assert one == pytest.approx(bound.elbo, abs=0.15)
    assert metrics.importance_bound(model, x, seeded(1), draws=40).bound > bound.elbo


def test_price_of_a_threshold_is_a_gamma_prior():
    threshold = torch.tensor([0.01, 0.4, 0.9, 5.0], dtype=torch.float64)
    prior = stats.gamma(2, scale=0.9 / 2)
    expected = prior.logpdf(0.45) - prior.logpdf(threshold.numpy())
    np.testing.assert_allclose(
        spike_slab.threshold_price(threshold, 0.9).numpy(), expected, atol=1e-12
    )


def test_terms_of_both_charges():
    assert set(loss(typical(NAME)).terms) == {"reconstruction", "kl_slab", "kl_spike"}
    model = typical(NAME, charge="base")
    terms, code = loss(model).terms, model.encode(images())
    scale = (0.5 * code.logvar).exp() / math.sqrt(2)
    noise = kl_divergence(
        Laplace(code.mu, scale), Laplace(torch.zeros(1), torch.full((1,), 1 / math.sqrt(2)))
    ).sum(1)
    assert terms["kl_base"].item() == pytest.approx(noise.mean().item(), rel=1e-4)
    prior = stats.gamma(2, scale=-math.log(0.3) / math.sqrt(2) / 2)
    thresholds = (-scale * code.gamma.log()).detach().numpy()
    expected = (
        (prior.logpdf(-math.log(0.3) / math.sqrt(2) / 2) - prior.logpdf(thresholds)).sum(1).mean()
    )
    assert terms["thresholds"].item() == pytest.approx(expected, rel=1e-4)
    torch.testing.assert_close(
        model.kl(code), typical(NAME).kl(code)
    )  # what is reported does not follow the charge


# ------------------------------------------------------------------------------------- the gradient


def test_pathwise_gradient_is_that_of_finite_differences_with_frozen_noise():
    """Mean and spread move a draw that is on, whatever the gate's stand-in; gamma is held, so no
    draw crosses over.
    """
    model = double()
    mu, logvar = torch.randn(2, 6, 5, generator=seeded(), dtype=torch.float64)
    gamma = torch.full_like(mu, 0.5)

    def drawn(mu, logvar):
        code = Code(mu, mu > 0, mu, logvar, gamma)
        return model.draw_for_training(code, drawing(2)).square().sum()

    mu.requires_grad_()
    logvar.requires_grad_()
    gradients = torch.autograd.grad(drawn(mu, logvar), (mu, logvar))
    assert all(gradient.abs().max() > 0.1 for gradient in gradients)
    for which, gradient in enumerate(gradients):
        for place in ((0, 0), (3, 1), (5, 4)):
            ends = []
            for shift in (1e-6, -1e-6):
                moved = [mu.detach().clone(), logvar.detach().clone()]
                moved[which][place] += shift
                ends.append(drawn(*moved).item())
            assert gradient[place].item() == pytest.approx(
                (ends[0] - ends[1]) / 2e-6, rel=1e-5, abs=1e-6
            )


# What of a sigmoid of slope 10 around gamma = 0.4 lies over the noise's [0, 1].
WITHIN = 1 / (1 + math.exp(-4)) - 1 / (1 + math.exp(6))


@pytest.mark.parametrize(("gradient", "expected"), [("jump", 1.5 * WITHIN), ("identity", 0.0)])
def test_gradient_in_gamma(gradient, expected):
    """E[z] is gamma mu, so its slope in gamma is mu, less the sigmoid's tails; the paper's
    straight-through sees none of it.
    """
    model, code = tiny(NAME, gradient=gradient), code_of(1.5, -2.0, 0.4, 200_000)
    gamma = torch.tensor(0.4, dtype=torch.float64, requires_grad=True)
    mu = code.mu.clone().requires_grad_()
    z = model.draw_for_training(code._replace(mu=mu, gamma=gamma.expand_as(mu)), drawing())
    found = torch.autograd.grad(z.mean(), gamma, allow_unused=True)[0]
    assert (0.0 if found is None else found.item()) == pytest.approx(expected, abs=0.01)
    assert (z == 0).double().mean().item() == pytest.approx(0.6, abs=0.01)


def test_identity_passes_the_gradient_through_zeros():
    model, code = tiny(NAME, gradient="identity"), code_of(1.5, -2.0, 0.2, 1000)
    mu = code.mu.clone().requires_grad_()
    z = model.draw_for_training(code._replace(mu=mu), drawing())
    assert (z == 0).any() and torch.equal(torch.autograd.grad(z.sum(), mu)[0], torch.ones_like(mu))


# ---------------------------------------------------------------------------------------- the model


@pytest.mark.trains
@pytest.mark.slow
def test_it_learns_digits_and_its_zeros_are_exact():
    """Over three seeds and sets of instructions the loss falls by 308 and 4.1 to 4.6 are on."""
    digits = data.load("digits")
    # Less pixel noise than the Bernoulli's, so that an open gate pays soon.
    model = vsclib.models.create(
        NAME, image_shape=SHAPE, latents=20, hidden=64, alpha=0.1, likelihood="gaussian", sigma=0.12
    )
    history = vsclib.fit(
        model, digits, steps=500, batch_size=100, learning_rate=3e-3, progress=False
    )
    total = history.terms["total"]
    assert total[-1] < total[0] - 30
    code = metrics.codes(model, digits.test.images)
    assert torch.equal(code.active, code.z != 0) and torch.equal(
        code.z[code.active], code.mu[code.active]
    )
    assert 1 < metrics.l0(code) < 15
    drawn = metrics.codes(model, digits.test.images, sampled=True, generator=seeded())
    assert (drawn.z == 0).any() and torch.equal(drawn.active, drawn.z != 0)


def test_encode_puts_mu_where_gamma_exceeds_the_threshold():
    model, x = typical(NAME, threshold=0.3), images()
    code = model.encode(x)
    mu, _, v = model.encoder(x)
    on = 1 / (1 + (-v).exp()) > 0.3
    assert 0.1 < on.double().mean() < 0.9
    torch.testing.assert_close(code.z, torch.where(on, mu, 0.0))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"alpha": 0.0}, "alpha = 0.0 is not allowed: choose 0 < alpha < 1"),
        ({"gamma_bias": math.nan}, "gamma_bias = nan is not allowed"),
        (
            {"gradient": "pathwise"},
            "gradient = 'pathwise' is not allowed: choose one of 'jump', 'identity'",
        ),
        ({"charge": "noise"}, "charge = 'noise' is not allowed: choose one of 'code', 'base'"),
        ({"threshold": 1.0}, "threshold = 1.0 is not allowed"),
        ({"gate": "relaxed"}, "model 'vsc_thresholds' has no option 'gate'"),
    ],
)
def test_bad_options_are_refused_in_one_line(options, message):
    with pytest.raises(ConfigurationError) as caught:
        tiny(NAME, **options)
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_thresholds_and_scales_out_of_range_are_refused():
    one = torch.ones(1)
    for call in (
        lambda: spike_slab.shifted_soft_threshold(one, one, -one),
        lambda: spike_slab.threshold_gamma(-one, one),
        lambda: spike_slab.threshold_price(one, 0.0),
    ):
        with pytest.raises(ConfigurationError, match="is not allowed"):
            call()
