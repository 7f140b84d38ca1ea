"""Smiley: faces whose attributes come and go, drawn from 18 known factors.

A face may wear a bowtie, a hat, eyes and a mouth, each independently of the others and each with
continuous factors of its own: where it sits, how large it is. A factor of an absent attribute
leaves no trace, so the true code of an image is ``present * values``, exactly sparse.
"""

from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vsclib.data.dataset import (
    DataSet,
    Information,
    Split,
    assemble,
    information_of,
    real_numbers,
    warn_of_root,
)
from vsclib.data.resize import resize
from vsclib.errors import ConfigurationError, DataError

ATTRIBUTES = ("bowtie", "hat", "eyes", "mouth")
FACTORS = (
    *("bowtie x", "bowtie y", "bowtie width", "bowtie height"),
    *("hat x", "hat y", "brim width", "brim height", "top width", "top height"),
    *("eyes distance", "eyes y", "eyes radius"),
    *("mouth width", "mouth height", "mouth x", "mouth y", "mouth corners"),
)
#: Attribute that each of the 18 factors belongs to.
ATTRIBUTE_OF_FACTOR = np.repeat(np.arange(4), (4, 6, 3, 5))
#: The first factor of each attribute: its column tells whether the attribute is present.
FIRST_FACTOR = (0, 4, 10, 13)
#: The 16 combinations of attributes; label = bowtie + 2 hat + 4 eyes + 8 mouth.
CLASSES = tuple(
    "+".join(attribute for bit, attribute in enumerate(ATTRIBUTES) if label >> bit & 1) or "none"
    for label in range(16)
)
SIZE = 32
VALUE_SD = 0.5
VALUE_LIMIT = 10.0
INFORMATION = {
    "smiley": Information(
        title="Smiley",
        train=10_000,
        test=2_000,
        image_shape=(1, SIZE, SIZE),
        classes=CLASSES,
        factors=FACTORS,
        licence="MIT: the images are drawn by this library",
        source="F. Tonolini, B. S. Jensen, R. Murray-Smith, Variational Sparse Coding (UAI 2019), "
        "supplement E, https://github.com/ftonolini45/Variational_Sparse_Coding",
        origin="drawn on the spot, no network needed",
        preparation="nothing",
        sha256="89510be5b85b0c4a91ecd93f3b0bf7674d5aa918feff829de5c5fd749f0ef06f",
    )
}

# Images drawn at once: few enough for the masks to stay in the processor's cache.
_CHUNK = 1_000
_LARGEST = 5_000_000


class Sample(NamedTuple):
    """Drawn images and what they were drawn from, in the form of the released file.

    Attributes:
        images: uint8 in {0, 1}, shaped (N, 32, 32).
        present: bool, shaped (N, 18): whether the factor's attribute is there.
        values: float64, shaped (N, 18): drawn for every factor, present or not.
    """

    images: np.ndarray
    present: np.ndarray
    values: np.ndarray


class Parts(NamedTuple):
    """Where the parts of faces are, in the order in which later ones cover earlier ones.

    Attributes:
        face: bool, shaped (32, 32): the same of every image.
        bowtie: bool, shaped (N, 32, 32).
        holes: bool, shaped (N, 32, 32): eyes and mouth.
        hat: bool, shaped (N, 32, 32).
    """

    face: np.ndarray
    bowtie: np.ndarray
    holes: np.ndarray
    hat: np.ndarray


def load(
    name: str = "smiley",
    root: str | Path | None = None,
    *,
    train: int | np.integer = INFORMATION["smiley"].train,
    test: int | np.integer = INFORMATION["smiley"].test,
    seed: int | np.integer = 0,
) -> DataSet:
    """Smiley as a data set: images in {0, 255}, labels in 0..15, factors ``present * values``.

    Args:
        name, root: ``smiley``; a folder has no effect, the images are drawn.
        train, test: number of images; the released file holds 60,000 and 20,000.
        seed: of the draw; training images come from its first stream, test images from its second.

    Raises:
        ConfigurationError: a size is not positive, or the seed is negative.
    """
    information_of(INFORMATION, name)
    warn_of_root(name, root)
    train_stream, test_stream = _stream(seed).spawn(2)
    drawn, drawn_test = sample(train, train_stream), sample(test, test_stream)
    return assemble(name, _split(drawn), _split(drawn_test), CLASSES)


