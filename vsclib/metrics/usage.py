"""How much of a code is in use, how much of it is idle, and what of it tells anything."""

from typing import NamedTuple

import torch
from torch import Tensor

from vsclib.errors import ConfigurationError
from vsclib.metrics.codes import batches, device_of, rows, to_device
from vsclib.models import Code, Model
from vsclib.spike_slab import bernoulli_kl

EVER, ALWAYS = 0.001, 0.99
"""A latent is ever on above this share of the images, and always on above that one."""


NEARLY_ALL = 0.95
"""A latent is collapsed when at least this share of the images finds nothing in it."""


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
    return (code.z.abs() < threshold).double().mean().item()


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
    return (code.z != 0).double().sum(1).mean().item()


def moving_latents(code: Code, threshold: float = 0.01) -> int:
    r"""Number of latents whose mean moves with the image, :math:`\operatorname{Var}_i[\mu_{ij}] > t`.

    A VAE's unused latents have a mean near zero for every image.

    Args:
        code: codes (N, J) of a whole set; ``mu`` counts, or ``z`` for models without one.
        threshold: t, smallest variance over the images.

    Returns:
        A number of latents.

    Source:
        Burda, Grosse & Salakhutdinov (2016), section 5.2.
    """
    mu = code.z if code.mu is None else code.mu
    return int((mu.double().var(0, correction=0) > threshold).sum())


@torch.no_grad()
def divergences(model: Model, code: Code) -> Tensor | None:
    """KL from posterior to prior of every image and latent.

    Args:
        model: the model that gave the code.
        code: codes (N, J) of a whole set.

    Returns:
        (N, J), float64, nats, on the CPU; None for models without an evidence lower bound.
    """
    if not model.has_bound:
        return None
    device, parts = device_of(model), batches(len(code.z))
    each = [model.kl(to_device(rows(code, part), device)).cpu().double() for part in parts]
    return torch.cat(each)  # (N, J)


def informative_latents(model: Model, code: Code, threshold: float = 0.01) -> int | None:
    """Number of latents whose KL, averaged over the images, exceeds a hundredth of a nat.

    Args:
        model: the model that gave the code.
        code: codes (N, J) of a whole set.
        threshold: smallest mean KL, in nats.

    Returns:
        A number of latents; None for models without an evidence lower bound.
    """
    found = divergences(model, code)
    return None if found is None else int((found.mean(0) > threshold).sum())


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
    for part in batches(len(code.z)):
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
    if code.weights is None:
        return None
    first = torch.bincount(code.weights.argmax(1), minlength=code.weights.shape[1]).double()  # (K,)
    return int((first / len(code.weights) > EVER).sum())


def posterior_collapsed(
    model: Model, code: Code, threshold: float = 0.01, images: float = NEARLY_ALL
) -> float | None:
    r"""Share of latents whose posterior is the prior, for nearly every image.

    .. math:: \frac1J\sum_j
        \mathbf 1\Bigl[\frac1N\sum_i\mathbf 1[\mathrm{KL}_{ij}\le 0.01] \ge 0.95\Bigr]

    A sparse code *should* have many: a latent that fewer than one image in twenty needs counts
    here, though it works. Read it beside the number of latents that are ever on.

    Args:
        model: the model that gave the code.
        code: codes (N, J) of a whole set.
        threshold: largest KL of an idle latent, in nats.
        images: share of the images that must find the latent idle, in (0, 1].

    Returns:
        Between 0 and 1; None for models without an evidence lower bound.

    Raises:
        ConfigurationError: ``images`` is no share, or a negative threshold.

    Source:
        Measured so in the code of Fallah & Rozell (2022).
    """
    found = divergences(model, code)
    return None if found is None else _share_idle(found, threshold, images)


def coefficient_collapsed(code: Code, threshold: float = 0.01, images: float = NEARLY_ALL) -> float:
    r"""Share of latents whose value is near zero, for nearly every image.

    .. math:: \frac1J\sum_j\mathbf 1\Bigl[\frac1N\sum_i\mathbf 1[\,|z_{ij}|\le 0.01] \ge 0.95\Bigr]

    Args:
        code: codes (N, J) of a whole set; ``z`` is what counts.
        threshold: largest size of an idle coefficient.
        images: share of the images that must find the latent idle, in (0, 1].

    Returns:
        Between 0 and 1.

    Raises:
        ConfigurationError: ``images`` is no share, or a negative threshold.

    Source:
        Measured so in the code of Fallah & Rozell (2022).
    """
    return _share_idle(code.z.abs(), threshold, images)


def _share_idle(sizes: Tensor, threshold: float, images: float) -> float:
    if not threshold >= 0.0:
        raise ConfigurationError(f"threshold = {threshold!r} is not allowed: choose threshold >= 0")
    if not 0.0 < images <= 1.0:
        raise ConfigurationError(
            f"images = {images!r} is not allowed: choose a share, 0 < images <= 1"
        )
    idle = (sizes <= threshold).double().mean(0)  # (J,)
    return (idle >= images).double().mean().item()


class ActiveUnits(NamedTuple):
    """Which latents a model uses, by two definitions that need not agree.

    Attributes:
        by_kl: (J,) bool, mean KL above the threshold; None for models without a bound.
        by_use: (J,) bool, on for more than 0.1 % of the images.
    """

    by_kl: Tensor | None
    by_use: Tensor

    @property
    def counts(self) -> tuple[int | None, int]:
        """Number of active units by KL and by use."""
        return None if self.by_kl is None else int(self.by_kl.sum()), int(self.by_use.sum())

    @property
    def told_but_off(self) -> int:
        """Latents that pay for information while the hard gate keeps them off."""
        return 0 if self.by_kl is None else int((self.by_kl & ~self.by_use).sum())

    @property
    def on_but_silent(self) -> int:
        """Latents that are on and tell nothing: noise, as all idle latents of a VAE are."""
        return 0 if self.by_kl is None else int((~self.by_kl & self.by_use).sum())


def active_units(
    model: Model, code: Code, nats: float = 0.01, threshold: float = 0.5
) -> ActiveUnits:
    r"""The latents in use.

    .. math:: \text{by KL: } \frac1N\sum_i\mathrm{KL}_{ij} > 0.01 \text{ nat}, \qquad
        \text{by use: } \frac1N\sum_i\mathbf 1[\gamma_{ij} > t] > 0.001

    Args:
        model: the model that gave the code.
        code: codes (N, J) of a whole set.
        nats: smallest mean KL of an active unit.
        threshold: t, in [0, 1): what gamma must exceed; without a gamma, ``active`` counts.

    Returns:
        Two masks over the latents.

    Raises:
        ConfigurationError: t lies outside [0, 1).

    Source:
        Sønderby et al. (2016) for the KL; the papers of this book for the use.
    """
    found = divergences(model, code)
    return ActiveUnits(
        by_kl=None if found is None else found.mean(0) > nats,
        by_use=on(code, threshold).to(torch.float64).mean(0).cpu() > EVER,
    )


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
