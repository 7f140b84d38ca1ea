"""The checks by differences, draws and precision, on the library's own formulas: truths pass, slips
fail.
"""

import math

import pytest
import sympy
import torch

from vsclib import checks, spike_slab
from vsclib.checks import CheckFailed, CheckRefused

# -------------------------------------------------------------------------------------- derivatives


@pytest.mark.parametrize("order, step", [(2, 1e-4), (4, 1e-3), (6, 1e-2)])
def test_finite_differences_pass_on_a_derivative_and_fail_on_slips(order, step):
    at = torch.linspace(-2, 2, 9)
    options = dict(at=at, order=order, step=step, tolerance=1e-7)
    verdict = checks.finite_differences("wave", torch.sin, torch.cos, **options)
    assert f"order {order}, step {step:g}, float64" in verdict.how
    for slip in (
        lambda v: -v.cos(),
        lambda v: v.cos() / 2,
        lambda v: v.cos() + 1e-6,
        lambda v: v.cos() * math.nan,
    ):
        with pytest.raises(CheckFailed):
            checks.finite_differences("wave", torch.sin, slip, **options)


def test_finite_differences_take_gradients_and_jacobians():
    matrix = torch.tensor([[1.0, 2.0], [3.0, -1.0], [0.5, 4.0]], dtype=torch.float64)
    point = torch.tensor([0.3, -0.7])
    assert checks.finite_differences("linear", lambda v: matrix @ v, matrix, at=point).passed
    assert checks.finite_differences(
        "energy", lambda v: (v**3).sum(), lambda v: 3 * v**2, at=point
    ).passed
    with pytest.raises(CheckFailed):
        checks.finite_differences("linear", lambda v: matrix @ v, -matrix, at=point)
    with pytest.raises(CheckRefused, match="does not fit"):
        checks.finite_differences("linear", lambda v: matrix @ v, matrix.T, at=point)


KINKS = {
    "relu": (torch.relu, lambda v: (v > 0).double(), 0.0),
    "half the relu": (torch.relu, lambda v: torch.full_like(v, 0.5), 0.0),
    "modulus": (torch.abs, torch.sign, 0.0),
    "step": (lambda v: (v >= 0).double(), torch.zeros_like, 0.0),
    "root": (lambda v: v.abs().sqrt(), torch.zeros_like, 0.0),
    "kink within the stencil": (torch.abs, torch.sign, 3e-4),
    "edge": (torch.sqrt, lambda v: 0.5 / v.sqrt(), 0.0),
}


@pytest.mark.parametrize("kink", KINKS)
def test_finite_differences_refuse_points_without_derivative(kink):
    function, derivative, place = KINKS[kink]
    with pytest.raises(CheckRefused, match=r"kink|edge"):
        checks.finite_differences(kink, function, derivative, at=[place, 1.0])


def test_finite_differences_refuse_steps_orders_and_precisions():
    for options, reason in (
        ({"order": 3}, "one of 2, 4, 6"),
        ({"step": 0.0}, "step > 0"),
        ({"step": 1.5}, "apart"),
    ):
        with pytest.raises(CheckRefused, match=reason):
            checks.finite_differences("wave", torch.sin, torch.cos, at=[1.0], **options)
    with pytest.raises(CheckRefused, match="float64"):
        checks.finite_differences("wave", lambda v: v.float().sin(), torch.cos, at=[1.0])


