"""What every model promises, whatever its family."""

import pytest
import torch
from small_models import LIKELIHOODS, NAMES, SHAPE, images, loss, seeded, tiny, typical

from vsclib import models
from vsclib.models import TrainingStep


@pytest.mark.parametrize("network", ["mlp", "conv"])
@pytest.mark.parametrize("name", NAMES)
def test_contract(name, network):
    shape = (3, 8, 12)
    model = tiny(name, network=network, image_shape=shape)
    x = images(4, shape)
    assert (model.name, model.image_shape, model.latents) == (name, shape, 5)
    for code in (model.encode(x), model.sample_code(x, seeded())):
        assert code.z.shape == code.active.shape == (4, 5)
        assert code.z.dtype == torch.float32 and code.active.dtype == torch.bool
        likelihood = model.decode(code.z)
        assert likelihood.mean.shape == x.shape and likelihood.log_prob(x).shape == (4,)
        if model.has_bound:
            kl = model.kl(code)
            assert kl.shape == (4, 5) and kl.min() >= -1e-6


@pytest.mark.parametrize("name", NAMES)
def test_encode_is_deterministic_and_works_image_by_image(name):
    model, x = typical(name), images()
    global_state = torch.get_rng_state()
    one, two = model.encode(x), model.encode(x)
    assert torch.equal(one.z, two.z) and torch.equal(one.active, two.active)
    assert torch.equal(torch.get_rng_state(), global_state)
    torch.testing.assert_close(model.encode(x[2:3]).z, one.z[2:3], rtol=1e-4, atol=1e-5)
    assert one.z.std(0).max() > 0


@pytest.mark.parametrize("name", NAMES)
def test_encode_works_without_gradients(name):
    model, x = tiny(name), images()
    with torch.no_grad():
        quiet = model.encode(x)
    assert not quiet.z.requires_grad
    torch.testing.assert_close(quiet.z, model.encode(x).z.detach())
    assert all(weight.grad is None for weight in model.parameters())


@pytest.mark.parametrize("name", [name for name in NAMES if not models.family(name).sparse])
def test_dense_models_are_active_throughout(name):
    assert tiny(name).encode(images()).active.all()


@pytest.mark.parametrize("name", NAMES)
def test_samples_are_images(name):
    model = typical(name)
    drawn = model.sample(9, seeded())
    assert drawn.shape == (9, *SHAPE) and 0 <= drawn.min() and drawn.max() <= 1
    assert torch.equal(drawn, model.sample(9, seeded())) and not torch.equal(
        drawn, model.sample(9, seeded(2))
    )
    assert not drawn.requires_grad


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize("name", NAMES)
def test_terms_sum_to_the_total(name, likelihood):
    model = tiny(name, likelihood=likelihood)
    found = loss(model)
    assert found.total.shape == ()
    assert found.total.item() == pytest.approx(
        sum(term.item() for term in found.terms.values()), rel=1e-6
    )
    assert "reconstruction" in found.terms
    found.total.backward()
    assert all(torch.isfinite(weight.grad).all() for weight in model.parameters())
    assert any(weight.grad.abs().max() > 0 for weight in model.parameters())


@pytest.mark.parametrize("name", NAMES)
def test_loss_is_a_mean_over_the_batch(name):
    """The same images twice in a batch change nothing, up to the noise of the draws (here none or
    far less).
    """
    model, x = tiny(name), images(1)
    with torch.no_grad():
        few = torch.stack(
            [model.loss(TrainingStep(x.expand(250, *SHAPE), seeded(s))).total for s in range(2)]
        )
        many = model.loss(TrainingStep(x.expand(1000, *SHAPE), seeded(9))).total
    assert many.item() == pytest.approx(few.mean().item(), rel=0.02, abs=0.3)


@pytest.mark.parametrize("name", NAMES)
def test_weights_depend_on_the_seed_alone(name):
    state = torch.get_rng_state()
    one, two, other = (tiny(name, seed=seed).state_dict() for seed in (3, 3, 4))
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(one[key], two[key]) for key in one)
    assert any(not torch.equal(one[key], other[key]) for key in one)


def test_autoencoder_rebuilds_from_its_own_code():
    model, x = tiny("ae"), images()
    rebuilt = model.decode(model.encode(x).z).mean
    cross_entropy = -(x * rebuilt.log() + (1 - x) * (1 - rebuilt).log()).sum((1, 2, 3)).mean()
    assert loss(model).total.item() == pytest.approx(cross_entropy.item(), rel=1e-5)
