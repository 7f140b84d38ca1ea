"""Correlations, blocks, MIG and DCI on codes that are perfect, rotated or random."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import ortho_group, pearsonr
from sklearn.metrics import mutual_info_score

from vsclib import metrics
from vsclib.data import smiley
from vsclib.errors import ConfigurationError, DataError
from vsclib.metrics.disentanglement import discretise

N = 4000


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(11)


@pytest.fixture
def factors(rng) -> np.ndarray:
    """Five independent factors."""
    return rng.uniform(-1.0, 1.0, (N, 5))


@pytest.fixture(scope="module")
def faces() -> np.ndarray:
    """The factors of Smiley, drawn without drawing a face."""
    rng = np.random.default_rng(3)
    present = (rng.random((20_000, 4)) < 0.5)[:, smiley.ATTRIBUTE_OF_FACTOR]
    return present * rng.normal(0.0, smiley.VALUE_SD, present.shape)


# ------------------------------------------------------------------------------------- correlations


@pytest.mark.parametrize("magnitudes", [True, False])
def test_correlations_are_scipys(rng, magnitudes):
    v, z = rng.standard_normal((300, 3)), rng.standard_normal((300, 2))
    z[:, 0] += v[:, 1]
    found = metrics.absolute_correlation(v, torch.from_numpy(z), magnitudes)
    size = np.abs if magnitudes else np.asarray
    for f in range(3):
        for j in range(2):
            assert found[f, j] == pytest.approx(
                abs(pearsonr(size(v[:, f]), size(z[:, j])).statistic), abs=1e-12
            )


def test_latents_that_never_move_correlate_with_nothing(rng):
    z = np.column_stack([np.full(50, 0.1), np.zeros(50), rng.random(50)])
    found = metrics.absolute_correlation(rng.random((50, 2)), z)
    assert (found[:, :2] == 0).all() and (found[:, 2] > 0).all()


def test_blocks_of_a_matrix_made_by_hand():
    r = np.array([[0.9, 0.1, 0.0, 0.0], [0.5, 0.2, 0.0, 0.2], [0.1, 0.6, 0.0, 0.4]])
    found = metrics.blocks(r, [0, 0, 1])
    assert found.of_latent.tolist() == [0, 1, -1, 1]
    assert found.inside == pytest.approx((0.7 + 0.6 + 0.4) / 3)
    assert found.outside == pytest.approx((0.1 + 0.15 + 0.1) / 3)
    assert found.contrast == pytest.approx(found.inside - found.outside)
    assert found.order.tolist() == [0, 1, 3]
    assert metrics.blocks(0 * r, [0, 0, 1]).contrast == 0.0


def test_the_floor_of_smiley_is_the_closed_form(faces):
    found = metrics.block_floor(faces, smiley.ATTRIBUTE_OF_FACTOR)
    m, p = math.sqrt(2 / math.pi), 0.5
    bit = m * math.sqrt((1 - p) / (1 - p * m**2))
    assert found.between == pytest.approx(bit**2, abs=0.01)
    assert found.presence == pytest.approx(bit, abs=0.01)
    sizes = np.bincount(smiley.ATTRIBUTE_OF_FACTOR)
    inside = (sizes * (1 + (sizes - 1) * bit**2) / sizes).sum() / 18
    assert found.perfect == pytest.approx(inside, abs=0.015)  # outside is noise, about 0.006
    signed = metrics.block_floor(faces, smiley.ATTRIBUTE_OF_FACTOR, magnitudes=False)
    assert signed.between < 0.02 and signed.presence < 0.02


def test_a_perfect_code_finds_its_blocks_and_a_random_one_has_no_contrast(faces, rng):
    order, scale = rng.permutation(18), rng.uniform(0.1, 3.0, 18)
    found = metrics.blocks(
        metrics.absolute_correlation(faces, (faces * scale)[:, order]), smiley.ATTRIBUTE_OF_FACTOR
    )
    assert (found.of_latent == smiley.ATTRIBUTE_OF_FACTOR[order]).all()
    floor = metrics.block_floor(faces, smiley.ATTRIBUTE_OF_FACTOR)
    assert found.contrast == pytest.approx(floor.perfect)
    noise = metrics.absolute_correlation(faces, rng.standard_normal((len(faces), 30)))
    assert abs(metrics.blocks(noise, smiley.ATTRIBUTE_OF_FACTOR).contrast) < 0.01


def test_presence_bits_beat_the_perfect_code_by_contrast(faces):
    bits = faces[:, [0, 4, 10, 13]] != 0
    floor = metrics.block_floor(faces, smiley.ATTRIBUTE_OF_FACTOR)
    found = metrics.blocks(
        metrics.absolute_correlation(faces, bits.astype(float)), smiley.ATTRIBUTE_OF_FACTOR
    )
    assert found.inside == pytest.approx(floor.presence, abs=0.005)
    assert found.contrast > floor.perfect


@pytest.mark.parametrize("of_factor", [[0, 1], [0, 0, 0]])
def test_blocks_that_do_not_fit_are_refused(of_factor):
    with pytest.raises(DataError, match="one block for each"):
        metrics.blocks(np.ones((3, 2)), of_factor)


# ---------------------------------------------------------------------------------------------- MIG


def test_classes_have_equal_widths_and_zeros_apart():
    column = np.array([0.0, 0.001, -1.0, 1.0, 0.49, 0.51, 0.0])
    assert discretise(column[:, None], 4)[:, 0].tolist() == [0, 3, 1, 4, 3, 4, 0]
    few = np.array([[3.0], [0.0], [7.0], [3.0]])
    assert discretise(few, 4)[:, 0].tolist() == [1, 0, 2, 1]
    with pytest.raises(ConfigurationError, match="bins = 1"):
        discretise(few, 1)


def test_information_is_scikit_learns(rng, factors):
    z = factors[:, :2] @ rng.standard_normal((2, 3))
    found = metrics.mutual_information(z, factors[:, :2], bins=6)
    a, b = discretise(z, 6), discretise(factors[:, :2], 6)
    wanted = [[mutual_info_score(x, y) for y in b.T] for x in a.T]
    assert found == pytest.approx(np.array(wanted), abs=1e-10)


def test_mig_is_one_for_a_perfect_code_and_about_zero_for_a_random_one(factors, rng):
    order = rng.permutation(5)
    found = metrics.mig(-2.0 * factors[:, order], factors)
    assert found.gap == pytest.approx(
        1.0, abs=0.03
    )  # what is missing is the count's own error, (20 - 1)^2 / 2N nats
    assert (order[found.latent] == np.arange(5)).all()
    assert found.of_factor.mean() == pytest.approx(found.gap)
    assert metrics.mig(rng.standard_normal((N, 8)), factors).gap < 0.01


def test_mig_of_a_rotated_or_doubled_code_is_lower(factors):
    turned = factors @ ortho_group.rvs(5, random_state=4)
    perfect = metrics.mig(factors, factors).gap
    assert metrics.mig(turned, factors).gap < 0.4 * perfect
    assert metrics.mig(np.hstack([factors, factors]), factors).gap == pytest.approx(0.0, abs=1e-12)


@pytest.mark.slow
def test_mig_of_smileys_perfect_code_is_the_most_and_below_one(faces, rng):
    few = faces[:5000]
    most = metrics.mig(few, few).gap
    # Another factor of the block tells the presence bit: ln 2 nats of the factor's entropy.
    shares = [np.unique(column, return_counts=True)[1] / len(few) for column in discretise(few).T]
    entropy = -np.mean([np.sum(share * np.log(share)) for share in shares])
    assert most == pytest.approx(1 - math.log(2.0) / entropy, abs=0.05)
    assert 0.3 < most < 0.8
    assert metrics.mig(few @ ortho_group.rvs(18, random_state=4), few).gap < 0.3 * most


def test_mig_counts_a_still_factor_as_nothing_and_refuses_one_latent(factors):
    still = np.column_stack([factors, np.ones(N)])
    assert metrics.mig(factors, still).of_factor[5] == 0.0
    with pytest.raises(DataError, match="at least 2 latents"):
        metrics.mig(factors[:, :1], factors)
    with pytest.raises(DataError, match="same images"):
        metrics.mig(factors[:-1], factors)


# ---------------------------------------------------------------------------------------------- DCI


@pytest.fixture
def few(rng) -> np.ndarray:
    return rng.uniform(-1.0, 1.0, (800, 4))


def test_dci_is_one_for_a_perfect_code(few, rng):
    order = rng.permutation(4)
    found = metrics.dci(3.0 * few[:, order], few)
    assert min(found.disentanglement, found.completeness) > 0.97
    assert found.informativeness > 0.95
    assert (order[found.importance.argmax(0)] == np.arange(4)).all()
    assert found.importance.sum(0) == pytest.approx(np.ones(4))


def test_dci_is_about_zero_for_a_random_code(few, rng):
    found = metrics.dci(rng.standard_normal((800, 6)), few)
    assert max(found.disentanglement, found.completeness, found.informativeness) < 0.05


def test_dci_of_a_rotated_code_is_lower(few):
    found = metrics.dci(few @ ortho_group.rvs(4, random_state=1), few)
    assert max(found.disentanglement, found.completeness) < 0.5
    assert 0.2 < found.informativeness < 0.9


def test_dci_tells_disentangled_from_complete(few):
    doubled = metrics.dci(np.hstack([few, few]), few)  # importance in halves: C = 1 - ln 2 / ln 8
    assert doubled.disentanglement > 0.95 and doubled.completeness == pytest.approx(2 / 3, abs=0.12)
    shared = metrics.dci(
        np.column_stack([few[:, 0] + 10 * np.round(4 * few[:, 1]), few[:, 2:]]), few
    )
    assert shared.disentanglement < shared.completeness


def test_dci_leaves_still_factors_out_and_gives_nothing_for_a_dead_code(few):
    assert metrics.dci(few, np.column_stack([few, np.ones(800)])).importance.shape == (4, 4)
    dead = metrics.dci(np.zeros((800, 3)), few)
    assert (dead.disentanglement, dead.completeness, dead.informativeness) == (0.0, 0.0, 0.0)
    with pytest.raises(DataError, match="at least 20"):
        metrics.dci(few[:10], few[:10])
