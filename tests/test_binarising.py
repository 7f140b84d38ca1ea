"""Grey pixels drawn black or white, once or at every step of a training."""

import copy
import json

import numpy as np
import pytest
import torch

from vsclib import data, fit, models, records
from vsclib.errors import ConfigurationError, DataError
from vsclib.models.contract import scaled
from vsclib.runs import Experiment, run, run_many
from vsclib.training import TrainingConfig, fit_many
from vsclib.training.pixels import batch_of
from vsclib.training.state import TrainingState

DIGITS = data.load("digits")
SMALL = {"image_shape": (1, 8, 8), "latents": 4, "hidden": 12}


def ask(folder, **parameters):
    given = {"model": "vae", "latents": 4, "hidden": 12, "steps": 6, "batch_size": 40}
    given |= {"measures": "quick", "threads": 1, "device": "cpu"} | parameters
    return Experiment.of(**given, folder=str(folder))


def test_a_grey_level_is_the_chance_of_white():
    levels = np.arange(256, dtype=np.uint8).reshape(1, 1, 16, 16)
    images = np.repeat(levels, 4000, axis=0)
    mine = data.from_array(images, test=0.5)
    drawn = data.binarised(mine, "static").train.images
    assert set(np.unique(drawn)) == {0, 255}
    assert not drawn[:, 0, 0, 0].any() and drawn[:, 0, 15, 15].all()
    chance = levels[0] / 255
    errors = np.abs((drawn / 255).mean(0) - chance) / np.sqrt(
        np.maximum(chance * (1 - chance), 1e-9) / len(drawn)
    )
    assert errors.max() < 5  # standard errors, of 256 levels
    tensor = torch.from_numpy(images)
    again = batch_of(tensor, torch.Generator().manual_seed(0), draw=True)
    assert abs(again.mean(0).numpy() - chance).max() < 5 * 0.5 / np.sqrt(len(images))
    assert torch.equal(batch_of(tensor, torch.Generator(), draw=False), scaled(tensor))


def test_the_draw_is_the_same_everywhere_and_the_test_images_of_both_kinds():
    static, dynamic = (data.load("digits", binarise=how) for how in ("static", "dynamic"))
    assert static.name == "digits, static draw of seed 2016"
    assert static.sha256 == "11f9c6a334a15a5c553c43fa8e77e0f9febc043470400881af774f5c4f865af5"
    assert np.array_equal(static.test.images, dynamic.test.images)
    assert np.array_equal(dynamic.train.images, DIGITS.train.images)
    assert len({static.sha256, dynamic.sha256, DIGITS.sha256}) == 3
    assert np.array_equal(static.train.labels, DIGITS.train.labels)


def test_black_and_white_pixels_stay_and_real_values_are_refused():
    binary = data.binarised(DIGITS, "static")
    again = data.binarised(binary, "static")
    assert again.sha256 == binary.sha256
    white = torch.from_numpy(binary.train.images[:50])
    drawn = batch_of(white, torch.Generator().manual_seed(3), draw=True)
    assert torch.equal(drawn, scaled(white))
    real = data.from_values(np.eye(20))
    with pytest.raises(DataError, match="holds float32, but pixels are drawn of uint8"):
        data.binarised(real, "static")
    model = models.create("vae", image_shape=(1, 1, 20), likelihood="gaussian_real", latents=2)
    with pytest.raises(DataError, match="draw_pixels = True draws uint8"):
        fit(model, real, steps=1, batch_size=4, draw_pixels=True, progress=False)
    data.register("binarising_real", lambda: data.from_values(np.eye(20)))
    with pytest.raises(DataError, match="binarise = 'static' takes grey levels"):
        Experiment.of(dataset="binarising_real", model="vae", binarise="static", batch_size=4)


