"""What a widget starts with: a model's codes of the images, checked, as the page reads them."""

import base64
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from vsclib.errors import ConfigurationError, DataError
from vsclib.traversal.decoder_export import ExportedDecoder, export_decoder, round_to_half

MOST_IMAGES = 64
MOST_LATENTS = 2048
"""More a page cannot show: a bar would be thinner than a third of a pixel."""
# A decoder whose mean is the sigmoid of its first channels differs from its half-precision copy by
# far less than this.
LARGEST_DIFFERENCE = 0.05


class WidgetStart(NamedTuple):
    """Where a widget starts: the codes of its images, and what the page needs to draw them."""

    z: np.ndarray  # float32 (N, J)
    active: np.ndarray  # bool (N, J)
    gated: bool  # whether the code has gates at all
    reconstruction: np.ndarray  # float32 (C, H, W): of the first image
    traits: dict[str, Any]  # what travels to the page, by the names of `CodeTraits`


class _Code(NamedTuple):
    z: np.ndarray  # float32 (N, J)
    active: np.ndarray  # bool (N, J)
    slab: np.ndarray  # float32 (N, J): what a latent becomes when its gate is opened
    gated: bool


def widget_start(
    model: Any,
    images: np.ndarray | Tensor,
    latents: Sequence[int] | None,
    sliders: int,
    limit: float | None,
) -> tuple[np.ndarray, WidgetStart]:
    """The images as uint8 (N, C, H, W), and a model's start on them.

    Raises:
        ConfigurationError: the browser cannot compute the decoder, or an option is out of range.
        DataError: the images have another shape or scale, or a code is not finite.
    """
    _require_model(model)
    shape = tuple(int(size) for size in model.image_shape)
    pixels = _to_pixels(images, shape)
    decoder: ExportedDecoder = export_decoder(model.decoder.layers, model.latents, shape)  # type: ignore[arg-type]
    code = _encode(model, pixels)
    limit = _limit(limit, code.z)
    # The slab of a latent that is off is free: it may lie far outside the range.
    slab = code.slab.clip(-limit, limit)
    reconstruction = _decode_as_the_browser_does(model, code.z)[0]
    traits = {
        "title": str(getattr(model, "name", type(model).__name__)),
        "decoder": decoder,
        "count": len(pixels),
        "dimensions": model.latents,
        "codes": base64_of(code.z),
        "slabs": "" if np.array_equal(slab, code.z) else base64_of(slab),
        "active": base64_of(code.active.astype(np.uint8)),
        "gated": code.gated,
        "shown": _shown(code, model.latents, latents, sliders),
        "limit": limit,
        "z": code.z[0].tolist(),
    }
    return pixels, WidgetStart(code.z, code.active, code.gated, reconstruction, traits)


def _require_model(model: Any) -> None:
    """Refuse what does not keep the models' contract, or decodes with something of its own."""
    for name in ("image_shape", "latents", "encode", "decode", "decoder"):
        if not hasattr(model, name):
            raise ConfigurationError(
                f"a {type(model).__name__} has no {name}: give a model of vsclib.models.create or "
                "vsclib.load"
            )
    if not isinstance(getattr(model.decoder, "layers", None), nn.Sequential):
        raise ConfigurationError(
            f"the decoder is a {type(model.decoder).__name__} without layers in a row, and the "
            "browser can compute nothing else: give it `layers`, an nn.Sequential"
        )
    if model.latents > MOST_LATENTS:
        raise ConfigurationError(
            f"the code has {model.latents} latents and a page can show {MOST_LATENTS}: "
            "give a model with fewer, or draw with vsclib.figures"
        )
    if getattr(model, "real_valued", False):
        raise ConfigurationError(
            "likelihood = 'gaussian_real' has no picture: the widget draws pixels in [0, 1]; "
            "choose another likelihood, or look at the codes with vsclib.figures"
        )
    if getattr(model.decoder, "likelihood", "") == "continuous_bernoulli":
        raise ConfigurationError(
            "likelihood = 'continuous_bernoulli' has another mean than the sigmoid that the "
            "widget draws: choose another likelihood, or draw with vsclib.figures"
        )


def _to_pixels(images: np.ndarray | Tensor, shape: tuple[int, ...]) -> np.ndarray:
    """The images as uint8 (N, C, H, W), or a clear refusal."""
    array = images.detach().cpu().numpy() if isinstance(images, Tensor) else np.asarray(images)
    if array.ndim != 4 or array.shape[1:] != shape:
        raise DataError(
            f"images have shape {array.shape}; the model takes (N, {', '.join(map(str, shape))})"
        )
    if not 1 <= len(array) <= MOST_IMAGES:
        raise DataError(
            f"{len(array)} images were given; give 1 to {MOST_IMAGES}, for example images[:12]"
        )
    if shape[0] not in (1, 3):
        raise DataError(
            f"the images have {shape[0]} channels; "
            "the widget draws 1 (grey) or 3 (red, green, blue)"
        )
    if array.dtype == np.uint8:
        return array
    if array.dtype.kind != "f" or not (
        np.isfinite(array).all() and array.min() >= 0 and array.max() <= 1
    ):
        raise DataError(
            f"images are {array.dtype} between {array.min()} and {array.max()}; "
            "give uint8, or floats in [0, 1]"
        )
    return np.round(array * 255).astype(np.uint8)


