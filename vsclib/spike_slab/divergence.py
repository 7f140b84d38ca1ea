"""The exact spike-and-slab: its KL from the prior, and the warm-up of its slab."""

import math
from typing import Literal, get_args

import torch
from torch import Tensor

from vsclib.errors import ConfigurationError, nearest
from vsclib.spike_slab import ranges

HALF_LOG_TWO_PI = 0.5 * math.log(2.0 * math.pi)

WarmUp = Literal["variance_linear", "log_variance_linear", "std_linear", "sqrt"]


def bernoulli_kl(gamma: Tensor, alpha: Tensor | float) -> Tensor:
    r"""Kullback-Leibler divergence between two Bernoulli variables, for each latent.

    .. math:: \mathrm{KL} = \gamma\log\frac{\gamma}{\alpha}
        + (1-\gamma)\log\frac{1-\gamma}{1-\alpha}

    with :math:`0\log 0 = 0`. At :math:`\gamma\in\{0,1\}` the value is exact and the gradient is
    finite. Where q has mass and the prior has none, the value is infinite.

    Args:
        gamma, alpha: probability of *on* under q, (B, J), and the prior, broadcastable, in [0, 1].

    Returns:
        (B, J), in nats, never negative beyond rounding.

    Raises:
        ConfigurationError: ``gamma`` or ``alpha`` lies outside [0, 1].

    Source:
        Tonolini et al. (2019, ICLR submission), last two terms of Eq. 9; 2019 supplement, Eq. 10.

    Example:
        >>> bernoulli_kl(torch.tensor([0.0, 0.5, 1.0]), 0.5)
        tensor([0.6931, 0.0000, 0.6931])
    """
    gamma = ranges.probability("gamma", gamma, gamma)
    alpha = ranges.probability("alpha", alpha, gamma)
    return _mass_kl(gamma, alpha) + _mass_kl(1.0 - gamma, 1.0 - alpha)  # (B, J)


def _mass_kl(q: Tensor, p: Tensor) -> Tensor:
    """The term q log(q / p), with 0 log 0 = 0 and a finite gradient at q = 0."""
    # The clamp keeps the gradient finite where q underflows. The stand-in 0.5 keeps an infinite
    # logarithm out of the backward pass, where zero times infinity would give NaN.
    possible = ~(p <= 0)  # NaN is possible, so that it goes on
    share = q * (q.clamp(min=torch.finfo(q.dtype).tiny).log() - torch.where(possible, p, 0.5).log())
    return torch.where(possible, share, torch.where(q > 0, math.inf, 0.0).to(q.dtype))


def gaussian_kl(
    mu: Tensor, logvar: Tensor, mu_p: Tensor | float = 0.0, logvar_p: Tensor | float = 0.0
) -> Tensor:
    r"""Kullback-Leibler divergence between two Gaussians, for each latent.

    .. math:: \mathrm{KL} = \tfrac12\Bigl[\log\frac{\sigma_p^2}{\sigma^2}
        + \frac{\sigma^2 + (\mu-\mu_p)^2}{\sigma_p^2} - 1\Bigr]

    Args:
        mu, logvar: mean and log-variance of q, shaped (B, J).
        mu_p, logvar_p: the same of the prior, broadcastable; the default is the standard normal.

    Returns:
        (B, J), in nats, never negative beyond rounding.

    Source:
        Kingma & Welling (2014), appendix B. Eq. 9 of the 2019 supplement prints sigma for sigma^2
        (erratum E34), which can be negative.

    Example:
        >>> gaussian_kl(torch.tensor([0.0, 1.0]), torch.tensor([0.0, 0.0]))
        tensor([0.0000, 0.5000])
    """
    logvar_p = ranges.like(logvar_p, mu)
    # Differences of logs, not logs of ratios: a collapsed variance is near the smallest float.
    spread = logvar_p - logvar + (logvar - logvar_p).exp()
    return 0.5 * (spread + (mu - mu_p) ** 2 * (-logvar_p).exp() - 1.0)  # (B, J)


