"""The two-Gaussian mixture of the sparse generator: log-density, score, responsibility, draws."""

import functools
import math
from collections.abc import Callable

import torch
from torch import Tensor

from vsclib import randomness
from vsclib.arguments import explained
from vsclib.errors import ConfigurationError
from vsclib.spike_slab import ranges
from vsclib.spike_slab.divergence import HALF_LOG_TWO_PI


@explained
def mixture_log_prob(
    z: Tensor, alpha: Tensor | float, sigma1: Tensor | float = 1.0, sigma2: Tensor | float = 0.1
) -> Tensor:
    r"""Log-density of the two-Gaussian mixture in nats, for each latent.

    .. math:: \log p(z) = \log\bigl[\alpha\,\mathcal N(z;0,\sigma_1^2)
        + (1-\alpha)\,\mathcal N(z;0,\sigma_2^2)\bigr]

    A logarithm of a sum of exponentials keeps it finite where both densities underflow.

    Args:
        z: codes, any shape.
        alpha: weight of the wide component, in (0, 1].
        sigma1, sigma2: standard deviations, 0 < sigma2 <= sigma1.

    Raises:
        ConfigurationError: ``alpha``, ``sigma1`` or ``sigma2`` is out of range.

    Source:
        Li & Han (2022), Eq. 1; the normaliser of Eq. 12 and 13 integrates to sigma (E13).
    """
    alpha = _mixture_weights(z, alpha, sigma1, sigma2)
    wide = alpha.log() + _gaussian_log_prob(z, sigma1)
    narrow = torch.log1p(-alpha) + _gaussian_log_prob(z, sigma2)
    return torch.logaddexp(wide, narrow)


@explained
def mixture_score(
    z: Tensor, alpha: Tensor | float, sigma1: Tensor | float = 1.0, sigma2: Tensor | float = 0.1
) -> Tensor:
    r"""Score of the two-Gaussian mixture in the papers' closed form.

    .. math:: \frac{d\log p}{dz} = -\frac{z}{\sigma_1^2}
        + \frac{R_1 R_2\,z\,e^{R_2 z^2/2}}{1 + R_1 e^{R_2 z^2/2}}, \quad
        R_1 = \frac{(1-\alpha)\sigma_1}{\alpha\sigma_2},\
        R_2 = \frac{\sigma_2^2-\sigma_1^2}{\sigma_1^2\sigma_2^2} \le 0

    Both exponents are at most zero, so nothing overflows. The papers' last form divides by the
    exponential, which overflows without harm (E03). Arguments, shape and errors are those of
    :func:`mixture_log_prob`.

    Source:
        Li & Han (2022), supplement Eq. 7; main text Eq. 7 prints R for R_2 (E12).
    """
    alpha = _mixture_weights(z, alpha, sigma1, sigma2)
    r1 = (1.0 - alpha) * sigma1 / (alpha * sigma2)
    r2 = (sigma2**2 - sigma1**2) / (sigma1**2 * sigma2**2)
    decay = torch.exp(0.5 * r2 * z**2)
    return -z / sigma1**2 + r1 * r2 * z * decay / (1.0 + r1 * decay)


@explained
def mixture_responsibility(
    z: Tensor, alpha: Tensor | float, sigma1: Tensor | float = 1.0, sigma2: Tensor | float = 0.1
) -> Tensor:
    r"""Posterior probability that a code came from the wide component.

    .. math:: p(C_1\mid z) = S\Bigl(\log\frac{\alpha\,\sigma_2}{(1-\alpha)\,\sigma_1}
        + \frac{z^2}{2}\Bigl[\frac1{\sigma_2^2}-\frac1{\sigma_1^2}\Bigr]\Bigr)

    The value lies in [0, 1]. Arguments, shape and errors are those of :func:`mixture_log_prob`.

    Source:
        Li & Han (2022), Eq. 9.
    """
    prior, slope = _mixture_odds(z, alpha, sigma1, sigma2)
    return torch.sigmoid(prior + slope * z**2)


