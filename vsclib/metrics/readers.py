"""What classifiers read out of a code: a linear one, and the papers' net."""

import warnings
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from torch import Tensor

from vsclib.errors import ConfigurationError, DataError

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
            f"{len(x)} training codes with {len(y)} labels and {len(x_test)} test codes with "
            f"{len(y_test)}, of {x.shape[1]} and {x_test.shape[1]} latents: every code needs a "
            "label, and the latents must agree"
        )
    if len(np.unique(y)) < 2:
        raise DataError(
            f"the first {len(y)} training labels are all the same: "
            "a classifier needs at least 2 classes"
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


def _fitted(classifier: Any, x: np.ndarray, y: np.ndarray) -> Any:
    """The classifier, fitted; one that stops at its last iteration is taken as it is."""
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return classifier.fit(x, y)


def matrix(codes: Tensor | ArrayLike) -> np.ndarray:
    """Codes as float64 (N, J); DataError when they are no finite numbers or no matrix."""
    array = codes.detach().cpu().numpy() if isinstance(codes, Tensor) else np.asarray(codes)
    if array.ndim != 2 or not np.isfinite(array).all():
        raise DataError(
            f"codes shaped {array.shape} must be finite numbers (N, J): check the model for NaN"
        )
    return array.astype(np.float64)


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
        x, y = matrix(codes), np.asarray(labels)
        if hidden < 1:
            raise ConfigurationError(f"hidden = {hidden!r} is not allowed: choose hidden >= 1")
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
        return self.network.predict(matrix(codes) / self.scale)

    def accuracy(self, codes: Tensor | ArrayLike, labels: ArrayLike) -> float:
        """Share of codes (M, J) that get their label (M,), between 0 and 1."""
        y = np.asarray(labels)
        found = self.predict(codes)
        if len(found) != len(y):
            raise DataError(f"{len(found)} codes with {len(y)} labels: every code needs a label")
        return float((found == y).mean())


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


def accuracy_by_labels(
    train_codes: Tensor | ArrayLike,
    train_labels: ArrayLike,
    test_codes: Tensor | ArrayLike,
    test_labels: ArrayLike,
    counts: Sequence[int] = (100, 300, 1000, 3000),
    classifier: Literal["linear", "network"] = "network",
    choices: int = 3,
    seed: int = 0,
) -> list[FewLabels]:
    """Accuracy as a function of the number of labels.

    The labelled codes are drawn without replacement, from every class in proportion as nearly as
    whole numbers allow and at least one of each.

    Args:
        train_codes: (N, J), the codes to choose from.
        train_labels: (N,), whole numbers.
        test_codes: (M, J).
        test_labels: (M,), whole numbers.
        counts: numbers of labels, each from the number of classes to N; the linear classifier reads
            at most 5,000.
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
    x, y = matrix(train_codes), np.asarray(train_labels)
    kinds: dict[str, Callable[..., float]] = {
        "linear": lambda *parts, seed: linear_accuracy(*parts),
        "network": network_accuracy,
    }
    if classifier not in kinds:
        raise ConfigurationError(
            f"there is no classifier {classifier!r}: the choices are linear, network"
        )
    if choices < 1:
        raise ConfigurationError(f"choices = {choices!r} is not allowed: choose choices >= 1")
    if len(x) != len(y):
        raise DataError(f"{len(x)} codes with {len(y)} labels: every code needs a label")
    result = []
    for count in counts:
        found = []
        for choice in range(choices):
            chosen = labelled(y, count, np.random.default_rng([seed, choice]))
            found.append(
                kinds[classifier](x[chosen], y[chosen], test_codes, test_labels, seed=seed + choice)
            )
        spread = float(np.std(found, ddof=1)) if choices > 1 else float("nan")
        result.append(FewLabels(count, float(np.mean(found)), spread))
    return result


def labelled(labels: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Positions (count,) of the images that get a label: classes in proportion, one at least."""
    classes = np.unique(labels)
    if not len(classes) <= count <= len(labels):
        raise ConfigurationError(
            f"{count} labels are not possible: choose from {len(classes)}, one for each class, "
            f"to {len(labels)}"
        )
    order = rng.permutation(len(labels))
    first = np.array([order[labels[order] == label][0] for label in classes])
    # Ranks within a class, as shares of the class: the smallest shares are a draw in proportion.
    shares = np.empty(len(labels))
    for label in classes:
        of_class = order[labels[order] == label]
        shares[of_class] = (np.arange(len(of_class)) + rng.random()) / len(of_class)
    shares[first] = -1.0
    return np.argsort(shares, kind="stable")[:count]
