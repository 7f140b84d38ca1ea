"""Collapse, active units and aggregate sparsity on codes whose numbers are known by hand."""

import math

import pytest
import torch
from small_models import images, tiny, typical

from vsclib import metrics, models
from vsclib.errors import ConfigurationError
from vsclib.models import Code


def gaussian_code(mu: torch.Tensor) -> Code:
    return Code(mu, torch.ones_like(mu, dtype=torch.bool), mu, torch.zeros_like(mu))


def model_of(latents: int, name: str = "vae", **options) -> models.Model:
    return tiny(name, latents=latents, **options)


def test_posterior_collapse_counts_latents_idle_for_95_percent():
    mu = torch.zeros(1500, 4)  # KL = mu^2 / 2
    mu[:75, 0] = 1.0  # 95 % idle exactly: collapsed
    mu[:76, 1] = 1.0  # a hair less: alive
    mu[:, 2] = 0.15  # 0.01125 nat for every image: alive
    mu[:, 3] = 0.13  # 0.00845 nat: collapsed
    assert metrics.posterior_collapsed(model_of(4), gaussian_code(mu)) == 0.5
    assert metrics.posterior_collapsed(model_of(4), gaussian_code(mu), images=1.0) == 0.25
    assert metrics.posterior_collapsed(tiny("ae"), gaussian_code(mu)) is None


def test_coefficient_collapse_looks_at_the_code_alone():
    z = torch.zeros(200, 5)
    z[:10, 0] = 3.0  # collapsed
    z[:11, 1] = -3.0
    z[:, 2] = -0.02
    z[:, 3] = 0.005  # collapsed
    code = Code(z, z != 0)  # latent 4 is zero throughout
    assert metrics.coefficient_collapsed(code) == pytest.approx(3 / 5)
    assert metrics.coefficient_collapsed(code, threshold=0.05) == pytest.approx(4 / 5)


@pytest.mark.parametrize(
    ("options", "named"), [({"images": 0.0}, "images = 0"), ({"threshold": -1}, "threshold = -1")]
)
def test_collapse_refuses_what_is_no_share(options, named):
    with pytest.raises(ConfigurationError, match=named):
        metrics.coefficient_collapsed(gaussian_code(torch.zeros(3, 2)), **options)


def test_dead_latents_and_l0_by_hand():
    z = torch.tensor([[0.0, 1e-9, 2.0], [0.0, 0.0, -3.0]])
    code = Code(z, z != 0)
    assert metrics.dead_latents(code) == 1
    assert metrics.l0(code) == pytest.approx(1.5)
    gamma = torch.tensor([[0.4, 0.6, 0.1], [0.2, 0.1, 0.1]])
    assert metrics.dead_latents(code._replace(gamma=gamma)) == 2
    assert metrics.dead_latents(code._replace(gamma=gamma), threshold=0.3) == 1
    assert metrics.dead_latents(gaussian_code(torch.zeros(4, 3))) == 0


def test_active_units_by_kl_and_by_use_disagree_where_they_should():
    n = 2000
    gamma = torch.full((n, 4), 0.1)
    gamma[:3, 0] = 0.999  # needed by three images in 2,000: used, and told
    gamma[:, 1] = 0.4  # pays, never opens
    gamma[:1, 2] = 0.6  # one image in 2,000: too rare, and its mean KL is below a hundredth
    mu = torch.zeros(n, 4)
    mu[:3, 0] = 6.0
    active = gamma > 0.5
    code = Code(mu * active, active, mu, torch.zeros_like(mu), gamma)
    found = metrics.active_units(model_of(4, "vsc", alpha=0.1), code)
    assert found.by_kl.tolist() == [True, True, False, False]
    assert found.by_use.tolist() == [True, False, False, False]
    assert found.counts == (2, 1) and (found.told_but_off, found.on_but_silent) == (1, 0)


def test_active_units_of_dense_models():
    mu = torch.tensor([[1.0, 0.0]]).repeat(50, 1)
    found = metrics.active_units(model_of(2), gaussian_code(mu))
    assert found.counts == (1, 2) and found.on_but_silent == 1
    without = metrics.active_units(model_of(2, "ae"), gaussian_code(mu))
    assert without.by_kl is None and without.counts == (None, 2) and without.told_but_off == 0


def test_active_units_agree_with_the_count_of_the_record():
    model = typical("vsc")
    code = metrics.codes(model, images(400))
    assert metrics.active_units(model, code).counts == (
        metrics.informative_latents(model, code),
        metrics.usage(code).ever_on,
    )


def test_aggregate_sparsity_is_the_mean_of_gamma_beside_alpha():
    gamma = torch.tensor([[0.9, 0.1], [0.3, 0.3]])
    code = Code(gamma, gamma > 0.5, gamma, gamma, gamma)
    found = metrics.aggregate_sparsity(model_of(2, "vsc", alpha=0.2), code)
    assert (found.alpha, found.drawn, found.hard) == pytest.approx((0.2, 0.4, 0.25))
    assert found.nats == pytest.approx(
        2 * (0.4 * math.log(2.0) + 0.6 * math.log(0.6 / 0.8)), abs=1e-6
    )


def test_a_collapsed_code_matches_its_prior_perfectly():
    gamma = torch.full((50, 4), 0.2)
    code = Code(0 * gamma, gamma > 0.5, gamma, gamma, gamma)
    found = metrics.aggregate_sparsity(model_of(4, "vsc", alpha=0.2), code)
    assert (
        found.drawn == pytest.approx(0.2)
        and found.nats == pytest.approx(0.0, abs=1e-9)
        and found.hard == 0.0
    )


def test_aggregate_sparsity_needs_a_gamma_and_an_alpha():
    code = gaussian_code(torch.zeros(3, 2))
    assert metrics.aggregate_sparsity(model_of(2), code) is None
    assert metrics.aggregate_sparsity(model_of(2), code._replace(gamma=torch.zeros(3, 2))) is None
