"""The exact test behind every sentence that ranks, held against SciPy's and against counting by hand."""

import math

import numpy as np
import pytest
from scipy import stats

from vsclib import records
from vsclib.errors import ConfigurationError, DataError


def test_one_stratum_is_scipys_exact_permutation_test():
    generator = np.random.default_rng(1)
    for n, m in ((3, 3), (5, 5), (4, 4)):
        a, b = generator.normal(0.5, 1.0, n), generator.normal(0.0, 1.0, m)
        scipys = stats.permutation_test(
            (a, b), lambda x, y: x.mean() - y.mean(), n_resamples=np.inf
        )
        found = records.exact_test([a], [b])
        assert found.p == pytest.approx(scipys.pvalue, rel=1e-12) and found.exact
        interval = stats.ttest_ind(a, b, equal_var=False).confidence_interval()
        assert (found.low, found.high) == pytest.approx(tuple(interval), rel=1e-9)
        assert found.difference == pytest.approx(a.mean() - b.mean())


@pytest.mark.parametrize(("seeds", "floor"), [(3, 0.1), (4, 2 / 70), (5, 2 / 252)])
def test_complete_separation_reaches_the_floor_and_no_less(seeds, floor):
    found = records.exact_test([np.arange(seeds) + 10.0], [np.arange(seeds)])
    assert found.p == pytest.approx(floor)


def test_strata_multiply_the_arrangements_and_their_level_does_not_count():
    """Two data sets of three seeds: 400 arrangements, however far the sets lie apart."""
    near, far = [3.0, 4.0, 5.0], [1003.0, 1004.0, 1005.0]
    found = records.exact_test([near, far], [[0.0, 1.0, 2.0], [1000.0, 1001.0, 1002.0]])
    assert found.p == pytest.approx(2 / 400) and found.difference == pytest.approx(3.0)
    assert found.trainings == (6, 6)
    # Without strata the levels would drown the difference.
    assert records.exact_test([near + far], [[0.0, 1.0, 2.0, 1000.0, 1001.0, 1002.0]]).p > 0.5


def test_equal_groups_differ_by_nothing_and_one_training_decides_nothing():
    assert records.exact_test([[1.0, 2.0, 3.0]], [[3.0, 1.0, 2.0]]).p == 1.0
    single = records.exact_test([[5.0]], [[1.0]])
    assert single.p == 1.0 and math.isnan(single.low)


def test_many_arrangements_are_drawn_and_said_to_be():
    generator = np.random.default_rng(2)
    a, b = generator.normal(1.0, 1.0, 13), generator.normal(0.0, 1.0, 13)
    drawn = records.exact_test([a], [b])
    assert not drawn.exact
    scipys = stats.permutation_test(
        (a, b), lambda x, y: x.mean() - y.mean(), n_resamples=50_000, rng=3
    )
    assert drawn.p == pytest.approx(scipys.pvalue, abs=0.01)


def test_a_true_null_is_refused_as_often_as_it_says():
    """Of 2,000 pairs of groups of one distribution, 5 % have p <= .05, or a little less: p is discrete."""
    generator = np.random.default_rng(4)
    small = [
        records.exact_test(
            list(generator.normal(size=(2, 3))), list(generator.normal(size=(2, 3)))
        ).p
        <= 0.05
        for _ in range(2000)
    ]
    assert 0.03 < np.mean(small) < 0.065


def test_correction_counts_the_comparisons_of_a_page():
    assert records.corrected([0.01]) == [0.01]
    assert records.corrected([0.01, 0.5, 0.5, 0.5])[0] == pytest.approx(0.04)
    assert records.corrected([]) == []


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: records.exact_test([], []), ConfigurationError, "0 and 0 strata"),
        (lambda: records.exact_test([[1.0]], []), ConfigurationError, "1 and 0 strata"),
        (lambda: records.exact_test([[]], [[1.0]]), DataError, "one or more"),
        (lambda: records.exact_test([[math.nan]], [[1.0]]), DataError, "finite"),
        (lambda: records.corrected([1.5]), DataError, "no p-value"),
    ],
)
def test_what_cannot_be_compared_is_refused(call, error, words):
    with pytest.raises(error, match=words):
        call()
