"""The two-Gaussian mixture: density, score and posterior against SymPy, SciPy and Bayes; the draws
against the density.
"""

import math

import mpmath
import numpy as np
import pytest
import sympy
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from vsclib import spike_slab
from vsclib.errors import ConfigurationError

NARROW = [0.1, math.sqrt(0.1)]
ALPHAS = [0.01, 0.033, 0.2, 0.5, 0.9, 0.999]
SETTINGS = [(alpha, sigma2) for alpha in ALPHAS for sigma2 in NARROW]
SCORES = [spike_slab.mixture_score, spike_slab.mixture_score_posterior]

codes = st.floats(-30.0, 30.0)
weights = st.floats(0.01, 0.999)
narrow = st.floats(0.05, 1.0)


def grid(dtype: torch.dtype) -> torch.Tensor:
    """Codes from -20 to 20, dense where the two components cross over."""
    return torch.cat([torch.linspace(-20, 20, 801), torch.linspace(-1.5, 1.5, 1201)]).to(dtype)


def log_density(z: np.ndarray, alpha: float, sigma1: float, sigma2: float) -> np.ndarray:
    """The definition, by SciPy in float64."""
    wide = math.log(alpha) + stats.norm.logpdf(z, scale=sigma1)
    return np.logaddexp(wide, math.log1p(-alpha) + stats.norm.logpdf(z, scale=sigma2))


def symbolic_score(alpha: float, sigma1: float, sigma2: float):
    """The derivative that SymPy takes of the logarithm of the density, evaluated with 40 digits."""
    z, a, s1, s2 = sympy.symbols("z alpha sigma1 sigma2")
    density = sum(
        weight * sympy.exp(-(z**2) / (2 * s**2)) / (sympy.sqrt(2 * sympy.pi) * s)
        for weight, s in ((a, s1), (1 - a, s2))
    )
    exact = {a: sympy.Float(alpha, 40), s1: sympy.Float(sigma1, 40), s2: sympy.Float(sigma2, 40)}
    return sympy.lambdify(z, sympy.diff(sympy.log(density), z).subs(exact), "mpmath")


# ------------------------------------------------------------------------------------------ density


def test_values_that_the_errata_worked_out():
    """Log-density, score and posterior at the test points of the errata, computed there without
    this library.
    """
    for (alpha, sigma1, sigma2, z), log_prob, score in (
        ((0.01, 1.0, 0.1, 0.3), -3.04305, -27.62478),
        ((0.3, 1.3, 0.4, 0.7), -1.46696, -3.00726),
    ):
        point = torch.tensor([z], dtype=torch.float64)
        assert spike_slab.mixture_log_prob(point, alpha, sigma1, sigma2).item() == pytest.approx(
            log_prob, abs=5e-6
        )
        for form in SCORES:
            assert form(point, alpha, sigma1, sigma2).item() == pytest.approx(score, abs=5e-6)
    for z, sigma2, responsibility in (
        (0.2, 0.1, 0.0073),
        (0.373, 0.1, 0.5),
        (1.130, math.sqrt(0.1), 0.5),
    ):
        found = spike_slab.mixture_responsibility(
            torch.tensor([z], dtype=torch.float64), 0.01, 1.0, sigma2
        )
        assert found.item() == pytest.approx(responsibility, abs=0.01 * max(responsibility, 0.3))


@pytest.mark.parametrize(("alpha", "sigma2"), SETTINGS)
def test_density_integrates_to_one(alpha, sigma2):
    def density(z):
        return (
            spike_slab.mixture_log_prob(torch.tensor(z, dtype=torch.float64), alpha, 1.0, sigma2)
            .exp()
            .item()
        )

    # Pieces, so that quadrature does not step over the narrow component.
    total = sum(
        integrate.quad(density, a, b, epsabs=1e-11)[0]
        for a, b in ((0, sigma2), (sigma2, 1), (1, 4), (4, 12))
    )
    assert 2 * total == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize(("alpha", "sigma2"), SETTINGS)
