"""UAI 2019 supplement, sections D.2 and E: the sizes of the data sets and how Smiley is drawn.

The drawing is that of :mod:`vsclib.data.smiley`, which reproduces the released images pixel for
pixel.
"""

import functools
import math
from collections.abc import Iterator

import numpy as np

from vsclib import data
from vsclib.checks import Correction, Verdict, close, correction, fails
from vsclib.data import smiley

FACTOR = {name: position for position, name in enumerate(smiley.FACTORS)}


def drawn(attribute: str, **values: float) -> np.ndarray:
    """The face with one attribute, bool (32, 32); factors not named are zero; '_' for a space."""
    present = smiley.ATTRIBUTE_OF_FACTOR == smiley.ATTRIBUTES.index(attribute)
    row = np.zeros((1, len(FACTOR)))
    for name, value in values.items():
        row[0, FACTOR[name.replace("_", " ")]] = value
    return smiley.render(present[None], row)[0].astype(bool)


def span(line: np.ndarray) -> tuple[float, float]:
    """Centre and length of the pixels that are on in a line."""
    on = np.flatnonzero(line)
    return (on[0] + on[-1]) / 2, float(len(on))


def sizes() -> Iterator[Verdict | Correction]:
    """Smiley has 32 x 32 = 1024 pixels, Fashion-MNIST 28 x 28 = 784: the outer layers differ."""
    # A face is counted as it is drawn. What `about` says of a set that comes as files is what its
    # loader holds the files to, whose checksums are those of the published ones.
    pixels = {"smiley": drawn("mouth").size, "fashion_mnist": 28 * 28}
    loaded = {
        name: math.prod(data.about(name).image_shape)
        for name in ("fashion_mnist", "celeba_32", "celeba")
    }
    yield correction(
        "E42, pixels of a Smiley image",
        lambda name, claimed: close(name, pixels["smiley"], claimed, tolerance=0.0),
        printed=pixels["fashion_mnist"],
        right=1024,
    )
    yield close(
        "section D.1, pixels of a Fashion-MNIST image, held to its files",
        loaded["fashion_mnist"],
        784,
        tolerance=0.0,
    )
    celeba = functools.partial(close, expected=3072, tolerance=0.0)
    yield celeba(
        "section D.2, numbers of a CelebA image as the loader cuts it", loaded["celeba_32"]
    )
    yield fails(celeba, "section D.2, numbers of Li and Han's CelebA image", loaded["celeba"])


def bow_tie_depends_on_itself() -> Iterator[Correction]:
    """The tie's factors move pixels when there is a tie, not when there is a mouth."""

    def moves(name: str, attribute: str) -> Verdict:
        moved = [
            (drawn(attribute, **{factor: 2.0}) != drawn(attribute)).any()
            for factor in ("bowtie_x", "bowtie_y", "bowtie_width", "bowtie_height")
        ]
        return close(name, moved, [True] * 4, tolerance=0.0)

    yield correction(
        "E43, what must be there for the tie's factors to count",
        moves,
        printed="mouth",
        right="bowtie",
    )


def hat_has_sizes() -> Iterator[Correction]:
    """Deviations 1, 1.5, 0.5 and 1 belong to the rectangles' sizes; their positions are not drawn.

    Columns and rows are those where the hat is clear of the head and of its other half.
    """
    still, tall, wide = drawn("hat"), drawn("hat", brim_height=1.0), drawn("hat", brim_width=2.0)
    high, broad = drawn("hat", top_height=2.0), drawn("hat", top_width=3.0)
    edge, brim, middle, top = np.s_[:9, 9], np.s_[5, :], np.s_[:9, 16], np.s_[3, :]
    slopes = [
        _slope(still[edge], tall[edge], 1.0),
        _slope(still[brim], wide[brim], 2.0),
        _slope(still[middle], high[middle], 2.0),
        _slope(still[top], broad[top], 3.0),
    ]
    centres, lengths = (smiley.VALUE_SD * np.array(slopes)).T
    yield correction(
        "E44, what has the deviations 1, 1.5, 0.5 and 1",
        lambda name, deviations: close(name, deviations, [1.0, 1.5, 0.5, 1.0], tolerance=1e-9),
        printed=centres,
        right=lengths,
    )


