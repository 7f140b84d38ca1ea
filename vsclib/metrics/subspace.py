"""Sampling in the subspace that an image activates: other images with the same features."""

import torch
from torch import Tensor

from vsclib.errors import ConfigurationError
from vsclib.metrics.encoding import device_of, reconstruct, to_device
from vsclib.models import Code, Model
from vsclib.spike_slab import learned_prior


@torch.no_grad()
def conditional_codes(model: Model, code: Code, n: int, generator: torch.Generator) -> Tensor:
    r"""Codes that vary only along the latents that an image has on.

    .. math:: z_j \sim \begin{cases}p(z_j\mid w_j = 1) & \text{the image has latent j on}\\ 0 & \text{otherwise}\end{cases}

    The slab p is the standard normal of a fixed prior, the wide Gaussian of a sparse generator, and
    for a learned prior the slab that the image's weighted pseudo-inputs amount to. For a dense
    model every latent is on, and this is sampling from the prior.

    Args:
        model: the model that gave the code.
        code: mean codes (B, J) of the images.
        n: draws for each image, at least 1.
        generator: source of the draws, on the model's device.

    Returns:
        (B, n, J), on the model's device; exactly zero where the image's latent is off.

    Raises:
        ConfigurationError: fewer than one draw.

    Source:
        Tonolini et al. (2019, ICLR submission), appendix E.5 and figure 13.
    """
    if n < 1:
        raise ConfigurationError(f"n = {n!r} is not allowed: choose n >= 1 draws for each image")
    code = to_device(code, device_of(model))
    images, latents = code.z.shape
    noise = torch.randn(
        images, n, latents, generator=generator, device=generator.device
    )  # (B, n, J)
    mean, sigma = slab(model, code)
    return (mean.unsqueeze(1) + sigma.unsqueeze(1) * noise) * code.active.unsqueeze(1)


@torch.no_grad()
def conditional_samples(model: Model, code: Code, n: int, generator: torch.Generator) -> Tensor:
    """Mean images of :func:`conditional_codes`.

    Args:
        model: the model that gave the code.
        code: mean codes (B, J) of the images.
        n: draws for each image, at least 1.
        generator: source of the draws, on the model's device.

    Returns:
        (B, n, C, H, W) in [0, 1], on the CPU.

    Raises:
        ConfigurationError: fewer than one draw.
    """
    z = conditional_codes(model, code, n, generator).flatten(0, 1)  # (B n, J)
    return reconstruct(model, Code(z, z != 0)).unflatten(0, (len(code.z), n))


def slab(model: Model, code: Code) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation, each (B, J), of what a latent of these images takes when it is
    on.
    """
    if code.weights is not None:
        prior = model.prior()  # type: ignore[operator]
        pooled = learned_prior.pool(
            learned_prior.unit_sum(code.weights), prior.gamma, prior.mu, prior.logvar
        )
        return pooled.mu, (0.5 * pooled.logvar).exp()
    sigma = getattr(model.config, "sigma1", 1.0)
    return torch.zeros_like(code.z), torch.full_like(code.z, sigma)
