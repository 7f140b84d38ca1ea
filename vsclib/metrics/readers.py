"""What classifiers read out of a code: a linear one, and the papers' net."""

import warnings
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from torch import Tensor

from vsclib.arguments import ArrayLike, explained
from vsclib.errors import ConfigurationError, DataError
from vsclib.metrics.inputs import check_counts, check_seed, label_column, matrix
from vsclib.metrics.sampling import PROBE_CODES, probe_rows, stratified_sample


@explained
def linear_accuracy(
    train_codes: Tensor | ArrayLike,
    train_labels: ArrayLike,
    test_codes: Tensor | ArrayLike,
    test_labels: ArrayLike,
) -> float:
    r"""Accuracy of a logistic regression on codes.

    Fitted on 5,000 training codes that :func:`stratified_sample` draws with seed 0 (or on all, when
    there are fewer), with an L2 penalty of C = 1, on :math:`z / s`, where s is the one standard
    deviation of all entries of those codes; tested on every test code. One number for all latents
    keeps their relative sizes, so that a latent that hardly moves cannot shout.

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
    x, x_test = matrix(train_codes), matrix(test_codes)
    y, y_test = label_column(train_labels), label_column(test_labels)
    if len(x) != len(y) or len(x_test) != len(y_test) or x.shape[1] != x_test.shape[1]:
        raise DataError(
            f"{len(x)} training codes with {len(y)} labels and {len(x_test)} test codes with "
            f"{len(y_test)}, of {x.shape[1]} and {x_test.shape[1]} latents: every code needs a "
            "label, and the latents must agree"
        )
    if len(np.unique(y)) < 2:
        raise DataError(
            f"the {len(y)} training labels are all the same: a classifier needs at least 2 classes"
        )
    drawn = probe_rows(y)
    x, y = x[drawn], y[drawn]
    # A collapsed code is all zeros; the classifier then answers with the commonest label.
    scale = x.std() or 1.0
    # Imported here: it takes seconds, and few who import this library want it.
    from sklearn.linear_model import LogisticRegression

    # Newton's method needs a dozen steps where the default takes hundreds, which many threads make
    # slower, and ends nearer the one optimum.
    classifier = LogisticRegression(C=1.0, solver="newton-cg")
    _fitted(classifier, x / scale, y)
    return float(classifier.score(x_test / scale, y_test))


def _fitted(classifier: Any, x: np.ndarray, y: np.ndarray) -> Any:
    """The classifier, fitted; one that stops at its last iteration is taken as it is."""
    from sklearn.exceptions import ConvergenceWarning
    from threadpoolctl import threadpool_limits

    # These matrices are small: threads that wait for each other made this ten times slower.
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore", ConvergenceWarning)
        return classifier.fit(x, y)


HIDDEN = 100
"""ReLU units of the net; the papers do not say how many they took."""


class Classifier:
    r"""One hidden layer of ReLU units and a softmax, fitted on codes (or on flat images).

    .. math:: p(y\mid z) = \operatorname{softmax}\bigl(B\,\mathrm{relu}(A z / s + a) + b\bigr)

    with s the one standard deviation of all entries of the training codes, as for the linear
    classifier. Fitted by Adam with a step of 0.001 and batches of 200, until the loss stops falling
    or 200 times through the codes.

    Args:
        codes: (N, J).
        labels: (N,), whole numbers; at least two different ones.
        hidden: ReLU units.
        seed: of the weights and of the order of the codes.

    Raises:
        ConfigurationError: no units.
        DataError: lengths that do not fit, codes that are no numbers, or fewer than two labels.

    Source:
        Tonolini et al. (2019, ICLR submission), section 4.2; Li & Han (2022), section 4.4.
    """

    def __init__(
        self, codes: Tensor | ArrayLike, labels: ArrayLike, hidden: int = HIDDEN, seed: int = 0
    ) -> None:
        check_counts(hidden=hidden)
        check_seed(seed)
        x, y = matrix(codes), label_column(labels)
        if len(x) != len(y) or len(np.unique(y)) < 2:
            raise DataError(
                f"{len(x)} codes with {len(y)} labels of {len(np.unique(y))} kinds: every code "
                "needs a label, and a classifier needs at least 2 kinds"
            )
        self.scale = x.std() or 1.0
        from sklearn.neural_network import MLPClassifier

        network = MLPClassifier((hidden,), activation="relu", random_state=seed)
        self.network = _fitted(network, x / self.scale, y)

    def predict(self, codes: Tensor | ArrayLike) -> np.ndarray:
        """The label of each code (M, J): (M,)."""
        z = matrix(codes)
        if z.shape[1] != self.network.n_features_in_:
            raise DataError(
                f"codes shaped {z.shape} were given to a classifier of "
                f"{self.network.n_features_in_} latents: pass codes of the same model"
            )
        return self.network.predict(z / self.scale)

    def accuracy(self, codes: Tensor | ArrayLike, labels: ArrayLike) -> float:
        """Share of codes (M, J) that get their label (M,), between 0 and 1."""
        y, found = label_column(labels), self.predict(codes)
        if len(found) != len(y):
            raise DataError(f"{len(found)} codes with {len(y)} labels: every code needs a label")
        return float((found == y).mean())


@explained
def network_accuracy(
    train_codes: Tensor | ArrayLike,
    train_labels: ArrayLike,
    test_codes: Tensor | ArrayLike,
    test_labels: ArrayLike,
    hidden: int = HIDDEN,
    seed: int = 0,
) -> float:
    """Accuracy of the papers' one-layer net on codes.

    Unlike :func:`linear_accuracy` it is fitted on every training code it is
    given: the papers give 5,000 (Tonolini et al.) or 3,000 (Li & Han).

    Args:
        train_codes: (N, J).
        train_labels: (N,), whole numbers.
        test_codes: (M, J).
        test_labels: (M,), whole numbers.
        hidden: ReLU units.
        seed: of the net.

    Returns:
        Share of test codes with the right label, between 0 and 1.

    Raises:
        ConfigurationError: no units.
        DataError: lengths that do not fit, codes that are no numbers, or fewer than two labels.
    """
    return Classifier(train_codes, train_labels, hidden, seed).accuracy(test_codes, test_labels)


class FewLabels(NamedTuple):
    """Accuracy from a number of labels, over several choices of which images are labelled.

    Attributes:
        labels: how many training codes had a label.
        accuracy: mean over the choices, between 0 and 1.
        spread: standard deviation over the choices; NaN for one.
    """

    labels: int
    accuracy: float
    spread: float


@explained
def accuracy_by_labels(
    train_codes: Tensor | ArrayLike,
    train_labels: ArrayLike,
    test_codes: Tensor | ArrayLike,
    test_labels: ArrayLike,
    counts: Sequence[int] | np.ndarray = (100, 300, 1000, 3000),
    classifier: Literal["linear", "network"] = "network",
    choices: int = 3,
    seed: int = 0,
) -> list[FewLabels]:
    """Accuracy as a function of the number of labels.

    The labelled codes are drawn by :func:`stratified_sample`: in proportion, at least one of each
    class.

    Args:
        train_codes: (N, J), the codes to choose from.
        train_labels: (N,), whole numbers.
        test_codes: (M, J).
        test_labels: (M,), whole numbers.
        counts: numbers of labels, each from the number of classes to N; at most 5,000 for the
            linear classifier, which reads no more.
        classifier: the papers' net or the logistic regression.
        choices: how often the labelled codes are drawn anew.
        seed: of the choices and of the nets.

    Returns:
        One row for each number of labels, in the order given.

    Raises:
        ConfigurationError: a number of labels that cannot be had, no choices, or an unknown
            classifier.
        DataError: lengths that do not fit, codes that are no numbers, or fewer than two labels.

    Source:
        Tonolini et al. (2019, ICLR submission), appendix E.4.
    """
    x, y = matrix(train_codes), label_column(train_labels)
    kinds: dict[str, Callable[..., float]] = {
        "linear": lambda *parts, seed: linear_accuracy(*parts),
        "network": network_accuracy,
    }
    check_counts(choices=choices)
    check_seed(seed)
    if len(x) != len(y):
        raise DataError(f"{len(x)} codes with {len(y)} labels: every code needs a label")
    least, most = len(np.unique(y)), min(len(x), PROBE_CODES if classifier == "linear" else len(x))
    if len(counts) == 0 or not least <= min(counts) <= max(counts) <= most:
        raise ConfigurationError(
            f"counts = {counts!r} are not allowed: choose numbers of labels from {least}, one for "
            f"each class, to {most}"
        )
    result = []
    for count in counts:
        found = []
        for choice in range(choices):
            chosen = stratified_sample(y, count, [seed, choice])
            found.append(
                kinds[classifier](x[chosen], y[chosen], test_codes, test_labels, seed=seed + choice)
            )
        spread = float(np.std(found, ddof=1)) if choices > 1 else float("nan")
        result.append(FewLabels(int(count), float(np.mean(found)), spread))
    return result