@explained
def mixture_score_posterior(
    z: Tensor, alpha: Tensor | float, sigma1: Tensor | float = 1.0, sigma2: Tensor | float = 0.1
) -> Tensor:
    r"""Score of the two-Gaussian mixture as two pulls, weighted by the component posterior.

    .. math:: \frac{d\log p}{dz} = -p(C_1\mid z)\frac{z}{\sigma_1^2}
        - p(C_2\mid z)\frac{z}{\sigma_2^2}

    A small code feels the strong pull of the narrow component, a large one only the weak pull of
    the wide component. Arguments, shape and errors are those of :func:`mixture_log_prob`.

    Source:
        Li & Han (2022), Eq. 10.
    """
    return mixture_pull(z, alpha, sigma1, sigma2)(z)


@explained
def mixture_pull(
    z: Tensor, alpha: Tensor | float, sigma1: Tensor | float = 1.0, sigma2: Tensor | float = 0.1
) -> Callable[[Tensor], Tensor]:
    """:func:`mixture_score_posterior` as a function of codes, its other arguments checked once.

    Args:
        z: codes of the dtype and on the device that the function will be given.
        alpha, sigma1, sigma2: as for :func:`mixture_log_prob`.

    Raises:
        ConfigurationError: ``alpha``, ``sigma1`` or ``sigma2`` is out of range.
    """
    odds = _mixture_odds(z, alpha, sigma1, sigma2)
    return functools.partial(_pull, odds, sigma1, sigma2)


def _pull(
    odds: tuple[Tensor, Tensor | float],
    sigma1: Tensor | float,
    sigma2: Tensor | float,
    z: Tensor,
) -> Tensor:
    log_odds = odds[0] + odds[1] * z**2
    return -torch.sigmoid(log_odds) * z / sigma1**2 - torch.sigmoid(-log_odds) * z / sigma2**2


@explained
def mixture_sample(
    shape: tuple[int, ...],
    alpha: Tensor | float,
    sigma1: Tensor | float = 1.0,
    sigma2: Tensor | float = 0.1,
    *,
    generator: torch.Generator,
) -> Tensor:
    """Draws from the two-Gaussian mixture: first the component, then the value.

    Released code draws a weighted sum of two Gaussians: that is a single Gaussian with light tails.

    Args:
        shape: shape of the draw.
        alpha: probability of the wide component, in (0, 1].
        sigma1, sigma2: standard deviations, 0 < sigma2 <= sigma1.
        generator: source of randomness; the draw is on its device.

    Raises:
        ConfigurationError: ``alpha``, ``sigma1`` or ``sigma2`` is out of range.

    Source:
        Li & Han (2022), Eq. 1.
    """
    values = randomness.normal(shape, generator, generator.device)
    _mixture_weights(values, alpha, sigma1, sigma2)
    wide = randomness.uniform(shape, generator, generator.device) < alpha
    return values * torch.where(wide, sigma1, sigma2)


def _gaussian_log_prob(z: Tensor, sigma: Tensor | float) -> Tensor:
    return -0.5 * (z / sigma) ** 2 - math.log(sigma) - HALF_LOG_TWO_PI


def _mixture_odds(
    z: Tensor, alpha: Tensor | float, sigma1: Tensor | float, sigma2: Tensor | float
) -> tuple[Tensor, Tensor | float]:
    """What the log-odds of the wide component are at zero, and their growth with z^2."""
    alpha = _mixture_weights(z, alpha, sigma1, sigma2)
    prior = torch.logit(alpha) + math.log(sigma2 / sigma1)
    return prior, 0.5 * (1.0 / sigma2**2 - 1.0 / sigma1**2)


def _mixture_weights(
    z: Tensor, alpha: Tensor | float, sigma1: Tensor | float, sigma2: Tensor | float
) -> Tensor:
    alpha = ranges.checked_probability("alpha", alpha, z, open_at_zero=True)
    ranges.require_positive("sigma2", sigma2)
    if not sigma2 <= sigma1:
        found = f"sigma2 = {sigma2:g} exceeds sigma1 = {sigma1:g}"
        raise ConfigurationError(f"{found}: choose 0 < sigma2 <= sigma1")
    return alpha
