"""The live traversal: a reader moves a latent, the decoder answers, with or without a kernel."""

import base64
from collections.abc import Sequence
from typing import Any

import anywidget
import ipywidgets
import numpy as np
import traitlets
from torch import Tensor

from vsclib.errors import ConfigurationError
from vsclib.traversal.decoder_export import ExportedDecoder
from vsclib.traversal.script import MODULE, STYLE
from vsclib.traversal.start import WidgetStart, base64_of, widget_start
from vsclib.traversal.still import still_picture

__all__ = ["Traversal"]


class CodeTraits(traitlets.HasTraits):
    """What travels to the page of one model on the widget's images."""

    title = traitlets.Unicode().tag(sync=True)
    """The model's name, said where there are two."""
    decoder = traitlets.Instance(ExportedDecoder).tag(sync=True, **ipywidgets.widget_serialization)
    """The decoder's layers and weights."""
    count = traitlets.Int().tag(sync=True)
    """N, the number of images."""
    dimensions = traitlets.Int().tag(sync=True)
    """J, the number of latents."""
    codes = traitlets.Unicode().tag(sync=True)
    """Base64 of float32 (N, J)."""
    slabs = traitlets.Unicode().tag(sync=True)
    """The same for the slabs; empty when they equal the codes."""
    active = traitlets.Unicode().tag(sync=True)
    """Base64 of uint8 (N, J)."""
    gated = traitlets.Bool().tag(sync=True)
    """Whether the code has gates."""
    shown: traitlets.List = traitlets.List().tag(sync=True)
    """For each image the latents that start with a slider."""
    limit = traitlets.Float().tag(sync=True)
    """The sliders' range is -limit to limit."""
    z = traitlets.List(traitlets.Float()).tag(sync=True)
    """The current code, J floats."""

    @traitlets.validate("z")
    def _z_fits(self, proposal: dict) -> list[float]:
        z = np.asarray(proposal["value"], dtype=np.float32)
        if z.shape != (self.dimensions,) or not np.isfinite(z).all():
            raise ConfigurationError(
                f"z has shape {z.shape}; give {self.dimensions} finite numbers, one a latent"
            )
        return z.tolist()

    def _own_code(self, image: int) -> list[float]:
        """The code that an image has by itself."""
        codes = np.frombuffer(base64.b64decode(self.codes), dtype="<f4")
        return codes.reshape(self.count, self.dimensions)[image].tolist()


class SecondCode(CodeTraits, ipywidgets.Widget):
    """The second of two models on the same images: its code and its decoder."""


class Traversal(CodeTraits, anywidget.AnyWidget):
    r"""Sliders over an image's code, and what the decoder makes of it, computed in the browser.

    .. math:: \hat x = \operatorname{sigmoid}(f_\theta(z)), \qquad z_j = s_j \, \nu_j

    with the gate :math:`s_j \in \{0, 1\}` and the slab (slider) :math:`\nu_j`. A dense code
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
        beside: a second model of the same images; both move by themselves, and share the image and
            the way between two images.

    Attributes:
        z: the current code, a list of J floats; it follows the reader's last finished move, and
            setting it moves the widget.
        image: index of the chosen image; setting it shows that image's code.

    Raises:
        ConfigurationError: if the browser cannot compute a layer, or an option is out of range.
        DataError: if the images have another shape or scale.
    """

    _esm, _css = MODULE, STYLE

    shape = traitlets.List(traitlets.Int()).tag(sync=True)  # [C, H, W]
    pixels = traitlets.Unicode().tag(sync=True)  # base64 of uint8 (N, C, H, W)
    image = traitlets.Int(0).tag(sync=True)
    beside = traitlets.Instance(SecondCode, allow_none=True).tag(
        sync=True, **ipywidgets.widget_serialization
    )

    def __init__(
        self,
        model: Any,
        images: np.ndarray | Tensor,
        latents: Sequence[int] | None = None,
        *,
        sliders: int = 8,
        limit: float | None = None,
        beside: Any = None,
    ) -> None:
        pixels, start = widget_start(model, images, latents, sliders, limit)
        second = None if beside is None else widget_start(beside, images, None, sliders, limit)[1]
        self._first_picture: tuple[np.ndarray, WidgetStart] = (pixels[0] / 255.0, start)
        super().__init__(
            shape=list(pixels.shape[1:]),
            pixels=base64_of(pixels),
            beside=None if second is None else SecondCode(**second.traits),
            **start.traits,
        )

    @traitlets.observe("image")
    def _start_from_the_chosen_image(self, change: dict) -> None:
        for code in (self, self.beside):
            if code is not None:
                code.z = code._own_code(change["new"])

    @property
    def alt(self) -> str:
        """What the still picture shows, in words."""
        _, start = self._first_picture
        on = f"{int(start.active[0].sum())} of {self.dimensions} latents on"
        on = on if start.gated else "a dense code"
        return (
            f"An image, its code ({on}) and its reconstruction by the model {self.title}; "
            "on a page that runs scripts, sliders change the code and the reconstruction follows."
        )

    def __repr__(self) -> str:
        # The default ends in an address, which differs from run to run.
        names = self.title if self.beside is None else f"{self.title} beside {self.beside.title}"
        return f"Traversal({names}: {self.count} images, {self.dimensions} latents)"

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict, dict] | None:
        bundle = super()._repr_mimebundle_(**kwargs)
        if bundle is None:
            return None
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        image, start = self._first_picture
        active = start.active[0] if start.gated else None
        png = still_picture(image, start.z[0], active, start.reconstruction)
        return {**data, "image/png": png}, {**metadata, "image/png": {"alt": self.alt}}

    @traitlets.validate("image")
    def _image_exists(self, proposal: dict) -> int:
        if not 0 <= proposal["value"] < max(self.count, 1):
            raise ConfigurationError(
                f"image={proposal['value']} is not among the {self.count} images; "
                f"use 0 to {self.count - 1}"
            )
        return proposal["value"]
