"""Many models trained at once end where each would end alone."""

import contextlib
import copy
import math

import numpy as np
import pytest
import torch
from small_models import NAMES

from vsclib import data, fit, models
from vsclib.errors import CheckpointError, ConfigurationError
from vsclib.training import TrainingConfig, fit_many, many
from vsclib.training.ensemble import EnsembleState
from vsclib.training.stacking import filled_up, give_back

SMALL = {"image_shape": (1, 8, 8), "latents": 6, "hidden": 16}
IMAGES = data.load("digits").train.images
ALONE = {"abp", "batch_top_k", "top_k"}


def members(name, options):
    return [models.create(name, **SMALL | own, seed=seed) for seed, own in enumerate(options)]


def configs(own, **shared):
    usual = {"steps": 30, "batch_size": 30, "learning_rate": 3e-3, "progress": False} | shared
    return [TrainingConfig(**usual | {"seed": seed} | one) for seed, one in enumerate(own)]


def furthest(name, options, own=None, **shared):
    """How far members end from the same trainings alone, in weights and in curves."""
    own = own or [{}] * len(options)
    together = members(name, options)
    alone, given = copy.deepcopy(together), configs(own, **shared)
    found = fit_many(together, IMAGES, given)
    assert found.diverged == {}
    distance = 0.0
    for one, other, config, history in zip(alone, together, given, found.histories, strict=True):
        expected = fit(one, IMAGES, config)
        assert history.steps == expected.steps and other.trained == one.trained
        weights = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
        distance = max([distance, *((a - b).abs().max().item() for a, b in weights)])
        for term, values in expected.terms.items():
            gaps = np.abs(np.subtract(values, history.terms[term])) / (1 + np.abs(values))
            distance = max(distance, float(gaps.max()))
    return distance


# Adam divides by the size of a gradient: what is zero but for rounding moves by the step size.
CLOSE = 2e-4


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ALONE])
def test_a_member_ends_where_it_ends_alone(name):
    options = (
        {"inference_steps": 3} if "encoder" in models.create(name, **SMALL).config.idle() else {}
    )
    assert furthest(name, [options] * 3, steps=15) < CLOSE


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("vae", [{"beta": 1.0}, {"beta": 4.0}, {"beta": 2.0, "kl_warm_up": 20}]),
        ("vsc", [{"alpha": 0.1}, {"alpha": 0.3, "lam_until": 10}, {"slope_end": 50.0}]),
        ("vsc", [{"gate": "concrete", "temperature": t} for t in (0.3, 0.67)]),
        ("vsc_thresholds", [{"alpha": a, "charge": "base"} for a in (0.05, 0.2)]),
        ("vsc_uai", [{"alpha": 0.1, "sharpness": s} for s in (5.0, 10.0)]),
        ("relu_sae", [{"l1": 0.5}, {"l1": 2.0}]),
        ("jump_relu", [{"l0": 0.5}, {"l0": 2.0, "bandwidth": 0.2}]),
        ("vsc", [{"gate": "gapped_straight_through", "gate_gap": gap} for gap in (0.5, 1.0)]),
        ("vae", [{"likelihood": "gaussian", "sigma": s} for s in (0.2, 0.4)]),
        ("vae", [{"network": "conv"}] * 2),
        ("short_run", [{"inference_steps": 3, "step_size": s} for s in (0.05, 0.1)]),
    ],
)
def test_members_differ_in_numbers(name, options):
    assert furthest(name, options) < CLOSE


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("vae", [{"latents": 3}, {"latents": 6}, {"latents": 10, "beta": 2.0}]),
        ("vsc", [{"latents": 3}, {"latents": 10, "alpha": 0.2}]),
        ("vsc", [{"latents": n, "gamma_form": "relu"} for n in (3, 5)]),
        # As many hidden units as outputs of the heads: weights are told apart by name.
        ("vsc", [{"latents": n, "hidden": 18} for n in (6, 4)]),
        ("ae", [{"latents": 3}, {"latents": 6}]),
        ("sparse_generator", [{"latents": n, "inference_steps": 3} for n in (3, 6)]),
    ],
)
def test_members_differ_in_latents(name, options):
    assert furthest(name, options) < CLOSE


@pytest.mark.parametrize(
    ("own", "shared"),
    [
        ([{"learning_rate": rate} for rate in (1e-3, 3e-3, 1e-3)], {}),
        ([{"learning_rate_end": 1e-4, "learning_rate_switch": n} for n in (10, 20)], {}),
        ([{}, {}], {"clip_norm": 0.5}),
        ([{}, {}], {"optimizer": "adamw", "optimizer_options": {"weight_decay": 0.1}}),
        ([{}, {}], {"scheduler": "cosineannealinglr", "scheduler_options": {"T_max": 30}}),
        ([{}, {}], {"precision": "bfloat16", "steps": 3}),
    ],
)
def test_training_differs_in_rates_and_shares_the_rest(own, shared):
    # A product in bfloat16 is as exact as its factors.
    close = 1e-2 if "precision" in shared else CLOSE
    assert furthest("vae", [{}] * len(own), own, **shared) < close


