"""Li & Han (2022), supplement A.2 and A.3: the component of a code, and the score through it."""

from collections.abc import Callable, Iterator

import numpy as np
import sympy as sp
import torch
from torch import Tensor

from ledger.checks.li_han_supplement_prior import ARGUMENTS
from ledger.checks.mixture_by_definition import (
    ALLOWED,
    DENSITY,
    EXPONENT,
    NARROW,
    PAPER,
    RESPONSIBILITY,
    SCORE,
    WIDE,
    alpha,
    at,
    draw,
    gaussian,
    is_responsibility,
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
    finite_differences,
    implements,
    monte_carlo,
    symbolic,
)
from vsclib.spike_slab import (
    mixture_log_prob,
    mixture_responsibility,
    mixture_score,
    mixture_score_posterior,
)

SLIPPED = z**2 / sigma1**2 - z**2 / (2 * sigma2**2)
"""The exponent of Eq. 14 for the wide component, without the 2 (E04)."""
SLIPPED_NARROW = z**2 / sigma2**2 - z**2 / (2 * sigma1**2)
"""The same for the narrow component."""


def equations_10_to_13() -> Iterator[Verdict]:
    """Among draws near one z, the share from the wide component is the posterior."""
    edges = torch.tensor([0.1, 0.2, 0.3, 0.4], dtype=torch.float64)

    def calibrated(name: str, posterior: sp.Expr) -> Verdict:
        def surplus(count: int, generator: torch.Generator) -> Tensor:
            values, wide = draw(count, generator)
            bins = torch.bucketize(values.abs(), edges)
            claimed = torch.from_numpy(np.asarray(at(posterior, values.numpy())))
            return (wide.double() - claimed)[:, None] * torch.nn.functional.one_hot(
                bins, len(edges) + 1
            )

        return monte_carlo(name, surplus, torch.zeros(len(edges) + 1), draws=400_000)

    yield calibrated("Eq. 10 to 13", RESPONSIBILITY)
    yield fails(
        calibrated,
        "Eq. 12 without the weights",
        gaussian(sigma1) / (gaussian(sigma1) + gaussian(sigma2)),
    )


def equation_14() -> Iterator[Correction]:
    """The two posteriors add up to 1 and are Bayes' rule only if both squares carry their 2."""
    yield correction(
        "E04, Eq. 14",
        lambda name, exponents: symbolic(
            name, sum(_posteriors(*exponents)), sp.Integer(1), *ALLOWED
        ),
        printed=(SLIPPED, SLIPPED_NARROW),
        right=(EXPONENT, -EXPONENT),
    )
    yield correction(
        "E04, Eq. 14, wide component",
        lambda name, exponents: is_responsibility(name, _posteriors(*exponents)[0]),
        printed=(SLIPPED, SLIPPED_NARROW),
        right=(EXPONENT, -EXPONENT),
    )


def equation_15() -> Iterator[Verdict]:
    """Both posteriors with one exponential each; the library computes the first."""
    wide, narrow = _posteriors(EXPONENT, -EXPONENT)
    yield catches("Eq. 15, wide component", is_responsibility, wide)
    yield symbolic("Eq. 15, narrow component", narrow, 1 - RESPONSIBILITY, *ALLOWED)
    yield implements("Eq. 15, library", mixture_responsibility, wide, ARGUMENTS, *ALLOWED)


def equation_16() -> Iterator[Verdict]:
    """The score is the derivative of the log-density, by differences that know no formula of it."""
    weight, wide, narrow = PAPER[alpha], PAPER[sigma1], PAPER[sigma2]
    points = torch.linspace(-2.0, 2.0, 41, dtype=torch.float64)

    def is_derivative(name: str, score: Tensor | Callable[[Tensor], Tensor]) -> Verdict:
        return finite_differences(
            name,
            lambda x: mixture_log_prob(x, weight, wide, narrow),
            score,
            points,
            step=1e-3,
            order=6,
            tolerance=1e-7,
        )

    yield is_derivative("Eq. 16", lambda x: mixture_score(x, weight, wide, narrow))
    yield is_derivative(
        "Eq. 16, derivative by SymPy", torch.from_numpy(np.asarray(at(SCORE, points.numpy())))
    )
    yield fails(is_derivative, "Eq. 16, pull of the wide component alone", lambda x: -x / wide**2)


def equations_17_and_19() -> Iterator[Verdict]:
    """The derivative as one fraction, and split into the pull of each component."""
    pulls = alpha * gaussian(sigma1) * z / sigma1**2, (1 - alpha) * gaussian(sigma2) * z / sigma2**2
    yield catches("Eq. 17", is_score, (-pulls[0] - pulls[1]) / DENSITY)
    yield catches("Eq. 19", is_score, -pulls[0] / DENSITY - pulls[1] / DENSITY)


def equation_20() -> Iterator[Correction | Verdict]:
    """The score is two pulls weighed by the posterior of Eq. 15; that of Eq. 14 gives another."""

    def pulled(name: str, posteriors: tuple[sp.Expr, sp.Expr]) -> Verdict:
        return is_score(name, -posteriors[0] * z / sigma1**2 - posteriors[1] * z / sigma2**2)

    yield correction(
        "E05, Eq. 20",
        pulled,
        printed=_posteriors(SLIPPED, SLIPPED_NARROW),
        right=_posteriors(EXPONENT, -EXPONENT),
    )
    yield implements("Eq. 20, library", mixture_score_posterior, SCORE, ARGUMENTS, *ALLOWED)


def _posteriors(of_wide: sp.Expr, of_narrow: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
    """Posterior of the wide and of the narrow component, each with its exponent."""
    return WIDE / (WIDE + NARROW * sp.exp(of_wide)), NARROW / (NARROW + WIDE * sp.exp(of_narrow))
