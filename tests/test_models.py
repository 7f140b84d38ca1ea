"""What every model promises, and each family's loss against torch.distributions and against its neighbours."""

import math

import numpy as np
import pytest
import torch
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal, kl_divergence

from vsclib import models
from vsclib.models import Loss

SHAPE = (1, 8, 8)
NAMES = ("ae", "beta_vae", "short_run", "sparse_generator", "vae", "vsc")
LIKELIHOODS = ("bernoulli", "gaussian", "gaussian_learned")
DRAWS = 4_000


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def tiny(name: str, **options) -> models.Model:
    """An untrained model whose codes differ from image to image."""
    model = models.create(name, **{"image_shape": SHAPE, "latents": 5, "hidden": 12, "seed": 3} | options)
    if hasattr(model, "encoder"):
        with torch.no_grad():
            model.encoder.head.weight.mul_(6.0)
    return model


def typical(name: str, **options) -> models.Model:
    """The same, with about half of a sparse code on."""
    return tiny(name, **({"gamma_bias": 0.0, "alpha": 0.3} if name == "vsc" else {}) | options)


def images(n: int = 6, shape: tuple[int, ...] = SHAPE) -> torch.Tensor:
    return torch.rand(n, *shape, generator=seeded(7))


def loss(model: models.Model, step: int = 0, seed: int = 1) -> Loss:
    return model.loss(images(), step, seeded(seed))


# -------------------------------------------------------------------------------------- every model alike


def test_names_are_the_six_families():
    assert sorted(models.names()) == sorted(NAMES)


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
        kl = model.kl(code)
        assert (kl is None) == (name in ("ae", "short_run", "sparse_generator"))
        assert kl is None or (kl.shape == (4, 5) and kl.min() >= -1e-6)


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


@pytest.mark.parametrize("name", ["ae", "beta_vae", "short_run", "vae"])
def test_dense_models_are_active_throughout(name):
    assert tiny(name).encode(images()).active.all()


@pytest.mark.parametrize("name", NAMES)
def test_samples_are_images(name):
    model = typical(name)
    drawn = model.sample(9, seeded())
    assert drawn.shape == (9, *SHAPE) and 0 <= drawn.min() and drawn.max() <= 1
    assert torch.equal(drawn, model.sample(9, seeded())) and not torch.equal(drawn, model.sample(9, seeded(2)))
    assert not drawn.requires_grad


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize("name", NAMES)
def test_terms_sum_to_the_total(name, likelihood):
    model = tiny(name, likelihood=likelihood)
    found = loss(model)
    assert found.total.shape == ()
    assert found.total.item() == pytest.approx(sum(term.item() for term in found.terms.values()), rel=1e-6)
    assert "reconstruction" in found.terms
    found.total.backward()
    assert all(torch.isfinite(weight.grad).all() for weight in model.parameters())
    assert any(weight.grad.abs().max() > 0 for weight in model.parameters())


@pytest.mark.parametrize("name", NAMES)
def test_loss_is_a_mean_over_the_batch(name):
    """The same images twice in a batch change nothing, up to the noise of the draws (here none or far less)."""
    model, x = tiny(name), images(1)
    with torch.no_grad():
        few = torch.stack([model.loss(x.expand(250, *SHAPE), 0, seeded(s)).total for s in range(2)])
        many = model.loss(x.expand(1000, *SHAPE), 0, seeded(9)).total
    assert many.item() == pytest.approx(few.mean().item(), rel=0.02)


@pytest.mark.parametrize("name", NAMES)
def test_weights_depend_on_the_seed_alone(name):
    state = torch.get_rng_state()
    one, two, other = (tiny(name, seed=seed).state_dict() for seed in (3, 3, 4))
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(one[key], two[key]) for key in one)
    assert any(not torch.equal(one[key], other[key]) for key in one)


# -------------------------------------------------------------------------------------------- autoencoder


def test_autoencoder_rebuilds_from_its_own_code():
    model, x = tiny("ae"), images()
    rebuilt = model.decode(model.encode(x).z).mean
    cross_entropy = -(x * rebuilt.log() + (1 - x) * (1 - rebuilt).log()).sum((1, 2, 3)).mean()
    assert loss(model).total.item() == pytest.approx(cross_entropy.item(), rel=1e-5)


# ------------------------------------------------------------------------------------- VAE and beta-VAE


def posterior(model: models.Model) -> Normal:
    code = model.encode(images())
    return Normal(code.mu, (0.5 * code.logvar).exp())


