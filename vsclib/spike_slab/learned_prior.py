r"""The learned prior of Variational Sparse Coding of 2019, as pure functions on tensors.

An image's prior is a spike-and-slab that the encoder gives for one of K *pseudo-inputs*, images
that are trained like weights. A selector network gives each of them a weight :math:`u^*_k`, and the
KL is the weighted average :math:`\sum_k u^*_k\,\mathrm{KL}(q\,\|\,q_k)`.

Shapes: batch B, latents J, pseudo-inputs K.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from vsclib.arguments import explained
from vsclib.spike_slab.divergence import bernoulli_kl, gaussian_kl, gaussian_log_prob

Selector = Literal["soft", "normalised", "printed"]

SHARPNESS, CENTRE = 60.0, 0.5
"""The papers' a and b: slope and centre of the sharp selector."""


@explained
def sharp_sigmoid(u: Tensor) -> Tensor:
    r"""The last step of the sharp selector: :math:`u^* = S(60\,(u - 0.5))`.

    The entries u (B, K) sum to one; the weights need not. Twenty equal entries give a sum of 4e-11,
    which switches the KL off (E39).

    Source:
        Tonolini et al. (2019 supplement), section A.3.
    """
    return torch.sigmoid(SHARPNESS * (u - CENTRE))  # (B, K)


@explained
def selection(scores: Tensor, selector: Selector = "soft") -> Tensor:
    r"""Weights of the pseudo-inputs in an image's prior, (B, K), positive.

    * ``soft``: :math:`u^* = S(s) / \sum S(s)`, as the authors' released code does;
    * ``printed``: :math:`u^* = S(60\,(u - 0.5))` with :math:`u = \mathrm{relu}(s) /
      \sum\mathrm{relu}(s)`, which need not sum to one (E39); where every score is negative, u is
      zero and not 0/0 (E40);
    * ``normalised``: the printed weights over their sum.

    Args:
        scores: s, the outputs of the selector network, shaped (B, K).
        selector: one of the three.

    Source:
        Tonolini et al. (2019 supplement), sections A.3 and D.1; their released code for ``soft``.

    Example:
        >>> selection(torch.zeros(1, 4))
        tensor([[0.2500, 0.2500, 0.2500, 0.2500]])
    """
    if selector == "soft":
        # A softmax of log-sigmoids: the sigmoids over their sum, without 0/0 where all underflow.
        return torch.softmax(F.logsigmoid(scores), dim=1)  # (B, K)
    positive = torch.relu(scores)
    total = positive.sum(1, keepdim=True).clamp(min=torch.finfo(scores.dtype).tiny)  # (B, 1)
    sharp = sharp_sigmoid(positive / total)
    return sharp if selector == "printed" else unit_sum(sharp)


@explained
def unit_sum(weights: Tensor) -> Tensor:
    """Weights (B, K) over their sum."""
    return weights / weights.sum(1, keepdim=True)


class Pool(NamedTuple):
    r"""The single prior that is equivalent to K weighted ones.

    .. math:: \sum_k u^*_k\,\mathrm{KL}(q\,\|\,q_k) = \mathrm{KL}(q\,\|\,\text{pool}) + \text{gaps}

    Attributes:
        gamma: (B, J), probability of *on* in the pool.
        mu, logvar: (B, J), mean and log-variance of the pool's slab.
        spike_gap: (B, J), cost in nats of the disagreement of the K probabilities.
        slab_gap: (B, J), cost in nats of the disagreement of the K slabs, for a latent that is on.
    """

    gamma: Tensor
    mu: Tensor
    logvar: Tensor
    spike_gap: Tensor
    slab_gap: Tensor


class SlabPool(NamedTuple):
    """The single Gaussian that is equivalent to K weighted ones: see :class:`Pool`.

    Attributes:
        mu, logvar: (B, J), mean and log-variance.
        gap: (B, J), cost in nats of the disagreement of the K Gaussians.
    """

    mu: Tensor
    logvar: Tensor
    gap: Tensor