def gaussian_log_prob(z: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    r"""Log-density of normal distributions in nats, for each latent; shapes broadcast.

    .. math:: \log\mathcal N(z;\mu,\sigma^2) = -\tfrac12\Bigl[\frac{(z-\mu)^2}{\sigma^2}
        + \log\sigma^2 + \log 2\pi\Bigr]

    Example:
        >>> gaussian_log_prob(torch.zeros(1), torch.zeros(1), torch.zeros(1))
        tensor([-0.9189])
    """
    return -0.5 * ((z - mu).square() * (-logvar).exp() + logvar) - HALF_LOG_TWO_PI


def kl(
    gamma: Tensor,
    mu: Tensor,
    logvar: Tensor,
    alpha: Tensor | float,
    mu_p: Tensor | float = 0.0,
    logvar_p: Tensor | float = 0.0,
) -> Tensor:
    r"""Kullback-Leibler divergence between two spike-and-slab distributions, for each latent.

    .. math:: \mathrm{KL} = \gamma\,\mathrm{KL}\bigl(
        \mathcal N(\mu,\sigma^2)\,\|\,\mathcal N(\mu_p,\sigma_p^2)\bigr)
        + \gamma\log\frac{\gamma}{\alpha} + (1-\gamma)\log\frac{1-\gamma}{1-\alpha}

    A code that is on pays for its value and for being on; a code that is off pays only for being
    off. With ``gamma = alpha = 1`` this is the VAE's KL.

    Args:
        gamma: probability of *on* under q, in [0, 1], shaped (B, J).
        mu, logvar: mean and log-variance of q's slab, shaped (B, J).
        alpha: probability of *on* under the prior, in [0, 1], broadcastable to (B, J).
        mu_p, logvar_p: mean and log-variance of the prior's slab.

    Returns:
        (B, J), in nats, never negative beyond rounding.

    Raises:
        ConfigurationError: ``gamma`` or ``alpha`` lies outside [0, 1].

    Source:
        Tonolini et al. (2019, ICLR submission), Eq. 23; its Eq. 9 and 11 lose a sign and the
        factor 1/2 (E53, E54).

    Example:
        >>> one = torch.ones(1, 1)
        >>> kl(one, mu=one, logvar=0 * one, alpha=1.0)
        tensor([[0.5000]])
    """
    return gamma * gaussian_kl(mu, logvar, mu_p, logvar_p) + bernoulli_kl(gamma, alpha)  # (B, J)


def warm_up(
    mu: Tensor, logvar: Tensor, lam: Tensor | float, form: WarmUp = "variance_linear"
) -> tuple[Tensor, Tensor]:
    r"""The slab during warm-up: pure noise at ``lam`` = 0, the encoder's slab at ``lam`` = 1.

    .. math:: \mu_\lambda = \lambda\mu, \qquad \sigma_\lambda^2 = \lambda\sigma^2 + 1 - \lambda

    The interpolation is linear in the *variance*. Released codes interpolate otherwise; all agree
    at 0 and 1 only:

    * ``log_variance_linear``: :math:`\sigma_\lambda = \sigma^\lambda`, the authors' code;
    * ``std_linear``: :math:`\sigma_\lambda = \lambda\sigma + 1 - \lambda`, the report's code;
    * ``sqrt``: :math:`\sigma_\lambda = \lambda\sigma + \sqrt{1-\lambda}`, code of Fallah & Rozell.

    Args:
        mu, logvar: mean and log-variance of the encoder's slab, shaped (B, J), as those returned.
        lam: the warm-up, in [0, 1].
        form: what is interpolated.

    Raises:
        ConfigurationError: ``lam`` lies outside [0, 1], or no interpolation has this name.

    Source:
        Tonolini et al. (2019 supplement), section B; section 4.3.2 of the course report, whose
        snippet differs (E67).
    """
    lam = ranges.probability("lam", lam, mu)
    if form not in get_args(WarmUp):
        choice = nearest(str(form), get_args(WarmUp))
        raise ConfigurationError(f"there is no warm-up {form!r}: {choice}")
    if form == "log_variance_linear":
        return lam * mu, lam * logvar  # (B, J), (B, J)
    if form != "variance_linear":
        noise = torch.log1p(-lam) * (0.5 if form == "sqrt" else 1.0)
        return lam * mu, 2.0 * torch.logaddexp(lam.log() + 0.5 * logvar, noise)  # (B, J), (B, J)
    # A logarithm of a sum of exponentials: lam = 1 gives back even a log-variance that overflows.
    return lam * mu, torch.logaddexp(lam.log() + logvar, torch.log1p(-lam))  # (B, J), (B, J)
