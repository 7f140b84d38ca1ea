"""Training on: schedules never start again, checkpoints belong to one training, streams to one
purpose, and a divergence is called one.
"""

import json
import warnings

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from vsclib import checkpoints, data, fit, load, models, save
from vsclib.errors import CheckpointError, ConfigurationError, DataError, TrainingError
from vsclib.models import Loss
from vsclib.training.config import stream
from vsclib.training.state import History

SHAPE = (1, 8, 8)
IMAGES = data.load("digits").train.images[:130]
GENERATORS = ("abp", "short_run", "sparse_generator")


def tiny(name: str = "vae", **options) -> models.Model:
    return models.create(
        name, **{"image_shape": SHAPE, "latents": 6, "hidden": 16, "seed": 2} | options
    )


def train(model: models.Model, images=IMAGES, **options) -> History:
    return fit(model, images, **{"steps": 18, "batch_size": 30, "progress": False} | options)


def weights(model: models.Model) -> list[torch.Tensor]:
    return [value.clone() for value in model.state_dict().values()]


def same(one, other) -> bool:
    return all(torch.equal(a, b) for a, b in zip(weights(one), weights(other), strict=True))


# -------------------------------------------------------------------------------------- training on


def seen_by(model: models.Model, look, **options) -> list:
    """What ``look(model, step number)`` gives at each step of a training."""
    seen, objective = [], model.objective

    def spy(step):
        seen.append(look(model, step.number))
        return objective(step)

    model.objective = spy
    try:
        train(model, **options)
    finally:
        del model.objective
    return seen


def test_alpha_of_a_trained_sparse_generator_does_not_go_back_to_one(tmp_path):
    """130 images in batches of 30: four steps an epoch, each takes 0.3 off."""
    model = tiny("sparse_generator", alpha=0.05, alpha_decay=0.3, inference_steps=1)
    alpha = lambda model, number: model.alpha_schedule(number)  # noqa: E731
    first = seen_by(model, alpha)
    assert first[:5] == pytest.approx([1, 1, 1, 1, 0.7]) and first[-1] == 0.05
    assert set(seen_by(model, alpha, steps=10)) == {0.05} and model.alpha.item() == pytest.approx(
        0.05
    )
    save(model, tmp_path / "model.safetensors")
    assert set(seen_by(load(tmp_path / "model.safetensors"), alpha, steps=3)) == {0.05}


def test_an_alpha_that_still_falls_goes_on_falling_whatever_the_batch():
    model = tiny("sparse_generator", alpha_decay=0.1, inference_steps=1)
    alpha = lambda model, number: round(model.alpha_schedule(number), 6)  # noqa: E731
    assert seen_by(model, alpha, steps=8)[-1] == 0.9
    assert seen_by(model, alpha, steps=8) == [0.8] * 4 + [0.7] * 4
    # An epoch of 26 steps: 16 steps would be none of them, but four epochs are behind.
    assert seen_by(model, alpha, steps=27, batch_size=5) == [0.6] * 26 + [0.5]


def test_warm_ups_and_slopes_of_a_trained_vsc_stay_at_their_ends():
    options = {"lam_begin": 3, "lam_until": 14, "kl_warm_up": 9, "gamma_form": "relu"}
    model = tiny("vsc", **options)
    look = lambda m, n: (m.warm_up(n), m.kl_weight(n), m.slope(n))  # noqa: E731
    first = seen_by(model, look)
    assert first[0] == (0.0, 0.0, 50.0) and first[-1] == (1.0, 1.0, 200.0)
    assert set(seen_by(model, look, steps=5)) == {first[-1]}
    assert model.lam.item() == 1.0 and model.trained == (23, 5)


def test_a_further_training_resumes_where_its_own_checkpoint_stood(tmp_path):
    """The schedules' place belongs to the checkpoint: the model given has another one."""
    options = {"lam_begin": 3, "lam_until": 40}
    base, path = tiny("vsc", **options), tmp_path / "c.safetensors"
    train(base)
    save(base, tmp_path / "base.safetensors")
    train(base, steps=12)
    part = load(tmp_path / "base.safetensors")
    objective = part.objective

    def die(step):
        if step.number == 18 + 7:
            raise ArithmeticError("killed")
        return objective(step)

    part.objective = die
    with pytest.raises(TrainingError, match="killed at step 7"):
        train(part, steps=12, checkpoint=path, checkpoint_every=5)
    with pytest.warns(UserWarning, match="replaces the weights given"):
        other = tiny("vsc", **options)
        train(other, steps=12, checkpoint=path, checkpoint_every=5)
    assert same(base, other) and other.trained == base.trained == (30, 7)