@explained
def pool_slabs(weights: Tensor, mu: Tensor, logvar: Tensor) -> SlabPool:
    """Pool K Gaussians, image by image; the arguments are those of :func:`pool`."""
    precision = (-logvar).exp()
    average_precision = weights @ precision  # (B, J)
    mean = weights @ (mu * precision) / average_precision  # (B, J)
    spread = weights @ (mu.square() * precision) - mean.square() * average_precision  # (B, J)
    gap = 0.5 * (weights @ logvar + average_precision.log() + spread)
    return SlabPool(mean, -average_precision.log(), gap)


@explained
def pool(weights: Tensor, gamma: Tensor, mu: Tensor, logvar: Tensor) -> Pool:
    r"""Pool K spike-and-slab priors, image by image.

    The average of KLs to Gaussians is the KL to the Gaussian with the average precision and the
    precision-weighted mean, plus a constant; the average of KLs to Bernoulli variables is the KL to
    the one with the average log-odds, plus a constant. So the average needs six products
    (B, K) x (K, J) and no tensor (B, K, J).

    Args:
        weights: weight of each prior for each image, summing to one, shaped (B, K).
        gamma: probability of *on* under each prior, inside (0, 1), shaped (K, J).
        mu, logvar: mean and log-variance of each prior's slab, shaped (K, J).
    """
    slabs = pool_slabs(weights, mu, logvar)
    on, off = weights @ gamma.log(), weights @ torch.log1p(-gamma)  # (B, J), (B, J)
    gamma, spike_gap = torch.sigmoid(on - off), -torch.logaddexp(on, off)
    return Pool(gamma, slabs.mu, slabs.logvar, spike_gap, slabs.gap)


@explained
def averaged_kl(
    weights: Tensor, q: tuple[Tensor, Tensor, Tensor], priors: tuple[Tensor, Tensor, Tensor]
) -> tuple[Tensor, Tensor]:
    r"""The average of KLs from one spike-and-slab to K priors, for each latent.

    .. math:: \sum_k u^*_k\,\mathrm{KL}(q\,\|\,q_k) =
        \gamma\sum_k u^*_k\,\mathrm{KL}\bigl(
        \mathcal N(\mu,\sigma^2)\,\|\,\mathcal N(\mu_k,\sigma_k^2)\bigr)
        + \sum_k u^*_k\Bigl[\gamma\log\frac{\gamma}{\gamma_k}
        + (1-\gamma)\log\frac{1-\gamma}{1-\gamma_k}\Bigr]

    Weights that do not sum to one scale both sums.

    Args:
        weights: (B, K), positive.
        q: gamma, mean and log-variance of each image's code, each (B, J).
        priors: the same of each pseudo-input, each (K, J).

    Returns:
        The slab's and the spike's part, each (B, J) in nats.

    Source:
        Tonolini et al. (2019 supplement), sections A.3 and C; Eq. 9 prints sigma for sigma^2 (E34).
    """
    gamma, mu, logvar = q
    share = weights.sum(1, keepdim=True)  # (B, 1)
    pooled = pool(weights / share, *priors)
    slab = gamma * (gaussian_kl(mu, logvar, pooled.mu, pooled.logvar) + pooled.slab_gap)  # (B, J)
    spike = bernoulli_kl(gamma, pooled.gamma) + pooled.spike_gap  # (B, J)
    return share * slab, share * spike


