"""From a set of images to its codes and back, in batches."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor, nn

from vsclib.data import to_tensor
from vsclib.errors import ConfigurationError
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
    """The codes of a whole set of images.

    Args:
        model: any model.
        images: (N, C, H, W), uint8 array or float tensor in [0, 1].
        sampled: one draw from the posterior for each image instead of the mean code.
        generator: source of the draws, on the model's device; needed with ``sampled``.

    Returns:
        The code of every image, (N, J), on the CPU.

    Raises:
        ConfigurationError: ``sampled`` without a generator.
        DataError: the images do not fit the model.
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
    parts = [
        to_device(encode(as_floats(images[part], device)), "cpu") for part in batches(len(images))
    ]
    columns = zip(*parts, strict=True)
    return Code._make(None if fields[0] is None else torch.cat(fields) for fields in columns)


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
        ConfigurationError: ``sampled`` without a generator.
        DataError: the images do not fit the model.
    """
    z = (images if isinstance(images, Code) else codes(model, images, sampled, generator)).z
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