def test_a_seed_is_a_member_of_its_own():
    one, two = members("vae", [{}, {}])
    found = fit_many([one, two], IMAGES, configs([{}, {}]))
    assert found.histories[0].terms != found.histories[1].terms
    assert not torch.equal(one.encoder.head.weight, two.encoder.head.weight)


# ------------------------------------------------------------------------------- codes filled up


def test_a_code_that_is_filled_up_means_the_same():
    small = models.create("vsc", **SMALL | {"latents": 4}, alpha=0.2)
    large = filled_up(small, 9)
    x = data.to_tensor(IMAGES[:20])
    one, two = small.posterior(x), large.posterior(x)
    assert torch.allclose(two.mu[:, :4], one.mu, atol=1e-6) and not two.mu[:, 4:].any()
    kl = large.kl(two)
    assert torch.allclose(kl[:, :4], small.kl(one), atol=1e-5)
    assert kl[:, 4:].abs().max() < 1e-6  # gamma is alpha there, and the slab the prior's
    same = models.create("vsc", **SMALL | {"latents": 4}, alpha=0.2, seed=1)
    give_back(large, same)
    assert all(map(torch.equal, same.state_dict().values(), small.state_dict().values()))


def test_latents_that_fill_up_a_code_never_learn(monkeypatch):
    twins = []

    def noting(twin, member):
        twins.append(twin)
        give_back(twin, member)

    monkeypatch.setattr(many, "give_back", noting)
    small, large = members(
        "vsc", [{"latents": 3, "alpha": 0.013, "lam_until": 20}, {"latents": 10, "alpha": 0.37}]
    )
    fit_many([small, large], IMAGES, configs([{}, {}]))
    head, first = twins[0].encoder.head, twins[0].decoder.layers[0]
    resting = torch.tensor(small.resting()).unsqueeze(1).expand(3, 7)
    assert torch.equal(head.bias.view(3, 10)[:, 3:], resting)
    assert not head.weight.view(3, 10, -1)[:, 3:].any() and not first.weight[:, 3:].any()


class Killed(Exception):
    """Stands for the end of a process."""


@contextlib.contextmanager
def stopped_at(step, monkeypatch):
    """A training inside is killed before a step."""
    original = EnsembleState.advance

    def killed(self):
        if self.step == step:
            raise Killed
        original(self)

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(EnsembleState, "advance", killed)
        yield


# ---------------------------------------------------------------------------------- what goes wrong


def broken(model, step):
    """The model with weights that are no numbers before a step of its training."""
    model.encoder.head.weight.data.fill_(math.nan if step == 0 else 1e30)
    return model


def test_a_member_that_diverges_is_reported_and_the_others_go_on():
    together = members("vae", [{}, {}, {}])
    alone = copy.deepcopy(together[2])
    broken(together[1], 0)
    given = configs([{}] * 3)
    found = fit_many(together, IMAGES, given)
    assert list(found.diverged) == [1]
    assert found.diverged[1].startswith("reconstruction = nan at step 0: a loss must be finite")
    assert found.histories[1].steps == [] and len(found.histories[0].steps) == 30
    fit(alone, IMAGES, given[2])
    for one, other in zip(alone.parameters(), together[2].parameters(), strict=True):
        assert (one - other).abs().max() < CLOSE


def test_a_member_that_breaks_between_two_points_spoils_no_checkpoint(tmp_path, monkeypatch):
    monkeypatch.setattr("vsclib.training.state.RECORDS", 1)
    given = configs([{}, {}], checkpoint_every=7)
    whole, again = members("vae", [{}, {}]), members("vae", [{}, {}])
    fit_many(whole, IMAGES, given)
    broken(again[1], 0)
    path = tmp_path / "members.safetensors"
    with stopped_at(17, monkeypatch):
        fit_many(again, IMAGES, given, checkpoint=path)
    fresh = members("vae", [{}, {}])
    broken(fresh[1], 0)
    found = fit_many(fresh, IMAGES, given, checkpoint=path)
    assert list(found.diverged) == [1] and "at step 0: a loss must be" in found.diverged[1]
    assert all(map(torch.equal, whole[0].parameters(), fresh[0].parameters()))


