"""ICLR 2019 submission, appendices A and C: gamma, the relaxed spike, the draws."""

import functools
from collections.abc import Callable, Iterator

import sympy as sp
import torch
from torch import Tensor

from vsclib.checks import (
    Correction,
    Verdict,
    catches,
    close,
    correction,
    fails,
    gradient,
    integral,
    limit,
    monte_carlo,
    quadrature,
)
from vsclib.spike_slab import hard_gate, kl, relaxed_gate

eta = sp.Symbol("eta", real=True)
gamma, c, step = sp.symbols("gamma c y", positive=True)
VALUES = torch.tensor([-2.0, -0.5, 0.5, 2.0], dtype=torch.float64)


def recognised(value: Tensor) -> Tensor:
    """Gamma as Eq. 12 has it."""
    return (-torch.relu(-value)).exp()


def spike_probability() -> Iterator[Verdict]:
    """log gamma = -relu(-v) is min(v, 0): gamma is exp(v) for a negative output, else 1."""
    expected = torch.minimum(VALUES.exp(), torch.ones(4))
    yield close("Eq. 12", recognised(VALUES), expected, tolerance=1e-15)
    yield fails(close, "Eq. 12, a sign lost", torch.relu(-VALUES).exp(), expected, tolerance=1e-15)
    yield fails(
        close, "Eq. 12, the other sign lost", (-torch.relu(VALUES)).exp(), expected, tolerance=1e-15
    )


def gamma_reaches_one() -> Iterator[Verdict | Correction]:
    """Gamma is exactly 1 for outputs above zero: half of all units, with no gradient and a NaN."""

    def below_one(count: int, generator: torch.Generator) -> Tensor:
        return (
            recognised(torch.randn(count, generator=generator, dtype=torch.float64)) < 1
        ).double()

    yield correction(
        "E38, share of outputs around zero with gamma < 1",
        lambda name, share: monte_carlo(name, below_one, share, draws=100_000),
        printed=1.0,
        right=0.5,
    )
    slope = _slope(recognised)
    yield close(
        "E38, d gamma / dv is 0 above zero", slope, [*VALUES[:2].exp(), 0.0, 0.0], tolerance=1e-15
    )
    yield fails(
        close, "E38, a gradient above zero", slope[2:], torch.sigmoid(VALUES[2:]), tolerance=1e-3
    )

    ones, prior = recognised(VALUES[2:]), 0.01
    direct = ones * (ones / prior).log() + (1 - ones) * ((1 - ones) / (1 - prior)).log()
    exact = kl(ones, torch.zeros(2), torch.zeros(2), prior)
    yield fails(close, "E38, the printed KL at gamma = 1 is NaN", direct, exact, tolerance=1e-9)
    yield close(
        "E38, the library's KL at gamma = 1 is log(1 / alpha)",
        exact,
        [4.605170186] * 2,
        tolerance=1e-9,
    )


def draws_of_a_code() -> Iterator[Verdict | Correction]:
    """A draw is mu + sigma eps with probability gamma, else 0; each draw needs noise of its own."""
    chance, mean, deviation = torch.tensor([0.3, 0.7, 0.5], dtype=torch.float64)

    def codes(count: int, generator: torch.Generator, draws: int, own: bool) -> Tensor:
        uniform = torch.rand(count, draws if own else 1, generator=generator, dtype=torch.float64)
        standard = torch.randn(count, draws, generator=generator, dtype=torch.float64)
        return hard_gate(uniform, chance) * (mean + deviation * standard)

    def moments(count: int, generator: torch.Generator) -> Tensor:
        code = codes(count, generator, 1, own=True)[:, 0]
        return torch.stack([(code != 0).double(), code, code**2], dim=1)

    expected = torch.stack([chance, chance * mean, chance * (mean**2 + deviation**2)])
    yield monte_carlo("Eq. 24, share of on, mean, mean square", moments, expected, draws=200_000)

    def two_alike(name: str, own: bool) -> Verdict:
        """Whether two draws of an image are on together as often as two coins are."""

        def together(count: int, generator: torch.Generator) -> Tensor:
            return (codes(count, generator, 2, own) != 0).all(dim=1).double()

        return monte_carlo(name, together, chance**2, draws=100_000)

    yield correction(
        "E61, one eta for an image or for a draw", two_alike, printed=False, right=True
    )