def sample(
    n: int | np.integer, seed: int | np.integer | np.random.Generator, presence: float = 0.5
) -> Sample:
    r"""Draw faces at random.

    .. math:: s_a \sim \mathrm{Bernoulli}(\text{presence}),\qquad v_f \sim \mathcal N(0, 0.5^2)

    independently for the 4 attributes and the 18 factors.

    Args:
        n: number of images, from 1 to 5,000,000.
        seed: at least 0, or a numpy Generator to draw from.
        presence: probability of each attribute, in [0, 1].

    Raises:
        ConfigurationError: ``n``, ``seed`` or ``presence`` is out of range.

    Source:
        Tonolini et al. (UAI 2019), supplement E; the released set has presence 0.5.
    """
    if isinstance(n, bool) or not 1 <= n <= _LARGEST:
        needed = f"a sample has at least 1 image and at most {_LARGEST:,}, which take 6 GiB"
        raise ConfigurationError(f"n = {n!r}, but {needed}: draw several with a Generator")
    if not 0 <= presence <= 1:
        allowed = "a probability lies in [0, 1]: the released set has 0.5"
        raise ConfigurationError(f"presence = {presence!r}, but {allowed}")
    generator = _stream(seed)
    attributes = generator.random((n, 4)) < presence
    values = generator.normal(0.0, VALUE_SD, (n, 18))
    present = attributes[:, ATTRIBUTE_OF_FACTOR]  # (N, 18)
    return Sample(render(present, values), present, values)


