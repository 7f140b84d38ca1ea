"""Disentanglement, completeness and informativeness: how a predictor of each factor spreads over
the latents.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from sklearn.ensemble import RandomForestClassifier
from torch import Tensor

from vsclib.errors import DataError
from vsclib.metrics.discretise import discretise
from vsclib.metrics.probe import matrix


class DCI(NamedTuple):
    """Three numbers between 0 and 1, and the matrix that the first two come from.

    Attributes:
        disentanglement: does a latent serve one factor only?
        completeness: is a factor kept in one latent only?
        informativeness: how much better than guessing the commonest class are the factors told from
            the code?
        importance: (J, F), columns sum to one (to zero for a factor that no latent tells).
    """

    disentanglement: float
    completeness: float
    informativeness: float
    importance: np.ndarray


def dci(
    codes: Tensor | ArrayLike,
    factors: Tensor | ArrayLike,
    bins: int = 6,
    trees: int = 10,
    depth: int = 8,
    seed: int = 0,
) -> DCI:
    r"""Disentanglement, completeness, informativeness.

    Every factor is cut into classes, its zeros apart, and a random forest learns the class from the
    code on the first half of the images. :math:`R_{jf}` is how much of the forest's decrease in
    impurity is due to latent j. With :math:`P_{jf} = R_{jf} / \sum_{f'} R_{jf'}` and :math:`Q_{jf}
    = R_{jf} / \sum_{j'} R_{j'f}`

    .. math:: D = \sum_j\rho_j\Bigl(1 + \sum_f P_{jf}\log_F P_{jf}\Bigr), \quad
        C = \frac1F\sum_f\Bigl(1 + \sum_j Q_{jf}\log_J Q_{jf}\Bigr), \quad
        I = \frac1F\sum_f\Bigl[\frac{A_f - M_f}{1 - M_f}\Bigr]_+

    where :math:`\rho_j` is the latent's share of all importance, A the forest's accuracy on the
    second half of the images and M that of always saying its commonest class. (The source reports a
    prediction error for I; this is 1 for no error and 0 for no knowledge.)

    Args:
        codes: (N, J), at least two latents.
        factors: (N, F), at least two; factors that never move are left out.
        bins: classes of equal width of a factor, zeros apart.
        trees: of each forest.
        depth: largest depth of a tree.
        seed: of the forests.

    Returns:
        The three numbers. Take ``dci(factors, factors)`` beside them for the most that a code can
        have.

    Raises:
        ConfigurationError: fewer than two bins.
        DataError: too few latents, factors or images, different numbers of rows, or entries that
            are no numbers.

    Source:
        Eastwood & Williams (2018), section 2, who learn by lasso and by random forests.
    """
    z, v = matrix(codes), matrix(factors)
    v = v[:, np.ptp(v, axis=0) > 0.0] if len(v) else v
    if len(z) != len(v) or len(z) < 20 or z.shape[1] < 2 or v.shape[1] < 2:
        raise DataError(
            f"codes {z.shape} with moving factors {v.shape}: both need the same images, at least 20, and 2 columns"
        )
    half = len(z) // 2
    told = [
        _tell(z[:half], c[:half], z[half:], c[half:], trees, depth, seed)
        for c in discretise(v, bins).T
    ]
    importance = np.stack([column for column, _ in told], axis=1)  # (J, F)
    of_latent = importance.sum(1)  # (J,)
    share = of_latent / max(of_latent.sum(), np.finfo(float).tiny)
    disentanglement = float((share * _sharpness(importance)).sum())
    completeness = float(_sharpness(importance.T).mean())
    return DCI(
        disentanglement, completeness, float(np.mean([gain for _, gain in told])), importance
    )


def _tell(
    z: np.ndarray,
    y: np.ndarray,
    z_test: np.ndarray,
    y_test: np.ndarray,
    trees: int,
    depth: int,
    seed: int,
) -> tuple[np.ndarray, float]:
    """Importance of each latent (J,) for one factor, and the gain over the commonest class."""
    forest = RandomForestClassifier(
        trees, max_depth=depth, max_features=None, random_state=seed
    ).fit(z, y)
    commonest = float(np.bincount(y_test).max()) / len(y_test)
    gain = (
        (float(forest.score(z_test, y_test)) - commonest) / (1.0 - commonest)
        if commonest < 1.0
        else 0.0
    )
    return forest.feature_importances_, max(gain, 0.0)


def _sharpness(rows: np.ndarray) -> np.ndarray:
    """1 minus the entropy of each row, in units of the largest possible: 1 for one entry only; 0
    for rows of zeros.
    """
    total = rows.sum(1, keepdims=True)
    shares = rows / np.where(total > 0.0, total, 1.0)
    entropy = -(shares * np.log(np.where(shares > 0.0, shares, 1.0))).sum(1) / np.log(rows.shape[1])
    return np.where(total[:, 0] > 0.0, 1.0 - entropy, 0.0)