@pytest.mark.parametrize(("dtype", "error"), [(torch.float64, 1e-12), (torch.float32, 2e-6)])
def test_log_density_is_that_of_scipy(alpha, sigma2, dtype, error):
    z = grid(dtype)
    expected = log_density(z.double().numpy(), alpha, 1.3, sigma2)
    np.testing.assert_allclose(
        spike_slab.mixture_log_prob(z, alpha, 1.3, sigma2).double(),
        expected,
        rtol=error,
        atol=error,
    )


@given(codes, weights, narrow)
def test_log_density_lies_between_its_larger_component_and_twice_that(z, alpha, sigma2):
    value = spike_slab.mixture_log_prob(
        torch.tensor(z, dtype=torch.float64), alpha, 1.0, sigma2
    ).item()
    larger = max(
        math.log(alpha) + stats.norm.logpdf(z),
        math.log1p(-alpha) + stats.norm.logpdf(z, scale=sigma2),
    )
    assert larger - 1e-9 <= value <= larger + math.log(2) + 1e-9


# -------------------------------------------------------------------------------------------- score


@pytest.mark.parametrize("form", SCORES)
@pytest.mark.parametrize(
    ("alpha", "sigma1", "sigma2"), [(0.01, 1.0, 0.1), (0.3, 1.3, 0.4), (0.9, 1.0, math.sqrt(0.1))]
)
def test_score_is_the_derivative_that_sympy_takes(form, alpha, sigma1, sigma2):
    derivative = symbolic_score(alpha, sigma1, sigma2)
    z = torch.cat([torch.linspace(-20, 20, 41), torch.linspace(-1, 1, 40)]).double()
    with mpmath.workdps(40):
        exact = np.array([float(derivative(mpmath.mpf(value))) for value in z.tolist()])
    np.testing.assert_allclose(form(z, alpha, sigma1, sigma2), exact, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("form", SCORES)
@pytest.mark.parametrize(("alpha", "sigma2"), SETTINGS)
def test_score_agrees_with_finite_differences(form, alpha, sigma2):
    z, h = grid(torch.float64), 1e-5
    # The four-point rule: its error is of fourth order in h.
    near = log_density((z + h).numpy(), alpha, 1.0, sigma2) - log_density(
        (z - h).numpy(), alpha, 1.0, sigma2
    )
    far = log_density((z + 2 * h).numpy(), alpha, 1.0, sigma2) - log_density(
        (z - 2 * h).numpy(), alpha, 1.0, sigma2
    )
    np.testing.assert_allclose(
        form(z, alpha, 1.0, sigma2), (8 * near - far) / (12 * h), rtol=1e-7, atol=1e-7
    )


@pytest.mark.parametrize("form", SCORES)
@pytest.mark.parametrize(("alpha", "sigma2"), SETTINGS)
def test_score_in_single_precision_agrees_with_autograd_and_with_double(form, alpha, sigma2):
    z = grid(torch.float32).requires_grad_()
    score = form(z.detach(), alpha, 1.0, sigma2)
    (automatic,) = torch.autograd.grad(spike_slab.mixture_log_prob(z, alpha, 1.0, sigma2).sum(), z)
    double = SCORES[0](z.detach().double(), torch.tensor(alpha).double(), 1.0, sigma2)
    scale = score.abs().clamp(min=1.0)
    assert ((score - automatic).abs() / scale).max() <= 2e-5
    assert ((score - double).abs() / scale).max() <= 2e-5


@pytest.mark.parametrize("form", SCORES)
def test_printed_slips_of_the_score_would_be_caught(form):
    """R for R_2 (E12), a positive R_2, and the exponent without its half (E17) are all far off at z
    = 0.3.
    """
    alpha, sigma2, z = 0.01, 0.1, 0.3
    r1, r2 = (1 - alpha) / (alpha * sigma2), (sigma2**2 - 1) / sigma2**2

    def closed(factor, exponent):
        decay = math.exp(exponent)
        return -z + r1 * factor * z * decay / (1 + r1 * decay)

    right = form(torch.tensor(z, dtype=torch.float64), alpha, 1.0, sigma2).item()
    assert right == pytest.approx(closed(r2, r2 * z**2 / 2), rel=1e-12)
    for slip in (
        closed(r2, -(r2**2) * z**2 / 2),
        closed(-r2, -r2 * z**2 / 2),
        closed(r2, r2 * z**2),
    ):
        assert abs(slip - right) > 1.0


@pytest.mark.parametrize("form", SCORES)
def test_score_is_the_dense_priors_when_alpha_is_one(form):
    z = grid(torch.float32)
    torch.testing.assert_close(form(z, 1.0, 1.0, 0.1), -z, rtol=0, atol=0)
    torch.testing.assert_close(form(z, 1.0, 2.0, 0.1), -z / 4, rtol=1e-6, atol=0)


@given(codes, weights, narrow)
def test_score_is_odd_and_lies_between_the_two_pulls(z, alpha, sigma2):
    point = torch.tensor([z, -z], dtype=torch.float64)
    weak, strong = sorted((abs(z), abs(z) / sigma2**2))
    for form in SCORES:
        pull, mirrored = form(point, alpha, 1.0, sigma2).tolist()
        assert mirrored == -pull
        assert weak * (1 - 1e-9) <= -pull * math.copysign(1, z) <= strong * (1 + 1e-9)


@pytest.mark.parametrize(("alpha", "sigma2"), [*SETTINGS, (1.0, 0.1), (1e-6, 0.1)])
def test_everything_is_finite_for_huge_codes_in_single_precision(alpha, sigma2):
    size = torch.logspace(-6, 3, 400)
    z = torch.cat([-size, torch.zeros(1), size]).requires_grad_()
    log_prob = spike_slab.mixture_log_prob(z, alpha, 1.0, sigma2)
    (automatic,) = torch.autograd.grad(log_prob.sum(), z)
    responsibility = spike_slab.mixture_responsibility(z.detach(), alpha, 1.0, sigma2)
    scores = [form(z.detach(), alpha, 1.0, sigma2) for form in SCORES]
    for values in (log_prob, automatic, responsibility, *scores):
        assert torch.isfinite(values).all()


# ---------------------------------------------------------------------------------------- posterior


@pytest.mark.parametrize(("alpha", "sigma2"), SETTINGS)
def test_responsibility_is_bayes_rule(alpha, sigma2):
    z = torch.linspace(-3, 3, 601, dtype=torch.float64)
    wide = alpha * stats.norm.pdf(z, scale=1.2)
    both = wide + (1 - alpha) * stats.norm.pdf(z, scale=sigma2)
    found = spike_slab.mixture_responsibility(z, alpha, 1.2, sigma2)
    np.testing.assert_allclose(found, wide / both, rtol=1e-11, atol=1e-15)


@given(codes, codes, weights, narrow)
def test_responsibility_rises_with_distance_from_zero(one, other, alpha, sigma2):
    point = torch.tensor(sorted((one, other), key=abs), dtype=torch.float64)
    nearer, farther = spike_slab.mixture_responsibility(point, alpha, 1.0, sigma2).tolist()
    assert 0 < nearer <= farther <= 1


def test_responsibility_is_certain_when_there_is_one_component():
    assert spike_slab.mixture_responsibility(
        grid(torch.float32), 1.0, 1.0, 0.1
    ).unique().tolist() == [1.0]


# -------------------------------------------------------------------------------------------- draws


DRAWS = 400_000
DRAWN = [(0.01, 0.1), (0.3, math.sqrt(0.1)), (0.9, 0.1), (1.0, 0.1)]


def draw(alpha: float, sigma2: float) -> np.ndarray:
    generator = torch.Generator().manual_seed(17)
    return (
        spike_slab.mixture_sample((DRAWS // 8, 8), alpha, 1.5, sigma2, generator=generator)
        .double()
        .numpy()
    )


def weighted_sum(alpha: float, sigma2: float) -> np.ndarray:
    """What released code draws instead: it adds the two Gaussians, weighed."""
    rng = np.random.default_rng(17)
    return alpha * 1.5 * rng.standard_normal(DRAWS) + (1 - alpha) * sigma2 * rng.standard_normal(
        DRAWS
    )


def moment(power: int, alpha: float, sigma2: float) -> float:
    """E z^power of the mixture, for an even power."""
    double_factorial = math.prod(range(1, power, 2))
    return double_factorial * (alpha * 1.5**power + (1 - alpha) * sigma2**power)


def within_four_errors(draws: np.ndarray, power: int, alpha: float, sigma2: float) -> bool:
    exact = moment(power, alpha, sigma2)
    error = math.sqrt((moment(2 * power, alpha, sigma2) - exact**2) / DRAWS)
    return abs((draws**power).mean() - exact) <= 4 * error


@pytest.mark.parametrize(("alpha", "sigma2"), DRAWN)
def test_draws_have_the_mixtures_moments(alpha, sigma2):
    draws = draw(alpha, sigma2)
    assert draws.shape == (DRAWS // 8, 8)
    assert abs(draws.mean()) <= 4 * math.sqrt(moment(2, alpha, sigma2) / DRAWS)
    assert within_four_errors(draws, 2, alpha, sigma2)
    assert within_four_errors(draws, 4, alpha, sigma2)
    if alpha < 1:
        assert not within_four_errors(weighted_sum(alpha, sigma2), 2, alpha, sigma2)


@pytest.mark.parametrize(("alpha", "sigma2"), DRAWN[:3])
def test_draws_have_the_mixtures_tail(alpha, sigma2):
    beyond = 3 * sigma2
    exact = 2 * (
        alpha * stats.norm.sf(beyond, scale=1.5) + (1 - alpha) * stats.norm.sf(beyond, scale=sigma2)
    )
    error = math.sqrt(exact * (1 - exact) / DRAWS)
    assert abs((np.abs(draw(alpha, sigma2)) > beyond).mean() - exact) <= 4 * error
    assert abs((np.abs(weighted_sum(alpha, sigma2)) > beyond).mean() - exact) > 4 * error


def test_draws_have_the_mixtures_distribution():
    def cumulative(z):
        return 0.3 * stats.norm.cdf(z, scale=1.5) + 0.7 * stats.norm.cdf(z, scale=0.1)

    assert stats.kstest(draw(0.3, 0.1).ravel()[:50_000], cumulative).pvalue > 1e-3
    assert stats.kstest(weighted_sum(0.3, 0.1)[:50_000], cumulative).pvalue < 1e-12


def test_every_draw_has_a_component_of_its_own():
    """Sizes of neighbours are uncorrelated; one component for a whole row would tie them."""
    sizes = draw(0.3, 0.1) ** 2
    for axis in (0, 1):
        one, other = np.split(sizes, 2, axis)
        correlation = np.corrcoef(one.ravel(), other.ravel())[0, 1]
        assert abs(correlation) <= 4 / math.sqrt(one.size)


def test_draws_are_repeated_by_their_generator():
    one, two, other = (
        spike_slab.mixture_sample((50,), 0.3, generator=torch.Generator().manual_seed(seed))
        for seed in (1, 1, 2)
    )
    assert torch.equal(one, two) and not torch.equal(one, other)


# ------------------------------------------------------------------------------------- out of range


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ((0.0, 1.0, 0.1), r"alpha = 0 .*choose 0 < alpha <= 1"),
        ((1.2, 1.0, 0.1), r"alpha = 1\.2 .*choose 0 < alpha <= 1"),
        ((math.nan, 1.0, 0.1), r"alpha = nan .*choose 0 < alpha <= 1"),
        ((0.5, 1.0, 0.0), r"sigma2 = 0 .*choose sigma2 > 0"),
        ((0.5, 1.0, -1.0), r"sigma2 = -1 .*choose sigma2 > 0"),
        ((0.5, 1.0, 1.1), r"sigma2 = 1\.1 exceeds sigma1 = 1: choose 0 < sigma2 <= sigma1"),
        ((0.5, math.nan, 0.1), r"sigma1 = nan"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    calls = [spike_slab.mixture_log_prob, spike_slab.mixture_responsibility, *SCORES]
    for call in calls:
        with pytest.raises(ConfigurationError, match=message):
            call(torch.zeros(2), *settings)
    with pytest.raises(ConfigurationError, match=message):
        spike_slab.mixture_sample((2,), *settings, generator=torch.Generator())
