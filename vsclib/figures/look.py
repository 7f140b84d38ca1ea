"""The book's visual language: one colour for one thing, in every figure and widget."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib
from matplotlib import patheffects
from matplotlib.colors import LinearSegmentedColormap, is_color_like, to_rgb

from vsclib.errors import ConfigurationError

# Okabe & Ito's palette, which is safe for colour blindness and print.
SLAB = "#0072B2"
"""Slab, continuous value, mu: filled bar, solid line."""
SPIKE = "#E69F00"
"""Spike, gate, gamma: dot on the bar, step line."""
RECONSTRUCTION = "#009E73"
"""Reconstruction and the decoder's side: frame around the image."""
DATA = "#808080"
"""Data and the encoder's side: frame around the image."""
PRIOR = "#CC79A7"
"""Prior: dashed line."""
SCORE = "#D55E00"
"""Gradient, score: arrow, solid line."""
INK = "#222832"
"""Text, axes and the code after its gate; a page replaces it by its text colour."""

FULL, HALF = (7.0, 2.8), (3.4, 2.6)
"""Width and height in inches of a figure over the full text, and over half of it."""
DOTS_PER_INCH = 200
"""Resolution of the PNG that a picture stores."""
THIN = 0.8
"""Width of axes, casings and zero ticks, in points."""

_STYLE: Any = {
    **dict.fromkeys(("font.size", "axes.titlesize", "axes.labelsize", "legend.fontsize"), 9),
    **dict.fromkeys(("xtick.labelsize", "ytick.labelsize"), 9),
    **dict.fromkeys(("figure.titlesize", "figure.labelsize"), 9),
    **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor"), INK),
    **dict.fromkeys(("xtick.color", "ytick.color"), INK),
    "axes.linewidth": THIN,
    **dict.fromkeys(("axes.spines.top", "axes.spines.right"), False),
    **dict.fromkeys(("axes.facecolor", "figure.facecolor", "savefig.facecolor"), "none"),
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    "image.interpolation": "none",
    "svg.fonttype": "path",
    "svg.hashsalt": "vsclib",  # the same picture is the same bytes in every run
}


@contextmanager
def style() -> Iterator[None]:
    """The book's sizes and colours for everything drawn inside the ``with`` block."""
    with matplotlib.rc_context(_STYLE):
        yield


def casing(width: float = 1.2) -> list[patheffects.AbstractPathEffect]:
    """Thin edges of ink along a line or marker, for ``path_effects=``.

    Orange alone has a contrast of 2.2 on white, and lines need 3. ``width`` is the line's own, in
    points, a ConfigurationError if it is not positive.
    """
    if not 0 < width < 100:
        raise ConfigurationError(f"width = {width!r} is not allowed: choose 0 < width < 100 points")
    return [patheffects.Stroke(linewidth=width + THIN, foreground=INK), patheffects.Normal()]


def fading(colour: str) -> LinearSegmentedColormap:
    """A colour map from transparent to the full colour, for amounts that start at zero."""
    rgb = to_rgb(colour)
    return LinearSegmentedColormap.from_list(f"fading {colour}", [(*rgb, 0.0), (*rgb, 1.0)])


def contrast(first: str, second: str) -> float:
    r"""Contrast ratio of two matplotlib colours, from 1 to 21; text needs 4.5, lines need 3.

    .. math:: \frac{L_1 + 0.05}{L_2 + 0.05}

    with the relative luminances :math:`L_1 \ge L_2`.

    Raises:
        ConfigurationError: matplotlib does not know a colour.

    Source:
        Web Content Accessibility Guidelines 2.2, success criteria 1.4.3 and 1.4.11.
    """
    for colour in (first, second):
        if not is_color_like(colour):
            remedy = "choose a name or '#rrggbb'"
            raise ConfigurationError(f"colour {colour!r} is not known to matplotlib: {remedy}")
    lighter, darker = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    linear = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour))
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
