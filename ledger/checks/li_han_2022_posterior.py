"""Li & Han (2022), Eq. 9, 10, section 3.3 and A.2, A.3: the component posterior and its effect."""

from collections.abc import Callable, Iterator

import numpy as np
import sympy as sp
import torch

from ledger.checks.li_han_2022_prior import under_the_root
from ledger.checks.mixture_by_definition import (
    ALLOWED,
    EXPONENT,
    NARROW,
    RESPONSIBILITY,
    SCORE,
    WIDE,
    alpha,
    gaussian,
    is_responsibility,
    is_score,
    sigma1,
    sigma2,
    z,
)
from vsclib.checks import Correction, Verdict, catches, close, correction, fails, limit, symbolic
from vsclib.spike_slab import mixture_responsibility

Density = Callable[[sp.Expr], sp.Expr]

POSTERIOR = WIDE / (WIDE + NARROW * sp.exp(EXPONENT))
"""p(C1 | z) as Eq. 9 has it."""


def equation_9() -> Iterator[Verdict]:
    """Bayes' rule, and the same with one exponential; the two posteriors add up to 1."""
    yield catches("Eq. 9, 22 and 25", is_responsibility, POSTERIOR)
    narrow = NARROW / (NARROW + WIDE * sp.exp(-EXPONENT))
    yield symbolic("Eq. 9, 22 and 25, both components", POSTERIOR + narrow, sp.Integer(1), *ALLOWED)


def equation_10() -> Iterator[Verdict]:
    """The score is the pull of each component, weighed by the posterior of that component."""

    def weighed(name: str, posterior: sp.Expr) -> Verdict:
        return is_score(name, -posterior * z / sigma1**2 - (1 - posterior) * z / sigma2**2)

    yield catches("Eq. 10 and 31", weighed, POSTERIOR)
    yield fails(weighed, "Eq. 10 with the prior weights", alpha)


def the_exponent_is_negative() -> Iterator[Verdict]:
    """The exponent is minus a product of factors that are positive while sigma2 < sigma1."""
    factors = (sigma1 - sigma2) * (sigma1 + sigma2) / (2 * sigma1**2 * sigma2**2)
    yield catches(
        "section 3.3 exponent", lambda name, form: symbolic(name, EXPONENT / z**2, -form), factors
    )
    widths = np.logspace(-2, 1, 40)
    wide, narrow = np.meshgrid(widths, widths, indexing="ij")
    value = sp.lambdify((sigma1, sigma2), sp.expand(EXPONENT / z**2))(wide, narrow)

    def negative(name: str, pairs: np.ndarray) -> Verdict:
        return close(name, (value[pairs] < 0).mean(), 1.0, tolerance=0.0)

    yield negative("section 3.3, share of negative exponents, sigma2 < sigma1", narrow < wide)
    yield fails(negative, "section 3.3, the same for sigma2 > sigma1", narrow > wide)

    # A negative exponent lets the wide component take over as a code grows, in the library too.
    sizes = torch.linspace(0.0, 0.6, 61, dtype=torch.float64)

    def rises(name: str, sign: int) -> Verdict:
        grown = sign * mixture_responsibility(sizes, 0.01, 1.0, 0.1).diff() > 0
        return close(name, grown.double(), [1.0] * 60, tolerance=0.0)

    yield rises("section 3.3, p(C1 | z) rises with |z|", 1)
    yield fails(rises, "section 3.3, p(C1 | z) falls with |z|", -1)


def a_large_code_feels_the_wide_component() -> Iterator[Verdict]:
    """Far out the posterior of the wide component is 1, and the pull of the narrow one vanishes."""
    setting = {sigma1: 1, sigma2: sp.Rational(1, 10), alpha: sp.Rational(1, 100)}
    odds = _odds().subs(setting)
    yield limit("section 3.3, p(C1 | z) far out", 1 / (1 + odds), z, sp.oo, 1)
    yield limit("section 3.3, p(C2 | z) z far out", z * odds / (1 + odds), z, sp.oo, 0)
    ratio = (1 + 100 * odds) / (1 + odds)
    yield symbolic("section 3.3, score over -z", SCORE.subs(setting) / -z, ratio)
    yield limit("section 3.3, score over -z / sigma1^2 far out", ratio, z, sp.oo, 1)
    yield fails(limit, "section 3.3, narrow pull far out", ratio, z, sp.oo, 100)


