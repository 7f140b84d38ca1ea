"""Codes without an encoder, found by following a decoder's gradient."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from vsclib import randomness
from vsclib.arguments import explained
from vsclib.errors import ConfigurationError


@explained
def follow_gradient(
    log_likelihood: Callable[[Tensor], Tensor],
    prior_score: Callable[[Tensor], Tensor],
    z: Tensor,
    steps: int = 30,
    step_size: Tensor | float = 0.1,
    noise: torch.Generator | None = None,
) -> Tensor:
    r"""Move codes uphill on the log-joint for a fixed number of steps.

    .. math::

        z_{\tau+1} = z_\tau + \frac{s^2}{2}\Bigl[
            \frac{\partial}{\partial z}\log p_\theta(x\mid z_\tau)
            + \frac{d}{dz}\log p(z_\tau)\Bigr] + s\,\epsilon_\tau

    Without noise this is truncated gradient ascent towards the MAP code; with noise it is
    unadjusted Langevin dynamics. Thirty steps do not reach the MAP: the decoder is trained for
    this number of steps.

    Args:
        log_likelihood: codes (B, J) to nats (B,), differentiable.
        prior_score: codes (B, J) to the derivative of the log-prior (B, J).
        z: where to start, (B, J).
        steps: number of steps.
        step_size: s; a step moves by s^2 / 2 times the gradient.
        noise: source of Langevin noise; None adds no noise.

    Returns:
        Codes (B, J), detached.

    Raises:
        ConfigurationError: ``steps`` is negative or ``step_size`` no number >= 0.

    Source:
        Li & Han (2022), Eq. 6 and Algorithm 1.

    Example:
        With a standard normal prior and one observation 2 = z + unit noise, the MAP code is 1.

        >>> likelihood = lambda z: -0.5 * (2 - z).square().sum(1)
        >>> follow_gradient(likelihood, lambda z: -z, torch.zeros(1, 1), 500, 0.3)
        tensor([[1.0000]])
    """

    def score(z: Tensor) -> Tensor:
        with torch.enable_grad():
            z = z.detach().requires_grad_(True)
            (gradient,) = torch.autograd.grad(log_likelihood(z).sum(), z)
        return gradient + prior_score(z.detach())

    return follow_score(score, z, steps, step_size, noise)


@explained
def follow_score(
    score: Callable[[Tensor], Tensor],
    z: Tensor,
    steps: int = 30,
    step_size: Tensor | float = 0.1,
    noise: torch.Generator | None = None,
) -> Tensor:
    """Move codes uphill by a gradient that is known: the walk of :func:`follow_gradient`.

    Args:
        score: codes (B, J) to the derivative of the log-joint (B, J).
        z, steps, step_size, noise: as there.

    Returns:
        Codes (B, J), detached.

    Raises:
        ConfigurationError: ``steps`` is negative or ``step_size`` no number >= 0.
    """
    known = not isinstance(step_size, Tensor)
    if steps < 0 or (known and not 0 <= step_size < math.inf):
        found = f"steps = {steps} with step_size = {step_size:g}"
        raise ConfigurationError(f"{found} is not allowed: choose steps >= 0 and step_size >= 0")
    z = z.detach()
    for _ in range(steps):
        z = z + 0.5 * step_size**2 * score(z)
        if noise is not None:
            z = z + step_size * randomness.normal(z.shape, noise, z.device)
    return z
