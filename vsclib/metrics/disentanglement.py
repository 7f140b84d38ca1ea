"""Does a latent serve one factor, and a factor one latent? MIG and DCI."""

from typing import NamedTuple

import numpy as np
from torch import Tensor

from vsclib.arguments import ArrayLike
from vsclib.errors import ConfigurationError, DataError
from vsclib.metrics.inputs import check_counts, check_seed, matrix
from vsclib.metrics.sampling import stratified_sample

BINS = 20
"""Classes of equal width between the smallest and the largest value."""


def discretise(columns: np.ndarray, bins: int = BINS) -> np.ndarray:
    """Classes of every column, its zeros apart.

    A column's range is cut into equal widths; entries that are exactly zero form a class of their
    own, for a factor that is not there (or a latent that is off) is something else than a small
    value. Columns with ``bins`` different values or fewer keep each value as a class.

    Args:
        columns: (N, J) finite numbers.
        bins: number of widths, at least 2.

    Returns:
        (N, J) whole numbers in 0..bins; 0 is the class of the zeros where a column is cut.

    Raises:
        ConfigurationError: fewer than two bins.
    """
    if bins < 2:
        raise ConfigurationError(f"bins = {bins!r} is not allowed: choose bins >= 2")
    return np.stack([_classes(column, bins) for column in columns.T], axis=1)  # (N, J)


def _classes(column: np.ndarray, bins: int) -> np.ndarray:
    values, inverse = np.unique(column, return_inverse=True)
    if len(values) <= bins:
        return inverse
    cuts = np.linspace(values[0], values[-1], bins + 1)[1:-1]
    return np.where(column == 0.0, 0, 1 + np.searchsorted(cuts, column, side="right"))


class Gap(NamedTuple):
    """The mutual information gap and what it is made of.

    Attributes:
        gap: mean over factors of each factor's own, between 0 and 1.
        of_factor: (F,), each factor's own gap.
        latent: (F,) whole numbers, the latent that knows each factor best.
    """

    gap: float
    of_factor: np.ndarray
    latent: np.ndarray


def mutual_information(
    codes: Tensor | ArrayLike, factors: Tensor | ArrayLike, bins: int = BINS
) -> np.ndarray:
    r"""Mutual information of every latent and factor, both cut into classes.

    .. math:: I_{jf} = \sum_{a,b}\hat p(a, b)\log\frac{\hat p(a, b)}{\hat p(a)\,\hat p(b)}

    with relative frequencies :math:`\hat p`. Independent columns of A and B classes show about
    :math:`(A - 1)(B - 1) / 2N` nats all the same.

    Args:
        codes: (N, J).
        factors: (N, F).
        bins: classes of equal width, zeros apart (:func:`discretise`).

    Returns:
        (J, F), nats, not negative.

    Raises:
        ConfigurationError: fewer than two bins.
        DataError: different numbers of rows, or entries that are no numbers.
    """
    z, v = discretise(matrix(codes), bins), discretise(matrix(factors, "factors"), bins)
    if len(z) != len(v):
        raise DataError(f"{len(z)} codes with {len(v)} rows of factors: both need the same images")
    rows = [[_information(latent, factor) for factor in v.T] for latent in z.T]
    return np.array(rows)  # (J, F)


def mig(codes: Tensor | ArrayLike, factors: Tensor | ArrayLike, bins: int = BINS) -> Gap:
    r"""Mutual information gap.

    .. math:: \mathrm{MIG} = \frac1F\sum_f\frac{I_{(1)f} - I_{(2)f}}{H_f}

    where (1) and (2) are the two latents that know factor f best and H its entropy, all from
    classes.

    A code with one latent for each of several *independent* factors has a gap of 1. Factors that
    share a presence bit, as Smiley's do, know of each other, so their perfect code stays below:
    ``mig(factors, factors)`` is the most that a code can have, and belongs beside the number.

    Args:
        codes: (N, J), at least two latents.
        factors: (N, F); a factor that never moves has no entropy and counts with a gap of 0.
        bins: classes of equal width, zeros apart.

    Returns:
        The gap, between 0 and 1.

    Raises:
        ConfigurationError: fewer than two bins.
        DataError: fewer than two latents, different numbers of rows, or entries that are no
            numbers.

    Source:
        Chen, Li, Grosse & Duvenaud (2018), section 4; classes as Locatello et al. (2019), zeros
        apart.
    """
    information = mutual_information(codes, factors, bins)  # (J, F)
    if len(information) < 2:
        raise DataError(f"a gap needs at least 2 latents, these codes have {len(information)}")
    classes = discretise(matrix(factors, "factors"), bins)
    entropy = np.array([_information(factor, factor) for factor in classes.T])  # (F,)
    second, first = np.sort(information, axis=0)[-2:]
    own = np.where(
        entropy > 0.0, (first - second) / np.where(entropy > 0.0, entropy, 1.0), 0.0
    )  # (F,)
    return Gap(float(own.mean()), own, information.argmax(0))


