"""ICLR 2019 submission, sections 2 and 3: sparse coding, the bound, the prior, the encoder."""

import functools
from collections.abc import Callable, Iterator

import sympy as sp
import torch
from torch import Tensor

from ledger.checks.spike_and_slab_by_definition import (
    ALLOWED,
    alpha,
    gamma,
    log_normal,
    mu,
    normal,
    sigma,
    slab_mean,
    z,
)
from vsclib.checks import (
    Correction,
    Verdict,
    catches,
    correction,
    fails,
    integral,
    monte_carlo,
    symbolic,
)
from vsclib.spike_slab import hard_gate, relaxed_gate

Gate = Callable[[Tensor, Tensor], Tensor]
Draw = Callable[[int, torch.Generator], Tensor]

ZERO, ONE = sp.Integer(0), sp.Integer(1)
x, weight = sp.symbols("x w", real=True)
noise, beta = sp.symbols("sigma_x beta", positive=True)

# A model whose marginal likelihood is known: z from N(0, 1), x from N(w z, sigma_x^2).
LOG_PRIOR = log_normal(ZERO, ONE)
LOG_LIKELIHOOD = -((x - weight * z) ** 2) / (2 * noise**2) - sp.log(noise) - sp.log(2 * sp.pi) / 2
MARGINAL = normal(ZERO, sp.sqrt(weight**2 + noise**2)).subs(z, x)


def sparse_coding_objective() -> Iterator[Verdict]:
    """The most probable code of Eq. 2 minimises Eq. 1 with lambda = sigma_x^2 beta."""
    codes = sp.symbols("z_1 z_2", real=True)
    basis = sp.Matrix(2, 2, sp.symbols("b_11 b_12 b_21 b_22", real=True))
    residual = sp.Matrix(sp.symbols("x_1 x_2", real=True)) - basis * sp.Matrix(codes)
    square = (residual.T * residual)[0]
    penalty = sum(sp.log(1 + code**2) for code in codes)
    log_posterior = -square / (2 * noise**2) - beta * penalty
    expected = sp.Matrix([-(noise**2) * sp.diff(log_posterior, code) for code in codes])

    def slopes(name: str, lam: sp.Expr) -> Verdict:
        objective = square / 2 + lam * penalty
        return symbolic(name, sp.Matrix([sp.diff(objective, code) for code in codes]), expected)

    yield slopes("Eq. 1, lambda = sigma_x^2 beta", noise**2 * beta)
    yield fails(slopes, "Eq. 1, lambda = sigma_x beta", noise * beta)


def sparse_prior() -> Iterator[Correction]:
    """exp(-beta phi) is no density until normalised; for phi(z) = |z| the constant is beta / 2."""
    printed = sp.exp(-beta * sp.Abs(z))
    yield correction(
        "E58, Eq. 2, with phi(z) = |z|",
        lambda name, density: integral(name, density, z, (-sp.oo, sp.oo), 1, by_sympy=False),
        printed=printed,
        right=beta / 2 * printed,
    )


def marginal_likelihood() -> Iterator[Verdict]:
    """p(x) is the joint density with the code integrated out: a Gaussian in a linear model."""
    joint = sp.exp(LOG_PRIOR + LOG_LIKELIHOOD)
    marginal = functools.partial(
        integral, integrand=joint, variable=z, limits=(-sp.oo, sp.oo), by_sympy=False
    )
    yield marginal("section 2.2, the code integrated out", expected=MARGINAL)
    yield fails(
        marginal,
        "section 2.2, likelihood at the mean code",
        expected=sp.exp(LOG_LIKELIHOOD.subs(z, 0)),
    )


def evidence_lower_bound() -> Iterator[Verdict]:
    """The bound falls short of log p(x) by the KL from q to the posterior of a linear model."""
    model = {weight: sp.Rational(3, 4), noise: 1}
    log_q = log_normal(mu, sigma)
    log_posterior = log_normal(sp.Rational(12, 25) * x, sp.Rational(4, 5))
    gap = slab_mean(log_q - log_posterior)
    to_prior, reconstruction = slab_mean(log_q - LOG_PRIOR), slab_mean(LOG_LIKELIHOOD.subs(model))

    def bound(name: str, lower_bound: sp.Expr) -> Verdict:
        return symbolic(name, lower_bound, sp.log(MARGINAL.subs(model)) - gap)

    yield bound("Eq. 3", -to_prior + reconstruction)
    yield fails(bound, "Eq. 3, the KL's sign turned", to_prior + reconstruction)
    yield fails(bound, "Eq. 3, without the KL", reconstruction)


