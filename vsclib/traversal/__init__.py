"""The live traversal: a reader moves a latent, the decoder answers, with or without a kernel."""

import base64
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import anywidget
import ipywidgets
import numpy as np
import torch
import traitlets
from torch import Tensor, nn

from vsclib.errors import ConfigurationError, DataError
from vsclib.traversal.decoder_export import ExportedDecoder, export_decoder, round_to_half
from vsclib.traversal.script import MODULE, STYLE
from vsclib.traversal.still import still_picture

__all__ = ["Traversal"]

MOST_IMAGES = 64
# A decoder whose mean is the sigmoid of its first channels differs from its half-precision copy by
# far less than this.
LARGEST_DIFFERENCE = 0.05


class _Start(NamedTuple):
    """Where the widget starts: the codes of its images, as numpy arrays."""

    z: np.ndarray  # float32 (N, J)
    active: np.ndarray  # bool (N, J)
    slab: np.ndarray  # float32 (N, J): what a latent becomes when its gate is opened
    gated: bool  # whether the code has gates at all


class Traversal(anywidget.AnyWidget):
    r"""Sliders over an image's code, and what the decoder makes of it, computed in the browser.

    .. math:: \hat x = \operatorname{sigmoid}(f_\theta(z)), \qquad z_j = s_j \, \nu_j

    with the spike (gate) :math:`s_j \in \{0, 1\}` and the slab (slider) :math:`\nu_j`. A dense code
    has sliders only. The decoder travels inside the widget as float16, so the picture moves in
    JupyterLab and on a published page alike; what the page draws stays within 2 grey levels of
    `model.decode`.

    Args:
        model: a model of `vsclib.models`, or anything that keeps their contract: `encode(x)`,
            `decode(z).mean` and `decoder.layers` made of `Linear`, `ReLU`, `Unflatten` and
            `ConvTranspose2d`.
        images: what the reader may choose from: uint8 (N, C, H, W), or float in [0, 1]; C is 1 or
            3, N at most 64.
        latents: which latents get a slider. Without it: those that are on in the chosen image,
            largest first; for a dense code those that vary most over the images. The reader can add
            any other.
        sliders: how many sliders to start with at most, when `latents` is not given.
        limit: the sliders' range is -limit to limit; without it, a round number above the largest
            code value.

    Attributes:
        z: the current code, a list of J floats; it follows the reader's last finished move, and
            setting it moves the widget.
        image: index of the chosen image; setting it shows that image's code.

    Raises:
        ConfigurationError: if the browser cannot compute a layer, or an option is out of range.
        DataError: if the images have another shape or scale.
    """

    _esm, _css = MODULE, STYLE

    decoder = traitlets.Instance(ExportedDecoder).tag(sync=True, **ipywidgets.widget_serialization)
    shape = traitlets.List(traitlets.Int()).tag(sync=True)  # [C, H, W]
    count = traitlets.Int().tag(sync=True)  # N
    dimensions = traitlets.Int().tag(sync=True)  # J
    pixels = traitlets.Unicode().tag(sync=True)  # base64 of uint8 (N, C, H, W)
    codes = traitlets.Unicode().tag(sync=True)  # base64 of float32 (N, J)
    slabs = traitlets.Unicode().tag(sync=True)  # the same; empty when they equal the codes
    active = traitlets.Unicode().tag(sync=True)  # base64 of uint8 (N, J)
    gated = traitlets.Bool().tag(sync=True)
    # For each image the latents that start with a slider.
    shown: traitlets.List = traitlets.List().tag(sync=True)
    limit = traitlets.Float().tag(sync=True)
    image = traitlets.Int(0).tag(sync=True)
    z = traitlets.List(traitlets.Float()).tag(sync=True)

    def __init__(
        self,
        model: Any,
        images: np.ndarray | Tensor,
        latents: Sequence[int] | None = None,
        *,
        sliders: int = 8,
        limit: float | None = None,
    ) -> None:
        _require_model(model)
        shape = tuple(int(size) for size in model.image_shape)
        pixels = _to_pixels(images, shape)
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
        decoder = export_decoder(model.decoder.layers, model.latents, shape)  # type: ignore[arg-type]
        start = _encode(model, pixels)
        limit = _limit(limit, start.z)
        # The slab of a latent that is off is free: it may lie far outside the range.
        slab = start.slab.clip(-limit, limit)
        reconstruction = _decode_as_the_browser_does(model, start.z)

        self._name = str(getattr(model, "name", type(model).__name__))
        self._first_picture = (pixels[0] / 255.0, start, reconstruction[0])
        super().__init__(
            decoder=decoder,
            shape=list(shape),
            count=len(pixels),
            dimensions=model.latents,
            pixels=_base64(pixels),
            codes=_base64(start.z),
            slabs="" if np.array_equal(slab, start.z) else _base64(slab),
            active=_base64(start.active.astype(np.uint8)),
            gated=start.gated,
            shown=_shown(start, model.latents, latents, sliders),
            limit=limit,
            z=start.z[0].tolist(),
        )

    @traitlets.observe("image")
    def _start_from_the_chosen_image(self, change: dict) -> None:
        codes = np.frombuffer(base64.b64decode(self.codes), dtype="<f4")
        self.z = codes.reshape(self.count, self.dimensions)[change["new"]].tolist()

    @property
    def alt(self) -> str:
        """What the still picture shows, in words."""
        _, start, _ = self._first_picture
        on = f"{int(start.active[0].sum())} of {self.dimensions} latents on"
        on = on if start.gated else "a dense code"
        return (
            f"An image, its code ({on}) and its reconstruction by the model {self._name}; "
            "on a page that runs scripts, sliders change the code and the reconstruction follows."
        )

    def __repr__(self) -> str:
        # The default ends in an address, which differs from run to run.
        return f"Traversal({self._name}: {self.count} images, {self.dimensions} latents)"

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict, dict] | None:
        bundle = super()._repr_mimebundle_(**kwargs)
        if bundle is None:
            return None
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        image, start, reconstruction = self._first_picture
        active = start.active[0] if start.gated else None
        png = still_picture(image, start.z[0], active, reconstruction)
        return {**data, "image/png": png}, {**metadata, "image/png": {"alt": self.alt}}

    @traitlets.validate("image")
    def _image_exists(self, proposal: dict) -> int:
        if not 0 <= proposal["value"] < max(self.count, 1):
            raise ConfigurationError(
                f"image={proposal['value']} is not among the {self.count} images; "
                f"use 0 to {self.count - 1}"
            )
        return proposal["value"]

    @traitlets.validate("z")
    def _z_fits(self, proposal: dict) -> list[float]:
        z = np.asarray(proposal["value"], dtype=np.float32)
        if z.shape != (self.dimensions,) or not np.isfinite(z).all():
            raise ConfigurationError(
                f"z has shape {z.shape}; give {self.dimensions} finite numbers, one a latent"
            )
        return z.tolist()


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


def _encode(model: Any, pixels: np.ndarray) -> _Start:
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
    return _Start(z, active, np.ascontiguousarray(slab, dtype=np.float32), bool(gated))


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
    start: _Start, dimensions: int, latents: Sequence[int] | None, sliders: int
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


def _base64(array: np.ndarray) -> str:
    little_endian = array.astype(array.dtype.newbyteorder("<"), copy=False)
    return base64.b64encode(np.ascontiguousarray(little_endian).tobytes()).decode("ascii")
