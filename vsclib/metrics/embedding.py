"""Codes laid out in the plane by t-SNE, and two numbers that say how far to trust the picture."""

from typing import NamedTuple

import numpy as np
from torch import Tensor

from vsclib.arguments import ArrayLike
from vsclib.errors import ConfigurationError, DataError
from vsclib.metrics.inputs import check_seed, label_column, matrix

NEIGHBOURS = 10
"""Nearest other codes that the numbers beside a picture look at."""


class Embedding(NamedTuple):
    """Codes in the plane.

    Attributes:
        positions: (N, 2), in arbitrary units; only who is near whom means anything.
        perplexity: what t-SNE was given, about the number of neighbours that each code keeps.
        divergence: KL from the neighbourhoods of the codes to those of the picture, nats: what
            t-SNE made small.
        trustworthiness: between 0 and 1; 1 when all neighbours in the picture are neighbours among
            the codes.
        agreement_codes: share of a code's nearest others, among the codes, with its label; None
            without labels.
        agreement_picture: the same share in the picture. What it has more than ``agreement_codes``,
            t-SNE has added.
    """

    positions: np.ndarray
    perplexity: float
    divergence: float
    trustworthiness: float
    agreement_codes: float | None
    agreement_picture: float | None


def tsne(
    codes: Tensor | ArrayLike,
    labels: ArrayLike | None = None,
    perplexity: float = 30.0,
    seed: int = 0,
    neighbours: int = NEIGHBOURS,
) -> Embedding:
    r"""Lay codes out in the plane so that neighbours stay neighbours.

    .. math:: \min_y\ \mathrm{KL}(P\,\|\,Q) = \sum_{i\ne j} p_{ij}\log\frac{p_{ij}}{q_{ij}}, \qquad
        q_{ij} \propto \frac1{1 + \|y_i - y_j\|^2}

    with :math:`p_{ij}` Gaussian in the distance of the codes, each code's width set so that it has
    as many neighbours as the perplexity says. scikit-learn's Barnes-Hut form, 1,000 iterations,
    started from the first two principal components.

    The picture flatters, and sizes and distances in it mean nothing. Judge a code by the first of
    the two shares beside it.

    Args:
        codes: z, (N, J); at most a few thousand, since time grows faster than N.
        labels: (N,), whole numbers; None leaves the two shares out.
        perplexity: from 1 to a third of the other codes.
        seed: of the optimiser.
        neighbours: k of the three numbers, from 1 to below half of the codes.

    Returns:
        Positions and numbers.

    Raises:
        ConfigurationError: a perplexity or a number of neighbours that so many codes do not allow.
        DataError: codes that are no numbers or all the same, or lengths that do not fit.

    Source:
        van der Maaten & Hinton (2008), Eq. 4 and 5; the picture of codes after Li & Han (2022),
        figure 7.
    """
    check_seed(seed)
    z = matrix(codes)  # (N, J)
    if not 1.0 <= perplexity <= (len(z) - 1) / 3:
        raise ConfigurationError(
            f"perplexity = {perplexity!r} is not allowed for {len(z)} codes: choose from 1 to "
            f"{(len(z) - 1) / 3:.4g}, a third of the other codes"
        )
    if np.ptp(z, axis=0).max() == 0.0:
        raise DataError(
            f"all {len(z)} codes are the same: there is nothing to lay out, "
            "look at the model for collapse"
        )
    # Imported here: it takes seconds, and few who import this library want it.
    from sklearn.manifold import TSNE

    # The start needs two components, and a column of zeros moves no distance.
    wide = np.pad(z, ((0, 0), (0, max(0, 2 - z.shape[1]))))
    how = {"init": "pca", "learning_rate": "auto", "random_state": seed, "n_jobs": 1}
    layout = TSNE(2, perplexity=perplexity, **how)
    positions = layout.fit_transform(wide)  # (N, 2)
    shares: list[float | None] = [None, None]
    if labels is not None:
        shares = [neighbour_agreement(each, labels, neighbours) for each in (z, positions)]
    trusted = trustworthiness(z, positions, neighbours)
    return Embedding(positions, float(perplexity), float(layout.kl_divergence_), trusted, *shares)


def neighbour_agreement(
    codes: Tensor | ArrayLike, labels: ArrayLike, neighbours: int = NEIGHBOURS
) -> float:
    r"""Share of a code's nearest others that have its label.

    .. math:: \frac1{Nk}\sum_i \sum_{j\in U_k(i)} \mathbf 1[y_j = y_i]

    with :math:`U_k(i)` the k codes nearest to code i by Euclidean distance, itself left out. Labels
    that have nothing to do with the codes give the chance that two codes share one, 0.1 for ten
    equal classes.

    Args:
        codes: z, (N, J).
        labels: y, (N,), whole numbers.
        neighbours: k, from 1 to below half of the codes.

    Returns:
        Between 0 and 1.

    Raises:
        ConfigurationError: k out of range.
        DataError: codes that are no numbers, or lengths that do not fit.
    """
    z, y = matrix(codes), label_column(labels)
    if y.shape != (len(z),):
        raise DataError(f"{len(z)} codes with labels shaped {y.shape}: every code needs one label")
    _check(neighbours, len(z))
    from sklearn.neighbors import NearestNeighbors

    # Without a query, a code is not its own neighbour, even where two codes are the same.
    search = NearestNeighbors(n_neighbors=neighbours, algorithm="brute").fit(z)
    near = search.kneighbors(return_distance=False)  # (N, k)
    return float((y[near] == y[:, None]).mean())


def trustworthiness(
    codes: Tensor | ArrayLike, positions: ArrayLike, neighbours: int = NEIGHBOURS
) -> float:
    r"""How far neighbours in a picture are neighbours among the codes.

    .. math:: 1 - \frac{2}{Nk(2N - 3k - 1)}\sum_i \sum_{j\in U_k(i)} \max(0, r(i, j) - k)

    with :math:`U_k(i)` the k nearest of i in the picture and r(i, j) the rank of j among the codes
    by distance from i. It charges neighbours that the picture invents, not those that it tears
    apart.

    Args:
        codes: z, (N, J).
        positions: (N, 2), or any other set of positions for the same codes.
        neighbours: k, from 1 to below half of the codes.

    Returns:
        Between 0 and 1; about 0.5 for a picture that knows nothing of the codes.

    Raises:
        ConfigurationError: k out of range.
        DataError: codes that are no numbers, or lengths that do not fit.

    Source:
        Venna & Kaski (2001), Eq. 1, by scikit-learn.
    """
    z, drawn = matrix(codes), matrix(positions, "positions")
    if len(z) != len(drawn):
        raise DataError(f"{len(z)} codes with {len(drawn)} positions: every code needs one")
    _check(neighbours, len(z))
    from sklearn.manifold import trustworthiness as measured

    return float(measured(z, drawn, n_neighbors=neighbours))


def _check(neighbours: int, count: int) -> None:
    if not 1 <= neighbours < count / 2:
        raise ConfigurationError(
            f"neighbours = {neighbours!r} is not allowed for {count} codes: "
            f"choose from 1 to {(count - 1) // 2}"
        )