def _device(model: Any) -> torch.device:
    return next(model.decoder.layers.parameters()).device


def _encode(model: Any, pixels: np.ndarray) -> _Code:
    x = torch.from_numpy(pixels).to(_device(model)).float() / 255  # (N, C, H, W)
    with torch.no_grad():
        code = model.encode(x)
    z = code.z.detach().cpu().float().numpy()  # (N, J)
    active = code.active.detach().cpu().bool().numpy()  # (N, J)
    if not np.isfinite(z).all():
        raise DataError(
            "the model's code holds a value that is not finite; "
            "load a checkpoint whose training went well"
        )
    mu = getattr(code, "mu", None)
    slab = z if mu is None else np.where(active, z, mu.detach().cpu().float().numpy())
    gated = getattr(code, "gamma", None) is not None or not active.all()
    return _Code(z, active, np.ascontiguousarray(slab, dtype=np.float32), bool(gated))


def _decode_as_the_browser_does(model: Any, z: np.ndarray) -> np.ndarray:
    """Images (N, C, H, W) from the rounded weights, held against the model's own."""
    channels, height, width = model.image_shape
    code = torch.from_numpy(z)
    with torch.no_grad():
        output = round_to_half(model.decoder.layers)(code)
        planes = output.reshape(len(z), -1, height, width)  # (N, P * C, H, W)
        rounded = torch.sigmoid(planes[:, :channels])  # (N, C, H, W)
        mean = model.decode(code.to(_device(model))).mean.cpu().reshape(rounded.shape)
    difference = (rounded - mean).abs().max().item()
    if not difference <= LARGEST_DIFFERENCE:
        raise ConfigurationError(
            f"the page's picture would be {difference:.2g} away from the model's "
            f"(at most {LARGEST_DIFFERENCE} allowed): the model's mean must be the sigmoid of its "
            "decoder's first channels, with weights that bear half precision"
        )
    return rounded.numpy()


def _shown(
    start: _Code, dimensions: int, latents: Sequence[int] | None, sliders: int
) -> list[list[int]]:
    """For each image the latents that start with a slider, in order."""
    if sliders < 1:
        raise ConfigurationError(f"sliders={sliders} is out of range; give 1 or more")
    if latents is not None:
        chosen = [int(latent) for latent in latents]
        wrong = [latent for latent in chosen if not 0 <= latent < dimensions]
        if wrong or not chosen or len(set(chosen)) < len(chosen):
            raise ConfigurationError(
                f"latents={chosen} must be different numbers from 0 to {dimensions - 1}, "
                "at least one"
            )
        return [chosen for _ in start.z]
    if start.gated:
        order = np.argsort(-np.abs(start.z) - 1e6 * start.active, axis=1, kind="stable")
        # An image whose code is silent starts with the latents that speak for the other images.
        silent = np.argsort(-start.active.sum(axis=0), kind="stable")[: min(sliders, 3)].tolist()
        rows = zip(order, start.active, strict=True)
        return [[int(j) for j in row[:sliders] if on[j]] or silent for row, on in rows]
    spread = start.z.std(axis=0) if len(start.z) > 1 else np.abs(start.z[0])
    return [np.argsort(-spread, kind="stable")[:sliders].tolist() for _ in start.z]


def _limit(limit: float | None, z: np.ndarray) -> float:
    largest = float(np.abs(z).max())
    if limit is None:
        return _round_up(1.1 * largest) if largest > 0 else 3.0
    if not (math.isfinite(limit) and limit > 0 and limit >= largest):
        raise ConfigurationError(
            f"limit={limit} is out of range; the largest |z| is {largest:.3g}, give that or more"
        )
    return float(limit)


def _round_up(value: float) -> float:
    """The next number of the form 1, 1.5, 2, 2.5, 3, 4, 5, 6, 8 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(value))
    steps = (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10)
    return next(step * power for step in steps if step * power >= value)


def base64_of(array: np.ndarray) -> str:
    """An array's bytes, little-endian and row-major, as base64."""
    little_endian = array.astype(array.dtype.newbyteorder("<"), copy=False)
    return base64.b64encode(np.ascontiguousarray(little_endian).tobytes()).decode("ascii")
