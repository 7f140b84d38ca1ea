"""The importance-weighted bound against models whose log p(x) is known exactly."""

import itertools
import math

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal
from small_models import images, seeded, tiny, typical
from torch import nn

from vsclib import metrics, models, records, runs
from vsclib.errors import ConfigurationError
from vsclib.metrics import bounds
from vsclib.networks import Gaussian

SIGMA, LATENTS, SIDE = 0.6, 3, 3
MIXING = np.random.default_rng(2).normal(0.0, 0.5, (SIDE * SIDE, LATENTS))


class LinearDecoder(nn.Module):
    """x = W z + 0.5 + noise of standard deviation SIGMA."""

    def forward(self, z):
        mean = z @ torch.as_tensor(MIXING.T, dtype=z.dtype) + 0.5
        return Gaussian(mean.reshape(-1, 1, SIDE, SIDE), torch.tensor(math.log(SIGMA**2)))


class FixedEncoder(nn.Module):
    """The same posterior for every image, good or bad."""

    def __init__(self, *heads):
        super().__init__()
        self.heads = [torch.as_tensor(head, dtype=torch.float32) for head in heads]

    def forward(self, x):
        return [head.expand(len(x), LATENTS) for head in self.heads]


def linear_model(name: str, *heads, **options) -> models.Model:
    model = models.create(name, image_shape=(1, SIDE, SIDE), latents=LATENTS, hidden=2, **options)
    model.decoder, model.encoder = LinearDecoder(), FixedEncoder(*heads)
    model.kept = nn.Parameter(torch.zeros(1))
    return model


X = torch.from_numpy(np.random.default_rng(5).random((1, 1, SIDE, SIDE)).astype(np.float32))


def exact(prior_on: float) -> float:
    """log p(x): the Gaussian mixture over all patterns of latents that are on."""
    total = 0.0
    for pattern in itertools.product((0, 1), repeat=LATENTS):
        on = np.array(pattern)
        w = MIXING * on
        weight = np.prod(np.where(on, prior_on, 1.0 - prior_on))
        density = multivariate_normal(np.full(SIDE**2, 0.5), w @ w.T + SIGMA**2 * np.eye(SIDE**2))
        total += weight * density.pdf(X.numpy().astype(float).ravel())
    return math.log(total)


