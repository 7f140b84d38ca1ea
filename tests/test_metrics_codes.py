"""Walks through code space: the subspace of an image, and from one code to another."""

import itertools

import pytest
import torch
from small_models import SHAPE, images, seeded, tiny, typical

from vsclib import metrics
from vsclib.errors import ConfigurationError, DataError
from vsclib.models import Code
from vsclib.spike_slab import learned_prior


def test_conditional_codes_vary_along_the_open_latents_only():
    model = typical("vsc")
    code = metrics.codes(model, images())
    z = metrics.conditional_codes(model, code, 4000, seeded())
    assert z.shape == (6, 4000, 5)
    off = ~code.active.unsqueeze(1).expand_as(z)
    assert off.any() and (z[off] == 0).all()
    on = z[~off].view(-1)
    assert on.mean().item() == pytest.approx(0.0, abs=0.03) and on.std().item() == pytest.approx(
        1.0, abs=0.03
    )


def test_a_generator_draws_from_its_wide_gaussian():
    model = tiny("sparse_generator", sigma1=2.0)
    active = torch.tensor([[True, False, True, False, False]])
    z = metrics.conditional_codes(model, Code(active.float(), active), 5000, seeded())
    assert (
        z[0, :, [0, 2]].std().item() == pytest.approx(2.0, rel=0.05)
        and (z[0, :, [1, 3, 4]] == 0).all()
    )


def test_a_learned_prior_draws_from_its_pseudo_inputs():
    model = typical("vsc_uai", pseudo_inputs=2)
    active = torch.ones(2, 5, dtype=torch.bool)
    code = Code(active.float(), active, weights=torch.eye(2))
    z = metrics.conditional_codes(
        model, code, 20_000, seeded()
    )  # image k takes pseudo-input k alone
    with torch.no_grad():
        prior = model.prior()
    assert torch.allclose(
        z.mean(1), prior.mu, atol=0.03 * float((0.5 * prior.logvar).exp().max()) + 0.01
    )
    assert torch.allclose(z.std(1), (0.5 * prior.logvar).exp(), rtol=0.03)
    shared = metrics.conditional_codes(
        model, code._replace(weights=torch.full((2, 2), 3.0)), 20_000, seeded()
    )
    pooled = learned_prior.pool(torch.full((2, 2), 0.5), prior.gamma, prior.mu, prior.logvar)
    assert torch.allclose(shared.mean(1), pooled.mu, atol=0.05)


def test_conditional_samples_are_the_decoded_codes():
    model = typical("vsc")
    code = metrics.codes(model, images())
    found = metrics.conditional_samples(model, code, 3, seeded())
    z = metrics.conditional_codes(model, code, 3, seeded())
    assert found.shape == (6, 3, *SHAPE)
    assert torch.allclose(found[4], model.decode(z[4]).mean, atol=1e-6)
    with pytest.raises(ConfigurationError, match="n = 0"):
        metrics.conditional_samples(model, code, 0, seeded())


START, END = torch.tensor([0.0, 2.0, 1.0, -1.0]), torch.tensor([1.0, 2.0, -2.0, -1.5])


def test_the_largest_components_come_first():
    assert metrics.largest_components(START, END, 3).tolist() == [2, 0, 3]
    assert metrics.largest_components(END, START, 1).tolist() == [2]


def test_one_at_a_time_moves_a_single_latent():
    path = metrics.one_at_a_time(START, END, components=2, steps=4)
    assert path.shape == (2, 4, 4)
    assert torch.allclose(path[0, :, 2], torch.tensor([1.0, 0.0, -1.0, -2.0]), atol=1e-6)
    assert torch.allclose(path[1, :, 0], torch.tensor([0.0, 1 / 3, 2 / 3, 1.0]))
    assert (path[0, :, [0, 1, 3]] == START[[0, 1, 3]]).all() and (path[1, :, 1:] == START[1:]).all()
    assert torch.equal(path[:, 0], START.repeat(2, 1))


def test_one_after_another_ends_at_the_end():
    path = metrics.one_after_another(START, END)
    assert torch.equal(path[0], START) and torch.equal(path[-1], END) and path.shape == (4, 4)
    assert [int((a != b).sum()) for a, b in itertools.pairwise(path)] == [1, 1, 1]
    sizes = [(a - b).abs().max().item() for a, b in itertools.pairwise(path)]
    assert sizes == sorted(sizes, reverse=True)
    assert torch.equal(metrics.one_after_another(START, END, 1), path[:2])
    assert torch.equal(metrics.one_after_another(START, START), START[None])


def test_walks_refuse_what_they_cannot_go():
    with pytest.raises(ConfigurationError, match="components = 5"):
        metrics.largest_components(START, END, 5)
    with pytest.raises(DataError, match=r"\(4,\) and \(3,\)"):
        metrics.one_at_a_time(START, END[:3])
    with pytest.raises(ConfigurationError, match="steps = 1"):
        metrics.one_at_a_time(START, END, steps=1)
    with pytest.raises(ConfigurationError, match="differ in 3"):
        metrics.one_after_another(START, END, 4)
