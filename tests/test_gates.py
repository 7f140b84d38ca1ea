"""The gates through which a spike is drawn: their rates, leaks, gradients, and the slips that they
would show.
"""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats
from scipy.special import expit

from vsclib import spike_slab
from vsclib.errors import ConfigurationError

DRAWS = 200_000
RATES = [0.0, 1e-3, 0.01, 0.3, 0.5, 0.9, 0.999, 1.0]
JUST_BELOW_ONE = 1.0 - 2.0**-24

gammas = st.floats(0.0, 1.0, width=32)
noises = st.floats(0.0, JUST_BELOW_ONE, width=32)


@pytest.fixture(scope="module")
def noise() -> torch.Tensor:
    return torch.rand(DRAWS, generator=torch.Generator().manual_seed(5))


def within_four_errors(mean: float, rate: float, draws: int = DRAWS) -> bool:
    return abs(mean - rate) <= 4 * math.sqrt(rate * (1 - rate) / draws)


def relaxed_mean(gamma: float, slope: float) -> float:
    value, _ = integrate.quad(
        lambda eta: expit(slope * (eta - 1 + gamma)), 0, 1, points=[1 - gamma], epsabs=1e-12
    )
    return value


# --------------------------------------------------------------------------------------------- hard


@pytest.mark.parametrize("gamma", RATES)
def test_hard_gate_is_on_with_probability_gamma(noise, gamma):
    gate = spike_slab.hard_gate(noise, torch.full_like(noise, gamma))
    assert set(gate.unique().tolist()) <= {0.0, 1.0}
    assert within_four_errors(gate.double().mean().item(), gamma)


def test_hard_gate_at_the_ends_of_its_noise():
    ends = torch.tensor([0.0, JUST_BELOW_ONE])
    assert spike_slab.hard_gate(ends, torch.zeros(2)).tolist() == [0.0, 0.0]
    assert spike_slab.hard_gate(ends, torch.ones(2)).tolist() == [1.0, 1.0]


def test_hard_gate_gives_gamma_no_gradient():
    assert not spike_slab.hard_gate(torch.rand(3), torch.rand(3, requires_grad=True)).requires_grad


# ------------------------------------------------------------------------------------------ relaxed


@pytest.mark.parametrize("slope", [10.0, 50.0, 200.0])
@pytest.mark.parametrize("gamma", [0.0, 0.1, 0.7, 1.0])
def test_relaxed_gate_has_the_mean_of_quadrature(noise, gamma, slope):
    gate = spike_slab.relaxed_gate(
        noise.double(), torch.full((DRAWS,), gamma, dtype=torch.float64), slope
    ).numpy()
    error = gate.std() / math.sqrt(DRAWS)
    assert abs(gate.mean() - relaxed_mean(gamma, slope)) <= 4 * error


@pytest.mark.parametrize("slope", [10.0, 50.0, 200.0])
def test_relaxed_gate_leaks_ln_two_over_its_slope(slope):
    """Averaged over a fine grid of noise at gamma = 0, where a true gate would be off always."""
    grid = (torch.arange(200_000, dtype=torch.float64) + 0.5) / 200_000
    leak = spike_slab.relaxed_gate(grid, torch.zeros_like(grid), slope).mean().item()
    assert leak == pytest.approx(relaxed_mean(0.0, slope), rel=1e-6)
    assert leak == pytest.approx(math.log(2) / slope, rel=2 * math.exp(-slope) + 1e-6)


def test_relaxed_gate_becomes_the_hard_gate():
    grid = (torch.arange(1000) + 0.5) / 1000
    gamma = torch.full_like(grid, 0.4)
    assert torch.equal(spike_slab.relaxed_gate(grid, gamma, 1e6), spike_slab.hard_gate(grid, gamma))


