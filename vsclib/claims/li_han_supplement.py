"""Li & Han (2022), supplement: the two-Gaussian prior, its logarithm, its score and its posterior."""

from collections.abc import Iterator

import sympy as sp

from vsclib.checks import Correction, Verdict, catches, claim, correction, symbolic

z = sp.Symbol("z", real=True)
alpha, sigma1, sigma2 = sp.symbols("alpha sigma_1 sigma_2", positive=True)
ALLOWED = (alpha < 1, sigma2 < sigma1)

R1 = (1 - alpha) * sigma1 / (alpha * sigma2)
R2 = (sigma2**2 - sigma1**2) / (sigma1**2 * sigma2**2)


def gaussian(sigma: sp.Expr) -> sp.Expr:
    """Density of a Gaussian about zero."""
    return sp.exp(-(z**2) / (2 * sigma**2)) / (sp.sqrt(2 * sp.pi) * sigma)


# The definition, Eq. 1 and 2: every other equation is held against it and against no other.
DENSITY = alpha * gaussian(sigma1) + (1 - alpha) * gaussian(sigma2)
SCORE = sp.diff(sp.log(DENSITY), z)


@claim("Eq. 4", "Eq. 5", "E01")
def equations_4_and_5() -> Iterator[Correction]:
    """The factor beside the wide component carries the exponential of plus z^2 / (2 sigma1^2)."""
    printed = (1 - alpha) / (sp.sqrt(2 * sp.pi) * sigma2) * sp.exp(-(z**2) / (2 * sigma2**2)) * _inverse_weight()
    yield correction(
        "E01, Eq. 4 and 5",
        lambda name, factor: symbolic(name, sp.log(alpha * gaussian(sigma1) * (1 + factor)), sp.log(DENSITY), *ALLOWED),
        printed=printed,
        right=printed * sp.exp(z**2 / (2 * sigma1**2)),
    )


@claim("Eq. 6", "E02")
def equation_6() -> Iterator[Correction]:
    """The logarithm of the density holds minus z^2 / (2 sigma1^2); the printed form loses the 2."""
    tail = sp.log(alpha / (sp.sqrt(2 * sp.pi) * sigma1)) + sp.log(1 + R1 * sp.exp(R2 * z**2 / 2))
    yield correction(
        "E02, Eq. 6",
        lambda name, square: symbolic(name, tail + square, sp.log(DENSITY), *ALLOWED),
        printed=-(z**2) / sigma1**2,
        right=-(z**2) / (2 * sigma1**2),
    )


@claim("Eq. 9")
def equation_9() -> Iterator[Verdict]:
    """The score with the exponential in the denominator is the derivative of the log-density."""
    form = -z / sigma1**2 + R1 * R2 * z / (sp.exp(-R2 * z**2 / 2) + R1)
    yield catches("Eq. 9", lambda name, score: symbolic(name, score, SCORE, *ALLOWED), form)


def _inverse_weight() -> sp.Expr:
    return sp.sqrt(2 * sp.pi) * sigma1 / alpha