# -------------------------------------------------------------------------- finished checkpoints


def test_a_checkpoint_replaces_other_weights_with_a_warning_only(tmp_path):
    path = tmp_path / "c.safetensors"
    first = tiny()
    train(first, checkpoint=path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = tiny()
        train(again, checkpoint=path)
    assert same(first, again)
    line = r"replaces the weights given, .*goes on at step 18 of 18; choose another checkpoint"
    for model in (first, tiny(seed=3)):
        with pytest.warns(UserWarning, match=line):
            train(model, checkpoint=path)


# The one family whose warm-up runs over the whole training.
@pytest.mark.parametrize("name", [name for name in models.names() if name != "vsc_wu"])
def test_an_extended_training_is_that_of_all_steps_at_once(tmp_path, name):
    options = {"inference_steps": 2} if name in GENERATORS else {}
    if name.startswith("vsc") and name != "vsc_thresholds":
        options |= {"gate": "relaxed", "slope_start": 10.0, "slope_end": 10.0}
    if name == "poisson_vae":
        options |= {"temperature_end": 1.0}
    path, whole, part = tmp_path / "c.safetensors", tiny(name, **options), tiny(name, **options)
    there = train(whole, steps=16)
    train(part, steps=8, checkpoint=path)
    with pytest.raises(CheckpointError, match=r"steps = 8, wanted 16.*extend=True to go on"):
        train(tiny(name, **options), steps=16, checkpoint=path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        longer = tiny(name, **options)
        here = train(longer, steps=16, checkpoint=path, extend=True)
    assert same(whole, longer) and here.terms == there.terms and longer.trained == (16, 4)
    with pytest.raises(CheckpointError, match="steps = 16, wanted 8"):
        train(tiny(name, **options), steps=8, checkpoint=path, extend=True)


def test_an_extension_says_which_schedule_ran_over_all_steps(tmp_path):
    for name, schedule in (("vsc", "slope"), ("vsc_wu", "warm_up")):
        options = {"gamma_form": "relu"}
        path = tmp_path / f"{name}.safetensors"
        train(tiny(name, **options), steps=8, checkpoint=path)
        line = f"^{schedule} runs over all steps: 16 steps that extend 8 are not those of 16 at"
        with pytest.warns(UserWarning, match=line):
            train(tiny(name, **options), steps=16, checkpoint=path, extend=True)


# ------------------------------------------------------------------------------------- whose it is


DIFFERENCES = [
    {"learning_rate_end": 1e-4, "learning_rate_switch": 9},
    {"optimizer": "adamw"},
    {"optimizer_options": {"weight_decay": 0.1}},
    {"scheduler": "ExponentialLR", "scheduler_options": {"gamma": 0.9}},
    {"clip_norm": 1.0},
    {"validation": IMAGES[:20]},
]


@pytest.mark.parametrize("difference", DIFFERENCES, ids=lambda options: next(iter(options)))
def test_an_option_counts_whether_it_came_or_went(tmp_path, difference):
    for number, (first, second) in enumerate([(difference, {}), ({}, difference)]):
        path = tmp_path / f"{number}.safetensors"
        train(tiny(), checkpoint=path, **first)
        with pytest.raises(CheckpointError, match=rf"another training \({next(iter(difference))}"):
            train(tiny(), checkpoint=path, **second)


def test_a_checkpoint_that_knows_fewer_options_had_their_defaults(tmp_path):
    path = tmp_path / "c.safetensors"
    train(tiny(), checkpoint=path)
    tensors, metadata = checkpoints.read_tensors(path)
    identity = json.loads(metadata["identity"])
    for name in ("clip_norm", "optimizer", "optimizer_options", "validation", "kl_warm_up"):
        del identity[name]
    known = metadata | {"identity": json.dumps(identity)}
    checkpoints.write_tensors(path, tensors, known)
    train(tiny(), checkpoint=path)
    checkpoints.write_tensors(path, tensors, known)
    with pytest.raises(CheckpointError, match=r"kl_warm_up = 0, wanted 3"):
        train(tiny(kl_warm_up=3), checkpoint=path)


@pytest.mark.parametrize(
    ("text", "value"), [("identity", "{"), ("identity", "3"), ("progress", "{"), ("progress", "{}")]
)
def test_a_damaged_checkpoint_without_a_checksum_is_one_line(tmp_path, text, value):
    path = tmp_path / "c.safetensors"
    train(tiny(), checkpoint=path)
    tensors, metadata = checkpoints.read_tensors(path)
    known = {name: metadata[name] for name in ("format", "identity", "progress")}
    save_file(tensors, path, known | {text: value})
    with pytest.raises(
        CheckpointError, match=r"is damaged .*: delete it and train again"
    ) as caught:
        train(tiny(), checkpoint=path)
    assert "\n" not in str(caught.value)


# ------------------------------------------------------------------------------------ random streams


def test_streams_share_nothing():
    made = [
        stream(s, p, e)
        for s in range(9)
        for p in ("draws", "order", "validation")
        for e in range(9)
    ]
    assert len(set(made)) == len(made) and all(0 <= seed < 2**63 for seed in made)
    firsts = {torch.rand(1, generator=torch.Generator().manual_seed(seed)).item() for seed in made}
    assert len(firsts) == len(made)
    # Nor with what models.create draws the weights from.
    assert min(made) >= 2**31


def test_pseudo_inputs_are_not_the_first_batch():
    """Of 130 images 20 become pseudo-inputs and 30 the first batch: sharing all 20 is no chance."""
    model, batches = tiny("vsc_uai", seed=0), []
    objective = model.objective
    model.objective = lambda step: batches.append(step.images) or objective(step)
    before = {}
    prepare = model.prepare
    model.prepare = lambda *given: (prepare(*given), before.update(x=model.pseudo_inputs.clone()))
    train(model, steps=1, seed=0)
    first = {image.numpy().tobytes() for image in batches[0]}
    shared = sum(image.detach().numpy().tobytes() in first for image in before["x"])
    assert shared < 12


# ---------------------------------------------------------------------------------------- divergence


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian", "gaussian_learned"])
@pytest.mark.parametrize("name", models.names())
def test_a_divergence_is_a_training_error_in_every_family(name, likelihood):
    options = {"inference_steps": 2} if name in GENERATORS else {}
    for rate in (1e4, 1e12, 1e38):
        model = tiny(name, likelihood=likelihood, **options)
        try:
            train(model, learning_rate=rate, steps=30)
        except TrainingError as error:
            line = str(error)
            assert f"lower learning_rate (now {rate:g})" in line and "\n" not in line
            assert ("step_size" in line) == (name in GENERATORS)
        else:
            assert rate < 1e38


def test_a_mistake_of_the_first_step_stays_what_it_is():
    model = tiny()

    def wrong(step):
        raise ConfigurationError("colour = 3 is not allowed: choose 0 <= colour <= 2")

    model.objective = wrong
    with pytest.raises(ConfigurationError, match="colour = 3"):
        train(model)


# --------------------------------------------------------------------------------------- bad inputs


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        ({"lr": 0.1}, ("no option 'lr'", "did you mean 'learning_rate'")),
        ({"device": "meta"}, ("device = 'meta'", "no numbers", "'cpu'")),
        ({"checkpoint": ""}, ("checkpoint = ''", "give a path")),
        ({"optimizer": "adan"}, ("optimizer = 'adan'", "did you mean 'adam'")),
        ({"optimizer": "lbfgs"}, ("optimizer = 'lbfgs'", "adamw")),
        ({"optimizer_options": {"beta": 1}}, ("adam has no option 'beta'", "betas")),
        ({"optimizer_options": {"lr": 1}}, ("lr is no option", "give learning_rate")),
        ({"optimizer_options": {"betas": [2.0, 0.9]}}, ("Invalid beta", "optimizer_options")),
        ({"optimizer_options": {"eps": torch.ones(1)}}, ("eps = tensor", "numbers")),
        ({"scheduler": "steplr"}, ("scheduler = 'steplr'", "step_size", "scheduler_options")),
        ({"scheduler": "cosine"}, ("scheduler = 'cosine'", "cosineannealinglr")),
        ({"scheduler_options": {"gamma": 1}}, ("belong to no scheduler",)),
        (
            {"scheduler": "exponentiallr", "learning_rate_end": 0.1},
            ("learning_rate_end = 0.1", "one of them"),
        ),
        ({"clip_norm": 0.0}, ("clip_norm = 0.0", "clip_norm > 0")),
        ({"callbacks": [print]}, ("callbacks = [<built-in", "Sequence[Callback]")),
    ],
)
def test_options_that_a_training_cannot_have(options, parts):
    model = tiny()
    before = weights(model)
    with pytest.raises(ConfigurationError) as caught:
        train(model, **options)
    assert all(part in str(caught.value) for part in parts) and "\n" not in str(caught.value)
    assert all(torch.equal(a, b) for a, b in zip(before, weights(model), strict=True))