def render(present: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Draw the face of each row, pixel for pixel as the released set has it.

    Args:
        present: 0/1 or bool, shaped (N, 18); the factors of one attribute share one bit.
        values: shaped (N, 18), within +-10 (the set stays within +-2.5). An attribute smaller than
            a pixel is not drawn; what leaves the canvas is cut off.

    Returns:
        uint8 in {0, 1}, shaped (N, 32, 32): row y downwards, column x to the right.

    Raises:
        DataError: wrong shape, bits other than 0 and 1 or that disagree, a value out of range.

    Source:
        Tonolini et al. (UAI 2019), supplement E; their generating script fixes what it leaves open.
    """
    present, values = np.asarray(present), np.asarray(values, dtype=np.float64)
    attributes = _check_factors(present, values)
    images = np.empty((len(values), SIZE, SIZE), dtype=np.uint8)
    for start in range(0, len(values), _CHUNK):
        chunk = slice(start, start + _CHUNK)
        images[chunk] = _draw(attributes[chunk], values[chunk])
    return images


def parts(present: np.ndarray, values: np.ndarray) -> Parts:
    """Where the parts of each row's face are.

    Args:
        present, values: as :func:`render` takes them.

    Raises:
        DataError: as :func:`render` does.
    """
    present, values = np.asarray(present), np.asarray(values, dtype=np.float64)
    return _parts(_check_factors(present, values), values)


def _stream(seed: int | np.integer | np.random.Generator) -> np.random.Generator:
    if not isinstance(seed, np.random.Generator) and (isinstance(seed, bool) or seed < 0):
        allowed = "a seed is a whole number, at least 0: 0 is usual"
        raise ConfigurationError(f"seed = {seed!r}, but {allowed}")
    return np.random.default_rng(seed)


def _split(drawn: Sample) -> Split:
    labels = drawn.present[:, FIRST_FACTOR] @ (1 << np.arange(4))  # (N,)
    images = drawn.images[:, None] * np.uint8(255)
    return Split(images, labels.astype(np.int64), drawn.present * drawn.values)


def _check_factors(present: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The four attribute bits of each row, bool (N, 4)."""
    if present.ndim != 2 or present.shape[1] != 18 or present.shape != values.shape:
        shapes = f"present {present.shape} and values {values.shape}"
        remedy = "one column per factor in the order of smiley.FACTORS"
        raise DataError(f"{shapes}, but render takes both as (N, 18): {remedy}")
    present, values = real_numbers(present, "present"), real_numbers(values, "values")
    if not np.isin(present, (0, 1)).all():
        remedy = "pass presence bits, and values apart from them"
        raise DataError(f"present holds something other than 0 and 1: {remedy}")
    if not (np.abs(values) <= VALUE_LIMIT).all():
        worst = values.flat[np.argmax(np.where(np.isnan(values), np.inf, np.abs(values)))]
        found = f"values hold {worst:g}, but each lies within +-{VALUE_LIMIT:g}"
        raise DataError(f"{found}: the set is drawn with sd {VALUE_SD}")
    attributes = present[:, FIRST_FACTOR].astype(bool)  # (N, 4)
    if (attributes[:, ATTRIBUTE_OF_FACTOR] != present).any():
        remedy = "repeat its bit for each of its factors, as sample does"
        raise DataError(f"the bits of one attribute disagree: {remedy}")
    return attributes


# ---- drawing; coordinates are MATLAB's, 1..32, so that its rounding falls on the same pixels ----

_GRID = np.arange(1, SIZE + 1)


def _draw(attributes: np.ndarray, values: np.ndarray) -> np.ndarray:
    """A chunk of faces, bool (B, 32, 32), in the order in which later parts cover earlier ones."""
    face, bowtie, holes, hat = _parts(attributes, values)
    return (face | bowtie) & ~holes | hat


def _parts(attributes: np.ndarray, values: np.ndarray) -> Parts:
    bowtie, hat, eyes, mouth = (attributes[:, i, None, None] for i in range(4))  # (B, 1, 1) each
    ties = np.zeros((len(values), SIZE, SIZE), dtype=bool)
    _tie(ties, np.flatnonzero(bowtie), values[:, :4])
    holes = (eyes & _eyes(values[:, 10:13])) | (mouth & _mouth(values[:, 13:18]))
    return Parts(_disc(), ties, holes, hat & _hat(values[:, 4:10]))


def _disc() -> np.ndarray:
    return (_GRID[:, None] - 16.5) ** 2 + (_GRID - 16.5) ** 2 <= 10.0**2  # (32, 32)


def _eyes(values: np.ndarray) -> np.ndarray:
    x, y, radius = values.T
    # A distance to the nearer of two eyes that mirror each other is one of |column - 16.5|.
    across = np.abs(np.abs(_GRID - 16.5) - np.abs(4 + x)[:, None])  # (B, 32)
    down = _GRID - (14 + y)[:, None]  # (B, 32)
    distance = np.sqrt(across[:, None, :] ** 2 + down[:, :, None] ** 2)  # (B, 32, 32)
    return distance <= (2 + radius)[:, None, None]


def _mouth(values: np.ndarray) -> np.ndarray:
    width, height, x, y, corners = values.T
    x, y, half_width, half_height = 16 + 0.5 * x, 22 + 0.5 * y, (4 + width) / 2, (2 + height) / 2
    left, right = _round(x - half_width), _round(x + half_width)
    opening = _box(_round(y - half_height), _round(y + half_height), left, right)
    inner = _corners(left - 1, right + 1, _round(y + corners))
    outer = _corners(left - 2, right + 2, _round(y + 1.4 * corners))
    return opening | inner | outer


def _hat(values: np.ndarray) -> np.ndarray:
    x, y, brim_width, brim_height, width, height = values.T
    x, y, half_brim, half_top = 16.5 + x, 6 + y, (15 + 3 * brim_width) / 2, (10 + 2 * width) / 2
    half_height = (2 + 2 * brim_height) / 2
    above, below = _round(y - half_height), _round(y + half_height)
    brim = _box(above, below, _round(x - half_brim), _round(x + half_brim))
    top = _box(_round(above - (2 + height)), above, _round(x - half_top), _round(x + half_top))
    return brim | top


def _tie(faces: np.ndarray, wearers: np.ndarray, values: np.ndarray) -> None:
    x, y = 16.5 + 0.5 * values[:, 0], 29 + values[:, 1]
    width, height = 12 + 3 * values[:, 2], 5 + 2 * values[:, 3]
    left, top = _round(x - width / 2) - 1, _round(y - height / 2) - 1  # 0-based
    columns, rows = np.ceil(width).astype(int), np.ceil(height).astype(int)
    for i in wearers.tolist():
        if columns[i] >= 1 and rows[i] >= 1:
            corner = int(top[i]), int(left[i])
            _paste(faces[i], _bowtie(int(rows[i]), int(columns[i])), *corner)


def _paste(canvas: np.ndarray, pattern: np.ndarray, top: int, left: int) -> None:
    """Add the pattern at a 0-based corner; what lies outside the canvas is lost."""
    pattern = pattern[max(-top, 0) :, max(-left, 0) :]
    window = canvas[max(top, 0) :, max(left, 0) :][: pattern.shape[0], : pattern.shape[1]]
    window |= pattern[: window.shape[0], : window.shape[1]]


@lru_cache(maxsize=1024)
def _bowtie(height: int, width: int) -> np.ndarray:
    template = np.zeros((11, 17))
    for row, reach in enumerate((0, 3, 5, 7, 17, 17, 17, 7, 5, 3, 0)):
        template[row, :reach] = template[row, 17 - reach :] = 1
    pattern = resize(template, height, width)
    low, high = pattern.min(), pattern.max()
    return pattern - low >= 0.5 * (high - low)  # min-max to [0, 1], then round


def _box(top: np.ndarray, bottom: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Rows top..bottom and columns left..right with both ends, empty where an end comes first."""
    rows = (_GRID >= top[:, None]) & (_GRID <= bottom[:, None])  # (B, 32)
    columns = (_GRID >= left[:, None]) & (_GRID <= right[:, None])  # (B, 32)
    return rows[:, :, None] & columns[:, None, :]


def _corners(left: np.ndarray, right: np.ndarray, row: np.ndarray) -> np.ndarray:
    columns = (_GRID == left[:, None]) | (_GRID == right[:, None])  # (B, 32)
    return (_GRID == row[:, None])[:, :, None] & columns[:, None, :]


def _round(x: np.ndarray) -> np.ndarray:
    """Whole numbers, halves away from zero as in MATLAB; numpy rounds them to even."""
    return np.trunc(x + np.copysign(0.5, x)).astype(int)