def test_relaxed_gate_gradient_agrees_with_finite_differences():
    noise = torch.rand(20, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    gamma = torch.rand(
        20, dtype=torch.float64, generator=torch.Generator().manual_seed(1)
    ).requires_grad_()
    assert torch.autograd.gradcheck(lambda g: spike_slab.relaxed_gate(noise, g, 7.0), gamma)


# --------------------------------------------------------------------------------- straight-through


@pytest.mark.parametrize("slope", [1.0, 10.0, 200.0])
def test_straight_through_is_hard_forward_and_relaxed_backward(noise, slope):
    gamma = torch.rand(DRAWS, generator=torch.Generator().manual_seed(8)).requires_grad_()
    gate = spike_slab.straight_through_gate(noise, gamma, slope)
    assert torch.equal(gate, spike_slab.hard_gate(noise, gamma))
    weights = torch.randn(DRAWS, generator=torch.Generator().manual_seed(9))
    (through,) = torch.autograd.grad((gate * weights).sum(), gamma)
    (relaxed,) = torch.autograd.grad(
        (spike_slab.relaxed_gate(noise, gamma, slope) * weights).sum(), gamma
    )
    assert torch.equal(through, relaxed)
    assert through.abs().max() > 0


# ----------------------------------------------------------------------------------------- concrete


@pytest.mark.parametrize("gamma", [0.01, 0.3, 0.5, 0.9])
@pytest.mark.parametrize("temperature", [0.1, 0.67, 2.0])
def test_concrete_gate_rounds_to_one_with_probability_gamma(noise, gamma, temperature):
    logit = torch.full_like(noise, math.log(gamma / (1 - gamma)))
    rounded = (spike_slab.concrete_gate(noise, logit, temperature) > 0.5).double().mean().item()
    assert within_four_errors(rounded, gamma)


@pytest.mark.parametrize("gamma", [0.3, 0.5, 0.9])
def test_log_gamma_for_the_logit_gives_another_rate(noise, gamma):
    """A slip in released code: the gate then rounds to one with gamma / (1 + gamma)."""
    rounded = (
        (spike_slab.concrete_gate(noise, torch.full_like(noise, math.log(gamma)), 0.67) > 0.5)
        .double()
        .mean()
    )
    assert within_four_errors(rounded.item(), gamma / (1 + gamma))
    assert not within_four_errors(rounded.item(), gamma)


def test_concrete_gate_has_the_published_distribution(noise):
    """P(w <= x) = S(T logit x - l), from Maddison, Mnih & Teh's density."""
    temperature, logit = 0.67, 0.8
    eta = noise[:50_000].double()
    draws = spike_slab.concrete_gate(eta, torch.full_like(eta, logit), temperature).numpy()
    assert (
        stats.kstest(draws, lambda x: expit(temperature * np.log(x / (1 - x)) - logit)).pvalue
        > 1e-3
    )


def test_concrete_gate_of_a_fair_coin_at_unit_temperature_is_its_noise():
    noise = torch.tensor([0.01, 0.25, 0.5, 0.99])
    torch.testing.assert_close(spike_slab.concrete_gate(noise, torch.zeros(4), 1.0), noise)


def test_concrete_gate_is_finite_at_the_ends_of_its_noise():
    logit = torch.tensor([-14.0, 0.0, 14.0], requires_grad=True)
    for end, held in ((0.0, 14.0), (JUST_BELOW_ONE, -14.0)):
        gate = spike_slab.concrete_gate(torch.full((3,), end), logit, 2.0)
        (gradient,) = torch.autograd.grad(gate.sum(), logit)
        assert torch.isfinite(gate).all() and torch.isfinite(gradient).all()
        # An infinite log-odds of the noise would drown every logit.
        assert gradient[logit == held].item() > 0.05


# -------------------------------------------------------------------------------------- all of them


@given(noises, gammas, gammas, st.floats(0.5, 300.0))
def test_gates_stay_in_range_and_rise_with_gamma(noise, one, other, slope):
    low, high = sorted((one, other))
    eta = torch.tensor([noise, noise])
    gamma = torch.tensor([low, high])
    logit = torch.logit(gamma, eps=1e-6)
    for gate in (
        spike_slab.hard_gate(eta, gamma),
        spike_slab.relaxed_gate(eta, gamma, slope),
        spike_slab.straight_through_gate(eta, gamma, slope),
        spike_slab.concrete_gate(eta, logit, slope / 100),
    ):
        assert 0 <= gate[0] <= gate[1] <= 1


@pytest.mark.parametrize("value", [0.0, -1.0, math.nan])
def test_slope_and_temperature_must_be_positive(value):
    half = torch.full((2,), 0.5)
    for name, gate in (
        ("slope", spike_slab.relaxed_gate),
        ("slope", spike_slab.straight_through_gate),
        ("temperature", spike_slab.concrete_gate),
    ):
        with pytest.raises(
            ConfigurationError, match=f"{name} = {value:g} is not allowed: choose {name} > 0"
        ):
            gate(half, half, value)
