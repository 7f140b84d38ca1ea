"""The mathematics of the toys, run in a browser, against the library, PyTorch and NumPy."""

import math

import numpy as np
import pytest
import torch
from playwright.sync_api import Browser
from toy_page import Modules

from vsclib import inference, spike_slab
from vsclib.spike_slab import learned_prior, two_gaussians

F64 = torch.float64
DIVERGENCES = "mathematics/divergences.js"
GATES = "mathematics/gates.js"
MIXTURE = "mathematics/two_gaussians.js"
CHOICE = "mathematics/choice.js"
LINEAR = "mathematics/linear_vae.js"


@pytest.fixture(scope="module")
def modules(browser: Browser) -> Modules:
    return Modules(browser.new_page())


def tensor(values: list) -> torch.Tensor:
    return torch.tensor(values, dtype=F64)


def uniform(rows: int, *ranges: tuple[float, float]) -> torch.Tensor:
    """Rows of arguments, each drawn from its range."""
    low, high = (tensor(list(ends)) for ends in zip(*ranges, strict=True))
    draws = torch.rand(rows, len(ranges), dtype=F64, generator=torch.Generator().manual_seed(rows))
    return low + (high - low) * draws


def close(found: list, expected: torch.Tensor, tolerance: float = 1e-9) -> None:
    assert expected.detach().std() > 1e-3, "values that are all alike prove nothing"
    torch.testing.assert_close(tensor(found), expected.detach(), atol=tolerance, rtol=tolerance)


# --------------------------------------------------------------------------------- divergences


def test_coins_and_gaussians_cost_what_the_library_says(modules: Modules) -> None:
    rows = uniform(50, (0, 1), (0.001, 0.99))
    rows[0, 0], rows[1, 0] = 0.0, 1.0
    coin = spike_slab.bernoulli_kl(rows[:, 0], rows[:, 1])
    close(modules.each(DIVERGENCES, "coinKL", rows.tolist()), coin)
    rows = uniform(40, (-3, 3), (0.01, 2), (-2, 2), (0.1, 2))
    mu, sigma, mu_p, sigma_p = rows.T
    expected = spike_slab.gaussian_kl(mu, 2 * sigma.log(), mu_p, 2 * sigma_p.log())
    close(modules.each(DIVERGENCES, "gaussianKL", rows.tolist()), expected)
    rows = uniform(30, (0.01, 0.99), (-2, 2), (0.1, 1.5), (0.01, 0.5))
    expected = torch.stack(
        [
            spike_slab.kl(row[:1], row[1:2], 2 * row[2:3].log(), alpha=row[3].item()).sum()
            for row in rows
        ]
    )
    close(modules.each(DIVERGENCES, "spikeSlabKL", rows.tolist()), expected, 1e-7)


def test_the_best_gamma_is_the_cheapest(modules: Modules) -> None:
    rows = uniform(20, (0.01, 0.5), (0, 6))
    shares = torch.linspace(1e-5, 1 - 1e-5, 100_001, dtype=F64)
    cheapest = torch.stack(
        [
            shares[(spike_slab.bernoulli_kl(shares, alpha.item()) - shares * gain).argmin()]
            for alpha, gain in rows
        ]
    )
    close(modules.each(DIVERGENCES, "bestGamma", rows.tolist()), cheapest, 2e-5)


def narrow(gamma: float, mu: float, sigma: float, alpha: float, tau: float, rho: float) -> float:
    """The KL of two mixtures of Gaussians, on a fine grid."""
    width = min(tau, rho * tau)
    t = torch.linspace(-1, 1, 40_001, dtype=F64) * math.asinh(15 / width)
    z, step = width * t.sinh(), width * t.cosh() * (t[1] - t[0])

    def log_density(weight: float, centre: float, spread: float, spike: float) -> torch.Tensor:
        slab = math.log(weight) + torch.distributions.Normal(centre, spread).log_prob(z)
        off = math.log1p(-weight) + torch.distributions.Normal(0.0, spike).log_prob(z)
        return torch.logaddexp(slab, off)

    q, p = log_density(gamma, mu, sigma, tau), log_density(alpha, 0.0, 1.0, rho * tau)
    return float((q.exp() * (q - p) * step).sum())


