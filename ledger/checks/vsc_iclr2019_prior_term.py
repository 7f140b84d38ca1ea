"""ICLR 2019 submission, section 3.1 and appendix B: the KL from q to the prior."""

import functools
import math
from collections.abc import Iterator

import numpy as np
import sympy as sp
import torch
from scipy import stats

from ledger.checks.spike_and_slab_by_definition import (
    ALLOWED,
    alpha,
    gamma,
    kl_by_definition,
    log_normal,
    mu,
    sigma,
    slab_mean,
    slab_share,
    torch_log_normal,
)
from vsclib.checks import (
    Correction,
    Verdict,
    catches,
    close,
    correction,
    fails,
    implements,
    limit,
    quadrature,
    symbolic,
)
from vsclib.spike_slab import gaussian_kl, kl

ZERO, ONE = sp.Integer(0), sp.Integer(1)
TRUE = -kl_by_definition(alpha, ZERO, ONE)

BRACKET = 1 + sp.log(sigma**2) - mu**2 - sigma**2
COINS = (1 - gamma) * sp.log((1 - alpha) / (1 - gamma)) + gamma * sp.log(alpha / gamma)
PRIOR_TERM = gamma / 2 * BRACKET + COINS

f, g = sp.symbols("f g", positive=True)
u = sp.Symbol("u", positive=True)
here = sp.Symbol("b", nonnegative=True)
AWAY, AT = sp.log(alpha * g), sp.log(alpha * g + (1 - alpha) * u)


def _prior_term(name: str, form: sp.Expr) -> Verdict:
    return symbolic(name, form, TRUE, *ALLOWED)


def _both_places(name: str, form: sp.Expr) -> Verdict:
    """Integrands away from the spike (b = 0) and on it (b = 1), with a spike of height u."""
    places = sp.Matrix([form.subs(here, 0), form.subs(here, 1)])
    whole = f * sp.log(alpha * g + (1 - alpha) * u * here)
    return symbolic(name, places, sp.Matrix([whole.subs(here, 0), whole.subs(here, 1)]), *ALLOWED)


def cross_entropy_split_in_two() -> Iterator[Verdict]:
    """With delta(z - c) / delta(0), 1 at the spike and 0 elsewhere, the cross entropy splits.

    The spike is a box of height u, so that the quotient is an ordinary function b and every line is
    an identity under the integral, before u grows.
    """
    yield catches("Eq. 14 to 17", _both_places, (1 - here) * f * AWAY + here * f * AT)


def cross_entropy_gathered() -> Iterator[Verdict]:
    """What stands on the spike is one logarithm: that of the mixture over its slab."""
    yield catches("Eq. 18, gathered", _both_places, f * AWAY + here * (f * AT - f * AWAY))
    ratio = (alpha * g + (1 - alpha) * u * here) / (alpha * g)
    yield _both_places("Eq. 18, one logarithm", f * AWAY + here * f * sp.log(ratio))
    yield fails(_both_places, "Eq. 18, the ratio upside down", f * AWAY - here * f * sp.log(ratio))
    yield from _gathered_in_numbers()


def _gathered_in_numbers() -> Iterator[Verdict]:
    """A box of height 50 on a slab: the whole by quadrature, its parts by closed form and series.

    Nothing is split in the integral on the left: the box is a jump of an ordinary function.
    """
    height, share, mean, deviation = 50.0, 0.2, 0.3, 0.5
    slab, prior = stats.norm(mean, deviation), stats.norm()
    edge = 1 / (2 * height)

    def whole(value: torch.Tensor) -> torch.Tensor:
        box = height if abs(value) < edge else 0.0
        return torch.as_tensor(
            slab.pdf(value) * np.log(share * prior.pdf(value) + (1 - share) * box)
        )

    # Mean of log(alpha N(0, 1)) over the slab, and Gauss' rule over the box.
    away = math.log(share) - math.log(2 * math.pi) / 2 - (mean**2 + deviation**2) / 2
    nodes, weights = np.polynomial.legendre.leggauss(20)
    at = edge * nodes

    def gathered(name: str, odds: float) -> Verdict:
        added = slab.pdf(at) * np.log1p(odds * height / prior.pdf(at))
        expected = away + edge * float(weights @ added)
        return quadrature(name, whole, (-6.0, 6.0), expected, breaks=(-edge, edge))

    odds = (1 - share) / share
    yield gathered("Eq. 18, a box of height 50 by quadrature", odds)
    yield fails(gathered, "Eq. 18, alpha's odds upside down", 1 / odds)
    yield fails(gathered, "Eq. 18, odds that are 0.1 % off", 1.001 * odds)


