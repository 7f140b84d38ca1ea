"""Collapse, latent by latent: which shares of a code carry nothing."""

import torch
from torch import Tensor

from vsclib.errors import ConfigurationError
from vsclib.metrics.encoding import batches, device_of, rows, to_device
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
    device, parts = device_of(model), batches(len(code.z))
    each = [model.kl(to_device(rows(code, part), device)).cpu().double() for part in parts]
    return torch.cat(each)  # (N, J)


def posterior_collapsed(
    model: Model, code: Code, threshold: float = 0.01, images: float = NEARLY_ALL
) -> float | None:
    r"""Share of latents whose posterior is the prior, for nearly every image.

    .. math:: \frac1J\sum_j\mathbf 1\Bigl[\frac1N\sum_i\mathbf 1[\mathrm{KL}_{ij}\le 0.01] \ge 0.95\Bigr]

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