@pytest.mark.parametrize("change", [torch.nn.Module.double, torch.nn.Module.half])
def test_a_model_of_another_precision_is_refused(change):
    with pytest.raises(ConfigurationError, match=r"takes float32: call model.float\(\) first"):
        train(change(tiny()))


def test_a_wholly_frozen_model_is_refused_and_a_half_frozen_one_trains():
    model = tiny().requires_grad_(False)
    with pytest.raises(ConfigurationError, match=r"no weight that learns.*requires_grad_\(True\)"):
        train(model)
    model.decoder.requires_grad_(True)
    encoder, decoder = weights(model.encoder), weights(model.decoder)
    train(model, steps=3)
    assert all(torch.equal(a, b) for a, b in zip(encoder, weights(model.encoder), strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(decoder, weights(model.decoder), strict=True))


@pytest.mark.parametrize(
    ("images", "part"),
    [
        (IMAGES[:0], "there are no images, at least one is wanted"),
        ((IMAGES > 100).astype(np.uint8), "no grey level exceeds 1 of 255.*multiply.*by 255"),
        (IMAGES.astype(np.float32), 'real-valued float32.*likelihood = "gaussian_real"'),
    ],
)
def test_images_that_no_training_should_take(images, part):
    for options in ({"images": images}, {"validation": images}):
        with pytest.raises(DataError, match=part) as caught:
            train(tiny(), **options)
        assert "\n" not in str(caught.value)


def test_black_images_train():
    train(tiny(), np.zeros((30, *SHAPE), np.uint8), steps=1)


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"steps": 0}, "^steps = 0 trains nothing"),
        (
            {"learning_rate_end": 1e-4, "learning_rate_switch": 18},
            "^learning_rate_end = 0.0001 has no effect: learning_rate_switch = 18 of 18 steps",
        ),
        ({"checkpoint_every": 5}, "^checkpoint_every = 5 has no effect: there is no checkpoint"),
        ({"checkpoint_every": 50, "checkpoint": "c"}, "^checkpoint_every = 50.* 18 steps comes"),
    ],
)
def test_what_has_no_effect_is_said_in_one_line(tmp_path, monkeypatch, options, line):
    monkeypatch.chdir(tmp_path)
    with pytest.warns(UserWarning, match=line) as caught:
        train(tiny(), **options)
    assert len(caught) == 1 and caught[0].filename == __file__


def test_auto_takes_what_is_there():
    model = tiny()
    train(model, device="auto", steps=1)
    assert next(model.parameters()).is_cuda == torch.cuda.is_available()


class RealValued(models.family("ae")):
    """An autoencoder under a squared error, for data of any range."""

    real_valued = True

    def check(self, x):
        return x

    def objective(self, step):
        rebuilt = self.decoder.layers(self.encoder(step.images)[0]).view(step.images.shape)
        return Loss.of(error=(rebuilt - step.images).square().mean())


def test_real_valued_data_reach_the_model_as_they_are():
    model, seen = RealValued.build("ae", {"image_shape": SHAPE, "latents": 3, "hidden": 8}), []
    objective = model.objective
    model.objective = lambda step: seen.append(step.images) or objective(step)
    values = np.random.default_rng(0).normal(0, 50, (30, *SHAPE)).astype(np.float32)
    history = train(model, values, steps=2, validation=values[:5])
    assert seen[0].min() == values.min() and seen[0].max() == values.max()
    assert len(history.validation["error"]) == 2
    values[3, 0, 1, 1] = np.nan
    with pytest.raises(DataError, match="hold NaN or infinity, all must be finite"):
        train(model, values)
