"""The checks of numbers and expressions: each passes on a truth, fails on a slip, refuses what
cannot be decided.
"""

import math

import numpy as np
import pytest
import sympy
import torch

from vsclib import checks, spike_slab
from vsclib.checks import CheckFailed, CheckRefused, Verdict
from vsclib.checks.points import random_points
from vsclib.errors import VsclibError

x = sympy.Symbol("x")
z, mu, mu_p = sympy.symbols("z mu mu_p", real=True)
sigma, sigma_p, alpha = sympy.symbols("sigma sigma_p alpha", positive=True)
HALF = sympy.Rational(1, 2)
WHOLE = (-sympy.oo, sympy.oo)

GAUSSIAN_KL = sympy.log(sigma_p / sigma) + (sigma**2 + (mu - mu_p) ** 2) / (2 * sigma_p**2) - HALF
# What slips make of it: another sign, a lost factor 1/2, sigma for sigma squared (E34).
KL_SLIPS = {
    "sign": -sympy.log(sigma_p / sigma) + (sigma**2 + (mu - mu_p) ** 2) / (2 * sigma_p**2) - HALF,
    "half": sympy.log(sigma_p / sigma) + (sigma**2 + (mu - mu_p) ** 2) / sigma_p**2 - HALF,
    "sigma": sympy.log(sigma_p / sigma) + (sigma + (mu - mu_p) ** 2) / (2 * sigma_p) - HALF,
}


def normal(mean, deviation):
    """Density of a Gaussian in z."""
    return sympy.exp(-((z - mean) ** 2) / (2 * deviation**2)) / (
        sympy.sqrt(2 * sympy.pi) * deviation
    )


def kl_integrand():
    """q log(q / p) for two Gaussians."""
    q, p = normal(mu, sigma), normal(mu_p, sigma_p)
    return q * (sympy.expand_log(sympy.log(q)) - sympy.expand_log(sympy.log(p)))


def parameter_sets(count: int, dtype: torch.dtype = torch.float32) -> tuple[torch.Tensor, ...]:
    """Means and log-variances of q and p, at random."""
    generator = torch.Generator().manual_seed(11)
    return tuple(torch.randn(count, generator=generator, dtype=dtype) for _ in range(4))


# -------------------------------------------------------------------------------- what a check says


def test_a_verdict_is_one_line_with_name_method_error_tolerance_and_outcome():
    verdict = checks.close("a third", 0.333, 1 / 3, tolerance=1e-3)
    assert isinstance(verdict, Verdict) and verdict.passed and verdict
    assert str(verdict) == repr(verdict) == f"{verdict}"
    assert (
        str(verdict) == "a third: compared in float64; difference 0.000333, allowed 0.001; passed"
    )
    assert verdict.error == pytest.approx(1 / 3000, rel=1e-9) and verdict.tolerance == 1e-3


def test_rounding_far_below_the_tolerance_prints_alike_on_every_machine():
    lines = {
        str(checks.close("one", 1.0 + error, 1.0, tolerance=1e-8))
        for error in (3e-16, 2e-13, 9e-11)
    }
    assert lines == {"one: compared in float64; difference below 1e-10, allowed 1e-08; passed"}
    assert "difference 0, " in str(checks.close("one", 1.0, 1.0, tolerance=1e-8))
    assert "difference 2e-10, " in str(checks.close("one", 1.0 + 2e-10, 1.0, tolerance=1e-8))


def test_a_failure_raises_the_library_s_error_and_carries_its_verdict():
    with pytest.raises(
        CheckFailed, match=r"^two: .*difference 1, allowed 0\.5; FAILED$"
    ) as failure:
        checks.close("two", 2.0, 1.0, tolerance=0.5)
    assert isinstance(failure.value, VsclibError)
    assert not failure.value.verdict and failure.value.verdict.error == 1.0


