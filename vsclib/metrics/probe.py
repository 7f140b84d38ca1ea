"""What a linear classifier reads out of a code."""

import warnings

import numpy as np
from numpy.typing import ArrayLike
from torch import Tensor

from vsclib.errors import DataError

PROBE_CODES = 5000
"""Training images whose codes the classifier is fitted on."""


def linear_accuracy(
    train_codes: Tensor | ArrayLike,
    train_labels: ArrayLike,
    test_codes: Tensor | ArrayLike,
    test_labels: ArrayLike,
) -> float:
    r"""Accuracy of a logistic regression on codes.

    Fitted on the first 5,000 training codes (or all, when there are fewer), with an L2 penalty of C
    = 1, on :math:`z / s`, where s is the one standard deviation of all entries of those codes;
    tested on every test code. One number for all latents keeps their relative sizes, so that a
    latent that hardly moves cannot shout.

    Say which code you pass: ``mu * active`` is what a VSC's decoder gets, ``mu * gamma`` weighs the
    same means by their probability of being on, and ``mu`` alone is dense and never reaches the
    decoder.

    Args:
        train_codes: (N, J).
        train_labels: (N,), whole numbers.
        test_codes: (M, J).
        test_labels: (M,), whole numbers.

    Returns:
        Share of test codes with the right label, between 0 and 1.

    Raises:
        DataError: lengths that do not fit, codes that are no numbers, or fewer than two labels.
    """
    x, x_test = matrix(train_codes)[:PROBE_CODES], matrix(test_codes)
    y, y_test = np.asarray(train_labels)[:PROBE_CODES], np.asarray(test_labels)
    if len(x) != len(y) or len(x_test) != len(y_test) or x.shape[1] != x_test.shape[1]:
        raise DataError(
            f"{len(x)} training codes with {len(y)} labels and {len(x_test)} test codes with {len(y_test)}, of "
            f"{x.shape[1]} and {x_test.shape[1]} latents: every code needs a label, and the latents must agree"
        )
    if len(np.unique(y)) < 2:
        raise DataError(
            f"the first {len(y)} training labels are all the same: a classifier needs at least 2 classes"
        )
    scale = (
        x.std() or 1.0
    )  # a collapsed code is all zeros; the classifier then answers with the commonest label
    # The default of 100 iterations stops short on 200 latents; on codes of a hardly trained model
    # 1,000 do, without harm. Imported here: it takes seconds, and few who import this library want
    # it.
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    classifier = LogisticRegression(C=1.0, max_iter=1000)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        classifier.fit(x / scale, y)
    return float(classifier.score(x_test / scale, y_test))


def matrix(codes: Tensor | ArrayLike) -> np.ndarray:
    """Codes as float64 (N, J); DataError when they are no finite numbers or no matrix."""
    array = codes.detach().cpu().numpy() if isinstance(codes, Tensor) else np.asarray(codes)
    if array.ndim != 2 or not np.isfinite(array).all():
        raise DataError(
            f"codes shaped {array.shape} must be finite numbers (N, J): check the model for NaN"
        )
    return array.astype(np.float64)
