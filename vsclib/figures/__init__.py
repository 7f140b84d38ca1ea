"""The pictures of the book, one function each, in one style, readable in light and dark.

Each function returns a :class:`Picture`: a matplotlib figure that a notebook shows when it is a
cell's last line. It carries a description (``alt``) for readers who cannot see it: a plain one by
default, or the one passed as ``alt="..."``. Nothing touches pyplot or its settings, so nothing is
shown twice.

**A picture in a chapter.** Give the description in the code and the caption in the cell's metadata;
the caption says the answer to the question that the picture asks::

    from vsclib import figures

    figures.reconstructions(images, rebuilt, alt="Ten digits, each beside a blurred copy.")

Cell metadata, as JSON::

    {"mystnb": {"figure": {"name": "fig-vsc-digits", "caption": "Strokes survive, corners blur."}}}

``name`` lets the text refer to it as ``{numref}`fig-vsc-digits```. ``figures.show(picture)`` shows
a picture before a cell ends. A cell with a caption should show one picture.

**A picture that no function draws.** :func:`canvas` gives an empty one in the same style::

    with figures.style():
        picture, axes = figures.canvas("A straight line through zero.", width="half")
        axes.plot([-1, 1], [-1, 1], color=figures.SLAB)
        axes.set(xlabel="z", ylabel="score")
    picture

Use each colour below for its meaning, and ``figures.INK`` (or black) for the rest: both become the
page's text colour. Orange is faint on white: give its lines ``path_effects=figures.casing()`` and
its markers an edge of ink.

**What is stored.** A notebook's output holds a PNG (for Jupyter and print), a drawing that the
book's pages show in their own text colour, and the description in the metadata. nbval does not
compare pictures: assert numbers as well.

A pyplot figure or other image needs its description in the cell's metadata instead:
``{"mystnb": {"image": {"alt": "..."}}}``.
"""

from vsclib.figures.curves import compare, density, history
from vsclib.figures.images import drawable, latent_grid, reconstructions, samples, traversal_strip
from vsclib.figures.latents import activation_by_class, code_bars, code_statistics
from vsclib.figures.look import (
    DATA,
    INK,
    PRIOR,
    RECONSTRUCTION,
    SCORE,
    SLAB,
    SPIKE,
    casing,
    contrast,
    style,
)
from vsclib.figures.picture import Picture, canvas, show
from vsclib.figures.plane import embedding

__all__ = [
    "DATA",
    "INK",
    "PRIOR",
    "RECONSTRUCTION",
    "SCORE",
    "SLAB",
    "SPIKE",
    "Picture",
    "activation_by_class",
    "canvas",
    "casing",
    "code_bars",
    "code_statistics",
    "compare",
    "contrast",
    "density",
    "drawable",
    "embedding",
    "history",
    "latent_grid",
    "reconstructions",
    "samples",
    "show",
    "style",
    "traversal_strip",
]
