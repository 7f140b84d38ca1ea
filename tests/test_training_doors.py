"""The doors of fit: validation, callbacks, optimisers and schedulers by name, clipped gradients."""

import csv
import sys
import types

import numpy as np
import pytest
import torch

from vsclib import data, fit, load, models
from vsclib.errors import CheckpointError, ConfigurationError, TrainingError
from vsclib.models import TrainingStep
from vsclib.training import callbacks
from vsclib.training.config import stream
from vsclib.training.optimization import OPTIMIZERS, SCHEDULERS

SHAPE = (1, 8, 8)
DIGITS = data.load("digits")
IMAGES, HELD_OUT = DIGITS.train.images[:130], DIGITS.test.images[:50]


def tiny(name: str = "vae", **options) -> models.Model:
    return models.create(
        name, **{"image_shape": SHAPE, "latents": 6, "hidden": 16, "seed": 2} | options
    )


def train(model: models.Model, images=IMAGES, **options):
    return fit(model, images, **{"steps": 18, "batch_size": 30, "progress": False} | options)


def same(one: models.Model, other: models.Model) -> bool:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


class Killed(Exception):
    """Stands for whatever ends a run."""


class KillAt:
    """A callback that ends the run at a step."""

    def __init__(self, step: int) -> None:
        self.step = step

    def record(self, progress) -> None:
        if progress.step == self.step and progress.model is not None:
            raise Killed


# --------------------------------------------------------------------------------------- validation


def test_validation_is_the_loss_of_held_out_images_in_eval_mode():
    """Against the loss by hand: the same draws, in the same parts, at the place of the last step."""
    model = tiny(kl_warm_up=40)
    history = train(model, validation=DIGITS.test._replace(images=HELD_OUT))
    assert len(history.validation["total"]) == len(history.steps) == 18
    draws = torch.Generator().manual_seed(stream(0, "validation"))
    x, totals = data.to_tensor(HELD_OUT), 0.0
    for part in (x[:25], x[25:]):
        totals += 25 * model.loss(TrainingStep(part, draws, 17)).total.item()
    assert history.validation["total"][-1] == pytest.approx(totals / 50, rel=1e-5)
    terms = [values[-1] for name, values in history.validation.items() if name != "total"]
    assert sum(terms) == pytest.approx(history.validation["total"][-1], rel=1e-5)


class Dropping(models.family("ae")):
    """An autoencoder that says in which mode it was asked."""

    def objective(self, step):
        self.asked = [*getattr(self, "asked", []), (self.training, len(step.images))]
        return super().objective(step)


def test_validation_asks_in_eval_mode_and_training_goes_on_in_training_mode():
    model = Dropping.build("ae", {"image_shape": SHAPE, "latents": 3, "hidden": 8})
    train(model, steps=2, validation=HELD_OUT)
    assert model.asked == [(True, 30), (False, 25), (False, 25)] * 2


@pytest.mark.parametrize("name", ["vsc", "abp", "short_run", "top_k", "beta_tcvae"])
def test_looking_does_not_change_a_training(tmp_path, name):
    options = {"inference_steps": 2} if name in ("abp", "short_run") else {}
    one, two = tiny(name, **options), tiny(name, **options)
    history = train(one)
    logs = [callbacks.CSVLog(tmp_path / "log.csv"), callbacks.BestWeights(tmp_path / "best")]
    seen = train(two, validation=HELD_OUT[:31], callbacks=logs)
    assert same(one, two) and seen.terms == history.terms
    assert history.validation == {} and np.isfinite(seen.validation["total"]).all()


def test_a_validation_loss_that_is_no_number_ends_the_training():
    model = tiny()
    objective = model.objective

    def spoil(step):
        if not model.training:
            raise ConfigurationError("alpha = nan is no probability")
        return objective(step)

    model.objective = spoil
    with pytest.raises(TrainingError, match=r"alpha = nan .* at step 1: lower learning_rate"):
        train(model, validation=HELD_OUT)


# ---------------------------------------------------------------------------------------- callbacks


def rows(path) -> list[dict]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_csv_log_holds_the_history_once_after_a_kill_too(tmp_path):
    path, options = tmp_path / "log.csv", {"checkpoint_every": 5, "validation": HELD_OUT}
    with pytest.raises(Killed):
        train(
            tiny(),
            callbacks=[callbacks.CSVLog(path), KillAt(13)],
            checkpoint=tmp_path / "c.safetensors",
            **options,
        )
    assert len(rows(path)) == 13
    log = [callbacks.CSVLog(path)]
    history = train(tiny(), callbacks=log, checkpoint=tmp_path / "c.safetensors", **options)
    found = rows(path)
    assert [int(row["step"]) for row in found] == list(range(1, 19)) == history.steps
    for name, values in history.terms.items():
        assert [float(row[name]) for row in found] == values
        assert [float(r[f"validation_{name}"]) for r in found] == history.validation[name]
    train(tiny(), steps=3, callbacks=log)
    assert len(rows(path)) == 3


