"""Collapse, latent by latent: what carries nothing, and which units are active."""

from typing import NamedTuple

import torch
from torch import Tensor

from vsclib.errors import ConfigurationError
from vsclib.metrics.codes import batches, device_of, rows, to_device
from vsclib.metrics.inputs import check_size, sound
from vsclib.metrics.usage import EVER, on
from vsclib.models import Code, Model

NEARLY_ALL = 0.95
"""A latent is collapsed when at least this share of the images finds nothing in it."""


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
    device, parts = device_of(model), batches(len(sound(code, model).z))
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
    check_size(threshold=threshold)
    found = divergences(model, code)
    return None if found is None else int((found.mean(0) > threshold).sum())


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
    return _share_idle(sound(code).z.abs(), threshold, images)


def _share_idle(sizes: Tensor, threshold: float, images: float) -> float:
    check_size(threshold=threshold)
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
    check_size(nats=nats)
    found = divergences(model, code)
    return ActiveUnits(
        by_kl=None if found is None else found.mean(0) > nats,
        by_use=on(code, threshold).to(torch.float64).mean(0).cpu() > EVER,
    )
