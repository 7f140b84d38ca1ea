"""How far a cloud of images lies from another: the Frechet distance between Gaussians fitted to
both.
"""

import numpy as np
from numpy.typing import ArrayLike
from torch import Tensor

from vsclib.errors import DataError
from vsclib.metrics.probe import matrix


def frechet_distance(first: Tensor | ArrayLike, second: Tensor | ArrayLike) -> float:
    r"""Squared Frechet distance between the Gaussians with the means and covariances of two sets of
    features.

    .. math:: d^2 = \|m_1 - m_2\|^2 + \operatorname{tr}\bigl(S_1 + S_2 - 2\,(S_1^{1/2} S_2\, S_1^{1/2})^{1/2}\bigr)

    Two samples of one distribution do not give zero, and fewer of them give more: print what two
    halves of the real images give beside every such number, from sets of the same size. With
    features of another network than the field's Inception net it is not the number known as FID.

    Args:
        first: features (N, F), N > F for a covariance of full rank.
        second: features (M, F).

    Returns:
        The squared distance, in squared units of the features.

    Raises:
        DataError: shapes that do not fit, fewer than two rows, or features that are no numbers.

    Source:
        Dowson & Landau (1982), Eq. 4; Heusel et al. (2017), Eq. 6.
    """
    x, y = matrix(first), matrix(second)
    if x.shape[1] != y.shape[1] or min(len(x), len(y)) < 2:
        raise DataError(
            f"features are shaped {x.shape} and {y.shape}: give two rows or more of each, of the same length"
        )
    s1, s2 = (np.atleast_2d(np.cov(features, rowvar=False)) for features in (x, y))  # (F, F)
    root = _root(s1)
    trace = np.trace(s1) + np.trace(s2) - 2.0 * np.trace(_root(root @ s2 @ root))
    return float(np.square(x.mean(0) - y.mean(0)).sum() + max(trace, 0.0))


def _root(matrix: np.ndarray) -> np.ndarray:
    """The square root of a symmetric matrix without negative eigenvalues."""
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.sqrt(np.clip(values, 0.0, None))) @ vectors.T
