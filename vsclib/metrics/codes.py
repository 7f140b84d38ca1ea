"""From images to codes and back, walks between two codes, and draws within one's subspace."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor, nn

from vsclib.data import to_tensor
from vsclib.errors import ConfigurationError, DataError
from vsclib.models import Code, Model

BATCH = 1000
"""Images that are encoded or decoded at once."""

Images = np.ndarray | Tensor
"""uint8 array as a data set holds it, or float32 tensor in [0, 1]; (N, C, H, W) either way."""


def as_floats(images: Images, device: torch.device | str = "cpu") -> Tensor:
    """Images (N, C, H, W) as models take them: float32 in [0, 1], on a device."""
    return images.to(device) if isinstance(images, Tensor) else to_tensor(images, device)


def batches(count: int, size: int = BATCH) -> Iterator[slice]:
    """The slices that cut ``count`` rows into batches."""
    return (slice(start, start + size) for start in range(0, count, size))


def device_of(model: nn.Module) -> torch.device:
    """Where the model's weights are."""
    return next(model.parameters()).device


def to_device(code: Code, device: torch.device | str) -> Code:
    """A code with every tensor on the device."""
    return Code._make(None if field is None else field.to(device) for field in code)


def rows(code: Code, part: slice) -> Code:
    """Some images' part of a code."""
    return Code._make(None if field is None else field[part] for field in code)


@torch.no_grad()
def codes(
    model: Model, images: Images, sampled: bool = False, generator: torch.Generator | None = None
) -> Code:
    """The codes (N, J) of a whole set of images, on the CPU.

    Args:
        sampled: one draw from the posterior for each image instead of the mean code; it needs the
            generator.
    """
    if sampled and generator is None:
        raise ConfigurationError(
            "sampled = True needs a generator: pass torch.Generator(device).manual_seed(seed)"
        )
    if sampled and generator is not None:
        return gather(lambda x: model.sample_code(x, generator), images, device_of(model))
    return gather(model.encode, images, device_of(model))


@torch.no_grad()
def gather(encode: Callable[[Tensor], Code], images: Images, device: torch.device) -> Code:
    """The codes (N, J), on the CPU, that a function gives for a set of images, in batches."""
    inputs = (as_floats(images[part], device) for part in batches(len(images)))
    parts = [to_device(encode(x), "cpu") for x in inputs]
    columns = zip(*parts, strict=True)
    return Code._make(None if fields[0] is None else torch.cat(fields) for fields in columns)


@torch.no_grad()
def reconstruct(
    model: Model,
    images: Images | Code,
    sampled: bool = False,
    generator: torch.Generator | None = None,
) -> Tensor:
    """The decoder's mean images, (N, C, H, W) in [0, 1], on the CPU.

    Args:
        images: images, which are encoded first; or a ``Code``, which is decoded as it is.
        sampled: decode one draw from the posterior instead of the mean code.
    """
    z = (images if isinstance(images, Code) else codes(model, images, sampled, generator)).z
    device = device_of(model)
    return torch.cat([model.decode(z[part].to(device)).mean.cpu() for part in batches(len(z))])


def read_out(code: Code, threshold: float) -> Code:
    r"""A code read at another threshold: latent j is on where :math:`\gamma_j > t`.

    The models' own choice is t = 0.5. With a fixed prior, :math:`t = 2\alpha` (a gate's odds rose
    clearly above the prior's) reads more out of the same model; at :math:`t \le \alpha` idle
    latents flicker, for they rest at :math:`\gamma = \alpha`.

    t lies in [0, 1), and the code needs a ``gamma``. ``active`` is taken anew, and ``z = mu *
    active`` where the code has a ``mu``; a generator's ``z`` stays as inferred.
    """
    if code.gamma is None:
        raise ConfigurationError(
            "this code has no gamma, so it has no threshold: use code.active as it is"
        )
    if not 0.0 <= threshold < 1.0:
        raise ConfigurationError(
            f"threshold = {threshold!r} is not allowed: choose 0 <= threshold < 1"
        )
    active = code.gamma > threshold  # (N, J)
    return code._replace(active=active, z=code.z if code.mu is None else code.mu * active)


@torch.no_grad()
def conditional_codes(model: Model, code: Code, n: int, generator: torch.Generator) -> Tensor:
    r"""Codes (B, n, J), on the model's device, that vary only along latents an image has on.

    .. math:: z_j \sim \begin{cases}p(z_j\mid w_j = 1) & \text{the image has latent j on}\\
        0 & \text{otherwise}\end{cases}

    The slab p is the standard normal of a fixed prior, the wide Gaussian of a sparse generator, and
    for a learned prior the slab that the image's weighted pseudo-inputs amount to. For a dense
    model every latent is on, and this is sampling from the prior.

    Args:
        model, code: a model and the mean codes (B, J) that it gave images.
        n: draws for each image, at least 1.

    Source:
        Tonolini et al. (2019, ICLR submission), appendix E.5 and figure 13.
    """
    if n < 1:
        raise ConfigurationError(f"n = {n!r} is not allowed: choose n >= 1 draws for each image")
    code = to_device(code, device_of(model))
    shape = len(code.z), n, code.z.shape[1]  # (B, n, J)
    noise = torch.randn(shape, generator=generator, device=generator.device)
    mean, sigma = model.prior_slab(code)
    return (mean.unsqueeze(1) + sigma.unsqueeze(1) * noise) * code.active.unsqueeze(1)


@torch.no_grad()
def conditional_samples(model: Model, code: Code, n: int, generator: torch.Generator) -> Tensor:
    """Mean images (B, n, C, H, W) in [0, 1] of :func:`conditional_codes`, on the CPU."""
    z = conditional_codes(model, code, n, generator).flatten(0, 1)  # (B n, J)
    return reconstruct(model, Code(z, z != 0)).unflatten(0, (len(code.z), n))


def largest_components(start: Tensor, end: Tensor, components: int = 2) -> Tensor:
    """Latents where two codes (J,) differ most, by |z'_j - z_j|: (components,), largest first."""
    if start.ndim != 1 or start.shape != end.shape:
        raise DataError(
            f"codes are shaped {tuple(start.shape)} and {tuple(end.shape)}: "
            "give two of the same (J,)"
        )
    if not 1 <= components <= len(start):
        raise ConfigurationError(
            f"components = {components!r} is not allowed: choose from 1 to {len(start)}"
        )
    return (end - start).abs().argsort(descending=True, stable=True)[:components]


def one_at_a_time(start: Tensor, end: Tensor, components: int = 2, steps: int = 5) -> Tensor:
    r"""Move each of the largest components alone, others as at the start: (components, steps, J).

    .. math:: z^{(k,s)} = z + \tfrac{s}{S-1}\,(z'_{j_k} - z_{j_k})\,e_{j_k}, \qquad s = 0,\dots,S-1

    Args:
        start, end: z and z', (J,).
        components: how many components, the largest first.
        steps: S, codes from start to end, at least 2.

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
    r"""Exchange the largest component, then the two largest, and so on: (components + 1, J).

    A walk in whole steps: each row differs from the one before in one latent.

    Args:
        start, end: z and z', (J,).
        components: how many steps; None takes as many as the codes differ in, so that the walk ends
            at ``end``.

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