@explained
def kl_to_each(q: tuple[Tensor, Tensor, Tensor], priors: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    r"""KL from every spike-and-slab to each of K priors, summed over latents: (B, K), in nats.

    The arguments are those of :func:`averaged_kl`.

    Source:
        Tonolini et al. (2019 supplement), section C.
    """
    (gamma, *slab), (prior_gamma, *prior_slab) = q, priors
    slabs = slab_kl_to_each(gamma, (slab[0], slab[1]), (prior_slab[0], prior_slab[1]))
    entropy = (gamma * gamma.log() + (1.0 - gamma) * torch.log1p(-gamma)).sum(1, keepdim=True)
    on = slabs + entropy - gamma @ prior_gamma.log().T
    return on - (1.0 - gamma) @ torch.log1p(-prior_gamma).T  # (B, K)


@explained
def slab_kl_to_each(
    share: Tensor, q: tuple[Tensor, Tensor], priors: tuple[Tensor, Tensor]
) -> Tensor:
    r"""KL from every Gaussian to each of K, weighted and summed over latents: (B, K), in nats.

    .. math:: \sum_j \gamma_j\,\mathrm{KL}\bigl(
        \mathcal N(\mu_j,\sigma_j^2)\,\|\,\mathcal N(\mu_{kj},\sigma_{kj}^2)\bigr)

    The square in the Gaussian's KL is multiplied out: this needs products (B, J) x (J, K) and no
    tensor (B, K, J).

    Args:
        share: gamma, the weight of each latent, (B, J); ones for a dense code.
        q: mean and log-variance of each image's code, each (B, J).
        priors: the same of each pseudo-input, each (K, J).
    """
    (mu, logvar), (prior_mu, prior_logvar) = q, priors
    precision = (-prior_logvar).exp()
    squares = (share * (mu.square() + logvar.exp())) @ precision.T  # (B, K)
    squares = squares - 2.0 * (share * mu) @ (prior_mu * precision).T  # (B, K)
    constants = share @ (prior_mu.square() * precision + prior_logvar - 1.0).T  # (B, K)
    return 0.5 * (squares + constants - (share * logvar).sum(1, keepdim=True))


@explained
def responsibilities(divergences: Tensor) -> Tensor:
    r"""The weights (B, K) that minimise the average KL plus the cost of choosing.

    .. math:: u_k\propto e^{-\mathrm{KL}_k}, \qquad
        \mathrm{KL}\Bigl(q\,\Big\|\,\frac1K\sum_k q_k\Bigr)
        \le \min_u\Bigl[\sum_k u_k\,\mathrm{KL}(q\,\|\,q_k) + \sum_k u_k\log K u_k\Bigr]
        = -\log\frac1K\sum_k e^{-\mathrm{KL}(q\,\|\,q_k)}

    The divergences are (B, K), in nats; the weights are positive and sum to one.

    Source:
        Hershey & Olsen (2007), variational approximation of the KL, here from a single density.
    """
    return torch.softmax(-divergences, dim=1)  # (B, K)


@explained
def choice_cost(weights: Tensor) -> Tensor:
    r"""The cost of choosing one of K priors: :math:`\sum_k u_k\log K u_k`.

    It is the KL from the weights, which sum to one, to equal weights: (B,), in nats, 0 to log K.

    Example:
        >>> choice_cost(torch.tensor([[0.5, 0.5], [1.0, 0.0]]))
        tensor([0.0000, 0.6931])
    """
    # A weight may underflow to zero, where the derivative of its logarithm is 0/0.
    relative = (weights * weights.shape[1]).clamp_min(torch.finfo(weights.dtype).tiny)  # (B, K)
    return torch.xlogy(weights, relative).sum(1)  # (B,)


@explained
def log_density(
    z: Tensor,
    active: Tensor,
    gamma: Tensor,
    mu: Tensor,
    logvar: Tensor,
    slab_log_prob: Callable[[Tensor, Tensor, Tensor], Tensor] = gaussian_log_prob,
) -> Tensor:
    r"""Log-density of a spike-and-slab at a code whose latents are on or off, for each latent.

    .. math:: \log q(z) = \begin{cases}\log\gamma + \log\mathcal N(z;\mu,\sigma^2) & \text{on}\\
        \log(1-\gamma) & \text{off}\end{cases}

    The base measure is the line plus a unit mass at zero, the same for posterior and prior, so
    differences of two such logarithms are those of a KL.

    Args:
        z, active: codes and which latents are on; all shapes broadcast.
        gamma: probability of *on*, inside (0, 1).
        mu, logvar: mean and log-variance of the slab.
        slab_log_prob: log-density of the slab in nats, Gaussian or other.
    """
    slab = slab_log_prob(z, mu, logvar)
    return torch.where(active, gamma.log() + slab, torch.log1p(-gamma))
