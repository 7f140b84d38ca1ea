"""t-SNE and the numbers beside it: plain loops, clusters that must stay apart, labels that mean
nothing.
"""

import numpy as np
import pytest
import torch

from vsclib import metrics
from vsclib.errors import ConfigurationError, DataError


@pytest.fixture(scope="module")
def clusters() -> tuple[np.ndarray, np.ndarray]:
    """Four clusters of 40 codes, ten standard deviations apart, in 6 dimensions."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(4), 40)
    return 10.0 * np.eye(4, 6)[labels] + rng.standard_normal((160, 6)), labels


def ranks(points: np.ndarray) -> np.ndarray:
    """(N, N): place of j among all others by distance from i, counted from 1; the point itself
    comes last.
    """
    distance = np.linalg.norm(points[:, None] - points[None], axis=2)
    np.fill_diagonal(distance, np.inf)
    order = np.argsort(distance, axis=1)
    result = np.empty_like(order)
    for i in range(len(points)):
        result[i, order[i]] = np.arange(1, len(points) + 1)
    return result


def test_clusters_stay_apart(clusters):
    codes, labels = clusters
    found = metrics.tsne(codes, labels, perplexity=10)
    assert found.positions.shape == (160, 2) and found.perplexity == 10
    assert found.agreement_codes == found.agreement_picture == 1.0
    centres = np.array([found.positions[labels == k].mean(0) for k in range(4)])
    own = max(
        np.linalg.norm(found.positions[labels == k] - centres[k], axis=1).max() for k in range(4)
    )
    apart = min(np.linalg.norm(centres[a] - centres[b]) for a in range(4) for b in range(a))
    assert apart > 2 * own and found.trustworthiness > 0.9 and 0 < found.divergence < 2


@pytest.mark.slow
def test_random_labels_agree_by_chance(clusters):
    rng = np.random.default_rng(1)
    labels = rng.permutation(np.repeat(np.arange(10), 60))
    found = metrics.tsne(rng.standard_normal((600, 5)), labels, perplexity=20)
    chance = 59 / 599
    assert found.agreement_codes == pytest.approx(
        chance, abs=0.012
    )  # 6,000 pairs: four standard errors
    assert found.agreement_picture == pytest.approx(chance, abs=0.02)


def test_agreement_is_a_count_over_neighbours():
    rng = np.random.default_rng(2)
    codes, labels = rng.standard_normal((50, 3)), rng.integers(0, 3, 50)
    place = ranks(codes)
    counted = [
        labels[j] == labels[i] for i in range(50) for j in range(50) if i != j and place[i, j] <= 7
    ]
    assert metrics.neighbour_agreement(torch.tensor(codes), labels, 7) == pytest.approx(
        np.mean(counted)
    )
    # One pair of twins: each is the other's neighbour, not its own.
    twins = np.array([[0.0], [0.0], [5.0], [9.0]])
    assert metrics.neighbour_agreement(twins, np.array([0, 1, 2, 2]), 1) == 0.5


def test_trustworthiness_is_what_plain_loops_give():
    rng = np.random.default_rng(3)
    codes, drawn, k = rng.standard_normal((40, 4)), rng.standard_normal((40, 2)), 5
    among_codes, in_picture = ranks(codes), ranks(drawn)
    charged = sum(
        max(0, among_codes[i, j] - k)
        for i in range(40)
        for j in range(40)
        if i != j and in_picture[i, j] <= k
    )
    wanted = 1 - 2 * charged / (40 * k * (2 * 40 - 3 * k - 1))
    assert metrics.trustworthiness(codes, drawn, k) == pytest.approx(wanted)
    assert metrics.trustworthiness(drawn, 3.0 * drawn, k) == 1.0
    assert metrics.trustworthiness(
        rng.standard_normal((400, 4)), rng.standard_normal((400, 2))
    ) == pytest.approx(0.5, abs=0.05)


def test_same_seed_same_picture_and_no_labels_no_shares(clusters):
    codes = clusters[0][::2]
    first, again = (metrics.tsne(codes, perplexity=8, seed=3) for _ in range(2))
    assert np.array_equal(first.positions, again.positions)
    assert first.agreement_codes is None and first.agreement_picture is None
    assert metrics.tsne(codes[:, :1], perplexity=8).positions.shape == (80, 2)


@pytest.mark.parametrize("perplexity", [0.5, 27, float("nan")])
def test_perplexity_must_leave_other_codes(clusters, perplexity):
    with pytest.raises(ConfigurationError, match=r"for 80 codes: choose from 1 to 26\.33"):
        metrics.tsne(clusters[0][:80], perplexity=perplexity)


def test_what_cannot_be_laid_out_is_said_in_one_line(clusters):
    codes, labels = clusters
    with pytest.raises(DataError, match="all 100 codes are the same"):
        metrics.tsne(np.ones((100, 4)))
    with pytest.raises(DataError, match=r"160 codes with labels shaped \(3,\)"):
        metrics.neighbour_agreement(codes, labels[:3])
    with pytest.raises(DataError, match="160 codes with 9 positions"):
        metrics.trustworthiness(codes, np.zeros((9, 2)))
    for k in (0, 80):
        with pytest.raises(
            ConfigurationError,
            match=f"neighbours = {k} is not allowed for 160 codes: choose from 1 to 79",
        ):
            metrics.neighbour_agreement(codes, labels, k)
        with pytest.raises(ConfigurationError, match="choose from 1 to 79"):
            metrics.trustworthiness(codes, codes[:, :2], k)