def mouth_moves_less() -> Iterator[Correction]:
    """The mouth's sizes have deviation 0.5, its position 0.25, the holes beside it 0.5 and 0.7."""
    still = drawn("mouth")
    row, column, inner, outer = (
        np.s_[21, 8:24],
        np.s_[13:25, 15],
        np.s_[13:25, 12],
        np.s_[13:25, 11],
    )
    slopes = [
        _hole(still[row], drawn("mouth", mouth_width=2.0)[row], 2.0)[1],
        _hole(still[column], drawn("mouth", mouth_height=2.0)[column], 2.0)[1],
        _hole(still[row], drawn("mouth", mouth_x=2.0)[row], 2.0)[0],
        _hole(still[column], drawn("mouth", mouth_y=-4.0)[column], -4.0)[0],
        _hole(still[inner], drawn("mouth", mouth_corners=-5.0)[inner], -5.0)[0],
        _hole(still[outer], drawn("mouth", mouth_corners=-5.0)[outer], -5.0)[0],
    ]
    yield correction(
        "E45, deviations of width, height, x, y and the two holes",
        lambda name, claimed: close(
            name, smiley.VALUE_SD * np.array(slopes), claimed, tolerance=1e-9
        ),
        printed=[0.5] * 6,
        right=[0.5, 0.5, 0.25, 0.25, 0.5, 0.7],
    )


def eyes_and_bow_tie_are_right() -> Iterator[Verdict]:
    """What is printed of the eyes and of the bow tie is how the released images are drawn."""
    yield from _eyes()
    yield from _bow_tie()


def _eyes() -> Iterator[Verdict]:
    still, row, column = drawn("eyes"), np.s_[13, 7:16], np.s_[8:22, 12]
    apart, low, big = (
        drawn("eyes", eyes_distance=1.0),
        drawn("eyes", eyes_y=2.0),
        drawn("eyes", eyes_radius=2.0),
    )
    slopes = [
        _hole(still[column], low[column], 2.0)[0],
        -_hole(still[row], apart[row], 1.0)[0],  # the left eye moves left
        _hole(still[row], big[row], 2.0)[1] / 2,  # a radius, not a diameter
    ]
    eyes, printed = smiley.VALUE_SD * np.array(slopes), [0.5, 0.5, 0.5]
    yield close("section E, eyes: y, separation, radius", eyes, printed, tolerance=1e-9)
    diameter = eyes * [1.0, 1.0, 2.0]
    yield fails(
        close, "section E, eyes, the diameter for the radius", diameter, printed, tolerance=1e-9
    )


def _bow_tie() -> Iterator[Verdict]:
    still, row, column = drawn("bowtie"), np.s_[28, :], np.s_[26:, 11]
    slopes = [
        _slope(still[column], drawn("bowtie", bowtie_y=1.0)[column], 1.0)[0],
        _slope(still[row], drawn("bowtie", bowtie_x=2.0)[row], 2.0)[0],
        _slope(still[column], drawn("bowtie", bowtie_height=1.0)[column], 1.0)[1],
        _slope(still[row], drawn("bowtie", bowtie_width=2.0)[row], 2.0)[1],
    ]
    tie = smiley.VALUE_SD * np.array(slopes)
    yield close(
        "section E, bow tie: y, x, height, width", tie, [0.5, 0.25, 1.0, 1.5], tolerance=1e-9
    )
    yield fails(
        close, "section E, bow tie, x and y exchanged", tie, [0.25, 0.5, 1.0, 1.5], tolerance=1e-9
    )


def _slope(before: np.ndarray, after: np.ndarray, value: float) -> np.ndarray:
    """How centre and length of a line's pixels change with a factor."""
    return (np.array(span(after)) - np.array(span(before))) / value


def _hole(before: np.ndarray, after: np.ndarray, value: float) -> np.ndarray:
    """The same for the pixels that are off."""
    return _slope(~before, ~after, value)
