"""A decoder as a browser can read it: its layers as plain words, its weights as half floats."""

import base64
import copy
from typing import Any
from weakref import WeakValueDictionary

import ipywidgets
import numpy as np
import torch
import traitlets
from torch import Tensor, nn

from vsclib.errors import ConfigurationError

Layer = dict[str, Any]


class ExportedDecoder(ipywidgets.Widget):
    """What the browser needs to decode; widgets that decode alike share one."""

    layers: traitlets.List = traitlets.List().tag(sync=True)
    """One entry for each layer that computes something, in order."""
    weights = traitlets.Unicode().tag(sync=True)
    """Base64 of little-endian float16: for each layer its weight, then its bias, row-major."""


_exported: WeakValueDictionary[tuple[str, str], ExportedDecoder] = WeakValueDictionary()


def export_decoder(
    layers: nn.Sequential, latents: int, image_shape: tuple[int, int, int]
) -> ExportedDecoder:
    """Write a decoder's layers and weights down for the browser.

    Args:
        layers: `Linear`, `ReLU`, `Unflatten` and `ConvTranspose2d` (one group, no dilation), in any
            order that fits.
        latents: J, the length of a code.
        image_shape: (C, H, W); the layers must give P * C * H * W numbers for some whole P.

    Returns:
        Layers and weights; 4 base64 characters hold 1.5 weights, so 400,000 weights take 1.07 MB.

    Raises:
        ConfigurationError: if a layer is of another kind, the shapes do not fit, or a weight is not
            a number that half precision can hold.
    """
    entries: list[Layer] = []
    arrays: list[Tensor] = []
    shape: tuple[int, ...] = (latents,)
    for position, layer in enumerate(layers):
        entry, shape = _describe(position, layer, shape)
        if entry is None:
            continue
        entries.append(entry)
        if isinstance(layer, nn.Linear | nn.ConvTranspose2d):
            arrays += [layer.weight, _bias(layer)]
    _check_output(shape, image_shape)
    return _shared(entries, _half_floats(arrays))


def _shared(entries: list[Layer], weights: str) -> ExportedDecoder:
    """The decoder that was exported before with the same content, unless it was closed."""
    content = (repr(entries), weights)
    known = _exported.get(content)
    if known is None or known.comm is None:
        known = _exported[content] = ExportedDecoder(layers=entries, weights=weights)
    return known


def round_to_half(layers: nn.Sequential) -> nn.Sequential:
    """A copy of the layers on the CPU in float32, with the weights that the browser gets."""
    rounded = copy.deepcopy(layers).cpu().float()
    with torch.no_grad():
        for parameter in rounded.parameters():
            parameter.copy_(parameter.half().float())
    return rounded


def _describe(
    position: int, layer: nn.Module, shape: tuple[int, ...]
) -> tuple[Layer | None, tuple[int, ...]]:
    """One layer in plain words, and the shape of what leaves it."""
    if isinstance(layer, nn.ReLU):
        return {"kind": "relu"}, shape
    if isinstance(layer, nn.Unflatten):
        return None, tuple(int(size) for size in layer.unflattened_size)
    if isinstance(layer, nn.Linear):
        _check_input(position, layer, layer.in_features, shape[-1] if len(shape) == 1 else None)
        sizes = {"inputs": layer.in_features, "outputs": layer.out_features}
        return {"kind": "linear", **sizes}, (layer.out_features,)
    if isinstance(layer, nn.ConvTranspose2d) and layer.groups == 1 and layer.dilation == (1, 1):
        _check_input(position, layer, layer.in_channels, shape[0] if len(shape) == 3 else None)
        return _describe_convolution(layer, shape)
    raise ConfigurationError(
        f"decoder layer {position} is {_words(layer)}, which the browser cannot compute; "
        "it can compute Linear, ReLU, Unflatten and ConvTranspose2d (groups=1, dilation=1)"
    )


def _describe_convolution(
    layer: nn.ConvTranspose2d, shape: tuple[int, ...]
) -> tuple[Layer, tuple[int, ...]]:
    kernel, stride, extra = layer.kernel_size, layer.stride, layer.output_padding
    padding = layer.padding
    assert not isinstance(padding, str)  # torch knows no named padding for transposed convolutions
    height, width = (
        (size - 1) * stride[axis] - 2 * padding[axis] + kernel[axis] + extra[axis]
        for axis, size in enumerate(shape[1:])
    )
    output = (layer.out_channels, height, width)
    sizes = {"input": shape, "output": output, "kernel": kernel, "stride": stride}
    lists = {name: list(size) for name, size in {**sizes, "padding": padding}.items()}
    return {"kind": "conv_transpose", **lists}, output


def _words(layer: nn.Module) -> str:
    """A layer's own description on one line."""
    return " ".join(str(layer).split())


def _check_input(position: int, layer: nn.Module, expected: int, given: int | None) -> None:
    if given != expected:
        raise ConfigurationError(
            f"decoder layer {position}, {_words(layer)}, takes {expected} values or channels and "
            f"gets {given or 'another shape'}; the layers must fit the code and each other"
        )


def _check_output(shape: tuple[int, ...], image_shape: tuple[int, int, int]) -> None:
    values, pixels = int(np.prod(shape)), int(np.prod(image_shape))
    if values % pixels or (len(shape) == 3 and tuple(shape[1:]) != tuple(image_shape[1:])):
        raise ConfigurationError(
            f"the decoder gives values of shape {shape}, the images are {tuple(image_shape)}: "
            f"the decoder must give a multiple of {pixels} values in the images' height and width"
        )


def _bias(layer: nn.Linear | nn.ConvTranspose2d) -> Tensor:
    if layer.bias is not None:
        return layer.bias
    return torch.zeros(layer.out_features if isinstance(layer, nn.Linear) else layer.out_channels)


def _half_floats(arrays: list[Tensor]) -> str:
    flat = [array.detach().cpu().float().flatten() for array in arrays]
    weights = torch.cat([torch.zeros(0), *flat])
    half = weights.half()
    if not torch.isfinite(half).all():
        raise ConfigurationError(
            f"a decoder weight of size {weights.abs().max():.3g} does not fit half precision "
            "(at most 65504, no NaN); retrain with a smaller learning rate"
        )
    return base64.b64encode(half.numpy().astype("<f2").tobytes()).decode("ascii")