def test_vae_loss_is_minus_the_elbo():
    """A mean over many draws of one image, against the bound that torch.distributions gives with its own draws."""
    model, x = tiny("vae", likelihood="gaussian"), images(1)
    with torch.no_grad():
        code = model.encode(x)
        q = Normal(code.mu, (0.5 * code.logvar).exp())
        torch.manual_seed(0)
        pixels = Independent(Normal(torch.sigmoid(model.decoder.layers(q.sample((DRAWS,))[:, 0])), 0.3), 1)
        bound = pixels.log_prob(x.flatten(1)) - kl_divergence(q, Normal(0.0, 1.0)).sum()
        found = -model.loss(x.expand(DRAWS, *SHAPE), 0, seeded()).total
    error = bound.std() * math.sqrt(2 / DRAWS)
    assert abs(bound.mean() - found) <= 4 * error
    assert error < 0.2


def test_vae_kl_is_that_of_torch_distributions():
    model = tiny("vae")
    expected = kl_divergence(posterior(model), Normal(0.0, 1.0))
    torch.testing.assert_close(model.kl(model.encode(images())), expected, rtol=1e-4, atol=1e-5)
    assert loss(model).terms["kl"].item() == pytest.approx(expected.sum(1).mean().item(), rel=1e-5)


@pytest.mark.parametrize("name", ["vae", "vsc"])
def test_sampled_slabs_have_the_posteriors_mean_and_variance(name):
    model, x = tiny(name), images(1).expand(DRAWS, *SHAPE)
    with torch.no_grad():
        code = model.sample_code(x, seeded())
    for j in range(5):
        on = code.active[:, j]
        values, mu, var = code.z[on, j].double(), code.mu[0, j].double(), code.logvar[0, j].double().exp()
        n = len(values)
        assert n > 50
        assert abs(values.mean() - mu) <= 4 * (var / n).sqrt()
        assert abs(values.var() - var) <= 4 * var * math.sqrt(2 / n)


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_beta_of_one_is_the_vae(likelihood):
    vae, beta = tiny("vae", likelihood=likelihood), tiny("beta_vae", beta=1.0, likelihood=likelihood)
    assert torch.equal(loss(vae).total, loss(beta).total)
    assert tiny("beta_vae").config.beta == 4.0


def test_beta_of_zero_leaves_the_reconstruction_alone():
    vae, model = tiny("vae"), tiny("beta_vae", beta=0.0)
    found = loss(model)
    assert found.terms["kl"].item() == 0.0
    assert torch.equal(found.total, found.terms["reconstruction"])
    assert torch.equal(found.total, loss(vae).terms["reconstruction"])
    for part, whole in zip(
        torch.autograd.grad(loss(vae).terms["reconstruction"], vae.parameters()),
        torch.autograd.grad(found.total, model.parameters()),
        strict=True,
    ):
        assert torch.equal(part, whole)


def test_beta_weighs_the_kl_alone():
    one, four = loss(tiny("vae")), loss(tiny("beta_vae", beta=4.0))
    assert torch.equal(one.terms["reconstruction"], four.terms["reconstruction"])
    assert four.terms["kl"].item() == pytest.approx(4 * one.terms["kl"].item(), rel=1e-6)


@pytest.mark.parametrize("name", ["vae", "vsc"])
def test_weight_of_the_kl_warms_up(name):
    slow, plain = tiny(name, beta=2.0, kl_warm_up=10), tiny(name, beta=2.0)
    for step, share in ((0, 0.0), (5, 0.5), (10, 1.0), (11, 1.0)):
        for term in set(loss(plain).terms) - {"reconstruction"}:
            expected = share * loss(plain, step).terms[term].item()
            assert loss(slow, step).terms[term].item() == pytest.approx(expected, rel=1e-6)


# -------------------------------------------------------------------------------------------------- VSC


