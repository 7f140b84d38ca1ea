"""From images to codes and back, walks between two codes, and draws within one's subspace."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor, nn

from vsclib.arguments import explained
from vsclib.data import to_tensor
from vsclib.errors import ConfigurationError, DataError
from vsclib.metrics.inputs import check_counts, sound
from vsclib.models import Code, Model
from vsclib.models.doors import check_generator

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
    """The codes of a whole set of images.

    Args:
        model: any model.
        images: (N, C, H, W), uint8 array or float tensor in [0, 1].
        sampled: one draw from the posterior for each image instead of the mean code.
        generator: source of the draws, on the model's device; needed with ``sampled``.

    Returns:
        The code of every image, (N, J), on the CPU.

    Raises:
        ConfigurationError: ``sampled`` without a generator, or with one on another device.
        DataError: no images, images that do not fit the model, or codes that are no numbers.
    """
    device = device_of(model)
    if not sampled:
        return gather(model.encode, images, device)
    if generator is None:
        raise ConfigurationError(
            "sampled = True needs a generator: pass torch.Generator(device).manual_seed(seed)"
        )
    check_generator(generator, device)
    return gather(lambda x: model.sample_code(x, generator), images, device)


@torch.no_grad()
def gather(encode: Callable[[Tensor], Code], images: Images, device: torch.device) -> Code:
    """The codes (N, J), on the CPU, that a function gives for a set of images, in batches."""
    if len(images) == 0:
        raise DataError("0 images have no codes: give at least one, (N, C, H, W)")
    parts = [
        to_device(encode(as_floats(images[part], device)), "cpu") for part in batches(len(images))
    ]
    columns = zip(*parts, strict=True)
    return sound(Code._make(None if fields[0] is None else torch.cat(fields) for fields in columns))


@torch.no_grad()
def reconstruct(
    model: Model,
    images: Images | Code,
    sampled: bool = False,
    generator: torch.Generator | None = None,
) -> Tensor:
    """The decoder's mean images.

    Args:
        model: any model.
        images: (N, C, H, W), which are encoded first; or a ``Code`` (N, J), which is decoded as it
            is.
        sampled: decode one draw from the posterior instead of the mean code.
        generator: source of the draws, on the model's device.

    Returns:
        (N, C, H, W) in [0, 1], on the CPU.

    Raises:
        ConfigurationError: ``sampled`` without a generator, or with one on another device.
        DataError: the images do not fit the model, or the code is another model's.
    """
    code = images if isinstance(images, Code) else codes(model, images, sampled, generator)
    z = sound(code, model).z
    device = device_of(model)
    return torch.cat([model.decode(z[part].to(device)).mean.cpu() for part in batches(len(z))])


def read_out(code: Code, threshold: float) -> Code:
    r"""A code read at another threshold: latent j is on where :math:`\gamma_j > t`.

    The models' own choice is t = 0.5. With a fixed prior, :math:`t = 2\alpha` (a gate's odds rose
    clearly above the prior's) reads more out of the same model; at :math:`t \le \alpha` idle
    latents flicker, for they rest at :math:`\gamma = \alpha`.

    Args:
        code: mean codes (N, J) with ``gamma``.
        threshold: t, in [0, 1).

    Returns:
        The code with ``active`` anew, and ``z = mu * active`` where the code has a ``mu``; a
        generator's ``z`` stays as inferred.

    Raises:
        ConfigurationError: the code has no ``gamma``, or t lies outside [0, 1).
        DataError: codes that are no numbers.
    """
    sound(code)
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
@explained
def conditional_codes(model: Model, code: Code, n: int, generator: torch.Generator) -> Tensor:
    r"""Codes that vary only along the latents that an image has on.

    .. math:: z_j \sim \begin{cases}p(z_j\mid w_j = 1) & \text{the image has latent j on}\\
        0 & \text{otherwise}\end{cases}

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
        ConfigurationError: fewer than one draw, or a generator on another device.
        DataError: the code is another model's.

    Source:
        Tonolini et al. (2019, ICLR submission), appendix E.5 and figure 13.
    """
    check_counts(n=n)
    check_generator(generator, device_of(model))
    code = to_device(sound(code, model), device_of(model))
    images, latents = code.z.shape
    noise = torch.randn(
        images, n, latents, generator=generator, device=generator.device
    )  # (B, n, J)
    mean, sigma = model.prior_slab(code)
    return (mean.unsqueeze(1) + sigma.unsqueeze(1) * noise) * code.active.unsqueeze(1)


@torch.no_grad()
@explained
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
        ConfigurationError: fewer than one draw, or a generator on another device.
        DataError: the code is another model's.
    """
    z = conditional_codes(model, code, n, generator).flatten(0, 1)  # (B n, J)
    return reconstruct(model, Code(z, z != 0)).unflatten(0, (len(code.z), n))


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
    if start.ndim != 1 or start.shape != end.shape or not (end - start).isfinite().all():
        raise DataError(
            f"codes are shaped {tuple(start.shape)} and {tuple(end.shape)}: "
            "give two of the same (J,), finite"
        )
    if not 1 <= components <= len(start):
        raise ConfigurationError(
            f"components = {components!r} is not allowed: choose from 1 to {len(start)}"
        )
    return (end - start).abs().argsort(descending=True, stable=True)[:components]


@explained
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
