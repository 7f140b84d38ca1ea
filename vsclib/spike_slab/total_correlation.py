"""The KL of a VAE in three parts, one of them the total correlation of the aggregate posterior."""

import math
from itertools import repeat
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from vsclib.arguments import explained
from vsclib.errors import ConfigurationError
from vsclib.spike_slab.divergence import gaussian_kl, gaussian_log_prob

Estimator = Literal["stratified", "weighted"]
"""How a batch represents all images: shares that sum to one, or the papers' minibatch weight."""


class KLSplit(NamedTuple):
    """Three parts of the KL, each (B,) in nats, whose sum is the KL.

    Attributes:
        index_code_mi: mutual information between an image's index and its code.
        total_correlation: KL from the aggregate posterior to the product of its marginals.
        dimension_kl: KL from these marginals to the prior.
    """

    index_code_mi: Tensor
    total_correlation: Tensor
    dimension_kl: Tensor


def log_shares(batch: int, images: int, estimator: Estimator) -> Tensor:
    r"""Log-shares of a batch's images in the estimate of the aggregate posterior of all N.

    .. math:: \hat q(z_i) = \sum_m W_{im}\,q(z_i\mid x_m), \qquad
        W_{ii} = \frac1N,\ W_{im} = \frac{N-1}{N(B-1)} \quad\text{or}\quad W_{im} = \frac1{NB}

    The first, ``stratified``, is unbiased, and exact where the batch is all images. The paper gives
    the remainder to one other image; averaged over that choice, its shares are these. The second,
    ``weighted``, is a lower bound in the mean: the image itself counts too little by a factor of B
    and the others by nearly N, so the parts are off by many nats.

    Args:
        batch: B, at least 2 unless it is all images.
        images: N, at least B.
        estimator: ``stratified`` or ``weighted``.

    Returns:
        (B, B); row i belongs to the code drawn for image i.

    Raises:
        ConfigurationError: the batch is larger than N, or too small for an average.

    Source:
        Chen et al. (2018), appendix on minibatch-weighted and minibatch-stratified sampling.

    Example:
        >>> log_shares(2, 4, "stratified").exp()
        tensor([[0.2500, 0.7500],
                [0.7500, 0.2500]])
    """
    if not 1 <= batch <= images or batch == 1 < images:
        found = f"batch_size = {batch} of {images} images gives no aggregate posterior"
        raise ConfigurationError(f"{found}: choose 2 <= batch_size <= {images}")
    if estimator == "weighted":
        return torch.full((batch, batch), -math.log(images * batch))
    others = math.log((images - 1) / (images * (batch - 1))) if batch > 1 else -math.inf
    return torch.full((batch, batch), others).fill_diagonal_(-math.log(images))


@explained
def split_kl(
    z: Tensor, mu: Tensor, logvar: Tensor, images: int, estimator: Estimator = "stratified"
) -> KLSplit:
    r"""The KL from normal posteriors to the standard normal prior, in three parts.

    .. math:: \mathrm{KL}\bigl(q(z\mid x)\,\|\,p(z)\bigr) =
        \underbrace{\mathrm{KL} - \log\frac{q(z)}{p(z)}}_{\text{mutual information}}
        + \underbrace{\log\frac{q(z)}{\prod_j q(z_j)}}_{\text{total correlation}}
        + \underbrace{\sum_j\log\frac{q(z_j)}{p(z_j)}}_{\text{dimension-wise KL}}

    in the mean over images and draws. The KL itself is in closed form, so the parts sum to it
    exactly, whatever the estimate of q(z). A share enters log q(z) once and every log q(z_j) once;
    inside the sum over latents it would count J times in log q(z).

    Args:
        z: one draw from each posterior, (B, J).
        mu, logvar: means and log-variances of the posteriors, (B, J).
        images: N, the number of images in the aggregate posterior.
        estimator: how the batch represents them.

    Raises:
        ConfigurationError: the batch is larger than N, or too small for an average.

    Source:
        Chen et al. (2018), the decomposition of the KL.
    """
    with z.device:  # made where it is used: a copy would wait for the device
        shares = log_shares(len(z), images, estimator).to(z)  # (B, B)
    rows = (numbers.T.contiguous().split(_latents_at_once(len(z))) for numbers in (z, mu, logvar))
    pairs, marginals = (
        torch.stack(parts).sum(0) for parts in zip(*map(_sums, *rows, repeat(shares)), strict=True)
    )
    joint = (shares + pairs).logsumexp(1)  # (B,)
    prior = gaussian_log_prob(z, torch.zeros_like(z), torch.zeros_like(z)).sum(1)  # (B,)
    whole = gaussian_kl(mu, logvar).sum(1)  # (B,)
    return KLSplit(whole - joint + prior, joint - marginals, marginals - prior)


def _latents_at_once(batch: int) -> int:
    """Number of latents for which all pairs of images fit into the processor's cache."""
    return max(1, 200_000 // batch**2)


def _sums(z: Tensor, mu: Tensor, logvar: Tensor, shares: Tensor) -> tuple[Tensor, Tensor]:
    """Sums over some latents of log q(z_i|x_m), (B, B), and of log q(z_ij), (B,)."""
    pairs, marginals, _ = _Sums.apply(z, mu, logvar, shares)
    return pairs, marginals


class _Sums(torch.autograd.Function):
    r"""The sums over a few latents, and their gradient.

    The gradient of a mixture's log-density is the mean of its components' gradients, weighted by
    their responsibilities:

    .. math:: d\log\sum_m W_m q_m = \sum_m r_m\,d\log q_m, \qquad
        r_m = \frac{W_m q_m}{\sum_n W_n q_n}

    This takes a third to a half of the time of autograd through the logsumexp. Codes are (J, B)
    here, so that sums run along the memory.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(
        z: Tensor, mu: Tensor, logvar: Tensor, shares: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        each = gaussian_log_prob(z.unsqueeze(2), mu.unsqueeze(1), logvar.unsqueeze(1))  # (J, B, B)
        pairs = each.sum(0)  # (B, B)
        each += shares
        responsibilities = each.softmax(2)  # (J, B, B)
        # A sum is its largest term over that term's responsibility, which is at least 1/B.
        marginals = (each.amax(2) - responsibilities.amax(2).log()).sum(0)  # (B,)
        return pairs, marginals, responsibilities

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: tuple[Tensor, ...]) -> None:
        z, mu, logvar, _ = inputs
        ctx.mark_non_differentiable(output[2])
        ctx.save_for_backward(z, mu, logvar, output[2])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        to_pairs, to_marginals, _ = gradients  # (B, B), (B,)
        z, mu, logvar, responsibilities = ctx.saved_tensors
        precision = (-0.5 * logvar).exp().unsqueeze(1)  # (J, 1, B), 1 / sigma
        distance = (z.unsqueeze(2) - mu.unsqueeze(1)) * precision  # (J, B, B)
        weight = torch.addcmul(to_pairs, responsibilities, to_marginals.unsqueeze(1))  # (J, B, B)
        pull = weight * distance
        to_logvar = 0.5 * ((pull * distance).sum(1) - weight.sum(1))  # (J, B)
        pull *= precision
        return -pull.sum(2), pull.sum(1), to_logvar, None
