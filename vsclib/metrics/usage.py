"""How often latents are on, how small they are, and how that compares with the prior."""

from typing import NamedTuple

import torch
from torch import Tensor

from vsclib.errors import ConfigurationError
from vsclib.metrics.codes import batches, device_of, rows, to_device
from vsclib.metrics.inputs import check_size, sound
from vsclib.models import Code, Model
from vsclib.spike_slab import bernoulli_kl

EVER, ALWAYS = 0.001, 0.99
"""A latent is ever on above this share of the images, and always on above that one."""


class Usage(NamedTuple):
    """How often latents are on, by the hard gate.

    Attributes:
        on_per_image: mean number of latents that are on for an image.
        ever_on: number of latents that are on for more than 0.1 % of the images.
        always_on: number of latents that are on for more than 99 % of the images.
        sparsity: share of code entries that are off, between 0 and 1.
    """

    on_per_image: float
    ever_on: int
    always_on: int
    sparsity: float


def on(code: Code, threshold: float = 0.5) -> Tensor:
    """Which latents are on, (N, J) bool: by gamma where the code has one, else ``active``."""
    if not 0.0 <= threshold < 1.0:
        raise ConfigurationError(
            f"threshold = {threshold!r} is not allowed: choose 0 <= threshold < 1"
        )
    sound(code)
    return code.active if code.gamma is None else code.gamma > threshold


def usage(code: Code, threshold: float = 0.5) -> Usage:
    r"""Numbers of latents that are on.

    With :math:`a_{ij} = \mathbf 1[\gamma_{ij} > t]` for image i and latent j:

    .. math:: \text{on} = \frac1N\sum_{ij} a_{ij},
        \qquad \text{sparsity} = 1 - \frac1{NJ}\sum_{ij} a_{ij}

    Args:
        code: codes (N, J) of a whole set. A sparse generator's closed latents are small, not zero.
        threshold: t, in [0, 1): what gamma must exceed; without a gamma, ``active`` counts.

    Returns:
        The counts, which depend on t and on the images: state both.

    Raises:
        ConfigurationError: t lies outside [0, 1).
    """
    open_gates = on(code, threshold).double()  # (N, J)
    rates = open_gates.mean(0)  # (J,)
    return Usage(
        on_per_image=open_gates.sum(1).mean().item(),
        ever_on=int((rates > EVER).sum()),
        always_on=int((rates > ALWAYS).sum()),
        sparsity=1.0 - open_gates.mean().item(),
    )


def near_zero(code: Code, threshold: float = 0.05) -> float:
    r"""Share of code entries with :math:`|z| < t`: the sparsity of codes without exact zeros.

    Args:
        code: codes (N, J) of a whole set; ``z`` is what counts.
        threshold: t, above zero.

    Returns:
        A share between 0 and 1.

    Raises:
        ConfigurationError: t is not above zero.
    """
    if not threshold > 0.0:
        raise ConfigurationError(f"threshold = {threshold!r} is not allowed: choose threshold > 0")
    return (sound(code).z.abs() < threshold).double().mean().item()


def dead_latents(code: Code, threshold: float = 0.5) -> int:
    """Number of latents that are on for no image at all.

    Args:
        code: codes (N, J) of a whole set; more images find fewer dead latents, so state N.
        threshold: what gamma must exceed, in [0, 1); without a gamma, ``active`` counts.

    Returns:
        A number of latents; 0 for dense models.

    Raises:
        ConfigurationError: the threshold lies outside [0, 1).
    """
    return int((~on(code, threshold)).all(0).sum())


def l0(code: Code) -> float:
    r"""Mean number of entries of an image's code that are not exactly zero.

    .. math:: \frac1N\sum_{ij}\mathbf 1[z_{ij}\ne 0]

    Args:
        code: codes (N, J) of a whole set; ``z`` is what counts.

    Returns:
        Latents per image.
    """
    return (sound(code).z != 0).double().sum(1).mean().item()


def moving_latents(code: Code, threshold: float = 0.01) -> int:
    r"""Number of latents whose mean moves with the image, :math:`\mathrm{Var}_i[\mu_{ij}] > t`.

    A VAE's unused latents have a mean near zero for every image.

    Args:
        code: codes (N, J) of a whole set; ``mu`` counts, or ``z`` for models without one.
        threshold: t, smallest variance over the images.

    Returns:
        A number of latents.

    Source:
        Burda, Grosse & Salakhutdinov (2016), section 5.2.
    """
    check_size(threshold=threshold)
    sound(code)
    mu = code.z if code.mu is None else code.mu
    return int((mu.double().var(0, correction=0) > threshold).sum())


@torch.no_grad()
def penalty(model: Model, code: Code) -> float | None:
    """What training adds to the bound to hold codes sparse, nats per image.

    Args:
        model: the model that gave the code.
        code: codes (N, J) of a whole set.

    Returns:
        The sum of the penalties; None for models without one.
    """
    total = torch.zeros((), dtype=torch.float64)
    for part in batches(len(sound(code, model).z)):
        found = model.penalties(to_device(rows(code, part), device_of(model)))
        if not found:
            return None
        total += torch.stack(list(found.values())).cpu().double().sum()
    return (total / len(code.z)).item()


def pseudo_inputs_used(code: Code) -> int | None:
    """Number of pseudo-inputs that weigh most for more than 0.1 % of the images.

    Args:
        code: codes (N, J) of a whole set.

    Returns:
        A number between 1 and K; None for codes of a fixed prior.
    """
    sound(code)
    if code.weights is None:
        return None
    first = torch.bincount(code.weights.argmax(1), minlength=code.weights.shape[1]).double()  # (K,)
    return int((first / len(code.weights) > EVER).sum())


class AggregateSparsity(NamedTuple):
    """Probabilities of a latent being on, between 0 and 1.

    Attributes:
        alpha: the prior's.
        drawn: the aggregate posterior's, when spikes are drawn: the mean of gamma.
        hard: the share of entries that the hard gate opens.
        nats: what the departure from the prior costs an image, in nats: J KL(mean gamma || alpha).
    """

    alpha: float
    drawn: float
    hard: float
    nats: float


def aggregate_sparsity(
    model: Model, code: Code, threshold: float = 0.5
) -> AggregateSparsity | None:
    r"""Sparsity of the aggregate posterior beside the prior's.

    .. math:: q(w_j = 1) = \frac1N\sum_i\gamma_{ij}, \qquad \bar\gamma = \frac1J\sum_j q(w_j = 1)
        \quad\text{against}\quad\alpha

    A perfect match, :math:`\bar\gamma = \alpha`, is no proof of health: a collapsed code has
    :math:`\gamma_{ij} = \alpha` everywhere. There ``hard`` is zero, for no gate passes one half.

    Args:
        model: a model with a prior rate.
        code: codes (N, J) of a whole set.
        threshold: t, in [0, 1), of the hard gate.

    Returns:
        The probabilities; None for codes without a gamma or a model without a prior rate.

    Raises:
        ConfigurationError: t lies outside [0, 1).

    Source:
        Tonolini et al. (2019, ICLR submission), appendix E.2 and figure 8.
    """
    alpha = model.prior_rate
    hard = on(code, threshold)
    if code.gamma is None or alpha is None:
        return None
    gamma = code.gamma.double().mean()  # ()
    cost = code.gamma.shape[1] * bernoulli_kl(gamma, alpha)
    return AggregateSparsity(alpha, gamma.item(), hard.double().mean().item(), cost.item())