def test_a_log_that_cannot_be_written_is_refused_before_training(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(CheckpointError, match="cannot be written"):
        callbacks.CSVLog(tmp_path / "file" / "log.csv")


def losses(*values: float) -> list[callbacks.Progress]:
    return [callbacks.Progress(s, 99, {"total": v}, {}, None) for s, v in enumerate(values)]


def test_early_stopping_waits_for_its_patience():
    stopping = callbacks.EarlyStopping(patience=3, least_gain=0.1)
    told = [stopping.record(progress) for progress in losses(5, 4, 3.95, 4, 3.8, 3.9, 3.9, 3.75)]
    assert told == [False] * 7 + [True]
    # Another training, which begins at step 0 again, is counted from the start.
    assert [stopping.record(progress) for progress in losses(9, 9, 9, 9)] == [False] * 3 + [True]


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"patience": 0}, "patience = 0 is not allowed: choose patience >= 1"),
        ({"patience": 1, "least_gain": -1.0}, "least_gain = -1 .* least_gain >= 0"),
        ({"patience": 1, "least_gain": np.nan}, "least_gain = nan"),
    ],
)
def test_early_stopping_refuses_what_it_cannot_do(options, part):
    with pytest.raises(ConfigurationError, match=part):
        callbacks.EarlyStopping(**options)


def test_a_term_that_is_not_there_is_refused():
    with pytest.raises(
        ConfigurationError, match=r"term = 'loss' .*choose one of kl, reconstruction"
    ):
        train(tiny(), callbacks=[callbacks.EarlyStopping(2, term="loss")])


class StopAt:
    def __init__(self, step: int) -> None:
        self.step, self.told = step, []

    def record(self, progress) -> bool:
        self.told.append((progress.step, progress.model is not None))
        return progress.step >= self.step


def test_a_training_that_was_ended_early_stays_ended(tmp_path):
    path, first, again = tmp_path / "c.safetensors", tiny(), tiny()
    history = train(first, callbacks=[StopAt(7)], checkpoint=path)
    assert history.steps == list(range(1, 8)) and first.trained == (7, 1)
    ended = StopAt(7)
    assert train(again, callbacks=[ended], checkpoint=path).steps == history.steps
    assert same(first, again) and ended.told == [(step, False) for step in range(1, 8)]
    whole, longer = tiny(), tiny()
    train(whole)
    train(longer, callbacks=[StopAt(99)], checkpoint=path)
    assert same(whole, longer)


def test_early_stopping_counts_on_after_a_kill(tmp_path):
    """On the same records the resumed training ends where the unbroken one does."""
    make = lambda: callbacks.EarlyStopping(patience=2, term="kl")  # noqa: E731
    path, options = tmp_path / "c.safetensors", {"learning_rate": 0.05, "checkpoint_every": 2}
    whole = train(tiny(), callbacks=[make()], steps=60, learning_rate=0.05)
    assert 4 < len(whole.steps) < 60
    with pytest.raises(Killed):
        end = len(whole.steps) - 1
        train(tiny(), callbacks=[make(), KillAt(end)], steps=60, checkpoint=path, **options)
    rest = train(tiny(), callbacks=[make()], steps=60, checkpoint=path, **options)
    assert (rest.steps, rest.terms) == (whole.steps, whole.terms)