def spike_and_slab() -> Iterator[Verdict]:
    """Mass 1 - alpha at zero and alpha in the slab, 1 in all, as in every draw of the library."""
    for name, share, density in (
        ("Eq. 4", alpha, alpha * normal(ZERO, ONE)),
        ("Eq. 5", gamma, gamma * normal(mu, sigma)),
    ):
        yield integral(
            f"{name}, slab", density, z, (-sp.oo, sp.oo), share, *ALLOWED, by_sympy=False
        )
    chance, mean, deviation = _settings()
    # Share at zero, mean and mean square of a draw.
    moments = torch.stack([1 - chance, chance * mean, chance * (mean**2 + deviation**2)])
    check = functools.partial(monte_carlo, draws=400_000)
    yield check("Eq. 5, share at zero, mean and mean square", _draw_moments(hard_gate), moments)
    yield fails(
        check, "Eq. 5, slab not weighed by gamma", _draw_moments(hard_gate), moments / chance
    )


def four_cross_entropies() -> Iterator[Verdict]:
    """The negative KL splits into four terms whatever stands for the spike, if all is finite."""
    slab, prior, spike = sp.symbols("N P delta", positive=True)
    q, p = gamma * slab + (1 - gamma) * spike, alpha * prior + (1 - alpha) * spike
    terms = (
        gamma * slab * sp.log(p)
        + (1 - gamma) * spike * sp.log(p)
        - gamma * slab * sp.log(q)
        - (1 - gamma) * spike * sp.log(q)
    )
    yield catches(
        "Eq. 6",
        lambda name, form: symbolic(name, form, q * (sp.log(p) - sp.log(q)), *ALLOWED),
        terms,
    )


def reconstruction_by_draws() -> Iterator[Verdict]:
    """The mean over draws is the expected log-likelihood if the gate is hard, not if relaxed."""
    chance, mean, deviation = (value[0] for value in _settings())
    image, slope, spread = torch.tensor([1.3, 0.8, 0.5], dtype=torch.float64)
    numbers = {mu: mean, sigma: deviation, x: image, weight: slope, noise: spread}
    on = float(
        slab_mean(LOG_LIKELIHOOD).subs({symbol: float(value) for symbol, value in numbers.items()})
    )
    off = float(torch.distributions.Normal(0.0, spread).log_prob(image))

    def log_likelihoods(gate: Gate) -> Draw:
        def draw(count: int, generator: torch.Generator) -> Tensor:
            code = _draws(gate, chance, mean, deviation, count, generator)
            return torch.distributions.Normal(slope * code, spread).log_prob(image)

        return draw

    expected = float(chance) * on + (1 - float(chance)) * off
    yield monte_carlo("Eq. 10", log_likelihoods(hard_gate), expected, draws=400_000)
    yield fails(
        monte_carlo,
        "Eq. 10, a unit that is off left out",
        log_likelihoods(hard_gate),
        on,
        draws=400_000,
    )
    relaxed = log_likelihoods(lambda uniform, share: relaxed_gate(uniform, share, slope=50.0))
    yield fails(
        monte_carlo, "Eq. 10, drawn with the relaxed gate, c = 50", relaxed, expected, draws=400_000
    )


def _settings() -> tuple[Tensor, Tensor, Tensor]:
    """Gamma, mean and deviation of three units."""
    units = torch.tensor([[0.3, 0.05, 0.9], [0.7, -1.2, 0.2], [0.5, 1.1, 0.3]], dtype=torch.float64)
    return units[0], units[1], units[2]


def _draws(
    gate: Gate,
    chance: Tensor,
    mean: Tensor,
    deviation: Tensor,
    count: int,
    generator: torch.Generator,
) -> Tensor:
    shape = (count, *chance.shape)
    uniform = torch.rand(shape, generator=generator, dtype=torch.float64)
    standard = torch.randn(shape, generator=generator, dtype=torch.float64)
    return gate(uniform, chance) * (mean + deviation * standard)


def _draw_moments(gate: Gate) -> Draw:
    def draw(count: int, generator: torch.Generator) -> Tensor:
        code = _draws(gate, *_settings(), count, generator)
        return torch.stack([(code == 0).double(), code, code**2], dim=1)

    return draw