def a_small_code_feels_the_narrow_component() -> Iterator[Verdict]:
    """At zero the narrow component's posterior is 1 up to a share that vanishes with its width."""
    share = alpha * sigma2 / (alpha * sigma2 + (1 - alpha) * sigma1)
    yield symbolic("section 3.3, p(C1 | 0)", RESPONSIBILITY.subs(z, 0), share, *ALLOWED)
    yield limit(
        "section 3.3, p(C1 | 0) of a narrow spike", share, sigma2, 0, 0, alpha < 1, side="+"
    )
    slope = sp.diff(SCORE, z).subs(z, 0)
    pull = -share / sigma1**2 - (1 - share) / sigma2**2
    yield symbolic("section 3.3, slope of the score at 0", slope, pull, *ALLOWED)
    yield limit(
        "section 3.3, pull over -1 / sigma2^2", -pull * sigma2**2, sigma2, 0, 1, alpha < 1, side="+"
    )
    yield fails(
        limit,
        "section 3.3, pull over -1 / sigma1^2",
        -pull * sigma1**2,
        sigma2,
        sigma1 / 10,
        1,
        alpha < 1,
    )


def equation_23() -> Iterator[Correction]:
    """Bayes' rule with the density's normaliser: with sigma under the root the odds are wrong."""

    def bayes(name: str, density: Density) -> Verdict:
        wide, narrow = alpha * density(sigma1), (1 - alpha) * density(sigma2)
        return is_responsibility(name, wide / (wide + narrow))

    yield correction("E13, Eq. 23", bayes, printed=under_the_root, right=gaussian)


def equation_24() -> Iterator[Correction]:
    """Both squares carry their 2, as in Eq. 9."""
    yield correction(
        "E18, Eq. 24",
        lambda name, exponent: is_responsibility(name, WIDE / (WIDE + NARROW * sp.exp(exponent))),
        printed=-(z**2) / (2 * sigma2**2) + z**2 / sigma1**2,
        right=EXPONENT,
    )


def equations_27_and_28() -> Iterator[Correction]:
    """The logarithm of Eq. 11's density is differentiated, so its normaliser matters."""

    def derivative(name: str, density: Density) -> Verdict:
        return is_score(
            name, sp.diff(sp.log(alpha * density(sigma1) + (1 - alpha) * density(sigma2)), z)
        )

    yield correction("E13, Eq. 28", derivative, printed=under_the_root, right=gaussian)


def equations_29_and_30() -> Iterator[Correction]:
    """One fraction, and two: the pulls of the components over the density."""

    def pulls(name: str, density: Density) -> tuple[sp.Expr, sp.Expr, sp.Expr]:
        wide, narrow = alpha * density(sigma1), (1 - alpha) * density(sigma2)
        return -wide * z / sigma1**2, -narrow * z / sigma2**2, wide + narrow

    def one(name: str, density: Density) -> Verdict:
        wide, narrow, total = pulls(name, density)
        return is_score(name, (wide + narrow) / total)

    def two(name: str, density: Density) -> Verdict:
        wide, narrow, total = pulls(name, density)
        return is_score(name, wide / total + narrow / total)

    yield correction("E13, Eq. 29", one, printed=under_the_root, right=gaussian)
    yield correction("E13, Eq. 30", two, printed=under_the_root, right=gaussian)


def _odds() -> sp.Expr:
    """Odds of the narrow against the wide component."""
    return NARROW / WIDE * sp.exp(EXPONENT)
