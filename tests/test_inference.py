"""Codes by gradient against a recursion in NumPy, the exact optimum and Langevin's variance."""

import math

import numpy as np
import pytest
import torch
from scipy.linalg import solve_discrete_lyapunov

from vsclib.errors import ConfigurationError
from vsclib.inference import follow_gradient

NOISE = 0.4


@pytest.fixture(scope="module")
def linear():
    """A linear decoder with Gaussian noise: x ~ N(W z, 0.4^2), and observations of it."""
    rng = np.random.default_rng(2)
    return rng.standard_normal((6, 3)), rng.standard_normal((5, 6))


def log_likelihood(weights, x):
    w, observed = torch.from_numpy(weights), torch.from_numpy(x)
    return lambda z: -0.5 * ((observed - z @ w.T) / NOISE).square().sum(1)


def start(rows: int = 5, columns: int = 3) -> torch.Tensor:
    return torch.zeros(rows, columns, dtype=torch.float64)


@pytest.mark.parametrize("steps", [0, 1, 30])
def test_every_step_moves_by_half_the_squared_step_size_times_the_gradient(linear, steps):
    weights, x = linear
    expected = np.zeros((5, 3))
    for _ in range(steps):
        expected = expected + 0.5 * 0.1**2 * (
            (x - expected @ weights.T) @ weights / NOISE**2 - expected
        )
    found = follow_gradient(log_likelihood(weights, x), lambda z: -z, start(), steps, 0.1)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-12, atol=1e-14)


def test_many_steps_reach_the_map_code(linear):
    """With a standard normal prior that is ridge regression, solved in closed form."""
    weights, x = linear
    expected = np.linalg.solve(weights.T @ weights + NOISE**2 * np.eye(3), weights.T @ x.T).T
    found = follow_gradient(log_likelihood(weights, x), lambda z: -z, start(), 3000, 0.15)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-9)


def test_codes_of_a_batch_do_not_touch_each_other(linear):
    weights, x = linear
    together = follow_gradient(log_likelihood(weights, x), lambda z: -z, start())
    alone = follow_gradient(log_likelihood(weights, x[2:3]), lambda z: -z, start(1))
    torch.testing.assert_close(together[2:3], alone)


def test_langevin_noise_has_the_known_variance():
    """Under a standard normal alone z <- (1 - s^2/2) z + s e: its variance settles at 1 / (1 -
    s^2/4), not at 1 (E32).
    """
    chains, s = 40_000, 0.8
    z = follow_gradient(
        lambda z: 0.0 * z.sum(1),
        lambda z: -z,
        torch.zeros(chains, 1),
        60,
        s,
        noise=torch.Generator().manual_seed(6),
    )
    expected = 1 / (1 - s**2 / 4)
    assert abs(z.mean().item()) <= 4 * math.sqrt(expected / chains)
    assert abs(z.var().item() - expected) <= 4 * expected * math.sqrt(2 / chains)
    assert abs(expected - 1) > 8 * math.sqrt(2 / chains)


@pytest.mark.parametrize("steps", [5, 200])
def test_a_walk_with_noise_has_the_law_of_a_linear_recursion(linear, steps):
    """A linear decoder's walk is z <- z - s^2/2 L (z - m) + s e: mean and covariance follow step by
    step, from zero.
    """
    (weights, x), chains, s = linear, 20_000, 0.2
    precision = np.eye(3) + weights.T @ weights / NOISE**2
    top = np.linalg.solve(precision, weights.T @ x[0] / NOISE**2)
    move, mean, covariance = np.eye(3) - 0.5 * s**2 * precision, np.zeros(3), np.zeros((3, 3))
    for _ in range(steps):
        mean, covariance = top + move @ (mean - top), move @ covariance @ move + s**2 * np.eye(3)
    noise = torch.Generator().manual_seed(1)
    z = follow_gradient(
        log_likelihood(weights, x[:1]), lambda z: -z, start(chains), steps, s, noise
    ).numpy()
    within = 4.5 * np.sqrt(np.diag(covariance) / chains)
    assert (abs(z.mean(0) - mean) <= within).all()
    sizes = np.outer(np.diag(covariance), np.diag(covariance))
    assert (abs(np.cov(z.T) - covariance) <= 4.5 * np.sqrt((sizes + covariance**2) / chains)).all()
    if steps == 200:
        # At rest, and wider than the posterior in every direction: the step is not small.
        np.testing.assert_allclose(
            covariance, solve_discrete_lyapunov(move, s**2 * np.eye(3)), rtol=1e-6
        )
        assert (np.linalg.eigvalsh(covariance - np.linalg.inv(precision)) > 0).all()
        assert np.linalg.eigvalsh(covariance @ precision).max() > 1.5


def test_noise_is_repeated_by_its_generator():
    def chain(seed):
        noise = torch.Generator().manual_seed(seed)
        return follow_gradient(
            lambda z: -z.square().sum(1), lambda z: -z, torch.zeros(4, 2), 5, 0.3, noise
        )

    assert torch.equal(chain(1), chain(1)) and not torch.equal(chain(1), chain(2))


def test_codes_come_detached_and_leave_everything_else_alone(linear):
    weights, x = linear
    begin = start().requires_grad_()
    w = torch.from_numpy(weights).requires_grad_()
    with torch.no_grad():
        found = follow_gradient(
            lambda z: -0.5 * (torch.from_numpy(x) - z @ w.T).square().sum(1), lambda z: -z, begin, 3
        )
    assert not found.requires_grad and found.abs().min() > 0
    assert begin.grad is None and w.grad is None and begin.abs().max() == 0


@pytest.mark.parametrize(
    "options", [{"steps": -1}, {"step_size": float("nan")}, {"step_size": -0.1}]
)
def test_steps_that_are_none_are_refused(options):
    with pytest.raises(ConfigurationError, match="choose steps >= 0 and step_size >= 0"):
        follow_gradient(lambda z: -z.square().sum(1), lambda z: -z, torch.zeros(1, 2), **options)