@pytest.mark.parametrize("tolerance", [math.inf, math.nan, -1e-9])
def test_a_tolerance_that_says_nothing_is_refused(tolerance):
    with pytest.raises(CheckRefused, match="choose a finite tolerance"):
        checks.close("anything", 1.0, 2.0, tolerance=tolerance)
    with pytest.raises(CheckRefused, match="choose a finite tolerance"):
        checks.symbolic("anything", x, x + 1, tolerance=tolerance)


# -------------------------------------------------------------------------------------- two numbers


def test_close_compares_numbers_lists_arrays_and_tensors():
    assert checks.close("mixed", [1.0, 2.0], torch.tensor([1, 2]), tolerance=0).passed
    assert checks.close("array", np.ones((2, 3)), 1.0, tolerance=0).passed
    assert checks.close("infinite", [math.inf, 1.0], [math.inf, 1.0], tolerance=0).passed
    assert checks.close(
        "relative", 1000.1, 1000.0, tolerance=1e-3, relative=True
    ).error == pytest.approx(1e-4)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, [1.0, math.nan]])
def test_nan_and_lone_infinities_never_agree(value):
    for pair in ((value, 1.0), (1.0, value), (value, -np.asarray(value))):
        with pytest.raises(CheckFailed):
            checks.close("not a number", *pair, tolerance=1e300)


def test_close_in_relative_terms_fails_against_zero():
    with pytest.raises(CheckFailed):
        checks.close("zero", 1e-30, 0.0, tolerance=0.5, relative=True)


@pytest.mark.parametrize(
    "value, expected, reason",
    [
        (torch.zeros(3), torch.zeros(4), r"shapes \(3,\) and \(4,\) do not fit"),
        (torch.zeros(3), torch.zeros(3, 1), r"shapes \(3,\) and \(3, 1\) do not fit"),
        (torch.zeros(0), torch.zeros(0), "holds no number"),
        ("1.0", 1.0, "str is not made of numbers"),
        ([[1.0], [1.0, 2.0]], 1.0, "list is not made of numbers"),
        (1j, 1.0, "complex"),
    ],
)
def test_close_refuses_what_does_not_fit(value, expected, reason):
    with pytest.raises(CheckRefused, match=reason) as refusal:
        checks.close("shapes", value, expected, tolerance=1e9)
    assert "\n" not in str(refusal.value)


# ---------------------------------------------------------------------------------- two expressions


def test_symbolic_proves_what_sympy_can_simplify():
    verdict = checks.symbolic("square", (x + 1) ** 2, x**2 + 2 * x + 1, proof=True)
    assert verdict.how == "simplified by SymPy" and verdict.error == verdict.tolerance == 0
    matrix = sympy.Matrix([[x, 1], [0, x]])
    assert checks.symbolic("matrix", matrix**2, sympy.Matrix([[x**2, 2 * x], [0, x**2]])).passed


def test_symbolic_says_when_only_points_agree_and_proof_refuses_them():
    positive = sympy.Symbol("t", positive=True)
    angles = sympy.atan(positive) + sympy.atan(1 / positive)
    verdict = checks.symbolic("right angle", angles, sympy.pi / 2)
    assert verdict.how == "SymPy leaves it open, 12 random points with 30 digits" and verdict.passed
    with pytest.raises(CheckRefused, match="a proof is asked for"):
        checks.symbolic("right angle", angles, sympy.pi / 2, proof=True)
    # It holds for positive numbers only, and the assumption is what says so.
    with pytest.raises(CheckFailed, match="at z = -"):
        checks.symbolic("right angle", sympy.atan(z) + sympy.atan(1 / z), sympy.pi / 2)
    assert checks.symbolic(
        "right angle", sympy.atan(z) + sympy.atan(1 / z), sympy.pi / 2, z > 0
    ).passed


@pytest.mark.parametrize(
    "slip", [x**2 - 2 * x + 1, x**2 + x + 1, x + 2 * x + 1, x**2 + 2 * x + 1 + 1e-9]
)
def test_symbolic_fails_on_a_slip_and_names_the_point(slip):
    with pytest.raises(CheckFailed, match=r"at x = -?\d.*; relative difference .* FAILED"):
        checks.symbolic("square", (x + 1) ** 2, slip)


