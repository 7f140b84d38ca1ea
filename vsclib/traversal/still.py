"""The widget's still picture, for print, repository pages and untrusted notebooks."""

import base64
import io

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from vsclib.figures.look import DATA, RECONSTRUCTION, SPIKE

# Readable on white and on black: the picture cannot know what lies behind it.
GREY = "#767676"


def still_picture(
    image: np.ndarray, code: np.ndarray, active: np.ndarray | None, reconstruction: np.ndarray
) -> str:
    """Data, code and reconstruction side by side.

    Args:
        image: (C, H, W) in [0, 1].
        code: (J,).
        active: (J,) bool, or None for a dense code, which has no spikes to mark.
        reconstruction: (C, H, W) in [0, 1].

    Returns:
        A PNG with transparent background, as base64.
    """
    figure = Figure(figsize=(7.0, 1.9), layout="constrained")
    axes = figure.subplots(1, 3, width_ratios=[1, 2.4, 1])
    _image(axes[0], image, "data", DATA)
    _code(axes[1], code, active)
    _image(axes[2], reconstruction, "reconstruction", RECONSTRUCTION)
    png = io.BytesIO()
    # No metadata: the same picture is the same bytes under every matplotlib version's name.
    figure.savefig(png, format="png", dpi=120, transparent=True, metadata={"Software": None})
    return base64.b64encode(png.getvalue()).decode("ascii")


def _image(axis: Axes, image: np.ndarray, name: str, frame: str) -> None:
    axis.imshow(
        image.transpose(1, 2, 0).squeeze(), cmap="gray", vmin=0, vmax=1, interpolation="nearest"
    )
    axis.set(xticks=[], yticks=[])
    axis.set_xlabel(name, color=GREY, fontsize=9)
    for spine in axis.spines.values():
        spine.set(color=frame, linewidth=2)


def _code(axis: Axes, code: np.ndarray, active: np.ndarray | None) -> None:
    place = np.arange(len(code))
    axis.bar(place, code, color=GREY, width=0.8)
    zeros = place[code == 0]
    axis.plot(zeros, np.zeros(len(zeros)), "|", color=GREY, markersize=4, markeredgewidth=0.5)
    if active is not None:
        axis.plot(place[active], code[active], "o", color=SPIKE, markersize=4)
    axis.axhline(0, color=GREY, linewidth=0.5)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.set_xlabel("code: latent", color=GREY, fontsize=9)
    axis.tick_params(colors=GREY, labelsize=8)
    axis.spines[["top", "right"]].set_visible(False)
    axis.spines[["left", "bottom"]].set_color(GREY)