def spike_adds_nothing_to_a_density() -> Iterator[Verdict]:
    """A box of height u adds f(c)/u log(1 + (1 - alpha)/alpha u/g(c)): nothing as u grows."""
    remainder = f / u * sp.log(1 + (1 - alpha) / alpha * u / g)
    yield limit("Eq. 7, last term", remainder, u, sp.oo, 0, *ALLOWED)
    yield fails(
        limit, "Eq. 7, last term without the box's width 1/u", remainder * u, u, sp.oo, 0, *ALLOWED
    )

    height, share, place = 1e4, 0.2, torch.tensor([0.4, -0.3], dtype=torch.float64)
    slab = torch.tensor([[0.3, 0.5], [0.0, 1.0]], dtype=torch.float64)
    first = functools.partial(torch_log_normal, mean=slab[0, 0], deviation=slab[0, 1])
    second = functools.partial(torch_log_normal, mean=slab[1, 0], deviation=slab[1, 1])

    def added(step: torch.Tensor) -> torch.Tensor:
        value = place + step / height
        return (
            first(value).exp()
            * torch.log1p((1 - share) / share * height / second(value).exp())
            / height
        )

    def closed_form(odds: float) -> torch.Tensor:
        return first(place).exp() / height * torch.log1p(odds * height / second(place).exp())

    check = functools.partial(quadrature, function=added, limits=(-0.5, 0.5), tolerance=1e-11)
    yield check(
        "Eq. 7, what a box of height 10,000 adds", expected=closed_form((1 - share) / share)
    )
    yield fails(
        check, "Eq. 7, alpha's ratio upside down", expected=closed_form(share / (1 - share))
    )


def spike_against_spike() -> Iterator[Verdict]:
    """Where q has a point mass, only the prior's counts: densities vanish beside a spike."""
    slab, prior = sp.symbols("N P", positive=True)
    quotient = (1 - gamma) * sp.log(
        (alpha * prior + (1 - alpha) * u) / (gamma * slab + (1 - gamma) * u)
    )
    found = (1 - gamma) * sp.log((1 - alpha) / (1 - gamma))
    yield limit("Eq. 8", quotient, u, sp.oo, found, *ALLOWED)
    yield fails(limit, "Eq. 8, masses exchanged", quotient, u, sp.oo, -found, *ALLOWED)
    yield fails(
        limit,
        "Eq. 8, the logarithm without its weight",
        quotient,
        u,
        sp.oo,
        found / (1 - gamma),
        *ALLOWED,
    )


def slab_against_slab() -> Iterator[Verdict | Correction]:
    """The two slabs leave -gamma KL and the normalising constant gamma log(alpha / gamma)."""
    expected = -slab_share(alpha, ZERO, ONE)
    divergence = slab_mean(log_normal(mu, sigma) - log_normal(ZERO, ONE))

    def check(name: str, constant: sp.Expr) -> Verdict:
        return symbolic(name, -gamma * divergence + constant, expected, *ALLOWED)

    # log(alpha, gamma) is no formula; the nearest one is a product.
    yield correction(
        "E64, after Eq. 7",
        check,
        printed=gamma * sp.log(alpha * gamma),
        right=gamma * sp.log(alpha / gamma),
    )


def gaussian_divergence() -> Iterator[Verdict | Correction]:
    """The KL from a Gaussian to the standard normal is minus half the bracket."""
    divergence = slab_mean(log_normal(mu, sigma) - log_normal(ZERO, ONE))
    check = functools.partial(symbolic, expected=divergence)
    yield correction(
        "E56, Eq. 21",
        lambda n, form: check(n, derived=form),
        printed=-2 * BRACKET,
        right=-BRACKET / 2,
    )
    yield catches("Eq. 21", lambda name, form: check(name, derived=form), sp.expand(-BRACKET / 2))
    yield implements(
        "Eq. 21, gaussian_kl", gaussian_kl, -BRACKET / 2, {"mu": mu, "logvar": 2 * sp.log(sigma)}
    )


