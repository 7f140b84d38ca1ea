"""Li & Han (2022), Eq. 7 and appendix A.1: the two-Gaussian prior, its logarithm and its score."""

from collections.abc import Callable, Iterator

import sympy as sp

from ledger.checks.li_han_supplement_prior import ARGUMENTS
from ledger.checks.mixture_by_definition import (
    ALLOWED,
    R1,
    R2,
    SCORE,
    alpha,
    gaussian,
    is_log_density,
    is_score,
    sigma1,
    sigma2,
    z,
)
from vsclib.checks import (
    Correction,
    Verdict,
    catches,
    correction,
    fails,
    implements,
    integral,
    limit,
)
from vsclib.spike_slab import mixture_score

GROWTH = sp.exp(R2 * z**2 / 2)

Density = Callable[[sp.Expr], sp.Expr]


def under_the_root(sigma: sp.Expr) -> sp.Expr:
    """A Gaussian with the normaliser that is printed: sigma stands under the root (E13)."""
    return gaussian(sigma) * sp.sqrt(sigma)


def narrow_gaussian_for_a_point_mass() -> Iterator[Verdict]:
    """As its width vanishes, the narrow Gaussian averages a wave as the point mass at zero does."""
    t = sp.Symbol("t", real=True)
    average = sp.exp(-(t**2) * sigma2**2 / 2)
    yield integral(
        "section 3.1, average of cos(t z)",
        sp.cos(t * z) * gaussian(sigma2),
        z,
        (-sp.oo, sp.oo),
        average,
        by_sympy=False,
    )
    yield limit("section 3.1, point mass", average, sigma2, 0, 1, side="+")
    yield fails(limit, "section 3.1, wide component", average, sigma2, 1, 1)


def equation_7() -> Iterator[Correction | Verdict]:
    """The exponent holds R2 once; read as a square, the printed letter gives another score."""
    yield correction(
        "E12, Eq. 7",
        lambda name, rate: is_score(
            name, -z / sigma1**2 + R1 * R2 * z / (sp.exp(-rate * z**2 / 2) + R1)
        ),
        printed=R2**2,
        right=R2,
    )
    yield implements("Eq. 7, library", mixture_score, SCORE, ARGUMENTS, *ALLOWED)


def equation_12() -> Iterator[Correction | Verdict]:
    """With sigma under the root a component does not integrate to 1 but to the root of sigma."""
    everywhere = (-sp.oo, sp.oo)

    def component(name: str, density: Density) -> Verdict:
        return integral(name, density(sigma2), z, everywhere, sp.Integer(1))

    def prior(name: str, density: Density) -> Verdict:
        whole = alpha * density(sigma1) + (1 - alpha) * density(sigma2)
        return integral(name, whole, z, everywhere, sp.Integer(1), *ALLOWED)

    yield correction(
        "E13, Eq. 12, narrow component", component, printed=under_the_root, right=gaussian
    )
    yield integral(
        "E13, Eq. 12, root of sigma", under_the_root(sigma2), z, everywhere, sp.sqrt(sigma2)
    )
    yield correction("E13, Eq. 12", prior, printed=under_the_root, right=gaussian)


def equation_14() -> Iterator[Correction]:
    """The logarithm of the density, with the normaliser of a density."""
    yield correction(
        "E13, Eq. 14",
        lambda name, density: is_log_density(
            name, sp.log(alpha * density(sigma1) + (1 - alpha) * density(sigma2))
        ),
        printed=under_the_root,
        right=gaussian,
    )


def equations_15_and_16() -> Iterator[Correction]:
    """What is taken out of the bracket must divide what stays; the wide component is missing."""

    def factored(name: str, parts: tuple[sp.Expr, sp.Expr]) -> Verdict:
        outside, inside = parts
        return is_log_density(name, sp.log(outside) + sp.log(1 + inside))

    wide, narrow = alpha * gaussian(sigma1), (1 - alpha) * gaussian(sigma2)
    yield correction(
        "E14, Eq. 15 and 16", factored, printed=(wide, narrow), right=(wide, narrow / wide)
    )
    printed = alpha * under_the_root(sigma1), (1 - alpha) * under_the_root(sigma2)
    yield correction(
        "E13 and E14, Eq. 15 and 16", factored, printed=printed, right=(wide, narrow / wide)
    )


def equation_17() -> Iterator[Correction]:
    """Minus z^2 / (2 sigma1^2), beside the logarithm of the wide component's true normaliser."""
    scale = alpha / (sp.sqrt(2 * sp.pi) * sigma1)

    def added(name: str, parts: tuple[sp.Expr, sp.Expr]) -> Verdict:
        outside, square = parts
        return is_log_density(name, sp.log(outside) + square + sp.log(1 + R1 * GROWTH))

    half = -(z**2) / (2 * sigma1**2)
    yield correction(
        "E15, Eq. 17", added, printed=(scale, -(z**2) / sigma1**2), right=(scale, half)
    )
    yield correction(
        "E13, Eq. 17", added, printed=(scale * sp.sqrt(sigma1), half), right=(scale, half)
    )


def equation_18() -> Iterator[Correction]:
    """The derivative of a logarithm divides by what stood in it."""
    yield correction(
        "E16, Eq. 18",
        lambda name, below: is_score(name, -z / sigma1**2 + R1 * R2 * z * GROWTH / below),
        printed=sp.Integer(1),
        right=1 + R1 * GROWTH,
    )


def equation_19() -> Iterator[Verdict]:
    """The score with the exponential in the denominator is the derivative of the log-density."""
    yield catches("Eq. 19", is_score, -z / sigma1**2 + R1 * R2 * z / (1 / GROWTH + R1))


def equation_20() -> Iterator[Correction]:
    """The exponent is R2 z^2 / 2; divided by sigma2^2 instead, the pull to zero nearly vanishes."""
    yield correction(
        "E17, Eq. 20",
        lambda name, divisor: is_score(
            name, -z / sigma1**2 + R1 * R2 * z / (sp.exp(-R2 * z**2 / divisor) + R1)
        ),
        printed=sigma2**2,
        right=sp.Integer(2),
    )
