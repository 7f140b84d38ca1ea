"""Which latent goes with which block of factors, and what a perfect code has."""

from typing import NamedTuple

import numpy as np
from torch import Tensor

from vsclib.arguments import ArrayLike
from vsclib.errors import DataError
from vsclib.metrics.inputs import matrix

UNASSIGNED = -1
"""Block of a latent that never moves."""


class Blocks(NamedTuple):
    """Latents assigned to blocks of factors, and how clearly.

    Attributes:
        of_latent: (J,) whole numbers, the block of each latent; -1 for one that never moves.
        inside: mean absolute correlation between latents in use and the factors of their own block.
        outside: the same with the factors of the other blocks.
    """

    of_latent: np.ndarray
    inside: float
    outside: float

    @property
    def contrast(self) -> float:
        """``inside - outside``; 0 where a code knows nothing of blocks."""
        return self.inside - self.outside

    @property
    def order(self) -> np.ndarray:
        """Latents in use, block by block: the columns of a picture that shows the blocks."""
        order = np.argsort(self.of_latent, kind="stable")  # (J,)
        return order[self.of_latent[order] != UNASSIGNED]


class BlockFloor(NamedTuple):
    """What blocks look like without a latent that knows more than it should.

    Attributes:
        between: mean absolute correlation between two factors of one block: what each latent of the
            perfect code has with the factors that it does not know.
        presence: mean absolute correlation between a block's presence bit and its factors: what a
            latent has that knows only whether the block is there.
        perfect: the contrast of the perfect code, one latent a factor.
    """

    between: float
    presence: float
    perfect: float


def absolute_correlation(
    factors: Tensor | ArrayLike, codes: Tensor | ArrayLike, magnitudes: bool = True
) -> np.ndarray:
    r"""Absolute correlation between every factor and every latent.

    .. math:: R_{fj} = |\operatorname{corr}_i(|v_{if}|, |z_{ij}|)| \quad\text{or}\quad
        |\operatorname{corr}_i(v_{if}, z_{ij})|

    Args:
        factors: v, (N, F), zero where a factor leaves no trace in the image.
        codes: z, (N, J).
        magnitudes: compare sizes, as the published matrices do, so that a latent which says only
            *how much* of a factor is there counts, and presence alone correlates; otherwise compare
            values.

    Returns:
        (F, J), between 0 and 1; zero for a factor or latent that never moves.

    Raises:
        DataError: different numbers of rows, or entries that are no numbers.

    Source:
        Tonolini et al. (2019, UAI), figure 3 and the notebook of the authors' code.
    """
    v, z = matrix(factors, "factors"), matrix(codes)
    if len(v) != len(z) or len(v) < 2:
        raise DataError(
            f"{len(v)} rows of factors with {len(z)} codes: both need the same images, at least 2"
        )
    if magnitudes:
        v, z = np.abs(v), np.abs(z)
    return np.clip(np.abs(_standardised(v).T @ _standardised(z)), 0.0, 1.0)  # (F, J)


def blocks(correlations: np.ndarray, block_of_factor: ArrayLike) -> Blocks:
    r"""Assign every latent to the block of the factor that it goes with most.

    .. math:: b_j = b\bigl(\arg\max_f R_{fj}\bigr), \qquad
        \text{inside} = \operatorname{mean}_j\,\operatorname{mean}_{f:\,b(f) = b_j} R_{fj}, \qquad
        \text{outside} = \operatorname{mean}_j\,\operatorname{mean}_{f:\,b(f)\ne b_j} R_{fj}

    over latents in use, those with any correlation at all.

    Args:
        correlations: R, (F, J).
        block_of_factor: (F,) whole numbers from 0, such as ``smiley.ATTRIBUTE_OF_FACTOR``; at least
            two blocks.

    Returns:
        The assignment and both means; zeros where no latent is in use.

    Raises:
        DataError: one block for each factor is needed, and two different blocks at least; or
            correlations that are no numbers.
    """
    block, correlations = np.asarray(block_of_factor), matrix(correlations, "correlations")
    fits = block.shape == (len(correlations),) and block.dtype.kind in "iu"
    if not fits or len(np.unique(block)) < 2:
        raise DataError(
            f"correlations {correlations.shape} with blocks {block.dtype} {block.shape}: give one "
            "block for each of the F factors, whole numbers and at least two different ones"
        )
    used = correlations.max(0) > 0.0  # (J,)
    of_latent = np.where(used, block[correlations.argmax(0)], UNASSIGNED)  # (J,)
    own = block[:, None] == of_latent[used]  # (F, used)
    if not used.any():
        return Blocks(of_latent, 0.0, 0.0)
    in_use = correlations[:, used]
    inside = (in_use * own).sum(0) / own.sum(0)  # (used,)
    outside = (in_use * ~own).sum(0) / (~own).sum(0)  # (used,)
    return Blocks(of_latent, float(inside.mean()), float(outside.mean()))


def block_floor(
    factors: Tensor | ArrayLike, block_of_factor: ArrayLike, magnitudes: bool = True
) -> BlockFloor:
    r"""What the factors themselves give when they are taken for a code, and what their presence
    bits alone give.

    Factors of one block share its presence bit s. By size, and half-normal when present, a factor
    correlates with the bit by r and with another factor of the block by its square:

    .. math:: r = m\,\sqrt{\frac{1-p}{1-p\,m^2}}, \qquad m^2 = \frac2\pi, \quad p = P(s = 1)

    For Smiley's p = 1/2 that is 0.68 and 0.47. So blocks appear though every latent of the perfect
    code knows one factor only, and four latents that know the four bits and nothing else have the
    *higher* contrast. Read a contrast beside these numbers, and with ``magnitudes=False``, where
    the bits give nothing.

    Args:
        factors: (N, F), zero where a factor leaves no trace.
        block_of_factor: (F,) whole numbers, at least two different ones.
        magnitudes: as in :func:`absolute_correlation`.

    Returns:
        Both numbers, from these factors.

    Raises:
        DataError: shapes that do not fit, or entries that are no numbers.
    """
    own = absolute_correlation(factors, factors, magnitudes)  # (F, F)
    perfect = blocks(own, block_of_factor).contrast
    block, v = np.asarray(block_of_factor), matrix(factors, "factors")
    same = block[:, None] == block  # (F, F)
    pairs = same & ~np.eye(len(block), dtype=bool)
    bits = (v != 0.0) @ same > 0  # (N, F), is anything of the factor's block there?
    presence = np.diag(absolute_correlation(v, bits, magnitudes))  # (F,)
    return BlockFloor(
        float(own[pairs].mean()) if pairs.any() else 0.0, float(presence.mean()), perfect
    )


def _standardised(columns: np.ndarray) -> np.ndarray:
    """Columns of mean 0 and length 1; zeros where a column is constant."""
    # A constant column leaves rounding errors after the mean is taken off; they must not be blown
    # up to length 1.
    constant = np.ptp(columns, axis=0) == 0.0
    centred = np.where(constant, 0.0, columns - columns.mean(0))
    length = np.linalg.norm(centred, axis=0)
    return centred / np.where(length > 0.0, length, 1.0)