def test_symbolic_tells_small_numbers_apart():
    with pytest.raises(CheckFailed):
        checks.symbolic("small", sympy.Float("1e-14", 30) * x, sympy.Float("2e-14", 30) * x)


def test_symbolic_fails_where_one_side_alone_has_a_value():
    with pytest.raises(CheckFailed, match="difference inf"):
        checks.symbolic("division by zero", 1 / (sympy.Max(z, 0) * sympy.Min(z, 0)), z)


@pytest.mark.parametrize(
    "derived, expected, assumptions, reason",
    [
        (
            sympy.Function("f")(x),
            sympy.Function("g")(x),
            (),
            "SymPy cannot decide it, and it has no value",
        ),
        (x, sympy.nan, (), "NaN never passes"),
        (x, sympy.zoo, (), "undefined"),
        (x, "x", (), r"expected = 'x' \(str\) is no expression"),
        (x, sympy.Eq(x, x + 1), (), "is no expression"),
        (x, object(), (), r"\(object\) is no expression"),
        (sympy.eye(2), sympy.ones(2, 3), (), r"shapes \(2, 2\) and \(2, 3\) do not fit"),
        (sympy.eye(2), x, (), r"shapes \(2, 2\) and \(\) do not fit"),
        (x, x, (alpha,), "is no relation"),
        (x, x, (sympy.Q.positive(x),), "is no relation"),
        (alpha, alpha, (alpha < -1,), "no random point fulfils"),
        (z, z, (z > 0, z < 0), "no random point fulfils"),
    ],
)
def test_symbolic_refuses_what_cannot_be_decided(derived, expected, assumptions, reason):
    with pytest.raises(CheckRefused, match=reason) as refusal:
        checks.symbolic("undecided", derived, expected, *assumptions)
    assert "\n" not in str(refusal.value)


def test_symbolic_proves_identities_of_undefined_functions():
    f = sympy.Function("f")
    derived = sympy.diff(f(x) ** 2, x)
    assert (
        checks.symbolic("chain rule", derived, 2 * f(x) * sympy.diff(f(x), x)).how
        == "simplified by SymPy"
    )
    with pytest.raises(CheckRefused):
        checks.symbolic("chain rule", derived, f(x) * sympy.diff(f(x), x))


def test_points_obey_symbols_and_relations():
    count = sympy.Symbol("n", integer=True, positive=True)
    below = sympy.Symbol("b", negative=True)
    places = random_points(
        "points", {sigma, sigma_p, count, below, z}, (sigma < sigma_p, sigma_p < 1), seed=3
    )
    drawn = [next(places) for _ in range(200)]
    assert all(
        0 < p[sigma] < p[sigma_p] < 1 and p[count] >= 1 and p[count].is_Integer and p[below] < 0
        for p in drawn
    )
    assert {p[z] > 0 for p in drawn} == {True, False}
    again = random_points(
        "points", {sigma, sigma_p, count, below, z}, (sigma < sigma_p, sigma_p < 1), seed=3
    )
    assert [next(again) for _ in range(200)] == drawn


# -------------------------------------------------------------------------- the library's functions

KL_ARGUMENTS = {
    "mu": mu,
    "logvar": 2 * sympy.log(sigma),
    "mu_p": mu_p,
    "logvar_p": 2 * sympy.log(sigma_p),
}


@pytest.mark.slow
def test_the_library_implements_what_was_derived():
    verdict = checks.implements("KL", spike_slab.gaussian_kl, GAUSSIAN_KL, KL_ARGUMENTS)
    assert verdict.how == "library against 30 digits at 25 random points"
    density = alpha * normal(0, sigma_p) + (1 - alpha) * normal(0, sigma)
    weights = {"z": z, "alpha": alpha, "sigma1": sigma_p, "sigma2": sigma}
    for function, expression in (
        (spike_slab.mixture_log_prob, sympy.log(density)),
        (spike_slab.mixture_score, sympy.diff(sympy.log(density), z)),
        (spike_slab.mixture_score_posterior, sympy.diff(sympy.log(density), z)),
        (spike_slab.mixture_responsibility, alpha * normal(0, sigma_p) / density),
    ):
        checks.implements(
            "mixture", function, expression, weights, alpha < 1, sigma < sigma_p, tolerance=1e-9
        )


