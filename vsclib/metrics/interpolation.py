"""From one code to another by their largest differences: few steps, each of which shows what one
latent does.
"""

import torch
from torch import Tensor

from vsclib.errors import ConfigurationError, DataError


def largest_components(start: Tensor, end: Tensor, components: int = 2) -> Tensor:
    r"""Latents in which two codes differ most, by :math:`|z'_j - z_j|`, the largest first.

    Args:
        start: z, (J,).
        end: z', (J,).
        components: how many, from 1 to J.

    Returns:
        (components,) positions of latents.

    Raises:
        ConfigurationError: more components than latents, or none.
        DataError: codes that are no two vectors of the same length.
    """
    if start.ndim != 1 or start.shape != end.shape:
        raise DataError(
            f"codes are shaped {tuple(start.shape)} and {tuple(end.shape)}: give two of the same (J,)"
        )
    if not 1 <= components <= len(start):
        raise ConfigurationError(
            f"components = {components!r} is not allowed: choose from 1 to {len(start)}"
        )
    return (end - start).abs().argsort(descending=True, stable=True)[:components]


def one_at_a_time(start: Tensor, end: Tensor, components: int = 2, steps: int = 5) -> Tensor:
    r"""Move each of the largest components alone, all others as at the start.

    .. math:: z^{(k,s)} = z + \tfrac{s}{S-1}\,(z'_{j_k} - z_{j_k})\,e_{j_k}, \qquad s = 0,\dots,S-1

    Args:
        start: z, (J,).
        end: z', (J,).
        components: how many components, the largest first.
        steps: S, codes from start to end, at least 2.

    Returns:
        (components, steps, J).

    Raises:
        ConfigurationError: fewer than two steps, or components out of range.
        DataError: codes that are no two vectors of the same length.

    Source:
        Tonolini et al. (2019, ICLR submission), section 4.3 and figure 5.
    """
    latents = largest_components(start, end, components)
    if steps < 2:
        raise ConfigurationError(
            f"steps = {steps!r} is not allowed: choose steps >= 2, start and end among them"
        )
    way = torch.linspace(0.0, 1.0, steps, dtype=start.dtype, device=start.device)  # (S,)
    path = start.repeat(components, steps, 1)  # (components, S, J)
    for row, latent in enumerate(latents.tolist()):
        path[row, :, latent] = torch.lerp(start[latent], end[latent], way)
    return path


def one_after_another(start: Tensor, end: Tensor, components: int | None = None) -> Tensor:
    r"""Exchange the largest component, then the two largest, and so on: a walk in whole steps.

    Args:
        start: z, (J,).
        end: z', (J,).
        components: how many steps; None takes as many as the codes differ in, so that the walk ends
            at ``end``.

    Returns:
        (components + 1, J), from ``start`` on; each row differs from the one before in one latent.

    Raises:
        ConfigurationError: components out of range.
        DataError: codes that are no two vectors of the same length.

    Source:
        After Tonolini et al. (2019, UAI), figure 7, which interpolates in whole steps as well.
    """
    order = largest_components(start, end, max(len(start), 1))
    different = int((start != end).sum())
    components = different if components is None else components
    if not 0 <= components <= different:
        raise ConfigurationError(
            f"components = {components!r} is not allowed: these codes differ in {different}"
        )
    path = start.repeat(components + 1, 1)  # (components + 1, J)
    for step, latent in enumerate(order[:components].tolist(), start=1):
        path[step:, latent] = end[latent]
    return path
