"""What the public calls of a model refuse: one line each, before anything is computed.

Looks at values stand here and not in ``objective``: on an accelerator each waits for the device.
"""

import math
import os
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from vsclib.errors import ConfigurationError, DataError
from vsclib.spike_slab import ranges


def check_place(x: Tensor, weight: Tensor | None) -> None:
    """Refuse a tensor of another dtype than a model's weights, or on another device.

    Raises:
        DataError: with the remedy.
    """
    if weight is None or (x.dtype, x.device) == (weight.dtype, weight.device):
        return
    if x.device != weight.device:
        remedy = f"move it with .to({str(weight.device)!r}), or the model with .to()"
        found = f"a tensor on {x.device}, a model on {weight.device}"
    else:
        remedy = "use the model in float32, as model.float() makes it, and tensors likewise"
        found = f"a tensor of {_short(x.dtype)}, weights of {_short(weight.dtype)}"
    raise DataError(f"{found}: {remedy}")


def check_codes(z: Tensor, latents: int, weight: Tensor | None) -> None:
    """Refuse what a decoder cannot take for codes (B, J).

    A code with a gradient stands inside a training: there NaN goes on, and the loss is refused.

    Raises:
        DataError: another shape, dtype or device, or a value that is no finite number.
    """
    wanted = f"decode takes codes (B, {latents})"
    if z.dim() != 2 or z.shape[0] == 0 or z.shape[1] != latents:
        remedy = "give one row for each image, as code.z of encode has it"
        if tuple(z.shape) == (latents,):
            remedy = "give the one code its row with z.unsqueeze(0)"
        raise DataError(f"{wanted}, got shape {tuple(z.shape)}: {remedy}")
    check_place(z, weight)
    if z.requires_grad or not ranges.looking() or torch.compiler.is_compiling():
        return
    if not bool(torch.isfinite(z).all()):
        remedy = "look where they come from; weights that are NaN give such codes too"
        raise DataError(f"{wanted} of finite numbers, got NaN or infinity: {remedy}")


def check_generator(generator: object, device: torch.device) -> None:
    """Refuse what is no source of draws on a device.

    Raises:
        ConfigurationError: with the remedy; None would draw from the global state.
    """
    remedy = f"give torch.Generator({str(device)!r}).manual_seed(0)"
    if not isinstance(generator, torch.Generator):
        raise ConfigurationError(f"generator = {generator!r} is no torch.Generator: {remedy}")
    if generator.device.type != device.type:
        place = f"generator draws on {generator.device}, the model is on {device}"
        raise ConfigurationError(f"{place}: {remedy}")


def check_at_least(name: str, value: int, least: int) -> None:
    """Refuse a whole number that is too small.

    Raises:
        ConfigurationError: with the range.
    """
    if value < least:
        raise ConfigurationError(f"{name} = {value} is not allowed: choose {name} >= {least}")


def check_output(network: str, run: Callable[[], Tensor], wanted: tuple[int, ...]) -> None:
    """Refuse a network whose output has another shape than the options say.

    Raises:
        ConfigurationError: with the shape found and the shape wanted.
    """
    try:
        found = str(tuple(run().shape))
    except RuntimeError as error:
        found = str(error).splitlines()[0]
    if found != str(tuple(wanted)):
        raise ConfigurationError(
            f"the {network} gives {found}, wanted shape {tuple(wanted)}: change its last layer, or "
            "create the model with latents and image_shape that fit"
        )


def check_memory(config: Any, heads: int) -> None:
    """Refuse a model whose weights take more than half of this machine's memory.

    Raises:
        ConfigurationError: with what they would take at least.
    """
    pixels, latents, hidden = math.prod(config.image_shape), config.latents, config.hidden
    # The largest matrices; a convolution keeps 64 channels of a quarter of each side.
    ends = pixels if config.network == "mlp" else 64
    width = hidden if config.hidden_layers or config.encoder or config.decoder else None
    sides = (heads > 0 and not config.encoder, not config.decoder)
    joined = latents * (heads + sides[1])
    count = joined * (width or ends) + sum(sides) * ends * (width or 0)
    count += getattr(config, "pseudo_inputs", 0) * pixels
    found, memory = 4 * count, _machine_memory()
    if found > memory / 2:
        raise ConfigurationError(
            f"latents = {latents}, image_shape = {config.image_shape} and hidden = {hidden} take "
            f"{found / 2**30:,.0f} GiB of weights or more, and this machine has "
            f"{memory / 2**30:,.0f} GiB of memory: choose smaller ones"
        )


def _machine_memory() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf
        return 64 * 2**30


def _short(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