def step_gives_the_coin() -> Iterator[Verdict]:
    """T(eta - 1 + gamma) is 1 for a share gamma of the noise: never at gamma = 0, always at 1."""
    noise = ((torch.arange(1000, dtype=torch.float64) + 0.5) / 1000)[:, None]
    chances = torch.tensor([0.0, 0.01, 0.25, 0.9, 1.0], dtype=torch.float64)
    check = functools.partial(close, tolerance=1e-12)
    yield check("Eq. 25, share of the noise", hard_gate(noise, chances).mean(0), chances)
    yield check("Eq. 25, T(0) = 1", hard_gate(torch.tensor(0.75), torch.tensor(0.25)), 1.0)
    yield fails(check, "Eq. 25, T(eta - gamma)", hard_gate(noise, 1 - chances).mean(0), chances)


def relaxed_step_becomes_the_step() -> Iterator[Verdict]:
    """As c grows, S(c y) goes to 1 above zero and to 0 below; at zero it stays 1/2, T is 1."""
    above, below = 1 / (1 + sp.exp(-c * step)), 1 / (1 + sp.exp(c * step))
    yield limit("section C.1, S(c y), y > 0", above, c, sp.oo, 1)
    yield limit("section C.1, S(c y), y < 0", below, c, sp.oo, 0)
    yield fails(limit, "section C.1, S(-c y), y > 0", below, c, sp.oo, 1)
    slopes = torch.tensor([50.0, 200.0, 1e6], dtype=torch.float64)
    at_zero = torch.stack(
        [relaxed_gate(torch.tensor(0.5), torch.tensor(0.5), float(s)) for s in slopes]
    )
    yield close("section C.1, S(0) at every slope", at_zero, [0.5] * 3, tolerance=0.0)


def relaxed_step_leaks() -> Iterator[Verdict]:
    """At gamma = 0 a unit lets ln 2 / c of its value through; a relaxed gate has a gradient."""
    sigmoid = 1 / (1 + sp.exp(-c * (eta - 1 + gamma)))
    mean = sp.log(1 + sp.exp(c * gamma)) / c - sp.log(1 + sp.exp(-c * (1 - gamma))) / c

    def averages(name: str, form: sp.Expr) -> Verdict:
        return integral(name, sigmoid, eta, (0, 1), form, gamma < 1, by_sympy=False)

    yield catches("section C.2, E[w] for any gamma", averages, mean)
    leak = functools.partial(limit, expression=mean * c, variable=gamma, to=0, side="+")
    yield leak("section C.2, c E[w], gamma to 0", expected=sp.log(2) - sp.log(1 + sp.exp(-c)))
    for slope in (50.0, 200.0):
        yield from _leak_of_the_library(slope)
        yield from _slope_read_back(slope)
    noise = torch.linspace(0.05, 0.95, 7, dtype=torch.float64)
    yield gradient(
        "section C.2, dw / d gamma, c = 50", lambda g: relaxed_gate(noise, g, 50.0), [0.3]
    )


def _leak_of_the_library(slope: float) -> Iterator[Verdict]:
    """The library's gate at gamma = 0, integrated over its noise, lets ln 2 / c through."""
    closed, off = float(sp.log(2)) / slope, torch.zeros((), dtype=torch.float64)

    def leaks(name: str, used: float) -> Verdict:
        return quadrature(
            name, lambda noise: relaxed_gate(noise, off, used), (0.0, 1.0), closed, breaks=(0.1,)
        )

    yield leaks(f"section C.2, E[w] = ln 2 / c, gamma = 0, c = {slope:g}", slope)
    yield fails(leaks, f"section C.2, a slope of {slope:g} that is 0.1 % off", 1.001 * slope)


def _slope_read_back(slope: float) -> Iterator[Verdict]:
    """The log-odds of the gate over eta - 1 + gamma are its slope, wherever one looks."""
    chance = torch.tensor(0.3, dtype=torch.float64)
    noise = torch.linspace(0.63, 0.77, 14, dtype=torch.float64)  # none lies on the step at 0.7

    def reads(name: str, used: float) -> Verdict:
        odds = torch.logit(relaxed_gate(noise, chance, used))
        return close(name, odds / (noise - 1 + chance), [slope] * 14, tolerance=1e-6 * slope)

    yield reads(f"section C.2, slope out of the log-odds, c = {slope:g}", slope)
    yield fails(
        reads, f"section C.2, a slope 0.1 % off in the log-odds, c = {slope:g}", 1.001 * slope
    )


def _slope(function: Callable[[Tensor], Tensor]) -> Tensor:
    leaf = VALUES.clone().requires_grad_(True)
    (slope,) = torch.autograd.grad(function(leaf).sum(), leaf)
    return slope
