"""The figure of the book's first page: a sparse code between two dense ones of the same prior.

A Sphinx extension. ``% landing-figure`` becomes the picture, from ``results/sweeps/controls.json``.
"""

from functools import cache
from typing import Any

import numpy as np
from sphinx.application import Sphinx

from ledger.evidence import chosen, value
from ledger.result_figures import element
from ledger.result_pages import raw
from vsclib import figures

MARKER = "% landing-figure"
SWEEP = "controls"
ROWS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("VAE, 200 numbers an image", figures.DATA, {"model": "vae", "latents": 200}),
    ("dense code, 10 numbers", figures.PRIOR, {"model": "vae_mixture", "latents": 10}),
    ("sparse code, {on:.0f} of 200 numbers", figures.SPIKE, {"model": "vsc_mixture"}),
    ("dense code, 200 numbers", figures.PRIOR, {"model": "vae_mixture", "latents": 200}),
)
"""What each row is called, its colour and its trainings; the last three have the same prior."""


def bounds(selection: dict[str, Any]) -> tuple[list[float], float]:
    """The bounds of a row's seeds, in nats per image, and how many latents are on for an image."""
    trained = chosen({"sweeps": (SWEEP,)}, selection)
    found = [value(one, "bound") for one in trained]
    on = [value(one, "on_per_image") for one in trained]
    return [one for one in found if one is not None], float(np.mean([one or 0.0 for one in on]))


@cache
def picture() -> str:
    """The figure as an element of a page, with its words."""
    rows = [(name, colour, *bounds(selection)) for name, colour, selection in ROWS]
    names = [name.format(on=on) for name, _, _, on in rows]
    means = [float(np.mean(values)) for _, _, values, _ in rows]
    said = "; ".join(f"{name}: {mean:.1f}" for name, mean in zip(names, means, strict=True))
    with figures.style():
        drawn, axes = figures.canvas(
            f"Bound on the log-likelihood in nats per image, MNIST. {said}.",
            columns=1,
            height=1.9,
            squeeze=False,
        )
        axis = axes[0][0]
        for row, (_, colour, values, _) in enumerate(rows):
            axis.plot(values, [row] * len(values), "o", color=colour, markersize=5)
            axis.plot([means[row]], [row], "|", color=figures.INK, markersize=13)
        axis.set_yticks(range(len(rows)), names)
        axis.set_ylim(len(rows) - 0.5, -0.5)
        axis.set_xlabel("bound on log p(x), nats per image (larger is better)")
    return element(
        drawn,
        "What sparsity costs, on MNIST. The lower three rows share their prior, a learned mixture, "
        "and all else. The sparse code lies below the dense one of as many latents and above the "
        "dense one of as many numbers as it has on. A dot is a training; the stroke is the mean.",
    )


def insert_picture(app: Sphinx, docname: str, source: list[str]) -> None:
    """Put the figure where a page asks for it."""
    if MARKER in source[0]:
        source[0] = source[0].replace(MARKER, raw(picture()))


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("source-read", insert_picture)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