def test_what_does_not_fit_into_memory_is_trained_in_parts():
    given = configs([{}] * 5)
    whole, parts = members("vae", [{}] * 5), members("vae", [{}] * 5)
    assert fit_many(whole, IMAGES, given).parts == [[0, 1, 2, 3, 4]]
    found = fit_many(parts, IMAGES, given, memory=500_000)
    assert (
        sorted(index for part in found.parts for index in part) == [0, 1, 2, 3, 4]
        and len(found.parts) > 1
    )
    for one, other in zip(whole, parts, strict=True):
        for a, b in zip(one.parameters(), other.parameters(), strict=True):
            assert (a - b).abs().max() < CLOSE


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("abp", [{}, {}], "abp.* chain for every image.*train it with fit"),
        ("top_k", [{}, {}], "top_k.* dead.*train it with fit"),
        ("vae", [{"hidden": 8}, {"hidden": 9}], "hidden = 8, 9: members share it"),
        ("vsc", [{}, {"gate": "relaxed"}], "gate = None, 'relaxed'"),
        ("vsc_uai", [{"latents": 3}, {"latents": 4}], "latents = 3, 4.*cannot be filled up"),
        ("vsc_uai", [{"sharpness": None}, {"sharpness": 5.0}], "sharpness = None, 5.0"),
        ("short_run", [{"network": "conv"}] * 2, "short_run.* takes no part in an ensemble: "),
    ],
)
def test_members_that_cannot_be_stacked_are_refused_by_name(name, options, words):
    with pytest.raises(ConfigurationError, match=words):
        fit_many(members(name, options), IMAGES, configs([{}] * len(options)))


def test_what_is_no_ensemble_is_refused():
    vae, vsc = members("vae", [{}])[0], members("vsc", [{}])[0]
    two = configs([{}, {}])
    for given, how, words in [
        ([], [], "at least one"),
        ([vae, vae], two, "one model twice"),
        ([vae, vsc], two, "'vae' and 'vsc': an ensemble is of one family"),
        ([vae], two, "2 configs for 1 models"),
        ([vae], configs([{"checkpoint": "x"}]), "checkpoint to fit_many"),
        (members("vae", [{}, {}]), configs([{}, {"steps": 9}]), "differ in steps = 30, 9"),
        (members("vae", [{}]), configs([{"optimizer": "adafactor"}]), "adafactor"),
    ]:
        with pytest.raises(ConfigurationError, match=words):
            fit_many(given, IMAGES, how)


def test_weight_decay_would_move_what_rests():
    options = {"optimizer": "adamw", "optimizer_options": {"weight_decay": 0.1}}
    with pytest.raises(ConfigurationError, match="weight_decay would move"):
        fit_many(
            members("vae", [{"latents": 3}, {"latents": 4}]), IMAGES, configs([{}] * 2, **options)
        )


# -------------------------------------------------------------------------------------- resume


@pytest.mark.parametrize(
    ("name", "options", "shared"),
    [
        ("vsc", [{"alpha": 0.1, "lam_until": 20}, {"latents": 4}, {"alpha": 0.3}], {}),
        ("vsc_uai", [{}, {"alpha": 0.3}], {"optimizer": "sgd", "learning_rate": 1e-4}),
        (
            "vae",
            [{}, {}],
            {"scheduler": "exponentiallr", "scheduler_options": {"gamma": 0.95}},
        ),
    ],
)
def test_a_resumed_ensemble_ends_with_the_same_bits(tmp_path, monkeypatch, name, options, shared):
    rates = [{"learning_rate": 1e-4 * (1 + i % 2)} for i in range(len(options))]
    given = configs(rates, checkpoint_every=7, **shared)
    whole, again = members(name, options), members(name, options)
    expected = fit_many(whole, IMAGES, given)
    path = tmp_path / "members.safetensors"
    with stopped_at(17, monkeypatch):
        fit_many(again, IMAGES, given, checkpoint=path)
    fresh = members(name, options)
    found = fit_many(fresh, IMAGES, given, checkpoint=path)
    for one, other in zip(whole, fresh, strict=True):
        assert all(map(torch.equal, one.state_dict().values(), other.state_dict().values()))
    for one, other in zip(expected.histories, found.histories, strict=True):
        assert one.terms == other.terms and one.steps == other.steps
    with pytest.raises(CheckpointError, match=f"holds {len(options)} members, wanted 1"):
        fit_many(members(name, options[:1]), IMAGES, given[:1], checkpoint=path)
    other = configs([rate | {"seed": 8} for rate in rates], checkpoint_every=7, **shared)
    with pytest.raises(CheckpointError, match=r"another training \(seed"):
        fit_many(members(name, options), IMAGES, other, checkpoint=path)