@pytest.mark.parametrize("slip", KL_SLIPS)
def test_an_implementation_of_a_slip_is_found(slip):
    with pytest.raises(CheckFailed, match="library against"):
        checks.implements("KL", spike_slab.gaussian_kl, KL_SLIPS[slip], KL_ARGUMENTS)


def test_an_implementation_that_cannot_be_judged():
    with pytest.raises(CheckRefused, match="no finite real value"):
        checks.implements("log", torch.log, sympy.log(z), {"input": z})
    with pytest.raises(CheckRefused, match="no finite real value"):
        checks.implements("undefined", torch.exp, sympy.Function("f")(z), {"input": z})
    with pytest.raises(CheckFailed, match="nan"):
        checks.implements("not a number", lambda v: v * math.nan, z, {"v": z})
    with pytest.raises(CheckRefused, match="do not fit"):
        checks.implements("shape", lambda v: v.expand(2), z, {"v": z})


# ----------------------------------------------------------------------------- integrals and limits


@pytest.mark.slow
def test_gaussian_kl_is_the_integral_of_its_definition():
    standard = {mu_p: 0, sigma_p: 1}
    integrand, closed = kl_integrand().subs(standard), GAUSSIAN_KL.subs(standard)
    verdict = checks.integral("KL to the standard normal", integrand, z, WHOLE, closed)
    assert verdict.how == "integrated by SymPy" and verdict.tolerance == 0
    general = checks.integral("KL", kl_integrand(), z, WHOLE, GAUSSIAN_KL, by_sympy=False)
    assert general.how == "quadrature with 30 digits at 3 random points" and general.error < 1e-15


@pytest.mark.slow
@pytest.mark.parametrize("slip", KL_SLIPS)
def test_integral_fails_on_a_slip(slip):
    with pytest.raises(CheckFailed, match="quadrature"):
        checks.integral("KL", kl_integrand(), z, WHOLE, KL_SLIPS[slip])


@pytest.mark.slow
def test_integral_says_when_sympy_leaves_it_open():
    verdict = checks.integral(
        "smooth", sympy.exp(-sympy.cosh(z)), z, WHOLE, 2 * sympy.besselk(0, 1), tolerance=1e-12
    )
    assert "quadrature" in verdict.how and "SymPy leaves it open" in verdict.how


def test_integral_does_not_take_sympy_s_word_for_another_result(monkeypatch):
    monkeypatch.setattr(sympy, "integrate", lambda *_: sympy.pi)
    assert "SymPy leaves it open" in checks.integral("square", z**2, z, (0, 3), 9).how


@pytest.mark.parametrize(
    "integrand, limits, expected",
    [
        (1 / sympy.sqrt(1 + z**2), WHOLE, 1),
        (1 / z, (-1, 1), 0),
        (sympy.Function("f")(z), (0, 1), 1),
        (z, (0, 1), z),
        (z, (0, sympy.I), HALF),
        (sympy.exp(-(z**2)), WHOLE, "sqrt(pi)"),
    ],
)
def test_integral_refuses_divergence_poles_and_the_undefined(integrand, limits, expected):
    with pytest.raises(CheckRefused, match="cannot be checked"):
        checks.integral("refused", integrand, z, limits, expected)


