"""Runs that train as one ensemble leave what the same runs leave alone."""

import pytest
import torch
from test_runs import names

from vsclib import files, records
from vsclib.errors import CheckpointError, ConfigurationError, TrainingError
from vsclib.refiner import Refinement
from vsclib.runs import Experiment, run, run_many
from vsclib.runs import together as module

FILES = {"model.safetensors", "record.json", "done.json"}


@pytest.fixture
def ask(tmp_path):
    """An experiment of a small VSC, in a folder of that name."""

    def make(folder: str, **parameters) -> Experiment:
        given = {"model": "vsc", "latents": 4, "hidden": 12, "steps": 12, "batch_size": 40}
        given |= {"measures": "quick", "threads": 1, "device": "cpu"} | parameters
        return Experiment.of(**given, folder=str(tmp_path / folder))

    return make


def stamps(folder) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}


def test_a_member_is_the_same_run_alone(ask, tmp_path):
    different = [{"seed": 3, "alpha": 0.1}, {"seed": 4, "alpha": 0.3, "learning_rate": 3e-3}]
    done = run_many([ask(f"m{k}", **one) for k, one in enumerate(different)], progress=False)
    assert names(tmp_path / "m0") == FILES | {"together.safetensors"}
    assert names(tmp_path / "m1") == FILES
    for k, one in enumerate(different):
        alone, record = run(ask(f"a{k}", **one), progress=False), records.load(tmp_path / f"m{k}")
        for a, b in zip(alone.model.parameters(), done[k].model.parameters(), strict=True):
            torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)
        assert record["experiment"] == alone.record["experiment"]
        assert record["definitions"] == alone.record["definitions"]
        for name, number in record["metrics"].items():
            other = alone.record["metrics"][name]
            assert number == (None if other is None else pytest.approx(other, rel=1e-3)), name
        assert record["training"]["steps"] == 12 and record["training"]["together"] == 2
        assert "together" not in alone.record["training"]
        assert record["training"]["curve"]["steps"] == alone.record["training"]["curve"]["steps"]


def test_what_is_done_stays_and_what_is_not_is_made_without_training(ask, tmp_path, monkeypatch):
    asked = [ask("m0"), ask("m1", seed=1)]
    first = run_many(asked, progress=False)
    before = stamps(tmp_path / "m0")
    (tmp_path / "m1" / "done.json").unlink()
    # What is not done is measured; training ended with the checkpoint that lies there.
    kept = (tmp_path / "m1" / "model.safetensors").read_bytes()
    again = run_many(asked, progress=False)
    assert again[0] is None and again[1].record["metrics"] == first[1].record["metrics"]
    assert (tmp_path / "m1" / "model.safetensors").read_bytes() == kept
    after = stamps(tmp_path / "m0")
    assert {name: after[name] for name in FILES} == {name: before[name] for name in FILES}
    monkeypatch.setattr(module, "fit_many", None)
    assert run_many(asked, progress=False) == [None, None]
    # Other measures are another record.
    assert not module.is_done(ask("m0", measures="none"))


def test_one_that_diverges_is_named_and_the_others_are_done(ask, tmp_path):
    asked = [ask("m0", learning_rate=1e30), ask("m1", seed=1)]
    with pytest.raises(TrainingError, match=r"seed0 \(.*\): all others are done") as caught:
        run_many(asked, progress=False)
    assert "\n" not in str(caught.value)
    assert FILES <= names(tmp_path / "m1") and not FILES & names(tmp_path / "m0")


def test_what_cannot_train_together_is_refused_before_anything_is_written(ask, tmp_path):
    for other, message in (
        ({"dataset": "smiley"}, r"differ in dataset = 'digits', 'smiley': an ensemble shares it"),
        ({"threads": 2}, r"differ in threads = 1, 2"),
        ({"model": "vae"}, r"differ in model = 'vsc', 'vae'"),
    ):
        with pytest.raises(ConfigurationError, match=message):
            run_many([ask("m0"), ask("m1", **other)], progress=False)
    with pytest.raises(ConfigurationError, match="m0 is the folder of two experiments"):
        run_many([ask("m0"), ask("m0", seed=1)], progress=False)
    with pytest.raises(ConfigurationError, match=r"experiments = \[\] is not allowed"):
        run_many([])
    with pytest.raises(ConfigurationError, match="a refinement trains alone: call run"):
        run_many([Refinement.of(folder=str(tmp_path / "m0"))])
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ConfigurationError, match="configs differ in steps = 12, 13"):
        run_many([ask("m0"), ask("m1", steps=13)], progress=False)


def test_a_member_in_use_is_named_and_no_other_is_touched(ask, tmp_path):
    run(ask("m0"), progress=False)
    before = stamps(tmp_path / "m0")
    with files.lock(tmp_path / "m1"):
        with pytest.raises(CheckpointError, match="m1 is in use by process"):
            run_many([ask("m0"), ask("m1", seed=1)], progress=False)
    assert stamps(tmp_path / "m0") == before
    with files.lock(tmp_path / "m0"):
        pass
