"""Poisson codes: the KL between two rates, and a count that has a gradient in its rate."""

import torch
from torch import Tensor

from vsclib.arguments import explained
from vsclib.spike_slab.ranges import require_positive


@explained
def poisson_kl(log_rate: Tensor, log_prior: Tensor) -> Tensor:
    r"""KL from one Poisson distribution to another, in nats.

    .. math:: \mathrm{KL} = \lambda\log\frac\lambda r - \lambda + r
        = r\,(1 - \delta + \delta\log\delta), \qquad \delta = \lambda / r

    Args:
        log_rate: log lambda of the posterior, shaped (B, J).
        log_prior: log r of the prior, of a shape that broadcasts.

    Source:
        Vafaii, Galor & Yates (2024, NeurIPS), the KL of the Poisson VAE.
    """
    rate = log_rate.exp()
    return rate * (log_rate - log_prior) - rate + log_prior.exp()  # (B, J)


@explained
def arrival_count(noise: Tensor, log_rate: Tensor, temperature: Tensor | float) -> Tensor:
    r"""A Poisson count, softened so that it has a gradient in its rate: (B, J).

    .. math:: z = \sum_{k=1}^K S\Bigl(\frac{1 - t_k}T\Bigr), \qquad
        t_k = -\frac1\lambda\sum_{i\le k}\log(1 - \eta_i)

    The times between arrivals are exponential, and the arrivals before time 1 are a Poisson count;
    a sigmoid stands for *before*. As T falls to 0, z becomes the whole count, of at most K.

    Args:
        noise: uniform in [0, 1), shaped (B, J, K): one for each arrival.
        log_rate: log lambda, shaped (B, J).
        temperature: T > 0, in units of the interval.

    Raises:
        ConfigurationError: ``temperature`` is not positive.

    Source:
        Vafaii, Galor & Yates (2024, NeurIPS), the reparameterised Poisson.
    """
    require_positive("temperature", temperature)
    waits = -torch.log1p(-noise) * (-log_rate).exp().unsqueeze(-1)  # (B, J, K)
    return torch.sigmoid((1.0 - waits.cumsum(-1)) / temperature).sum(-1)  # (B, J)
