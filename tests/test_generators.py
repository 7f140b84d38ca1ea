"""Generators without an encoder: inference against autograd on torch.distributions, the decay, the
dense limit.
"""

import math

import pytest
import torch
from small_models import images, loss, seeded, tiny
from torch.distributions import Categorical, MixtureSameFamily, Normal

from vsclib import models


def mixture(alpha: float, sigma1: float, sigma2: float) -> MixtureSameFamily:
    return MixtureSameFamily(
        Categorical(torch.tensor([alpha, 1 - alpha])),
        Normal(torch.zeros(2), torch.tensor([sigma1, sigma2])),
    )


def inferred(
    model: models.Model, x: torch.Tensor, log_prior, steps: int, size: float
) -> torch.Tensor:
    """Thirty steps from zero up the log-joint, which torch.distributions and autograd give."""
    z = torch.zeros(len(x), model.latents)
    for _ in range(steps):
        z.requires_grad_(True)
        pixels = Normal(torch.sigmoid(model.decoder.layers(z)), model.config.sigma).log_prob(
            x.flatten(1)
        )
        (gradient,) = torch.autograd.grad(pixels.sum() + log_prior(z).sum(), z)
        z = (z + 0.5 * size**2 * gradient).detach()
    return z


def test_short_run_infers_under_a_standard_normal_prior():
    model, x = tiny("short_run", step_size=0.2), images()
    expected = inferred(model, x, Normal(0.0, 1.0).log_prob, 30, 0.2)
    torch.testing.assert_close(model.encode(x).z, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("alpha", [0.01, 0.6])
def test_sparse_generator_infers_under_the_mixture(alpha):
    model, x = (
        tiny(
            "sparse_generator",
            alpha=alpha,
            sigma1=1.2,
            sigma2=0.15,
            step_size=0.15,
            inference_steps=12,
        ),
        images(),
    )
    expected = inferred(model, x, mixture(alpha, 1.2, 0.15).log_prob, 12, 0.15)
    code = model.encode(x)
    torch.testing.assert_close(code.z, expected, rtol=1e-3, atol=1e-5)
    # A latent is on where the wide component is the likelier one, and is not set to zero elsewhere.
    z = code.z
    wide = Normal(0.0, 1.2).log_prob(z) + math.log(alpha) > Normal(0.0, 0.15).log_prob(
        z
    ) + math.log(1 - alpha)
    assert torch.equal(code.active, wide)
    assert (z != 0).all()


def test_active_latents_of_the_sparse_generator_lie_beyond_the_crossing():
    """alpha = 0.01, sigma2 = 0.1: both components are equally likely at |z| = 0.373 (E25)."""
    model = tiny("sparse_generator", latents=30, step_size=0.4, sigma=0.1)
    code = model.encode(images(40))
    assert 0.02 < code.active.float().mean() < 0.98
    assert torch.equal(code.active, code.z.abs() > 0.3732)


def test_alpha_of_one_gives_short_run_codes():
    dense, sparse = tiny("short_run"), tiny("sparse_generator")
    sparse.plan(steps=100, steps_per_epoch=10)
    assert torch.equal(loss(sparse, step=0).total, loss(dense).total)
    assert sparse.alpha.item() == 1.0
    assert torch.equal(sparse.encode(images()).z, dense.encode(images()).z)
    loss(sparse, step=10)
    assert not torch.equal(sparse.encode(images()).z, dense.encode(images()).z)


def test_alpha_beside_one_gives_nearly_short_run_codes():
    dense, sparse = tiny("short_run"), tiny("sparse_generator", alpha=1 - 1e-6)
    torch.testing.assert_close(
        sparse.encode(images()).z, dense.encode(images()).z, rtol=1e-3, atol=1e-5
    )


def test_alpha_falls_once_an_epoch():
    model = tiny("sparse_generator", alpha=0.01, alpha_decay=0.25)
    model.plan(steps=100, steps_per_epoch=3)
    found = []
    for step in range(0, 16):
        loss(model, step)
        found.append(round(model.alpha.item(), 6))
    assert found == [1.0] * 3 + [0.75] * 3 + [0.5] * 3 + [0.25] * 3 + [0.01] * 4


@pytest.mark.parametrize("name", ["short_run", "sparse_generator"])
def test_codes_stay_fixed_while_the_decoder_learns(name):
    model, x = tiny(name), images()
    found = torch.autograd.grad(loss(model).total, model.parameters())
    z = model.encode(x).z
    by_hand = (
        -Normal(torch.sigmoid(model.decoder.layers(z)), 0.3).log_prob(x.flatten(1)).sum(1).mean()
    )
    for one, other in zip(found, torch.autograd.grad(by_hand, model.parameters()), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


def test_half_precision_moves_codes_a_little():
    full, half = (tiny("short_run", inference_precision=name) for name in ("float32", "bfloat16"))
    one, other = full.encode(images()).z, half.encode(images()).z
    assert other.dtype == torch.float32
    assert 0 < (one - other).norm() / one.norm() < 0.05


def test_prior_of_the_sparse_generator_is_the_mixture_at_the_present_alpha():
    model = tiny("sparse_generator", latents=50)
    for alpha in (0.01, 0.4):
        model.alpha.fill_(alpha)
        z = model.sample_prior(4000, seeded()).double()
        variance = alpha + (1 - alpha) * 0.01
        fourth = 3 * (alpha + (1 - alpha) * 1e-4)
        assert abs(z.square().mean() - variance) <= 4 * math.sqrt(
            (fourth - variance**2) / z.numel()
        )