def _information(a: np.ndarray, b: np.ndarray) -> float:
    from sklearn.metrics import mutual_info_score

    return max(float(mutual_info_score(a, b)), 0.0)


class DCI(NamedTuple):
    """Three numbers between 0 and 1, and the matrix that the first two come from.

    Attributes:
        disentanglement: does a latent serve one factor only?
        completeness: is a factor kept in one latent only?
        informativeness: how much better than guessing are the factors told from the code?
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
    code on one half of the images, drawn by the seed with that factor's classes in proportion
    (:func:`stratified_sample`), so that the order of the images does not count. :math:`R_{jf}` is
    how much of the forest's decrease in impurity is due to latent j. With :math:`P_{jf} = R_{jf} /
    \sum_{f'} R_{jf'}` and :math:`Q_{jf} = R_{jf} / \sum_{j'} R_{j'f}`

    .. math:: D = \sum_j\rho_j\Bigl(1 + \sum_f P_{jf}\log_F P_{jf}\Bigr), \quad
        C = \frac1F\sum_f\Bigl(1 + \sum_j Q_{jf}\log_J Q_{jf}\Bigr), \quad
        I = \frac1F\sum_f\Bigl[\frac{A_f - M_f}{1 - M_f}\Bigr]_+

    where :math:`\rho_j` is the latent's share of all importance, A the forest's accuracy on the
    other half of the images and M that of always saying its commonest class. (The source reports a
    prediction error for I; this is 1 for no error and 0 for no knowledge.)

    Args:
        codes: (N, J), at least two latents.
        factors: (N, F), at least two; factors that never move are left out.
        bins: classes of equal width of a factor, zeros apart.
        trees: of each forest.
        depth: largest depth of a tree.
        seed: of the halves and of the forests.

    Returns:
        The three numbers. Take ``dci(factors, factors)`` beside them for the most that a code can
        have.

    Raises:
        ConfigurationError: fewer than two bins, no trees, no depth or a negative seed.
        DataError: too few latents, factors or images, different numbers of rows, or entries that
            are no numbers.

    Source:
        Eastwood & Williams (2018), section 2, who learn by lasso and by random forests.
    """
    check_counts(trees=trees, depth=depth)
    check_seed(seed)
    z, v = matrix(codes), matrix(factors, "factors")
    v = v[:, np.ptp(v, axis=0) > 0.0]
    if len(z) != len(v) or len(z) < 20 or z.shape[1] < 2 or v.shape[1] < 2:
        raise DataError(
            f"codes {z.shape} with moving factors {v.shape}: both need the same images, at least "
            "20, and 2 columns"
        )
    told = [_tell(z, classes, trees, depth, seed) for classes in discretise(v, bins).T]
    importance = np.stack([column for column, _ in told], axis=1)  # (J, F)
    of_latent = importance.sum(1)  # (J,)
    share = of_latent / max(of_latent.sum(), np.finfo(float).tiny)
    disentanglement = float((share * _sharpness(importance)).sum())
    completeness = float(_sharpness(importance.T).mean())
    informativeness = float(np.mean([gain for _, gain in told]))
    return DCI(disentanglement, completeness, informativeness, importance)


def _tell(
    z: np.ndarray, y: np.ndarray, trees: int, depth: int, seed: int
) -> tuple[np.ndarray, float]:
    """Importance of each latent (J,) for one factor, and the gain over the commonest class."""
    from sklearn.ensemble import RandomForestClassifier

    learned = np.zeros(len(z), dtype=bool)
    learned[stratified_sample(y, len(z) // 2, seed)] = True
    told = y[~learned]
    forest = RandomForestClassifier(trees, max_depth=depth, max_features=None, random_state=seed)
    forest.fit(z[learned], y[learned])
    commonest = float(np.bincount(told).max()) / len(told)
    if commonest == 1.0:
        return forest.feature_importances_, 0.0
    gain = (float(forest.score(z[~learned], told)) - commonest) / (1.0 - commonest)
    return forest.feature_importances_, max(gain, 0.0)


def _sharpness(rows: np.ndarray) -> np.ndarray:
    """1 minus each row's relative entropy: 1 for one entry only, 0 for a row of zeros."""
    total = rows.sum(1, keepdims=True)
    shares = rows / np.where(total > 0.0, total, 1.0)
    entropy = -(shares * np.log(np.where(shares > 0.0, shares, 1.0))).sum(1) / np.log(rows.shape[1])
    return np.where(total[:, 0] > 0.0, 1.0 - entropy, 0.0)
