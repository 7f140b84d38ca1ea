"""Grey levels as chances: every pixel is drawn black or white, so that a likelihood is one."""

from typing import Literal

import numpy as np

from vsclib.data.dataset import DataSet, assemble
from vsclib.errors import DataError

Binarise = Literal["static", "dynamic"]

BINARISING_SEED = 2016
"""Of the static draw of every set, whatever the seed of a training."""
_ROWS = 1000


def binarised(found: DataSet, how: Binarise) -> DataSet:
    r"""A data set whose pixels are drawn as Bernoulli variables of their grey levels.

    .. math:: b_d \sim \mathrm{Bernoulli}(x_d / 255), \qquad \text{stored as } 255\, b_d

    The test images are always drawn once, from the same seed, so that every model is measured on
    the same pixels. The name tells the kind of draw and its seed; labels and factors stay. Pixels
    that are black or white already are kept. Other fixed draws of MNIST are in circulation, and
    bounds on them differ.

    Args:
        found: a set of grey levels, uint8.
        how: ``static`` draws the training images once, too; ``dynamic`` leaves them grey, for a
            training with ``draw_pixels = True``, which draws them afresh at every step.

    Returns:
        The set, with a checksum of its own.

    Raises:
        DataError: the set is real-valued.

    Source:
        Salakhutdinov & Murray (2008), Section 5, whose MNIST is drawn once; Burda, Grosse &
        Salakhutdinov (2016), Section 5, who draw at every step.

    Example:
        >>> import numpy as np
        >>> from vsclib import data
        >>> drawn = data.binarised(data.load("digits"), "static")
        >>> np.unique(drawn.train.images).tolist(), drawn.name
        ([0, 255], 'digits, static draw of seed 2016')
    """
    for split in (found.train, found.test):
        if split.images.dtype != np.uint8:
            raise DataError(
                f"{found.name} holds {split.images.dtype}, but pixels are drawn of uint8 grey "
                "levels: leave binarise out"
            )
    # The stream of RandomState never changes with a version of NumPy.
    source = np.random.RandomState(BINARISING_SEED)
    test = found.test._replace(images=_drawn(found.test.images, source))
    train = found.train
    if how == "static":
        train = train._replace(images=_drawn(train.images, source))
    name = f"{found.name}, {how} draw of seed {BINARISING_SEED}"
    return assemble(name, train, test, found.classes)


def _drawn(images: np.ndarray, source: np.random.RandomState) -> np.ndarray:
    """Images (N, C, H, W) of 0 and 255, each pixel white with probability grey / 255."""
    drawn = np.empty_like(images)
    for start in range(0, len(images), _ROWS):
        part = images[start : start + _ROWS]
        # Always white at 255, never at 0: draws lie in [0, 1).
        white = source.random_sample(part.shape) * 255.0 < part
        drawn[start : start + _ROWS] = 255 * white.astype(np.uint8)
    return drawn
