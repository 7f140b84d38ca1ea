"""Schedules reach both ends exactly, never leave their range, and change at the step that they
name.
"""

from decimal import Decimal
from fractions import Fraction
from math import ceil

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from vsclib.errors import ConfigurationError
from vsclib.schedules import Linear, Staircase

values = st.floats(-1e6, 1e6, allow_subnormal=False)
steps = st.integers(0, 10**6)
DROPS = ["0.033", "0.05", "0.1", "0.25"]


# ----------------------------------------------------------------------------------------- straight


@given(values, values, steps, st.integers(1, 10**6), st.integers(0, 10**7))
def test_line_reaches_both_ends_and_stays_between(start, end, begin, length, step):
    line = Linear(start, end, begin, begin + length)
    assert line(0) == line(begin) == start
    assert line(begin + length) == line(begin + length + step) == end
    assert min(start, end) <= line(step) <= max(start, end)


@given(values, values, steps, st.integers(1, 10**6), st.integers(0, 2 * 10**6))
def test_line_agrees_with_exact_fractions(start, end, begin, length, step):
    share = min(max(Fraction(step - begin, length), 0), 1)
    exact = Fraction(start) + share * (Fraction(end) - Fraction(start))
    assert Linear(start, end, begin, begin + length)(step) == pytest.approx(
        float(exact), rel=1e-9, abs=1e-9
    )


@given(values, values, steps, st.integers(1, 1000), st.integers(0, 2000), st.integers(0, 2000))
def test_line_never_turns_back(start, end, begin, length, one, other):
    line = Linear(start, end, begin, begin + length)
    first, second = sorted((one, other))
    if start <= end:
        assert line(first) <= line(second)
    else:
        assert line(first) >= line(second)


def test_line_by_hand():
    assert [Linear(0.0, 1.0, begin=2, until=6)(step) for step in range(8)] == [
        0,
        0,
        0,
        0.25,
        0.5,
        0.75,
        1,
        1,
    ]
    assert [Linear(200.0, 50.0, until=3)(step) for step in range(5)] == [200, 150, 100, 50, 50]


def test_line_of_no_length_jumps():
    assert [Linear(0.0, 1.0, begin=3, until=3)(step) for step in range(5)] == [0, 0, 0, 1, 1]
    assert Linear(0.0, 1.0)(0) == 1.0


@pytest.mark.parametrize(("begin", "until"), [(5, 4), (-1, 4), (-3, -2)])
def test_line_that_runs_backwards_is_refused(begin, until):
    with pytest.raises(
        ConfigurationError,
        match=f"from step {begin} until step {until}.*choose 0 <= begin <= until",
    ):
        Linear(0.0, 1.0, begin, until)


# ------------------------------------------------------------------------------------------- stairs


@pytest.mark.parametrize("drop", DROPS)
@pytest.mark.parametrize("every", [1, 3, 600])
def test_stairs_by_exact_arithmetic(drop, every):
    """Algorithm 1's alpha from 1 to 0.01: its number of stairs, each stair, and the step at which
    each begins.
    """
    stairs = ceil((1 - Decimal("0.01")) / Decimal(drop))
    alpha = Staircase(1.0, 0.01, float(drop), every)
    for stair in range(stairs):
        exact = float(1 - stair * Decimal(drop))
        assert (
            alpha(stair * every)
            == alpha(stair * every + every - 1)
            == pytest.approx(exact, abs=1e-12)
        )
        assert alpha(stair * every) > 0.01
    assert alpha(stairs * every) == alpha(10**9) == 0.01


@pytest.mark.parametrize(
    ("start", "end", "drop"), [("0.05", "0.02", "0.015"), ("0.05", "0.03", "0.001")]
)
def test_rounding_adds_no_stair(start, end, drop):
    """In floats these heights are a hair more than a whole number of drops."""
    stairs = ceil((Decimal(start) - Decimal(end)) / Decimal(drop))
    assert (float(start) - float(end)) / float(drop) > stairs
    decay = Staircase(float(start), float(end), float(drop), 1)
    assert decay(stairs - 1) > decay(stairs) == float(end)


def test_rounding_carries_no_stair_below_the_end():
    start, end, drop, stair = (
        0.848275134790403,
        0.38414456219182536,
        1.5200078120894643e-18,
        305347491576747199,
    )
    assert start - drop * stair < end
    assert Staircase(start, end, drop, 1)(stair) == end


@pytest.mark.parametrize("drop", DROPS)
def test_stairs_never_pass_below_their_end_in_single_precision(drop):
    """A model holds alpha as float32: there, too, the last stair is the target itself and every
    other one above it.
    """
    alpha = Staircase(1.0, 0.01, float(drop), 1)
    held = torch.tensor([alpha(step) for step in range(60)])
    target = torch.tensor(0.01)
    assert (held >= target).all() and (held[-1] == target)
    assert (held.diff() <= 0).all() and (held[:2].diff() < 0).all()


@given(
    st.floats(-100, 100, allow_subnormal=False),
    st.floats(0, 100, allow_subnormal=False),
    st.floats(1e-9, 1e3),
    st.integers(1, 1000),
    st.integers(0, 10**9),
)
def test_stairs_start_at_their_start_and_end_at_their_end(end, height, drop, every, step):
    start = end + height
    stairs = Staircase(start, end, drop, every)
    assert stairs(0) == stairs(every - 1) == start
    assert stairs((ceil(height / drop) + 2) * every) == end
    assert end <= stairs(step) <= start
    assert stairs(step + 1) <= stairs(step)


@given(st.floats(0.5, 1.0), st.floats(0.001, 0.3), st.integers(1, 50), st.integers(0, 500))
def test_stairs_change_only_every_so_many_steps(start, drop, every, step):
    stairs = Staircase(start, 0.01, drop, every)
    assume(step % every)
    assert stairs(step) == stairs(step - 1)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ((0.01, 1.0, 0.1, 1), "from 0.01 up to 1.*choose end <= start"),
        ((1.0, 0.01, 0.0, 1), "drop = 0 .*choose drop > 0"),
        ((1.0, 0.01, float("nan"), 1), "drop = nan .*choose drop > 0"),
        ((1.0, 0.01, 0.1, 0), "every = 0 .*at least one step"),
    ],
)
def test_stairs_that_go_nowhere_are_refused(settings, message):
    with pytest.raises(ConfigurationError, match=message):
        Staircase(*settings)