def true_posterior() -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance of z given x, when every latent is on."""
    covariance = np.linalg.inv(np.eye(LATENTS) + MIXING.T @ MIXING / SIGMA**2)
    return covariance @ MIXING.T @ (X.numpy().ravel() - 0.5) / SIGMA**2, covariance


def factorised(options: dict) -> models.Model:
    mean, covariance = true_posterior()
    logvar = np.log(np.diag(covariance)) + 0.3
    return (
        linear_model("vsc", mean, logvar, [0.5, -0.5, 0.0], **options)
        if options
        else linear_model("vae", mean, logvar)
    )


@pytest.mark.parametrize(("options", "prior_on"), [({}, 1.0), ({"alpha": 0.3}, 0.3)])
def test_many_draws_reach_the_exact_log_likelihood(options, prior_on):
    model = factorised(options)
    many = X.repeat(500, 1, 1, 1)
    found = metrics.importance_bound(model, many, seeded(), draws=500)
    assert found.bound == pytest.approx(exact(prior_on), abs=5 * found.standard_error + 0.005)
    assert found.standard_error < 0.004
    assert metrics.elbo(model, many, seeded(), samples=20).elbo < exact(prior_on) - 0.1
    assert 10.0 < found.effective_draws < 500.0


@pytest.mark.parametrize(("options", "prior_on"), [({}, 1.0), ({"alpha": 0.3}, 0.3)])
def test_the_bound_rises_with_the_draws_and_stays_below(options, prior_on):
    model, many = factorised(options), X.repeat(3000, 1, 1, 1)
    found = [metrics.importance_bound(model, many, seeded(k), draws=k) for k in (1, 3, 20)]
    for lower, higher in itertools.pairwise(found):
        assert higher.bound > lower.bound + 2 * (lower.standard_error + higher.standard_error)
    assert found[-1].bound < exact(prior_on) + 3 * found[-1].standard_error
    single = metrics.elbo(model, many, seeded(), samples=5).elbo
    assert found[0].bound == pytest.approx(single, abs=5 * found[0].standard_error)
    assert found[0].effective_draws == pytest.approx(1.0)


def test_the_true_posterior_needs_one_draw(monkeypatch):
    # Orthogonal columns make the true posterior factorise; then every draw has the same weight.
    columns = np.linalg.qr(MIXING)[0]
    monkeypatch.setitem(globals(), "MIXING", columns)
    mean, covariance = true_posterior()
    model = linear_model("vae", mean, np.log(np.diag(covariance)))
    found = metrics.importance_bound(model, X, seeded(), draws=3)
    assert found.bound == pytest.approx(exact(1.0), abs=1e-4)
    assert found.effective_draws == pytest.approx(3.0, abs=1e-4)
    assert math.isnan(found.standard_error)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in models.names() if models.family(name).has_bound])
def test_the_log_ratio_has_the_kl_as_its_mean(name):
    # A family with another posterior would fail here before its bound could mislead.
    options = {"pseudo_inputs": 1} if models.family(name).chooses_prior else {}
    model = typical(name, **options)
    x = images(2)
    wanted = model.kl(model.encode(x)).sum(1).detach().double()
    draws = torch.stack(
        [model.log_ratio(model.sample_code(x, seeded(i))) for i in range(1500)]
    ).detach()
    error = draws.std(0) / math.sqrt(len(draws))
    assert (draws.mean(0) - wanted).abs().lt(5 * error + 1e-4).all()


def test_a_learned_prior_is_paid_for():
    model, x = typical("vsc_uai"), images(30)
    one = metrics.importance_bound(model, x.repeat(40, 1, 1, 1), seeded(), draws=1)
    assert one.bound == pytest.approx(
        metrics.elbo(model, x, seeded(1), samples=40).paid, abs=5 * one.standard_error
    )
    assert metrics.importance_bound(model, x, seeded(), draws=20).bound > one.bound


def test_models_without_a_bound_and_no_draws():
    assert metrics.importance_bound(tiny("ae"), images(), seeded()) is None
    with pytest.raises(ConfigurationError, match="draws = 0"):
        metrics.importance_bound(tiny("vae"), images(), seeded(), draws=0)


@pytest.mark.parametrize("name", ["vae", "vsc", "vsc_thresholds", "vsc_uai", "vsc_mixture"])
def test_parts_of_any_size_give_the_same_weights(monkeypatch, name):
    """The draws of one image at a time and of all at once, with noise that is the same for all."""
    model, x = typical(name), images(5)
    code = model.encode(x)
    draws = iter(range(1000))

    def numbered(repeated, generator):
        one = repeated._replace(z=torch.zeros_like(repeated.z))
        parts = [rows.clone() for rows in one.mu.split(len(repeated.z) // count)]
        return repeated._replace(
            z=torch.cat([part + 0.01 * next(draws) for part in parts]),
            active=torch.ones_like(repeated.active),
        )

    monkeypatch.setattr(model, "draw", numbered)
    count = 4
    together = bounds.log_weights(model, x, code, count, seeded())
    draws, count = iter(range(1000)), 1
    apart = torch.cat([bounds.log_weights(model, x, code, 1, seeded()) for _ in range(4)])
    assert torch.allclose(together, apart, atol=1e-4)


def test_memory_decides_the_parts_and_not_the_bound(monkeypatch):
    model, x = factorised({"alpha": 0.3}), X.repeat(400, 1, 1, 1)
    found = []
    for size in (7, 400, 10**6):
        monkeypatch.setattr(bounds, "pairs_at_once", lambda model, code, size=size: size)
        found.append(metrics.importance_bound(model, x, seeded(), draws=60))
    for one in found[1:]:
        error = 5 * (one.standard_error + found[0].standard_error)
        assert one.bound == pytest.approx(found[0].bound, abs=error)
        assert one.effective_draws == pytest.approx(found[0].effective_draws, rel=0.2)


def test_a_run_asks_for_the_bound_and_other_records_stay_sound(tmp_path):
    asked = {"model": "vae", "latents": 2, "hidden": 8, "steps": 2, "measures": "none"}
    asked |= {"importance_draws": 30, "importance_images": 20}
    done = runs.run(runs.Experiment.of(**asked, folder=str(tmp_path / "a")), progress=False)
    assert list(done.record["metrics"]) == list(metrics.ON_REQUEST)
    x = done.data.test.images[:20]
    expected = metrics.importance_bound(done.model, x, seeded(0), draws=30)
    assert list(done.record["metrics"].values()) == pytest.approx(list(expected))
    for name in metrics.ON_REQUEST:
        assert records.standing(done.record, name) is records.Standing.MEASURED
    assert "importance_bound" in records.describe(done.record)
    assert not set(records.stale(done.record)) & set(metrics.ON_REQUEST)
    plain = runs.Experiment.of(**asked | {"importance_draws": 0}, folder=str(tmp_path / "b"))
    record = runs.run(plain, progress=False).record
    assert record["metrics"] == {} and not records.stale(record)
    assert "importance" not in done.experiment.of(**asked).title
    without = runs.Experiment.of(**asked | {"model": "ae"}, folder=str(tmp_path / "c"))
    found = runs.run(without, progress=False).record["metrics"]
    assert found == dict.fromkeys(metrics.ON_REQUEST)