def test_narrow_spikes_have_the_kl_of_a_fine_grid(modules: Modules) -> None:
    rows = [(0.6, 0.6, 0.4, 0.1, tau, rho) for tau in (1e-6, 1e-3, 0.05) for rho in (0.5, 1, 6)]
    expected = tensor([narrow(*row) for row in rows])
    close(modules.each(DIVERGENCES, "narrowKL", [list(row) for row in rows]), expected, 1e-3)


def test_two_widths_cost_more_than_the_closed_form(modules: Modules) -> None:
    exact = modules(DIVERGENCES, "spikeSlabKL", 0.6, 0.6, 0.4, 0.1)
    for rho in (1, 6):
        surplus = modules(DIVERGENCES, "widthsSurplus", 0.6, rho)
        assert narrow(0.6, 0.6, 0.4, 0.1, 1e-7, rho) == pytest.approx(exact + surplus, abs=1e-4)
        assert (surplus == 0) is (rho == 1)


# ------------------------------------------------------------------------------------------ gates


@pytest.mark.parametrize("name", ["hard step", "relaxed", "straight-through", "concrete"])
@pytest.mark.parametrize("gamma, sharpness", [(0.3, 10.0), (0.8, 2.5)])
def test_gates_and_gradients_are_torchs(
    modules: Modules, name: str, gamma: float, sharpness: float
) -> None:
    noise = (torch.arange(500, dtype=F64) + 0.5) / 500
    share = torch.full((500,), gamma, dtype=F64, requires_grad=True)
    expected = {
        "hard step": lambda: spike_slab.hard_gate(noise, share),
        "relaxed": lambda: spike_slab.relaxed_gate(noise, share, sharpness),
        "straight-through": lambda: spike_slab.straight_through_gate(noise, share, sharpness),
        "concrete": lambda: spike_slab.concrete_gate(noise, torch.logit(share), 1 / sharpness),
    }[name]()
    found = modules.each(GATES, "gate", [[name, n, gamma, sharpness] for n in noise.tolist()])
    close([drawn["value"] for drawn in found], expected)
    slopes = tensor([drawn["gradient"] for drawn in found])
    if name == "hard step":
        assert not expected.requires_grad and (slopes == 0).all()
    else:
        close(slopes.tolist(), torch.autograd.grad(expected.sum(), share)[0])
    means = modules(GATES, "meanGate", name, gamma, sharpness)
    assert means["value"] == pytest.approx(expected.mean().item(), abs=3e-3)
    assert means["gradient"] == pytest.approx(slopes.mean().item(), abs=0.02)


# ---------------------------------------------------------------------------- two Gaussians, walks


def test_the_prior_its_pull_and_its_odds_are_the_librarys(modules: Modules) -> None:
    rows = uniform(60, (-3, 3), (0.001, 0.95), (0.05, 0.5)).tolist()
    for name, function in (
        ("logPrior", two_gaussians.mixture_log_prob),
        ("pull", two_gaussians.mixture_score),
        ("wideShare", two_gaussians.mixture_responsibility),
    ):
        expected = [function(tensor([z]), alpha, 1.0, sigma2) for z, alpha, sigma2 in rows]
        close(modules.each(MIXTURE, name, rows), torch.cat(expected), 1e-7)
    edge = modules(MIXTURE, "border", 0.01, 0.1)
    assert edge == pytest.approx(0.373, abs=5e-4)
    assert modules(MIXTURE, "wideShare", edge, 0.01, 0.1) == pytest.approx(0.5)
    assert modules(MIXTURE, "border", 0.95, 0.1) == 0


def test_the_ball_takes_the_librarys_steps(modules: Modules) -> None:
    values = {"suggested": 1.3, "alpha": 0.02, "sigma2": 0.15, "begin": 0.0}
    trail = modules.evaluate("climbing.js", "m.start(v[0]).trail", values)
    assert len(trail) == 31
    for steps in (1, 7, 30):
        expected = inference.follow_gradient(
            lambda z: -0.5 * ((1.3 - z) / 0.2).square().sum(1),
            lambda z: two_gaussians.mixture_score(z, 0.02, 1.0, 0.15),
            torch.zeros(1, 1, dtype=F64),
            steps,
        )
        assert trail[steps] == pytest.approx(expected.item(), abs=1e-9)


PAIR, SEEN = tensor([[1.0, 0.35], [0.2, 0.9], [0.3, -0.2]]), tensor([1.35, 1.1, 0.1])


