"""A tighter bound from many draws: the importance-weighted bound."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from vsclib.errors import ConfigurationError
from vsclib.metrics.encoding import Images, as_floats, batches, device_of
from vsclib.models import Code, Model
from vsclib.spike_slab import learned_prior


class ImportanceBound(NamedTuple):
    """A bound from K weighed draws an image.

    Attributes:
        bound: mean over the images, nats per image.
        standard_error: of ``bound``, from its spread over the images.
        effective_draws: how many of the K draws count, mean over the images; between 1 and K.
    """

    bound: float
    standard_error: float
    effective_draws: float


@torch.no_grad()
def importance_bound(
    model: Model, images: Images, generator: torch.Generator, draws: int = 50
) -> ImportanceBound | None:
    r"""Importance-weighted bound of a set of images.

    .. math:: \mathcal L_K = \frac1N\sum_i\log\frac1K\sum_{k=1}^K w_{ik}, \qquad
        w_{ik} = \frac{p(x_i\mid z_{ik})\,p(z_{ik})}{q(z_{ik}\mid x_i)}, \qquad z_{ik}\sim q(z\mid x_i)

    In expectation :math:`\mathcal L_1` is the evidence lower bound, and more draws only raise it,
    towards :math:`\log p(x)`. A spike-and-slab code is drawn by the hard gate, and its density is
    taken for the measure that has a unit mass at zero beside the line: an open latent pays
    :math:`\log\gamma - \log\alpha` and its slab, a closed one :math:`\log(1-\gamma) -
    \log(1-\alpha)`. With a learned prior, p is the plain average of the pseudo-inputs' codes, so
    that the choice of one is paid for and K = 1 gives ``elbo(...).paid``.

    Few effective draws, :math:`(\sum_k w)^2 / \sum_k w^2`, say that one draw decides and that a
    larger K would still move the bound.

    Args:
        model: any model.
        images: (N, C, H, W), uint8 array or float tensor in [0, 1].
        generator: source of the draws, on the model's device.
        draws: K, at least 1.

    Returns:
        The bound, nats per image; None for models without one (autoencoder, generators).

    Raises:
        ConfigurationError: fewer than one draw.
        DataError: the images do not fit the model.

    Source:
        Burda, Grosse & Salakhutdinov (2016), Eq. 8; for the hard gate, Tonolini et al. (2019, ICLR
        submission), Eq. 4-5.
    """
    if draws < 1:
        raise ConfigurationError(f"draws = {draws!r} is not allowed: choose draws >= 1")
    device = device_of(model)
    if model.kl(model.encode(as_floats(images[:1], device))) is None:
        return None
    bounds, effective = [], []
    for part in batches(len(images)):
        x = as_floats(images[part], device)
        weights = torch.stack([log_weight(model, x, generator) for _ in range(draws)])  # (K, B)
        total = weights.logsumexp(0)  # (B,)
        bounds.append(total - math.log(draws))
        effective.append((2.0 * total - (2.0 * weights).logsumexp(0)).exp())
    bound = torch.cat(bounds)  # (N,)
    error = bound.std(correction=1).item() / math.sqrt(len(bound)) if len(bound) > 1 else math.nan
    return ImportanceBound(bound.mean().item(), error, torch.cat(effective).mean().item())


def log_weight(model: Model, x: Tensor, generator: torch.Generator) -> Tensor:
    """Log-weight log p(x|z) + log p(z) - log q(z|x) of one draw for each image (B, C, H, W): (B,),
    nats.
    """
    draw = model.sample_code(x, generator)
    return model.decode(draw.z).log_prob(x).double() - log_ratio(model, draw)


def log_ratio(model: Model, draw: Code) -> Tensor:
    """log q(z|x) - log p(z) of drawn codes (B, J), the prior's choice paid for: (B,), nats.

    Args:
        model: the model that drew the code; one with a bound.
        draw: codes whose ``active`` says which spikes were drawn.

    Returns:
        (B,), float64; its mean under q is the KL.
    """
    own = model.log_ratio(draw)
    if own is not None:
        return own.double()
    z, mu, logvar = draw.z.double(), draw.mu.double(), draw.logvar.double()
    sparse = draw.gamma is not None
    # A Gaussian code is a spike-and-slab whose latents are on for sure.
    gamma = draw.gamma.double() if sparse else torch.ones_like(z)
    alpha = torch.full_like(z, model.config.alpha if sparse else 1.0)
    zero = torch.zeros_like(z)
    slab = model.slab_log_prob
    posterior = learned_prior.log_density(z, draw.active, gamma, mu, logvar, slab)  # type: ignore[arg-type]  # (B, J)
    return (posterior - learned_prior.log_density(z, draw.active, alpha, zero, zero, slab)).sum(1)  # type: ignore[arg-type]
