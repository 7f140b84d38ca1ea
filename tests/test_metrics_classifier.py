"""The one-layer net: what it must be able to read, and from how many labels."""

import math

import numpy as np
import pytest
import torch

from vsclib import metrics
from vsclib.errors import ConfigurationError, DataError


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(5)


def corners(rng, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Exclusive or: four clouds that no line tells apart."""
    signs = rng.choice([-1.0, 1.0], (n, 2))
    return signs + 0.2 * rng.standard_normal((n, 2)), (signs[:, 0] * signs[:, 1] > 0).astype(int)


def test_the_net_reads_what_no_line_can(rng):
    x, y = corners(rng, 900)
    parts = x[:600], y[:600], x[600:], y[600:]
    assert metrics.network_accuracy(*parts) > 0.98
    assert metrics.linear_accuracy(*parts) < 0.65


@pytest.mark.slow
def test_the_net_is_at_chance_on_noise_and_does_not_mind_scale(rng):
    x, y = corners(rng, 900)
    parts = x[:600], y[:600], x[600:], y[600:]
    small = 1e-4 * torch.from_numpy(x)
    assert metrics.network_accuracy(
        small[:600], y[:600], small[600:], y[600:]
    ) == metrics.network_accuracy(*parts)
    noise = rng.standard_normal((1200, 3))
    assert (
        0.4
        < metrics.network_accuracy(noise[:600], y[:600], noise[600:], rng.integers(0, 2, 600))
        < 0.6
    )
    still = np.zeros((900, 2))
    commonest = max((y[600:] == 0).mean(), (y[600:] == 1).mean())
    assert metrics.network_accuracy(still[:600], y[:600], still[600:], y[600:]) in (
        pytest.approx(commonest),
        pytest.approx(1 - commonest),
    )


def test_a_seed_repeats_the_net(rng):
    x, y = corners(rng, 200)
    first, again, other = (
        metrics.Classifier(x, y, hidden=3, seed=seed).network.coefs_[0] for seed in (0, 0, 1)
    )
    assert np.array_equal(first, again) and not np.array_equal(first, other)
    assert first.shape == (2, 3)


def test_the_net_refuses_what_it_cannot_learn(rng):
    x, y = corners(rng, 20)
    with pytest.raises(ConfigurationError, match="hidden = 0"):
        metrics.Classifier(x, y, hidden=0)
    with pytest.raises(DataError, match="20 codes with 19 labels"):
        metrics.Classifier(x, y[:-1])
    with pytest.raises(DataError, match="at least 2 kinds"):
        metrics.Classifier(x, 0 * y)
    with pytest.raises(DataError, match="20 codes with 3 labels"):
        metrics.Classifier(x, y).accuracy(x, y[:3])


def test_more_labels_read_more(rng):
    x, y = corners(rng, 700)
    x = np.hstack([x, 0.7 * rng.standard_normal((700, 8))])
    found = metrics.accuracy_by_labels(
        x[:500], y[:500], x[500:], y[500:], counts=(10, 400), choices=2
    )
    assert [row.labels for row in found] == [10, 400]
    assert found[0].accuracy + 0.1 < found[1].accuracy
    assert found[0].spread >= 0.0
    one = metrics.accuracy_by_labels(
        x[:500], y[:500], x[500:], y[500:], counts=(50,), choices=1, classifier="linear"
    )
    chosen = metrics.stratified_sample(y[:500], 50, [0, 0])
    assert one[0].accuracy == metrics.linear_accuracy(x[chosen], y[chosen], x[500:], y[500:])
    assert math.isnan(one[0].spread)


def test_accuracy_by_labels_names_what_is_wrong(rng):
    x, y = corners(rng, 40)
    with pytest.raises(ConfigurationError, match="classifier = 'tree' is not allowed"):
        metrics.accuracy_by_labels(x, y, x, y, classifier="tree")
    with pytest.raises(ConfigurationError, match="choices = 0"):
        metrics.accuracy_by_labels(x, y, x, y, choices=0)
    with pytest.raises(DataError, match="39 labels"):
        metrics.accuracy_by_labels(x, y[:-1], x, y)