def height(z: torch.Tensor) -> torch.Tensor:
    """The log-joint of chapter 9's pair of latents."""
    misfit = (SEEN - z @ PAIR.T).square().sum(1) / (2 * 0.28**2)
    return two_gaussians.mixture_log_prob(z, 0.01).sum(1) - misfit


def test_the_pair_of_latents_is_chapter_nines(modules: Modules) -> None:
    places = uniform(30, (-0.6, 1.9), (-0.6, 1.9)).requires_grad_()
    rows = [[place, 0.01, 0.1] for place in places.tolist()]
    heights = height(places)
    close(modules.each(MIXTURE, "pairHeight", rows), heights)
    slopes = torch.autograd.grad(heights.sum(), places)[0]
    close(modules.each(MIXTURE, "pairSlope", rows), slopes, 1e-7)
    summits = tensor(modules.evaluate("summits.js", "m.SUMMITS"))
    assert (torch.cdist(summits, summits) + torch.eye(4) > 0.3).all()
    found = height(summits)
    assert (found.sort(descending=True).values == found).all()
    for nudge in (tensor([[0.02, 0.0]]), tensor([[0.0, 0.02]])):
        assert (height(summits + nudge) < found).all() and (height(summits - nudge) < found).all()


def test_the_law_of_a_walk_is_its_recursion(modules: Modules) -> None:
    for precision, mean, s in ((150.0, 0.9, 0.1), (4.0, 1.2, 0.07)):
        centre, variance, shrink = 0.0, 0.0, 1 - s**2 * precision / 2
        for _ in range(30):
            centre, variance = mean + shrink * (centre - mean), shrink**2 * variance + s**2
        law = modules("mathematics/langevin.js", "law", 30, precision, mean, s)
        assert law["mean"] == pytest.approx(centre) and law["variance"] == pytest.approx(variance)
    steps = [[z, 0.5, 4.0, 0.1, 1.5] for z in (-1.0, 0.0, 2.0)]
    found = modules.each("mathematics/langevin.js", "stepped", steps)
    close(found, tensor([z - 0.005 * 4 * (z - 0.5) + 0.15 for z in (-1.0, 0.0, 2.0)]))


def test_walkers_have_the_law_of_the_walk(modules: Modules) -> None:
    places = modules.evaluate("walkers.js", 'm.start({ s: 0.1, noise: "with noise" }).places')
    found = tensor(places).var(0) * tensor([150.0, 4.0])
    expected = tensor(modules("walkers.js", "shares", 30, 0.1))
    assert ((found / expected - 1).abs() < 0.4).all(), "120 draws know a variance to 13 %"


# --------------------------------------------------------------------------- warm-up, the prior


def test_warm_ups_are_those_of_the_derivation(modules: Modules) -> None:
    place = "mathematics/warm_up.js"
    half = modules.evaluate(place, "Object.values(m.FORMS).map((form) => form(0.1, 0.5) ** 2)")
    assert half == pytest.approx([0.505, 0.1, 0.3025, (0.05 + math.sqrt(0.5)) ** 2])
    for lam in (0.0, 0.3, 1.0):
        found = modules.evaluate(place, f"m.FORMS.variance(0.2, {lam})")
        logvar = torch.full((1, 1), 2 * math.log(0.2), dtype=F64)
        _, expected = spike_slab.warm_up(torch.ones(1, 1, dtype=F64), logvar, lam)
        assert found == pytest.approx((0.5 * expected).exp().item(), rel=1e-6)


def test_selectors_are_the_librarys(modules: Modules) -> None:
    scores = [[1.0, 1.0, 1.0], [3.0, -1.0, -1.0], [1.5, 0.5, 0.5], [0.2, 0.9, 0.4]]
    for selector in ("soft", "normalised", "printed"):
        found = [modules(CHOICE, "selection", selector, row, [1.0, 2.0, 3.0]) for row in scores]
        close(found, learned_prior.selection(tensor(scores), selector), 1e-9)


