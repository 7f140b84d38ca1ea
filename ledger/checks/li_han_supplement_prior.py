"""Li & Han (2022), supplement A.1: the two-Gaussian prior, its logarithm and its score."""

from collections.abc import Callable, Iterator

import sympy as sp
import torch
from torch import Tensor

from ledger.checks.mixture_by_definition import (
    ALLOWED,
    DENSITY,
    LOG_DENSITY,
    PAPER,
    R1,
    R2,
    alpha,
    draw,
    gaussian,
    is_log_density,
    is_score,
    mass_within,
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
    monte_carlo,
    symbolic,
)
from vsclib.spike_slab import mixture_log_prob, mixture_sample

Sampler = Callable[[int, torch.Generator], Tensor]
ARGUMENTS = {"z": z, "alpha": alpha, "sigma1": sigma1, "sigma2": sigma2}


def equation_1() -> Iterator[Correction | Verdict]:
    """The prior is a mixture of densities, not the density of a sum of two variables."""
    sizes = [0.05, 0.2, 0.5]
    inside = [mass_within(size) for size in sizes]

    def frequencies(name: str, sample: Sampler) -> Verdict:
        def within(count: int, generator: torch.Generator) -> Tensor:
            return sample(count, generator).abs()[:, None] < torch.tensor(sizes)

        return monte_carlo(name, within, inside, draws=200_000)

    weight, wide, narrow = PAPER[alpha], PAPER[sigma1], PAPER[sigma2]
    yield correction(
        "E09, Eq. 1",
        frequencies,
        printed=lambda count, g: (
            weight * wide * _normal(count, g) + (1 - weight) * narrow * _normal(count, g)
        ),
        right=lambda count, g: draw(count, g)[0],
    )
    yield frequencies(
        "Eq. 1, library",
        lambda count, g: mixture_sample((count,), weight, wide, narrow, generator=g),
    )


def equation_2() -> Iterator[Verdict]:
    """The density integrates to 1 with the draw's variance; with sigma under the root, not."""
    everywhere = (-sp.oo, sp.oo)
    yield integral("Eq. 2, mass", DENSITY, z, everywhere, 1, *ALLOWED)
    variance = alpha * sigma1**2 + (1 - alpha) * sigma2**2
    yield integral("Eq. 2, variance", z**2 * DENSITY, z, everywhere, variance, *ALLOWED)
    shrunk = alpha * gaussian(sigma1) * sp.sqrt(sigma1) + (1 - alpha) * gaussian(sigma2) * sp.sqrt(
        sigma2
    )
    yield fails(integral, "Eq. 2 with sqrt(2 pi sigma)", shrunk, z, everywhere, 1, *ALLOWED)


def equation_3() -> Iterator[Verdict]:
    """The logarithm of the sum, which the library computes; it is not the sum of the logarithms."""
    yield implements("Eq. 3", mixture_log_prob, LOG_DENSITY, ARGUMENTS, *ALLOWED)
    apart = alpha * sp.log(gaussian(sigma1)) + (1 - alpha) * sp.log(gaussian(sigma2))
    yield fails(is_log_density, "Eq. 3 with the logarithm inside the sum", apart)


def equations_4_and_5() -> Iterator[Correction]:
    """The factor beside the wide component carries the exponential of plus z^2 / (2 sigma1^2)."""
    printed = (1 - alpha) * gaussian(sigma2) * sp.sqrt(2 * sp.pi) * sigma1 / alpha
    yield correction(
        "E01, Eq. 4 and 5",
        lambda name, factor: is_log_density(name, sp.log(alpha * gaussian(sigma1) * (1 + factor))),
        printed=printed,
        right=printed * sp.exp(z**2 / (2 * sigma1**2)),
    )


def equation_6() -> Iterator[Correction]:
    """The logarithm of the density holds minus z^2 / (2 sigma1^2); the printed form loses the 2."""
    tail = sp.log(alpha / (sp.sqrt(2 * sp.pi) * sigma1)) + sp.log(1 + R1 * sp.exp(R2 * z**2 / 2))
    yield correction(
        "E02, Eq. 6",
        lambda name, square: is_log_density(name, tail + square),
        printed=-(z**2) / sigma1**2,
        right=-(z**2) / (2 * sigma1**2),
    )


def equation_7() -> Iterator[Verdict]:
    """The score with a decaying exponential is the derivative of the log-density."""
    decay = sp.exp(R2 * z**2 / 2)
    yield catches("Eq. 7", is_score, -z / sigma1**2 + R1 * R2 * z * decay / (1 + R1 * decay))


def equation_9() -> Iterator[Verdict]:
    """The score with the exponential in the denominator is the derivative of the log-density."""
    yield catches(
        "Eq. 8 and 9", is_score, -z / sigma1**2 + R1 * R2 * z / (sp.exp(-R2 * z**2 / 2) + R1)
    )
    gap = (sigma1 - sigma2) * (sigma1 + sigma2)  # positive while sigma2 < sigma1
    yield symbolic("after Eq. 9, R2 is negative", R2, -gap / (sigma1 * sigma2) ** 2)


def _normal(count: int, generator: torch.Generator) -> Tensor:
    return torch.randn(count, generator=generator)
