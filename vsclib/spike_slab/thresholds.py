r"""Codes by thresholding Laplace noise: a draw near its mean becomes an exact zero.

The noise is given by the logarithm of its *variance*, as everywhere in this library. Its scale is
:math:`b = \sigma/\sqrt2`.
"""

import math

import torch
from torch import Tensor

from vsclib.arguments import explained
from vsclib.spike_slab import ranges

ROOT_TWO = math.sqrt(2.0)


@explained
def laplace_noise(noise: Tensor) -> Tensor:
    r"""Laplace noise of mean 0 and variance 1, by the inverse of its distribution function.

    .. math:: \varepsilon = -\tfrac1{\sqrt2}\,\operatorname{sign}(u)\log(1 - 2|u|), \qquad
        u = \eta - \tfrac12

    The noise eta is uniform in [0, 1), of any shape; the result is finite even at eta = 0.
    """
    u = noise - 0.5
    tail = (1.0 - 2.0 * u.abs()).clamp_min(torch.finfo(noise.dtype).eps / 2)
    return -u.sign() * tail.log() / ROOT_TWO


@explained
def laplace_log_prob(z: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    r"""Log-density of Laplace distributions in nats, for each latent; shapes broadcast.

    .. math:: \log p(z) = -\frac{\sqrt2\,|z - \mu|}{\sigma} - \tfrac12\log 2\sigma^2

    Example:
        >>> laplace_log_prob(torch.zeros(1), torch.zeros(1), torch.zeros(1))
        tensor([-0.3466])
    """
    return -ROOT_TWO * (z - mu).abs() * (-0.5 * logvar).exp() - 0.5 * (logvar + math.log(2.0))


@explained
def laplace_kl(
    mu: Tensor, logvar: Tensor, mu_p: Tensor | float = 0.0, logvar_p: Tensor | float = 0.0
) -> Tensor:
    r"""Kullback-Leibler divergence between two Laplace distributions, for each latent.

    .. math:: \mathrm{KL} = \log\frac{b_p}{b}
        + \frac{b\,e^{-|\mu - \mu_p|/b} + |\mu - \mu_p|}{b_p} - 1, \qquad b = \frac{\sigma}{\sqrt2}

    Args:
        mu, logvar: mean and log-variance of q, shaped (B, J).
        mu_p, logvar_p: the same of the prior, broadcastable to (B, J).

    Returns:
        (B, J), in nats, never negative beyond rounding.

    Source:
        Fallah & Rozell (2022), between base distributions; one branch of their code takes half the
        log-scale in the density, whose KL from draws differs.

    Example:
        >>> laplace_kl(torch.tensor([0.0, 1.0]), torch.tensor([0.0, 0.0]))
        tensor([0.0000, 0.6573])
    """
    logvar_p = ranges.like(logvar_p, mu)
    half = 0.5 * (logvar - logvar_p)  # log of the ratio of scales
    distance = ROOT_TWO * (mu - mu_p).abs()
    own = distance * (-0.5 * logvar).exp()  # in units of b
    other = distance * (-0.5 * logvar_p).exp()  # in units of b_p
    return -half + (half - own).exp() + other - 1.0  # (B, J)


@explained
def threshold_gamma(threshold: Tensor, logvar: Tensor) -> Tensor:
    r"""Probability that the size of Laplace noise exceeds a threshold: the latent is on.

    .. math:: \gamma = P(|\varepsilon| > \tau) = e^{-\tau/b}, \qquad b = \frac{\sigma}{\sqrt2}

    Args:
        threshold, logvar: tau >= 0, the paper's lambda, and the noise's log-variance, each (B, J).

    Raises:
        ConfigurationError: a threshold is negative.
    """
    threshold = ranges.checked_threshold(threshold)
    return (-ROOT_TWO * threshold * (-0.5 * logvar).exp()).exp()


@explained
def gamma_threshold(gamma: Tensor, logvar: Tensor) -> Tensor:
    r"""The threshold (B, J) that Laplace noise exceeds with a probability gamma in (0, 1].

    .. math:: \tau = -b\log\gamma
    """
    return -gamma.log() * (0.5 * logvar).exp() / ROOT_TWO


@explained
def shifted_soft_threshold(deviation: Tensor, mu: Tensor, threshold: Tensor) -> Tensor:
    r"""A draw, thresholded around its mean and not around zero.

    .. math:: z = \begin{cases}0 & |\varepsilon| \le \tau\\
        \mu + \operatorname{sign}(\varepsilon)\,(|\varepsilon| - \tau) & \text{otherwise}\end{cases}

    The noise is thresholded, so a draw that is on keeps its mean; a soft threshold around zero
    would shrink it by tau. With Laplace noise the result is *exactly* a spike-and-slab: on with
    probability :math:`e^{-\tau/b}`, and then :math:`\mu` plus the same Laplace noise, because an
    exponential variable has no memory. The derivatives are those of the formula where the draw is
    on, and zero elsewhere.

    Args:
        deviation, mu: epsilon, the noise in units of z, and the mean, each (B, J).
        threshold: tau, not negative, broadcastable to (B, J).

    Raises:
        ConfigurationError: a threshold is negative.

    Source:
        Fallah & Rozell (2022), the shifted soft-threshold of figure 2, and their released code.
    """
    threshold = ranges.checked_threshold(threshold)
    over = deviation.abs() - threshold
    return torch.where(over > 0, mu + deviation.sign() * over, 0.0)


@explained
def threshold_price(threshold: Tensor, scale: Tensor | float) -> Tensor:
    r"""Cost of a threshold under a Gamma prior of shape 2, above that of the likeliest one.

    .. math:: -\log\frac{p(\tau)}{\max p} = \frac{2\tau}{s} - 1 - \log\frac{2\tau}{s}, \qquad
        p = \mathrm{Gamma}(2,\ \text{rate } 2/s)

    Args:
        threshold: tau, positive, shaped (B, J); the cost, in nats, is zero at tau = s / 2.
        scale: s > 0, the prior's mean.

    Raises:
        ConfigurationError: the scale is not positive.

    Source:
        The prior of the released code of Fallah & Rozell (2022), whose encoder gives a Gamma
        posterior for every threshold; here a threshold is one number.
    """
    ranges.require_positive("scale", scale)
    ratio = 2.0 * threshold / scale
    return ratio - 1.0 - ratio.log()