def test_a_choice_costs_what_the_library_says(modules: Modules) -> None:
    means = tensor([-2.0, 0.0, 2.0])
    priors = [{"mu": mu, "sigma": 0.5} for mu in means.tolist()]
    for mu in (-1.1, 0.3, 1.8):
        one = torch.ones(3, dtype=F64)
        expected = spike_slab.gaussian_kl(
            mu * one, 2 * math.log(0.3) * one, means, -2 * math.log(2.0)
        )
        kls = modules(CHOICE, "divergences", mu, 0.3, priors)
        close(kls, expected)
        weights = modules(CHOICE, "selection", "responsibilities", [1, 1, 1], kls)
        paid = modules(CHOICE, "charged", weights, kls)
        choice = learned_prior.choice_cost(tensor([weights]))
        assert paid["choice"] == pytest.approx(choice.item())
        least = -torch.logsumexp(-expected, 0).item() + math.log(3)
        assert paid["unpaid"] + paid["choice"] == pytest.approx(least)
        z = torch.linspace(mu - 4, mu + 4, 20_001, dtype=F64)
        q = torch.distributions.Normal(mu, 0.3).log_prob(z)
        p = torch.distributions.Normal(means, 0.5).log_prob(z[:, None]).logsumexp(1) - math.log(3)
        true = torch.trapezoid(q.exp() * (q - p), z).item()
        found = modules(CHOICE, "mixtureKL", mu, 0.3, priors)
        assert found == pytest.approx(true, abs=1e-6) and found <= least


# ------------------------------------------------------------------- a VAE that is known throughout


def test_a_linear_vae_follows_its_gradient(modules: Modules) -> None:
    a, b, logvar = (
        torch.tensor(value, dtype=F64, requires_grad=True) for value in (0.4, 0.7, -0.9)
    )
    lam, beta = 6.0, 1.7
    loss = lam / 2 * ((1 - a * b) ** 2 + a**2 * logvar.exp())
    loss = loss + beta * spike_slab.gaussian_kl(b[None], logvar[None]).sum()
    latent = {"a": 0.4, "b": 0.7, "logvar": -0.9}
    assert modules(LINEAR, "latentLoss", latent, lam, beta) == pytest.approx(loss.item())
    slopes = torch.autograd.grad(loss, (a, b, logvar))
    found = modules(LINEAR, "descended", latent, lam, beta, 0.01)
    expected = [
        value.item() - 0.01 * slope.item()
        for value, slope in zip((a, b, logvar), slopes, strict=True)
    ]
    assert list(found.values()) == pytest.approx(expected)


def test_its_training_ends_where_the_closed_form_says(modules: Modules) -> None:
    start = "m.again({ beta: v[0] })"
    for beta in (1.0, 8.0):
        ends = modules.evaluate(
            "collapse.js",
            f"(() => {{ let s = {start}; for (let i = 0; i < 4000; i++) s = m.step(s); return s.latents; }})()",
            beta,
        )
        lambdas = modules.evaluate("collapse.js", "m.LAMBDAS")
        kls = tensor([modules(LINEAR, "latentKL", latent) for latent in ends])
        expected = [0.5 * max(0.0, math.log(lam / beta)) for lam in lambdas]
        close(kls.tolist(), tensor(expected), 2e-3)


def test_the_curve_of_rate_and_error_is_the_lowest(modules: Modules) -> None:
    lambdas = [24.0, 12.0, 6.0, 3.0, 1.5, 0.75]
    for beta in (0.5, 2.0, 8.0):
        point = modules(LINEAR, "rateDistortion", lambdas, beta)
        other = modules(LINEAR, "rateDistortion", lambdas, beta * 1.001)
        slope = (other["distortion"] - point["distortion"]) / (other["rate"] - point["rate"])
        assert slope == pytest.approx(-2 * beta, rel=2e-3)
        # Any other way to share the same error among the directions tells more.
        draws = np.random.default_rng(0).dirichlet(np.ones(6), 2000) * point["distortion"]
        told = 0.5 * np.log(np.array(lambdas) / np.minimum(draws, lambdas)).sum(1)
        # What a direction cannot lose, the others may not gain: such draws have less error.
        assert told.min() > point["rate"]


# ---------------------------------------------------------------------------- diffusion, gates, lines


def test_pixels_are_drawn_back_by_the_schedulers_steps(modules: Modules) -> None:
    diffusers = pytest.importorskip("diffusers")
    beta = {"beta_start": 0.1 / 1000, "beta_end": 20.0 / 1000}
    forward = diffusers.DDPMScheduler(1000, **beta)
    kept = modules("mathematics/diffusion.js", "keptShares", 1000)
    np.testing.assert_allclose(kept, forward.alphas_cumprod.numpy(), rtol=2e-4, atol=1e-8)
    noise = torch.randn(20, 1, 1, 1, generator=torch.Generator().manual_seed(0))
    for steps in (1, 5, 20):
        back = diffusers.DDIMScheduler(1000, **beta, timestep_spacing="trailing")
        back.set_timesteps(steps)
        moved = noise
        for t in back.timesteps:
            share = forward.alphas_cumprod[t]
            clean = torch.tanh(share.sqrt() * moved / (1 - share))
            guess = (moved - share.sqrt() * clean) / (1 - share).sqrt()
            moved = back.step(guess, t, moved).prev_sample
        rows = [[value, kept, steps] for value in noise.flatten().tolist()]
        paths = modules.each("mathematics/diffusion.js", "drawnBack", rows)
        assert {len(path) for path in paths} == {steps + 1}
        found = [path[-1] for path in paths]
        np.testing.assert_allclose(found, moved.flatten().numpy(), atol=2e-3)


