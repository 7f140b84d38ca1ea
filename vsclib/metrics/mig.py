"""The mutual information gap: does one latent know a factor better than any other latent does?"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from torch import Tensor

from vsclib.errors import DataError
from vsclib.metrics.discretise import BINS, discretise
from vsclib.metrics.probe import matrix


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
        bins: classes of equal width, zeros apart (:func:`~vsclib.metrics.discretise.discretise`).

    Returns:
        (J, F), nats, not negative.

    Raises:
        ConfigurationError: fewer than two bins.
        DataError: different numbers of rows, or entries that are no numbers.
    """
    z, v = discretise(matrix(codes), bins), discretise(matrix(factors), bins)
    if len(z) != len(v):
        raise DataError(f"{len(z)} codes with {len(v)} rows of factors: both need the same images")
    return np.array(
        [[_information(latent, factor, bins + 1) for factor in v.T] for latent in z.T]
    )  # (J, F)


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
    classes = discretise(matrix(factors), bins)
    entropy = np.array([_information(factor, factor, bins + 1) for factor in classes.T])  # (F,)
    second, first = np.sort(information, axis=0)[-2:]
    own = np.where(
        entropy > 0.0, (first - second) / np.where(entropy > 0.0, entropy, 1.0), 0.0
    )  # (F,)
    return Gap(float(own.mean()), own, information.argmax(0))


def _information(a: np.ndarray, b: np.ndarray, classes: int) -> float:
    joint = np.bincount(a * classes + b, minlength=classes**2).reshape(classes, classes) / len(a)
    independent = joint.sum(1, keepdims=True) * joint.sum(0)
    seen = joint > 0.0
    return max(float((joint[seen] * np.log(joint[seen] / independent[seen])).sum()), 0.0)