def test_quadrature_of_the_library_s_kl_on_twenty_parameter_sets():
    m, logvar, m_p, logvar_p = parameter_sets(20, torch.float64)
    q = torch.distributions.Normal(m, (logvar / 2).exp())
    p = torch.distributions.Normal(m_p, (logvar_p / 2).exp())

    def integrand(value):
        return q.log_prob(value).exp() * (q.log_prob(value) - p.log_prob(value))

    closed = spike_slab.gaussian_kl(m, logvar, m_p, logvar_p)
    breaks = (-3.0, -1.0, 0.0, 1.0, 3.0)
    verdict = checks.quadrature(
        "KL", integrand, (-math.inf, math.inf), closed, tolerance=1e-8, breaks=breaks
    )
    assert "20 parameter sets" in str(verdict)
    with pytest.raises(CheckFailed):
        checks.quadrature(
            "KL",
            integrand,
            (-math.inf, math.inf),
            closed * (1 + 1e-6),
            tolerance=1e-8,
            breaks=breaks,
        )


@pytest.mark.slow
def test_quadrature_refuses_shapes_and_what_it_cannot_integrate():
    with pytest.raises(CheckRefused, match="do not fit"):
        checks.quadrature("shapes", lambda v: torch.stack([v, v]), (0.0, 1.0), [0.5, 0.5, 0.5])
    with pytest.raises((CheckRefused, CheckFailed)):
        checks.quadrature("diverges", lambda v: 1 / v, (0.0, 1.0), 1.0)
    with pytest.raises(CheckFailed):
        checks.quadrature("nan", lambda v: v * math.nan, (0.0, 1.0), 1.0)


def test_limits_of_the_kl_of_two_coins():
    gamma = sympy.Symbol("gamma", positive=True)
    coins = gamma * sympy.log(gamma / alpha) + (1 - gamma) * sympy.log((1 - gamma) / (1 - alpha))
    assert (
        checks.limit("never on", coins, gamma, 0, -sympy.log(1 - alpha), alpha < 1, side="+").how
        == "limit by SymPy"
    )
    assert checks.limit("always on", coins, gamma, 1, -sympy.log(alpha), alpha < 1, side="-").passed
    for slip in (sympy.log(1 - alpha), -sympy.log(1 - alpha) / 2, -sympy.log(1 - alpha**2)):
        with pytest.raises(CheckFailed, match="limit by SymPy is"):
            checks.limit("never on", coins, gamma, 0, slip, alpha < 1, side="+")


def test_limit_looks_from_both_sides():
    assert checks.limit("step", sympy.sign(z), z, 0, 1, side="+").passed
    for side in ("+-", "-"):
        with pytest.raises(CheckFailed):
            checks.limit("step", sympy.sign(z), z, 0, 1, side=side)
    assert checks.limit("pole", 1 / z**2, z, 0, sympy.oo).passed
    with pytest.raises(CheckFailed):
        checks.limit("pole", 1 / z, z, 0, sympy.oo)
    with pytest.raises(CheckFailed):
        checks.limit("oscillates", sympy.sin(sympy.pi / z), z, 0, 0)
    assert checks.limit("far", sympy.tanh(z), z, -sympy.oo, -1).passed


def test_limit_walks_where_sympy_finds_none(monkeypatch):
    monkeypatch.setattr("vsclib.checks.limits._sympy_limit", lambda *_: None)
    assert (
        "SymPy finds no limit, walk"
        in checks.limit("slope", sympy.sin(sigma * z) / z, z, 0, sigma).how
    )
    with pytest.raises(CheckFailed, match="walk"):
        checks.limit("slope", sympy.sin(sigma * z) / z, z, 0, 2 * sigma)
    with pytest.raises(CheckRefused, match="comes no nearer"):
        checks.limit("slow", 1 / sympy.log(z), z, sympy.oo, 0)
    with pytest.raises(CheckRefused, match="finite"):
        checks.limit("pole", 1 / z**2, z, 0, sympy.oo)


def test_limit_refuses_the_undefined():
    for arguments, reason in (
        ((sympy.Function("f")(x), x, 0, 1), "no value close by"),
        ((x, z, 0, x), "does not hold z"),
        ((x, x, 0, sympy.nan), "NaN never passes"),
    ):
        with pytest.raises(CheckRefused, match=reason):
            checks.limit("refused", *arguments)
    with pytest.raises(CheckRefused, match="choose"):
        checks.limit("side", x, x, 0, 0, side="left")
