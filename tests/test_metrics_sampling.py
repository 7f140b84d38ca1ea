"""Drawn parts of a set: fair, repeatable, and nothing depends on the order that a set is in."""

import numpy as np
import pytest
from small_models import seeded, tiny

from vsclib import data, metrics
from vsclib.errors import ConfigurationError, DataError, VsclibError

NOISE = 0.04
"""Four standard errors of an accuracy of 0.9 on 1,000 images."""


@pytest.fixture(scope="module")
def digits() -> data.DataSet:
    """Digits several times over with a little noise, more than a probe reads, sorted by class."""
    found, rng = data.load("digits"), np.random.default_rng(0)
    order = np.argsort(found.train.labels, kind="stable").repeat(5)
    noise = rng.integers(0, 20, (len(order), 1, 8, 8)).astype(np.uint8)
    images = np.minimum(found.train.images[order], 235) + noise
    sorted_test = np.argsort(found.test.labels, kind="stable")
    return found._replace(
        train=data.Split(images, found.train.labels[order], None),
        test=data.Split(found.test.images[sorted_test], found.test.labels[sorted_test], None),
    )


def shuffled(split: data.Split) -> data.Split:
    order = np.random.default_rng(1).permutation(len(split.images))
    return split._replace(images=split.images[order], labels=split.labels[order])


def test_labels_are_drawn_in_proportion_and_from_every_class():
    labels = np.repeat([0, 1, 2], [600, 300, 4])
    chosen = metrics.stratified_sample(labels, 90, 5)
    counts = np.bincount(labels[chosen], minlength=3)
    assert len(np.unique(chosen)) == 90
    assert abs(counts[0] - 60) <= 1 and abs(counts[1] - 30) <= 1 and counts[2] >= 1
    assert sorted(labels[metrics.stratified_sample(labels, 3)]) == [0, 1, 2]
    assert sorted(metrics.stratified_sample(labels, 904)) == list(range(904))
    assert len(set(metrics.stratified_sample(labels, 2))) == 2  # more classes than positions
    for wrong in ({"count": 905}, {"count": -1}, {"count": 5, "seed": -1}):
        with pytest.raises(ConfigurationError, match="is not allowed"):
            metrics.stratified_sample(labels, **wrong)
    with pytest.raises(DataError, match="one for each image"):
        metrics.stratified_sample(labels / 2, 5)


def test_every_image_is_as_likely_to_be_drawn():
    labels = np.repeat([0, 1], [6, 12])
    times = np.zeros(18)
    for seed in range(3000):
        times[metrics.stratified_sample(labels, 6, seed)] += 1
    assert times / 3000 == pytest.approx(np.full(18, 1 / 3), abs=0.05)


def test_a_beginning_of_a_draw_is_a_draw():
    labels = np.repeat([0, 1, 2, 3], [400, 300, 200, 100])
    first = labels[metrics.stratified_sample(labels, 600, 3)[:100]]
    assert np.abs(np.bincount(first) - [40, 30, 20, 10]).max() <= 1


def test_accuracy_of_a_sorted_set_is_that_of_a_shuffled_one(digits):
    model = tiny("ae", latents=30, hidden=60)
    in_order = metrics.evaluate(model, digits, seeded()).numbers
    mixed = metrics.evaluate(model, digits._replace(train=shuffled(digits.train)), seeded()).numbers
    assert len(digits.train.labels) > metrics.PROBE_CODES
    assert mixed["accuracy"] > 0.6
    assert in_order["accuracy"] == pytest.approx(mixed["accuracy"], abs=NOISE)


@pytest.mark.slow
def test_robustness_of_a_sorted_set_is_that_of_a_shuffled_one(digits):
    model = tiny("ae", latents=30, hidden=60)
    few = {"sigmas": (0.1,), "clipped": (True,), "ssim_images": 100}
    mixed = digits._replace(train=shuffled(digits.train), test=shuffled(digits.test))
    in_order, other = (metrics.robustness(model, each, **few)[0] for each in (digits, mixed))
    assert other.code_accuracy > 0.6
    assert in_order.code_accuracy == pytest.approx(other.code_accuracy, abs=0.1)
    assert in_order.ssim_noisy == pytest.approx(other.ssim_noisy, abs=0.01)


@pytest.mark.slow
def test_robustness_of_a_few_images_sees_every_class(digits):
    class Nine(metrics.Classifier):
        def predict(self, codes):
            return np.full(len(codes), 9)

    nine = Nine(np.eye(20, 64), np.arange(20))
    few = {"sigmas": (0.1,), "clipped": (True,), "test_images": 100, "of_images": nine}
    found = metrics.robustness(tiny("ae"), digits, **few)[0]
    assert found.accuracy == pytest.approx((digits.test.labels == 9).mean(), abs=0.011)


def test_dci_of_a_sorted_grid_is_that_of_a_shuffled_one():
    grid = np.stack(np.meshgrid(*3 * [np.linspace(-1.0, 1.0, 9)], indexing="ij"), -1)
    grid = grid.reshape(-1, 3)  # (729, 3), the first factor sorted
    order = np.random.default_rng(0).permutation(len(grid))
    in_order, mixed = metrics.dci(grid, grid), metrics.dci(grid[order], grid[order])
    assert mixed.informativeness > 0.97
    assert in_order.informativeness == pytest.approx(mixed.informativeness, abs=0.03)


def test_a_single_class_costs_the_accuracy_and_nothing_else(digits):
    one = digits._replace(train=digits.train._replace(labels=0 * digits.train.labels))
    numbers, not_measured = metrics.evaluate(tiny("vae"), one, seeded(), test_images=50)
    assert set(not_measured) == {"accuracy"} and "all the same" in not_measured["accuracy"]
    assert numbers["elbo"] is not None
    with pytest.raises(VsclibError, match="at least 2 kinds"):
        metrics.robustness(tiny("vae"), one)