def test_gates_on_projections_are_torchs(modules: Modules) -> None:
    place = "mathematics/sparse_gates.js"
    a = torch.randn(16, dtype=F64, generator=torch.Generator().manual_seed(1)) + 0.5
    soft = modules(place, "coded", "soft threshold (price)", a.tolist(), 0.4, 4)
    close(soft, torch.relu(a - 0.4))
    jump = modules(place, "coded", "jump threshold", a.tolist(), 0.4, 4)
    close(jump, torch.where(a > 0.4, a, 0.0))
    largest = torch.zeros(16, dtype=F64)
    values, where = a.topk(4)
    largest[where] = values
    close(modules(place, "coded", "top-k", a.tolist(), 0.4, 4), largest)
    stretch = modules(place, "bestStretch", a.tolist(), soft)
    expected = np.linalg.lstsq(np.array(soft)[:, None], a.numpy(), rcond=None)[0].item()
    assert stretch == pytest.approx(expected) and stretch > 1
    left = modules(place, "unexplained", a.tolist(), soft)
    assert left == pytest.approx(((a - tensor(soft)).square().sum() / a.square().sum()).item())


def test_the_best_line_is_the_first_principal_component(modules: Modules) -> None:
    place = "mathematics/line_code.js"
    points = uniform(12, (-3, 3), (-1, 1)) @ tensor([[0.8, 0.6], [-0.6, 0.8]])
    centred = points - points.mean(0)
    _, sizes, directions = torch.linalg.svd(centred)
    angle = modules(place, "bestAngle", points.tolist())
    across = math.cos(angle) * directions[0, 0] + math.sin(angle) * directions[0, 1]
    assert abs(across.item()) == pytest.approx(1)
    sent = modules(place, "sent", points.tolist(), angle)
    assert sent["error"] == pytest.approx((sizes[1] ** 2 / 12).item())
    worse = modules(place, "sent", points.tolist(), angle + 0.3)
    assert worse["error"] > sent["error"]
    close(
        sent["back"],
        points.mean(0)
        + tensor(sent["codes"])[:, None] * tensor([math.cos(angle), math.sin(angle)]),
    )


def test_the_gradients_of_the_sample_are_autograds(modules: Modules) -> None:
    noise = tensor([-1.2, 0.1, 0.9, 2.0])
    mu, sigma = (torch.tensor(value, dtype=F64, requires_grad=True) for value in (0.6, 0.4))
    slopes = torch.autograd.grad((mu + sigma * noise).square().mean(), (mu, sigma))
    state = {"mu": 0.6, "sigma": 0.4, "noise": noise.tolist()}
    found = modules("reparametrisation.js", "gradients", state)
    assert list(found.values()) == pytest.approx([slope.item() for slope in slopes])


def test_draws_repeat_and_have_their_moments(modules: Modules) -> None:
    draws = np.array(
        modules.evaluate("base/numbers.js", "Array.from({ length: 20000 }, m.normal(3))")
    )
    again = modules.evaluate("base/numbers.js", "Array.from({ length: 5 }, m.normal(3))")
    assert again == draws[:5].tolist()
    assert abs(draws.mean()) < 0.03 and abs(draws.std() - 1) < 0.03
    assert abs((np.abs(draws) < 1).mean() - 0.6827) < 0.015


@pytest.mark.parametrize(
    "value, decimals, text",
    [(1.005, 1, "1.0"), (-2.5, 1, "−2.5"), (-0.001, 2, "0.00"), (None, 2, "0.00")],
)
def test_numbers_are_shown_as_words_show_them(
    modules: Modules, value: float | None, decimals: int, text: str
) -> None:
    assert modules("base/numbers.js", "shown", value or 0, decimals) == text