def prior_term_of_section_3() -> Iterator[Correction]:
    """The negative KL holds plus gamma / 2 times the bracket; a minus rewards distant slabs."""
    yield correction(
        "E53, Eq. 9", _prior_term, printed=-gamma / 2 * BRACKET + COINS, right=PRIOR_TERM
    )
    yield correction(
        "E53, at one unit", _one_unit, printed=-gamma / 2 * BRACKET + COINS, right=PRIOR_TERM
    )


def evidence_lower_bound() -> Iterator[Correction]:
    """The bound's prior term keeps the factor 1/2 in front of the slab's bracket."""
    yield correction("E54, Eq. 11", _prior_term, printed=gamma * BRACKET + COINS, right=PRIOR_TERM)
    yield correction(
        "E54, at one unit", _one_unit, printed=gamma * BRACKET + COINS, right=PRIOR_TERM
    )


def _one_unit(name: str, form: sp.Expr) -> Verdict:
    """At gamma = 0.3, mu = 0.3, sigma = 0.5, alpha = 0.01 the library's KL is 0.8867 nats."""
    place = {gamma: 0.3, mu: 0.3, sigma: 0.5, alpha: 0.01}
    one, _, value, deviation = (
        torch.tensor(place[s], dtype=torch.float64) for s in (gamma, alpha, mu, sigma)
    )
    return close(
        name,
        float(form.subs(place)),
        -kl(one, value, 2 * deviation.log(), place[alpha]),
        tolerance=1e-9,
    )


def prior_term_of_appendix_b() -> Iterator[Verdict | Correction]:
    """The closed form is the negative KL by definition; the library agrees, slips do not."""
    yield correction(
        "E55, Eq. 23 against Eq. 11", _prior_term, printed=gamma * BRACKET + COINS, right=PRIOR_TERM
    )
    yield catches("Eq. 23", _prior_term, PRIOR_TERM)
    arguments = {"gamma": gamma, "mu": mu, "logvar": 2 * sp.log(sigma), "alpha": alpha}
    yield implements("Eq. 23, kl", kl, -PRIOR_TERM, arguments, *ALLOWED)


def dense_limit() -> Iterator[Verdict]:
    """As alpha = gamma goes to 1, or at gamma = 1, the term is the VAE's; at 1, 0 log(0/0)."""
    vae = BRACKET / 2
    yield limit("E63, gamma = alpha", PRIOR_TERM.subs(gamma, alpha), alpha, 1, vae, side="-")
    yield limit("E63, gamma = 1", BRACKET / 2 + sp.log(alpha), alpha, 1, vae, side="-")
    ones, value = torch.ones(3).double(), torch.tensor([0.3, -1.0, 2.0], dtype=torch.float64)
    logvar = torch.tensor([-1.0, 0.0, 0.4], dtype=torch.float64)
    direct = ones / 2 * (1 + logvar - value**2 - logvar.exp()) + ones * (ones / ones).log()
    direct = direct + (1 - ones) * ((1 - ones) / (1 - ones)).log()
    expected = -gaussian_kl(value, logvar)
    yield close(
        "E63, kl at gamma = alpha = 1", -kl(ones, value, logvar, 1.0), expected, tolerance=1e-12
    )
    yield fails(
        close,
        "E63, Eq. 11 put into a computer at gamma = alpha = 1",
        direct,
        expected,
        tolerance=1e-12,
    )


def one_dimension_at_a_time() -> Iterator[Correction]:
    """The KL is a sum over units, each against N(0, 1); with N(0, I_J) each would count J times."""
    units = 3
    mean = torch.tensor([0.3, -1.0, 0.7], dtype=torch.float64)
    whole = torch.distributions.MultivariateNormal(
        torch.zeros(units).double(), torch.eye(units).double()
    )
    encoder = torch.distributions.MultivariateNormal(mean, 0.25 * torch.eye(units).double())
    joint = torch.distributions.kl_divergence(encoder, whole)
    apart = gaussian_kl(mean, torch.tensor(0.25, dtype=torch.float64).log().expand(units)).sum()
    yield correction(
        "E57, N(z_j; 0, I) for one unit",
        lambda name, total: close(name, total, joint, tolerance=1e-12),
        printed=units * apart,
        right=apart,
    )