def test_vsc_that_is_always_on_is_the_vae():
    """The same weights, gamma held at its upper clamp, alpha beside one: loss, code, KL and draws of a VAE."""
    vae, vsc = tiny("vae"), tiny("vsc", alpha=1 - 1e-6)
    with torch.no_grad():
        vsc.encoder.layers.load_state_dict(vae.encoder.layers.state_dict())
        vsc.decoder.load_state_dict(vae.decoder.state_dict())
        vsc.encoder.head.weight.zero_()
        vsc.encoder.head.weight[:10], vsc.encoder.head.bias[:10] = vae.encoder.head.weight, vae.encoder.head.bias
        vsc.encoder.head.bias[10:] = 40.0
    x = images()
    torch.testing.assert_close(vsc.encode(x).z, vae.encode(x).z)
    torch.testing.assert_close(vsc.kl(vsc.encode(x)), vae.kl(vae.encode(x)), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(vsc.sample_code(x, seeded()).z, vae.sample_code(x, seeded()).z)
    assert loss(vsc).total.item() == pytest.approx(loss(vae).total.item(), rel=1e-4)
    assert loss(vsc).terms["kl_spike"].item() == pytest.approx(0.0, abs=1e-4)


def test_vsc_kl_is_its_own_definition_by_torch_distributions():
    model, x = tiny("vsc", alpha=0.2), images()
    code = model.encode(x)
    slab = kl_divergence(posterior(model), Normal(0.0, 1.0))
    off = (1 - code.gamma) * ((1 - code.gamma) / 0.8).log()
    expected = code.gamma * (slab + (code.gamma / 0.2).log()) + off
    torch.testing.assert_close(model.kl(code), expected, rtol=1e-4, atol=1e-5)
    terms = loss(model).terms
    assert terms["kl_slab"].item() == pytest.approx((code.gamma * slab).sum(1).mean().item(), rel=1e-4)
    assert (terms["kl_slab"] + terms["kl_spike"]).item() == pytest.approx(expected.sum(1).mean().item(), rel=1e-4)


@pytest.mark.parametrize("gate", ["straight_through", "relaxed", "concrete"])
@pytest.mark.parametrize("gamma_form", ["sigmoid", "relu"])
def test_vsc_codes_are_exactly_zero_where_they_are_off(gate, gamma_form):
    model, x = tiny("vsc", gate=gate, gamma_form=gamma_form, latents=20, gamma_bias=-0.5), images(50)
    mean, drawn = model.encode(x), model.sample_code(x, seeded())
    assert torch.equal(mean.active, mean.gamma > 0.5)
    assert torch.equal(mean.z, torch.where(mean.active, mean.mu, 0.0))
    for code in (mean, drawn):
        assert 0.05 < code.active.float().mean() < 0.95
        assert (code.z[~code.active] == 0).all() and (code.z[code.active] != 0).all()


def test_vsc_reads_out_at_the_threshold_asked_for():
    half, low = tiny("vsc"), tiny("vsc", threshold=0.02)
    code = low.encode(images())
    assert torch.equal(code.active, code.gamma > 0.02)
    assert code.active.sum() > half.encode(images()).active.sum()


@pytest.mark.parametrize("gate", ["straight_through", "relaxed", "concrete"])
def test_vsc_draws_its_spikes_with_probability_gamma(gate):
    model, x = tiny("vsc", gate=gate, gamma_bias=-1.0), images(1).expand(DRAWS, *SHAPE)
    with torch.no_grad():
        code = model.sample_code(x, seeded(3))
    gamma = code.gamma[0].double()
    error = (gamma * (1 - gamma) / DRAWS).sqrt()
    assert ((code.active.double().mean(0) - gamma).abs() <= 4 * error).all()
    assert gamma.min() < 0.4 and (gamma - 0.5).abs().min() > 0.01


@pytest.mark.parametrize("gate", ["straight_through", "relaxed", "concrete"])
def test_reconstruction_has_a_gradient_in_gamma(gate):
    model = tiny("vsc", gate=gate)
    model.plan(10, 5)
    (gradient,) = torch.autograd.grad(loss(model).terms["reconstruction"], model.encoder.head.bias)
    assert gradient[10:].abs().max() > 0


def test_gamma_is_what_its_form_says():
    x = images()
    for form, bias in (("sigmoid", -2.0), ("relu", 0.0)):
        model = tiny("vsc", gamma_form=form)
        assert model.encoder.head.bias[10:].tolist() == [bias] * 5
        assert tiny("vsc", gamma_form=form, gamma_bias=0.7).encoder.head.bias[10:].tolist() == pytest.approx([0.7] * 5)
        v = model.encoder.head(model.encoder.layers(x))[:, 10:].detach().double().numpy()
        gamma = 1 / (1 + np.exp(-v)) if form == "sigmoid" else np.exp(-np.maximum(-v, 0))
        np.testing.assert_allclose(model.encode(x).gamma.detach(), np.clip(gamma, 1e-6, 1 - 1e-6), rtol=1e-5)


def test_relu_form_has_no_gradient_once_a_unit_is_always_on():
    """The defect that the form is kept to show (E38), and that the sigmoid has not."""
    for form, dead in (("relu", True), ("sigmoid", False)):
        model = tiny("vsc", gamma_form=form, gamma_bias=3.0)
        with torch.no_grad():
            model.encoder.head.weight[10:].zero_()
        (gradient,) = torch.autograd.grad(loss(model).total, model.encoder.head.bias)
        assert (gradient[10:] == 0).all() == dead


def test_slope_of_the_gate_rises_over_the_training():
    for options, ends in (
        ({}, (10.0, 10.0)),
        ({"gamma_form": "relu"}, (50.0, 200.0)),
        ({"gate": "relaxed"}, (50.0, 200.0)),
        ({"gate": "relaxed", "slope_start": 5.0, "slope_end": 7.0}, (5.0, 7.0)),
    ):
        model = tiny("vsc", **options)
        model.plan(steps=101, steps_per_epoch=10)
        slopes = []
        for step in (0, 50, 100):
            loss(model, step)
            slopes.append(model.present_slope)
        assert slopes == pytest.approx([ends[0], sum(ends) / 2, ends[1]])


def test_slab_warms_up_from_noise_to_the_encoders():
    warm, plain = tiny("vsc", lam_begin=10, lam_until=20), tiny("vsc")
    noise = loss(warm, step=10)
    assert warm.lam.item() == 0.0 and noise.terms["kl_slab"].item() == 0.0
    assert (warm.encode(images()).mu == 0).all()
    for step, lam in ((15, 0.5), (20, 1.0), (99, 1.0)):
        loss(warm, step)
        assert warm.lam.item() == lam
        here, there = warm.encode(images()), plain.encode(images())
        torch.testing.assert_close(here.mu, lam * there.mu)
        torch.testing.assert_close(here.logvar.exp(), lam * there.logvar.exp() + 1 - lam)
    assert torch.equal(loss(warm, 20).total, loss(plain, 20).total)


def test_losses_of_two_steps_may_share_a_backward_pass():
    model = tiny("vsc", lam_until=20)
    together = torch.autograd.grad(loss(model, 5).total + loss(model, 15).total, model.encoder.head.weight)[0]
    apart = [torch.autograd.grad(loss(model, step).total, model.encoder.head.weight)[0] for step in (5, 15)]
    torch.testing.assert_close(together, sum(apart), rtol=1e-4, atol=1e-5)


def test_prior_of_the_vsc_is_on_with_probability_alpha():
    model = tiny("vsc", alpha=0.13, latents=50)
    z = model.sample_prior(2000, seeded()).double()
    on = z != 0
    n = on.numel()
    assert abs(on.double().mean() - 0.13) <= 4 * math.sqrt(0.13 * 0.87 / n)
    assert abs(z[on].var() - 1) <= 4 * math.sqrt(2 / (0.13 * n)) and abs(z[on].mean()) <= 4 / math.sqrt(0.13 * n)


# ------------------------------------------------------------------------------------------- generators


def mixture(alpha: float, sigma1: float, sigma2: float) -> MixtureSameFamily:
    return MixtureSameFamily(
        Categorical(torch.tensor([alpha, 1 - alpha])), Normal(torch.zeros(2), torch.tensor([sigma1, sigma2]))
    )


def inferred(model: models.Model, x: torch.Tensor, log_prior, steps: int, size: float) -> torch.Tensor:
    """Thirty steps from zero up the log-joint, which torch.distributions and autograd give."""
    z = torch.zeros(len(x), model.latents)
    for _ in range(steps):
        z.requires_grad_(True)
        pixels = Normal(torch.sigmoid(model.decoder.layers(z)), model.config.sigma).log_prob(x.flatten(1))
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
        tiny("sparse_generator", alpha=alpha, sigma1=1.2, sigma2=0.15, step_size=0.15, inference_steps=12),
        images(),
    )
    expected = inferred(model, x, mixture(alpha, 1.2, 0.15).log_prob, 12, 0.15)
    code = model.encode(x)
    torch.testing.assert_close(code.z, expected, rtol=1e-3, atol=1e-5)
    # A latent is on where the wide component is the likelier one, and is not set to zero elsewhere.
    z = code.z
    wide = Normal(0.0, 1.2).log_prob(z) + math.log(alpha) > Normal(0.0, 0.15).log_prob(z) + math.log(1 - alpha)
    assert torch.equal(code.active, wide)
    assert (z != 0).all()


def test_active_latents_of_the_sparse_generator_lie_beyond_the_crossing():
    """alpha = 0.01, sigma2 = 0.1: both components are equally likely at |z| = 0.373 (errata, E25)."""
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
    torch.testing.assert_close(sparse.encode(images()).z, dense.encode(images()).z, rtol=1e-3, atol=1e-5)


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
    by_hand = -Normal(torch.sigmoid(model.decoder.layers(z)), 0.3).log_prob(x.flatten(1)).sum(1).mean()
    for one, other in zip(found, torch.autograd.grad(by_hand, model.parameters()), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


def test_half_precision_moves_codes_a_little():
    full, half = tiny("short_run"), tiny("short_run", inference_precision="bfloat16")
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
        assert abs(z.square().mean() - variance) <= 4 * math.sqrt((fourth - variance**2) / z.numel())