def test_every_step_sees_other_pixels_of_the_same_images():
    model = models.create("vae", **SMALL)
    config = TrainingConfig(steps=2, batch_size=len(DIGITS.train.images), draw_pixels=True)
    state = TrainingState(model, config, DIGITS.train.images)
    state.plan(1)
    images = torch.from_numpy(DIGITS.train.images)
    (first, _), (second, _) = state.gradient(images), state.gradient(images)
    assert set(first.images.unique().tolist()) == {0.0, 1.0}
    assert not torch.equal(first.images, second.images)
    grey = scaled(images[first.rows])
    assert torch.equal(first.images[grey == 0], grey[grey == 0])


def test_a_resumed_training_draws_the_same_pixels(tmp_path):
    options = {"batch_size": 50, "draw_pixels": True, "progress": False, "checkpoint_every": 4}
    whole, part = models.create("vsc", **SMALL), models.create("vsc", **SMALL)
    fit(whole, DIGITS, steps=9, **options)
    objective = part.objective

    def die(step):
        if step.number == 6:
            raise InterruptedError
        return objective(step)

    part.objective = die
    with pytest.raises(InterruptedError):
        fit(part, DIGITS, steps=9, checkpoint=tmp_path / "state", **options)
    rest = models.create("vsc", **SMALL)
    fit(rest, DIGITS, steps=9, checkpoint=tmp_path / "state", **options)
    for a, b in zip(whole.parameters(), rest.parameters(), strict=True):
        assert torch.equal(a, b)


def test_a_member_of_an_ensemble_sees_the_pixels_that_it_sees_alone():
    together = [models.create("vsc", **SMALL, seed=seed) for seed in (0, 1)]
    alone = copy.deepcopy(together)
    shared = {"steps": 8, "batch_size": 30, "draw_pixels": True, "progress": False}
    configs = [TrainingConfig(**shared, seed=seed) for seed in (5, 6)]
    fit_many(together, DIGITS, configs)
    for one, other, config in zip(together, alone, configs, strict=True):
        fit(other, DIGITS, config)
        for a, b in zip(one.parameters(), other.parameters(), strict=True):
            assert (a - b).abs().max() < 2e-4


@pytest.mark.slow
def test_a_compiled_step_takes_the_drawn_pixels():
    plain, compiled = (models.create("vae", **SMALL) for _ in range(2))
    options = {"steps": 8, "batch_size": 30, "draw_pixels": True, "progress": False}
    fit(plain, DIGITS, compile="off", **options)
    fit(compiled, DIGITS, compile="on", **options)
    for a, b in zip(plain.parameters(), compiled.parameters(), strict=True):
        assert (a - b).abs().max() < 2e-4


@pytest.mark.parametrize("how", ["static", "dynamic"])
def test_a_run_says_how_its_pixels_were_drawn(tmp_path, how):
    done = run(ask(tmp_path, binarise=how), progress=False)
    drawn = data.load("digits", binarise=how)
    assert done.experiment.stem in done.experiment.title
    assert f"binarise-{how}" in done.experiment.title
    assert done.record["dataset"] == {"name": drawn.name, "sha256": drawn.sha256}
    assert done.record["experiment"]["binarise"] == how
    expected = models.create("vae", **SMALL)
    options = {"steps": 6, "batch_size": 40, "progress": False}
    fit(expected, drawn, draw_pixels=how == "dynamic", **options)
    for a, b in zip(expected.parameters(), done.model.parameters(), strict=True):
        assert torch.equal(a, b)


def test_an_older_record_without_the_parameter_is_still_done(tmp_path):
    asked = [ask(tmp_path / "a")]
    run_many(asked, progress=False)
    path = tmp_path / "a" / "record.json"
    record = json.loads(path.read_text())
    del record["experiment"]["binarise"], record["sha256"]
    records.store(record, path)
    assert run_many(asked, progress=False) == [None]
    with pytest.raises(ConfigurationError, match="differ in binarise"):
        run_many([ask(tmp_path / "b"), ask(tmp_path / "c", binarise="static")])