def test_gradient_through_the_samplers_with_frozen_noise():
    noise = torch.rand(6, 3, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    gamma = torch.linspace(0.05, 0.95, 18).reshape(6, 3)
    for gate in (
        lambda g: spike_slab.relaxed_gate(noise, g, slope=20.0),
        lambda g: spike_slab.concrete_gate(noise, torch.logit(g), temperature=0.5),
    ):
        assert checks.gradient("gate", gate, [gamma]).passed
    # Two inputs: a slab's draw times its gate.
    slab = checks.gradient(
        "slab",
        lambda m, s, g: (m + s * noise) * spike_slab.relaxed_gate(noise, g, 5.0),
        [gamma] * 3,
    )
    assert "gradcheck" in slab.how


def test_gradient_fails_on_a_wrong_backward_pass():
    noise = torch.rand(6, 3, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    biased = lambda g: spike_slab.straight_through_gate(noise, g, slope=5.0)  # noqa: E731
    with pytest.raises(CheckFailed):
        checks.gradient("straight-through", biased, [torch.full((6, 3), 0.4)])
    with pytest.raises(CheckFailed):
        checks.gradient("half", lambda v: (v**2 + (v**2).detach()) / 2, [torch.tensor([1.0, 2.0])])


@pytest.mark.parametrize(
    "function, point, reason",
    [
        (
            lambda v: spike_slab.hard_gate(torch.full_like(v, 0.3), v),
            [0.5, 0.6],
            "no gradient reaches",
        ),
        (lambda v: v + torch.rand_like(v), [0.5, 0.6], "two values"),
        (torch.abs, [0.0, 1.0], "not differentiable"),
        (torch.relu, [1.0, 0.0], "not differentiable"),
        (lambda v: v.float(), [1.0], "float64"),
        (lambda v: v.tolist(), [1.0], "list"),
    ],
)
def test_gradient_refuses_cuts_fresh_noise_and_kinks(function, point, reason):
    with pytest.raises(CheckRefused, match=reason):
        checks.gradient("refused", function, [torch.tensor(point)])


def test_gradient_needs_gradcheck_s_consent(monkeypatch):
    monkeypatch.setattr(torch.autograd, "gradcheck", lambda *_, **__: False)
    with pytest.raises(CheckFailed, match="difference inf"):
        checks.gradient("square", torch.square, [torch.tensor([1.0])])


# -------------------------------------------------------------------------------------------- draws


def parameter_sets(count: int, dtype: torch.dtype = torch.float64) -> tuple[torch.Tensor, ...]:
    """Means and log-variances of q and p, at random."""
    generator = torch.Generator().manual_seed(11)
    return tuple(torch.randn(count, generator=generator, dtype=dtype) for _ in range(4))


def log_ratio_sampler(m, logvar, m_p, logvar_p):
    """Draws of log q(z) / p(z) for z from q, written with torch.distributions."""
    q = torch.distributions.Normal(m, (logvar / 2).exp())
    p = torch.distributions.Normal(m_p, (logvar_p / 2).exp())

    def sample(draws: int, generator: torch.Generator) -> torch.Tensor:
        values = m + (logvar / 2).exp() * torch.randn(
            draws, len(m), generator=generator, dtype=m.dtype
        )
        return q.log_prob(values) - p.log_prob(values)

    return sample


@pytest.mark.slow
def test_gaussian_kl_is_the_mean_of_a_million_draws_on_twenty_parameter_sets():
    sets = parameter_sets(20)
    closed = spike_slab.gaussian_kl(*sets)
    verdict = checks.monte_carlo("KL", log_ratio_sampler(*sets), closed, draws=1_000_000, seed=2)
    assert "1,000,000 draws, 20 parameter sets" in verdict.how and verdict.tolerance == 4


def slips_of_the_kl(m, logvar, m_p, logvar_p) -> dict[str, torch.Tensor]:
    right = spike_slab.gaussian_kl(m, logvar, m_p, logvar_p)
    deviation, deviation_p = (logvar / 2).exp(), (logvar_p / 2).exp()
    return {
        "sign": -right,
        "half": 2 * right,
        "sigma for its square": (deviation_p / deviation).log()
        + (deviation + (m - m_p) ** 2) / (2 * deviation_p)
        - 0.5,
        "the other way round": spike_slab.gaussian_kl(m_p, logvar_p, m, logvar),
        "one of twenty": right * torch.where(torch.arange(20) == 7, 1.1, 1.0),
    }


@pytest.mark.parametrize("slip", slips_of_the_kl(*parameter_sets(20)))
def test_monte_carlo_fails_on_a_slip(slip):
    sets = parameter_sets(20)
    with pytest.raises(CheckFailed, match="standard errors"):
        checks.monte_carlo(
            "KL", log_ratio_sampler(*sets), slips_of_the_kl(*sets)[slip], draws=100_000
        )


def test_monte_carlo_states_mean_and_interval_and_is_right_about_them():
    values = torch.randn(20_000, generator=torch.Generator().manual_seed(0)).double() * 3 + 1
    verdict = checks.monte_carlo("mean", values, 1.0)
    error = values.std() / math.sqrt(20_000)
    assert verdict.error == pytest.approx(float((values.mean() - 1).abs() / error), rel=1e-9)
    assert (
        f"mean {float(values.mean()):.4g} against 1, half width {4 * float(error):.2g}"
        in verdict.how
    )
    # In batches of uneven size, the same numbers.
    rows = iter(values.split(7_000))
    assert checks.monte_carlo(
        "mean", lambda n, _: next(rows), 1.0, draws=20_000, batch=7_000
    ).error == pytest.approx(verdict.error, rel=1e-9)


def test_monte_carlo_draws_from_its_seed_alone():
    sample = lambda n, generator: torch.rand(n, generator=generator)  # noqa: E731
    lines = [
        str(checks.monte_carlo("half", sample, 0.5, draws=5000, seed=seed)) for seed in (1, 1, 2)
    ]
    assert lines[0] == lines[1] != lines[2]


def test_monte_carlo_of_draws_that_never_vary():
    assert checks.monte_carlo("constant", torch.full((2000,), 0.25), 0.25).error == 0
    with pytest.raises(CheckFailed):
        checks.monte_carlo("constant", torch.full((2000,), 0.25), 0.250001)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_monte_carlo_never_passes_on_draws_that_are_not_finite(bad):
    values = torch.zeros(2000)
    values[17] = bad
    for expected in (0.0, bad):
        with pytest.raises(CheckFailed):
            checks.monte_carlo("bad draw", values, expected)


def test_monte_carlo_refuses_too_few_draws_wide_intervals_and_shapes():
    normal = lambda n, generator: torch.randn(n, 3, generator=generator)  # noqa: E731
    for options, reason in (
        ({"draws": 999}, "at least 1,000"),
        ({"draws": 5000, "half_width": 1e-3}, "draw more"),
        ({"draws": 5000, "standard_errors": math.inf}, "standard_errors"),
        ({"draws": 5000, "expected": [0.0, 0.0]}, "do not fit"),
        ({"draws": 5000, "expected": torch.zeros(3, 1)}, "do not fit"),
    ):
        with pytest.raises(CheckRefused, match=reason):
            checks.monte_carlo("normal", normal, **{"expected": 0.0, **options})
    with pytest.raises(CheckRefused, match="first axis"):
        checks.monte_carlo("transposed", lambda n, g: normal(n, g).T, 0.0, draws=5000)
    with pytest.raises(CheckRefused, match="one column to each"):
        checks.monte_carlo(
            "one column", lambda n, g: torch.randn(n, generator=g), torch.zeros(3), draws=5000
        )


# ---------------------------------------------------------------------------------------- precision

ALPHA, SIGMA1, SIGMA2 = 0.01, 1.0, 0.1
R1 = (1 - ALPHA) * SIGMA1 / (ALPHA * SIGMA2)
R2 = (SIGMA2**2 - SIGMA1**2) / (SIGMA1**2 * SIGMA2**2)


def exact_score() -> sympy.Expr:
    """Score of the mixture at alpha = 0.01 and sigma2 = 0.1, differentiated by SymPy from the
    density.
    """
    z, alpha = sympy.Symbol("z", real=True), sympy.Rational(1, 100)
    wide, narrow = sympy.exp(-(z**2) / 2), 10 * sympy.exp(-50 * z**2)
    return sympy.diff(sympy.log(alpha * wide + (1 - alpha) * narrow), z)


def density(z):
    """The mixture's density, the factor 1 / sqrt(2 pi) left out."""
    wide = ALPHA / SIGMA1 * torch.exp(-(z**2) / (2 * SIGMA1**2))
    return wide + (1 - ALPHA) / SIGMA2 * torch.exp(-(z**2) / (2 * SIGMA2**2))


def direct_ratio(z):
    """Eq. 17 of the supplement, its common factor left out."""
    wide = ALPHA / SIGMA1**3 * z * torch.exp(-(z**2) / (2 * SIGMA1**2))
    return (-wide - (1 - ALPHA) / SIGMA2**3 * z * torch.exp(-(z**2) / (2 * SIGMA2**2))) / density(z)


def before_the_rewrite(z):
    """Eq. 7."""
    decay = torch.exp(R2 * z**2 / 2)
    return -z / SIGMA1**2 + R1 * decay * R2 * z / (1 + R1 * decay)


def after_the_rewrite(z):
    """Eq. 9."""
    return -z / SIGMA1**2 + R1 * R2 * z / (torch.exp(-R2 * z**2 / 2) + R1)


def autograd(function):
    """The derivative that autograd takes of a function."""

    def derivative(z):
        z = z.clone().requires_grad_(True)
        return torch.autograd.grad(function(z).sum(), z)[0]

    return derivative


def only_nan(form):
    """1 where a form gives a number or an infinity, NaN where it gives NaN."""
    return lambda z: torch.where(form(z).isnan(), math.nan, 1.0).to(z.dtype)


def test_sweep_finds_where_the_errata_say_that_each_form_of_the_score_breaks():
    """E03: the direct ratio underflows; the rewrite overflows where the form before it was safe,
    and does no harm.
    """
    forms = {
        "direct ratio": direct_ratio,
        "Eq. 7": before_the_rewrite,
        "Eq. 9": after_the_rewrite,
        "autograd of logaddexp": autograd(
            lambda z: spike_slab.mixture_log_prob(z, ALPHA, SIGMA1, SIGMA2)
        ),
        "posterior form": lambda z: spike_slab.mixture_score_posterior(z, ALPHA, SIGMA1, SIGMA2),
    }
    precise = (torch.float32, torch.float64)
    safe = ("Eq. 7", "Eq. 9", "autograd of logaddexp", "posterior form")
    # The density is 0 from 14.097 on, which makes the ratio infinite there, before it is NaN.
    expected = {("direct ratio", "float32"): 14.097} | {(form, "float32"): None for form in safe}
    sweep = checks.overflow(
        "E03", forms, exact_score(), precisions=precise, safe=safe, expected=expected
    )
    assert sweep.verdict.passed and sweep.row("direct ratio", "float64").wrong < 38.58
    assert (
        sweep.row("direct ratio", "float32").wrong < sweep.row("direct ratio", "float32").not_finite
    )
    z = torch.linspace(13.0, 14.0965, 2000)
    assert float((direct_ratio(z) - before_the_rewrite(z)).abs().max()) == pytest.approx(
        7.1, abs=0.1
    )


def test_sweep_finds_where_the_errata_say_that_something_overflows():
    forms = {
        "NaN of the direct ratio": only_nan(direct_ratio),
        "exponential of Eq. 9": lambda z: torch.exp(-R2 * z**2 / 2),
        "log of the density": lambda z: torch.log(density(z)),
    }
    expected = {
        ("NaN of the direct ratio", "float32"): 14.285,
        ("NaN of the direct ratio", "float64"): 38.58,
        ("exponential of Eq. 9", "float32"): 1.339,
        ("exponential of Eq. 9", "float64"): 3.787,
        ("log of the density", "float32"): 14.097,
    }
    checks.overflow("E03", forms, None, expected=expected, resolution=2.5e-3)
    half = {
        "closed form": lambda z: spike_slab.mixture_score(z, ALPHA, SIGMA1, SIGMA2),
        "Eq. 9": after_the_rewrite,
    }
    expected = {("closed form", "float16"): 0.0, ("Eq. 9", "float16"): 0.669}
    checks.overflow(
        "E03", half, exact_score(), precisions=[torch.float16], z=(0.0, 5.0), expected=expected
    )


def test_second_derivatives_through_the_rewrite_are_nan():
    z = next(iter(exact_score().free_symbols))
    forms = {"autograd through Eq. 9": autograd(after_the_rewrite)}
    sweep = checks.overflow(
        "E03",
        forms,
        sympy.diff(exact_score(), z),
        z=(0.0, 3.0),
        precisions=[torch.float32],
        tolerance=1e4,
    )
    assert 1.33 < sweep.row("autograd through Eq. 9", "float32").not_finite <= 1.35


@pytest.mark.slow
def test_sweep_fails_on_a_form_that_was_promised_to_be_safe():
    single = (torch.float32,)
    with pytest.raises(CheckFailed, match=r"direct ratio in float32 not finite from 14\.09"):
        checks.overflow(
            "E03",
            {"direct ratio": direct_ratio},
            exact_score(),
            precisions=single,
            safe=["direct ratio"],
        )
    with pytest.raises(CheckFailed, match="broken promises 1"):
        expected = {("direct ratio", "float32"): 14.2}
        checks.overflow(
            "E03",
            {"direct ratio": direct_ratio},
            exact_score(),
            precisions=single,
            expected=expected,
        )
    # A slip is wrong from the start, finite or not: sign, 1/2, and one side only.
    for slip in (
        lambda z: -direct_ratio(z),
        lambda z: direct_ratio(z) / 2,
        lambda z: direct_ratio(z.abs()),
    ):
        with pytest.raises(CheckFailed, match=r"wrong from 0\.0"):
            checks.overflow("E03", {"slip": slip}, exact_score(), z=(0, 5), safe=["slip"])


def test_sweep_counts_nan_as_wrong():
    broken = {"broken": lambda z: torch.where(z > 1, math.nan, z)}
    sweep = checks.overflow("one side", broken, lambda z: z, z=(0, 3), precisions=[torch.float64])
    assert sweep.row("broken", "float64").wrong == pytest.approx(1.0, abs=1e-3)


def test_sweep_prints_as_a_table():
    sweep = checks.overflow(
        "square", {"square": torch.square}, lambda z: z * z, z=(0, 300), precisions=[torch.float16]
    )
    lines = str(sweep).splitlines()
    assert lines[0].count("|") == lines[1].count("|") == lines[2].count("|") == 5
    # float16 rounds 255.9375 up to 256, whose square it cannot hold.
    assert lines[2] == "| square | float16 | 255.938 | 255.938 |"
    assert sweep._repr_markdown_().endswith(str(sweep.verdict))


def test_sweep_refuses_unknown_names_and_forms_that_change_the_precision():
    square = {"square": torch.square}
    for options, reason in (
        ({"safe": ["cube"]}, "'cube'"),
        ({"expected": {("square", "float8"): None}}, "'square' in float8"),
        ({"reference": lambda z: z / 0 if z else mpmath_nan()}, "the reference is"),
        ({"reference": sympy.Symbol("a") * sympy.Symbol("b")}, "2 symbols"),
        ({"reference": 3.0}, "float"),
        ({"forms": {"cast": lambda z: z.double()}}, "keeps shape and precision"),
        ({"forms": {"sum": lambda z: z.sum()}}, "keeps shape and precision"),
    ):
        with pytest.raises(CheckRefused, match=reason):
            checks.overflow(
                "refused", **{"forms": square, "reference": lambda z: z * z, "z": (0, 2), **options}
            )


def mpmath_nan() -> float:
    return math.nan


# --------------------------------------------------------------------- the three forms of the score


@pytest.mark.parametrize("sigma2", [0.1, math.sqrt(0.1)])
@pytest.mark.parametrize("alpha", [0.01, 0.1, 0.5, 0.99])
def test_three_forms_of_the_score_agree_in_float32(alpha, sigma2):
    z = torch.linspace(-20, 20, 4001)
    closed = spike_slab.mixture_score(z, alpha, 1.0, sigma2)
    posterior = spike_slab.mixture_score_posterior(z, alpha, 1.0, sigma2)
    score = autograd(lambda value: spike_slab.mixture_log_prob(value, alpha, 1.0, sigma2))
    checks.close("closed form and posterior form", closed, posterior, tolerance=2e-5)
    checks.close("closed form and autograd", closed, score(z), tolerance=2e-5)
    checks.finite_differences(
        "score",
        lambda value: spike_slab.mixture_log_prob(value, alpha, 1.0, sigma2),
        lambda value: spike_slab.mixture_score(value, alpha, 1.0, sigma2),
        at=torch.linspace(-2, 2, 81),
        step=2e-4,
        tolerance=1e-7,
    )
    with pytest.raises(CheckFailed):
        checks.close("a slip of 0.01 %", closed, posterior * 1.0001, tolerance=2e-5)