def test_the_best_weights_are_those_of_the_lowest_validation_loss(tmp_path):
    path, model = tmp_path / "best.safetensors", tiny("ae")
    kept = {}

    class Keep:
        def record(self, progress) -> None:
            weights = {k: v.clone() for k, v in progress.model.state_dict().items()}
            kept[progress.step] = progress.validation["total"], weights

    # From step 9 on steps are so large that they overshoot: the lowest loss is not the last one.
    options = {"learning_rate_end": 3.0, "learning_rate_switch": 9, "validation": HELD_OUT}
    train(model, callbacks=[callbacks.BestWeights(path), Keep()], **options)
    lowest = min(kept, key=lambda step: kept[step][0])
    best = load(path)
    assert lowest < 18 and best.trained == (lowest, lowest // 4)
    assert all(
        torch.equal(value, kept[lowest][1][name]) for name, value in best.state_dict().items()
    )


def test_tensorboard_says_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(ConfigurationError, match=r"needs the package tensorboard.*pip install"):
        callbacks.TensorBoard(tmp_path)


def test_tensorboard_gets_every_curve_once(tmp_path, monkeypatch):
    """A writer that stands in for the package: what it is given, by the calls that it documents."""
    given = []

    class SummaryWriter:
        def __init__(self, log_dir: str, purge_step: int) -> None:
            given.append(("new", log_dir, purge_step))

        def add_scalar(self, tag: str, scalar_value: float, global_step: int) -> None:
            given.append((tag, scalar_value, global_step))

        def flush(self) -> None:
            pass

    module = types.ModuleType("torch.utils.tensorboard")
    module.SummaryWriter = SummaryWriter
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    board = callbacks.TensorBoard(tmp_path)
    history = train(tiny("ae"), steps=4, callbacks=[board], validation=HELD_OUT)
    assert given[0] == ("new", str(tmp_path), 0)
    curve = [call[1:] for call in given if call[0] == "validation/total"]
    assert curve == list(zip(history.validation["total"], history.steps, strict=True))
    assert {call[0] for call in given[1:]} == {
        f"{kind}/{name}"
        for kind in ("training", "validation")
        for name in ("reconstruction", "total")
    }


# -------------------------------------------------------------------------- optimisers and schedules


def by_hand(optimizer, scheduler=None, clip=None) -> models.Model:
    """Eighteen steps with PyTorch alone."""
    model = tiny("ae")
    made = optimizer(model.parameters())
    planned = scheduler and scheduler(made)
    seen, objective = [], model.objective
    spy = tiny("ae")
    spy.objective = lambda step: seen.append(step.images) or objective(step)
    train(spy)
    model.train()
    for images in seen:
        made.zero_grad()
        model.objective(TrainingStep(images, torch.Generator())).total.backward()
        if clip:
            torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
        made.step()
        if planned:
            planned.step()
    return model


def test_an_optimiser_a_schedule_and_a_clipped_gradient_are_pytorchs():
    model = tiny("ae")
    train(
        model,
        learning_rate=0.01,
        optimizer="SGD",
        optimizer_options={"momentum": 0.9, "nesterov": True},
        scheduler="CosineAnnealingLR",
        scheduler_options={"T_max": 18},
        clip_norm=3.0,
    )
    other = by_hand(
        lambda weights: torch.optim.SGD(weights, 0.01, momentum=0.9, nesterov=True),
        lambda made: torch.optim.lr_scheduler.CosineAnnealingLR(made, 18),
        3.0,
    )
    assert same(model, other)


SCHEDULER_OPTIONS = {
    "steplr": {"step_size": 3},
    "multisteplr": {"milestones": [4, 9]},
    "exponentiallr": {"gamma": 0.9},
    "cosineannealinglr": {"T_max": 18},
    "cosineannealingwarmrestarts": {"T_0": 5},
    "cycliclr": {"base_lr": 1e-4, "max_lr": 1e-2, "step_size_up": 4, "cycle_momentum": False},
    "onecyclelr": {"max_lr": 0.01, "total_steps": 18},
    "swalr": {"swa_lr": 0.01},
}


def resumed(tmp_path, **options) -> bool:
    """Whether a training that was killed ends where an unbroken one does."""
    path, whole, part = tmp_path / "c.safetensors", tiny(), tiny()
    train(whole, **options)
    with pytest.raises(Killed):
        how = {"checkpoint": path, "checkpoint_every": 4}
        train(tiny(), callbacks=[KillAt(11)], **how, **options)
    history = train(part, **how, **options)
    return same(whole, part) and history.steps == list(range(1, 19)) and not same(whole, tiny())


@pytest.mark.slow
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimiser_resumes_exactly(tmp_path, name):
    assert resumed(tmp_path, optimizer=name, learning_rate=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("name", SCHEDULERS)
def test_every_scheduler_resumes_exactly(tmp_path, name):
    options = SCHEDULER_OPTIONS.get(name, {})
    assert resumed(tmp_path, scheduler=name, scheduler_options=options, clip_norm=20.0)


def test_momentum_and_a_scheduler_that_moves_it_resume_exactly(tmp_path):
    options = {"max_lr": 0.01, "total_steps": 18, "base_momentum": 0.5}
    sgd = {"optimizer": "sgd", "optimizer_options": {"momentum": 0.9}}
    assert resumed(tmp_path, scheduler="OneCycleLR", scheduler_options=options, **sgd)


def test_a_schedule_that_is_too_short_is_said_so():
    options = {"max_lr": 0.01, "total_steps": 5}
    with pytest.raises(ConfigurationError, match=r"OneCycleLR goes no further .*to the last step"):
        train(tiny(), scheduler="onecyclelr", scheduler_options=options)
