"""Li & Han (2022), supplement, end of A.1: which form of the score overflows, which ones agree."""

import functools
import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from ledger.checks.mixture_by_definition import PAPER, SCORE, alpha, sigma1, sigma2
from vsclib.checks import Correction, Sweep, Verdict, close, correction, fails, overflow
from vsclib.spike_slab import mixture_log_prob, mixture_score, mixture_score_posterior

SINGLE_AND_DOUBLE = (torch.float32, torch.float64)
# -R2 / 2 for sigma1 = 1 and sigma2 = 0.1.
HALF_R2 = (PAPER[sigma1] ** 2 - PAPER[sigma2] ** 2) / (2 * PAPER[sigma1] ** 2 * PAPER[sigma2] ** 2)
ODDS = (1 - PAPER[alpha]) * PAPER[sigma1] / (PAPER[alpha] * PAPER[sigma2])

WEIGHTS = (0.01, 0.02, 0.1, 0.3, 0.5, 0.9, 0.99, 0.999)

Form = Callable[[Tensor], Tensor]


def the_exponential_that_overflows() -> Iterator[Correction | Sweep | Verdict]:
    """The rewriting brings in the only exponential that overflows, and the ratio underflows."""
    yield correction(
        "E03, the exponential that does not overflow",
        lambda name, exponential: _finite(name, exponential),
        printed=lambda z: torch.exp(HALF_R2 * z**2),  # Eq. 9
        right=lambda z: torch.exp(-HALF_R2 * z**2),  # Eq. 7
    )
    yield overflow(
        "E03, where the exponential of Eq. 9 and the ratio of Eq. 17 break",
        {
            "exponential": lambda z: torch.exp(HALF_R2 * z**2),
            "ratio": _ratio,
            "second derivative": _differentiated,
        },
        None,
        precisions=SINGLE_AND_DOUBLE,
        points=801,
        expected={
            ("exponential", "float32"): 1.339,
            ("exponential", "float64"): 3.787,
            ("ratio", "float32"): 14.032,
            ("ratio", "float64"): 38.461,
            ("second derivative", "float32"): 1.339,
            ("second derivative", "float64"): 3.787,
        },
    )
    yield overflow(
        "E03, forms that are right for every z",
        {
            "Eq. 7": _library,
            "Eq. 9": _growing,
            "Eq. 20": _pulls,
            "autograd of logaddexp": _automatic,
        },
        SCORE.subs(PAPER),
        precisions=SINGLE_AND_DOUBLE,
        points=401,
        safe=("Eq. 7", "Eq. 9", "Eq. 20", "autograd of logaddexp"),
    )
    yield _half_precision()


def three_ways_to_one_score() -> Iterator[Verdict]:
    """Closed form, posterior form and autograd agree to 2e-5 in single precision for every code."""
    codes, weights = torch.meshgrid(
        torch.linspace(-20, 20, 4001), torch.tensor(WEIGHTS), indexing="ij"
    )
    for narrow in (0.1, math.sqrt(0.1)):
        closed = mixture_score(codes, weights, 1.0, narrow)
        # Relative to the score, where that exceeds 1: single precision knows seven digits of a pull
        # of 27.
        size = closed.abs().clamp(min=1.0)
        place = f"sigma2^2 = {narrow**2:.2g}"
        log_prob = functools.partial(mixture_log_prob, alpha=weights, sigma1=1.0, sigma2=narrow)
        posterior = mixture_score_posterior(codes, weights, 1.0, narrow)
        yield close(
            f"section 3.3, posterior form, {place}", posterior / size, closed / size, tolerance=2e-5
        )
        yield close(
            f"section 3.3, autograd, {place}",
            _slope(log_prob, codes) / size,
            closed / size,
            tolerance=2e-5,
        )
        yield fails(
            close,
            f"section 3.3, wide component alone, {place}",
            -codes / size,
            closed / size,
            tolerance=2e-5,
        )


def _half_precision() -> Verdict:
    """In float16 the product R1 R2 itself is out of range: Eq. 7 is NaN at z = 0."""
    found = overflow(
        "float16",
        {"Eq. 7": _library, "Eq. 9": _growing},
        None,
        (0.0, 1.0),
        precisions=[torch.float16],
    )
    first = [found.row(form, "float16").not_finite for form in ("Eq. 7", "Eq. 9")]
    return close(
        "E03, first |z| without a value in float16, Eq. 7 and 9",
        first,
        [0.0, 0.669],
        tolerance=2e-3,
    )


def _finite(name: str, form: Form) -> Verdict:
    return overflow(
        name,
        {"exponential": form},
        None,
        precisions=SINGLE_AND_DOUBLE,
        points=801,
        safe=["exponential"],
    ).verdict


def _library(z: Tensor) -> Tensor:
    """Eq. 7, R1 and R2 in the precision of z."""
    return mixture_score(z, PAPER[alpha], PAPER[sigma1], PAPER[sigma2])


def _growing(z: Tensor) -> Tensor:
    """Eq. 9."""
    return -z + ODDS * -2 * HALF_R2 * z / (torch.exp(HALF_R2 * z**2) + ODDS)


def _ratio(z: Tensor) -> Tensor:
    """Eq. 17, both densities as they stand."""
    wide, narrow = (
        weight / (math.sqrt(2 * math.pi) * sigma) * torch.exp(-(z**2) / (2 * sigma**2))
        for weight, sigma in ((PAPER[alpha], PAPER[sigma1]), (1 - PAPER[alpha], PAPER[sigma2]))
    )
    return (-wide * z / PAPER[sigma1] ** 2 - narrow * z / PAPER[sigma2] ** 2) / (wide + narrow)


def _pulls(z: Tensor) -> Tensor:
    """Eq. 20 with Eq. 15."""
    wide, narrow = PAPER[alpha] / PAPER[sigma1], (1 - PAPER[alpha]) / PAPER[sigma2]
    of_wide = wide / (wide + narrow * torch.exp(-HALF_R2 * z**2))
    of_narrow = narrow / (narrow + wide * torch.exp(HALF_R2 * z**2))
    return -of_wide * z / PAPER[sigma1] ** 2 - of_narrow * z / PAPER[sigma2] ** 2


def _automatic(z: Tensor) -> Tensor:
    return _slope(lambda x: mixture_log_prob(x, PAPER[alpha], PAPER[sigma1], PAPER[sigma2]), z)


def _differentiated(z: Tensor) -> Tensor:
    """Autograd through Eq. 9."""
    return _slope(_growing, z)


def _slope(function: Form, z: Tensor) -> Tensor:
    z = z.detach().requires_grad_(True)
    return torch.autograd.grad(function(z).sum(), z)[0]
