"""Smiley in colour: the faces of :mod:`vsclib.data.smiley`, each part in a drawn colour."""

from pathlib import Path

import numpy as np

from vsclib.data import smiley
from vsclib.data.dataset import (
    DataSet,
    Information,
    Split,
    assemble,
    information_of,
    warn_of_root,
)

PARTS = ("ground", "face", "bowtie", "hat")
"""What has a colour; eyes and mouth are black."""
_LOWEST = (0, 128, 64, 64)
_LEVELS = (128, 128, 192, 192)
INFORMATION = {
    "smiley_colour": Information(
        title="Smiley in colour, a stand-in for photographs of faces",
        train=10_000,
        test=2_000,
        image_shape=(3, smiley.SIZE, smiley.SIZE),
        classes=smiley.CLASSES,
        factors=smiley.FACTORS
        + tuple(f"{part} {colour}" for part in PARTS for colour in ("red", "green", "blue")),
        licence="MIT: the images are drawn by this library",
        source="the shapes of Smiley, https://github.com/ftonolini45/Variational_Sparse_Coding; "
        "the colours are this library's, and no data set of a paper",
        origin="drawn on the spot, no network needed",
        preparation="nothing",
        sha256="76f900dc0090a63b564b4236172c7a981475d4f6cf67e25ab3087a124d50c753",
    )
}


def load(name: str = "smiley_colour", root: str | Path | None = None) -> DataSet:
    """Smiley's faces in colour: labels in 0..15, the 18 factors of Smiley and 12 of colour.

    A factor of colour is its level in 0..1, and zero, as the others are, where its part is absent.

    Args:
        name, root: ``smiley_colour``; a folder has no effect, the images are drawn.
    """
    about = information_of(INFORMATION, name)
    warn_of_root(name, root)
    train_stream, test_stream = np.random.default_rng(1).spawn(2)
    halves = _split(about.train, train_stream), _split(about.test, test_stream)
    return assemble(name, *halves, about.classes)


def _split(number: int, generator: np.random.Generator) -> Split:
    """So many faces, with a colour for each part."""
    drawn = smiley.sample(number, generator)
    levels = np.array(_LOWEST)[:, None] + generator.integers(
        np.array(_LEVELS)[:, None], size=(number, len(PARTS), 3)
    )  # (N, 4, 3)
    images = _paint(smiley.parts(drawn.present, drawn.values), levels.astype(np.uint8))
    attributes = drawn.present[:, smiley.FIRST_FACTOR]  # (N, 4)
    shown = np.ones((number, len(PARTS), 1))
    shown[:, 2:, 0] = attributes[:, :2]
    colours = (shown * levels / 255).reshape(number, -1)  # (N, 12)
    labels = (attributes @ (1 << np.arange(4))).astype(np.int64)
    return Split(images, labels, np.hstack([drawn.present * drawn.values, colours]))


def _paint(where: smiley.Parts, levels: np.ndarray) -> np.ndarray:
    """Images, uint8 (N, 3, 32, 32), of parts in colours (N, 4, 3)."""
    ground, face, bowtie, hat = levels.transpose(1, 0, 2)[..., None, None]  # (N, 3, 1, 1) each
    images = np.where(where.face, face, ground)
    images = np.where(where.bowtie[:, None], bowtie, images)
    images = np.where(where.holes[:, None], np.uint8(0), images)
    return np.where(where.hat[:, None], hat, images)
