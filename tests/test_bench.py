"""The benchmarks run, see what is slow as slow, and refuse what is no comparison.

Nothing here is about this machine's speed.
"""

import importlib
import json
import time

import numpy as np
import pytest
import torch
from conftest import REPOSITORY

from vsclib import data, models
from vsclib.models import TrainingStep


@pytest.fixture(autouse=True)
def repository_on_the_path(monkeypatch):
    monkeypatch.syspath_prepend(str(REPOSITORY))


def benchmark(name):
    return importlib.import_module(f"benchmarks.{name}")


class Slowed:
    """A contestant that does nothing for so many seconds of processor time."""

    def __init__(self, seconds):
        self.turn = benchmark("turns").Timed(lambda: self.work(seconds)).turn
        self.closed = False

    def work(self, seconds):
        end = time.process_time() + seconds
        while time.process_time() < end:
            pass

    def close(self):
        self.closed = True


# ------------------------------------------------------------------------------------------- turns


def test_what_is_slow_is_seen_as_slow():
    turns = benchmark("turns")
    made = {"fast": Slowed(0.002), "slow": Slowed(0.02)}
    found = turns.alternate(made, rounds=5)
    ratio = turns.times_faster(found, "fast", "slow")
    assert 5 < ratio["median"] < 20 and ratio["lowest"] <= ratio["median"] <= ratio["highest"]
    assert turns.times_faster(found, "slow", "fast")["median"] < 0.2
    assert all(len(one) == 5 for one in found.values())
    assert all(one.closed for one in made.values())


def test_a_slower_training_is_seen_as_slower(monkeypatch):
    """The library's own training with a model that waits in every step."""
    setting, ours, turns = (benchmark(name) for name in ("setting", "ours", "turns"))

    class Waiting(models.family("vae")):
        def objective(self, step: TrainingStep) -> models.Loss:
            end = time.process_time() + 0.02
            while time.process_time() < end:
                pass
            return super().objective(step)

    monkeypatch.setitem(models.registry.FAMILIES, "bench_waiting", Waiting)
    images = setting.QUICK.images()
    rest = (images, 50, 3, setting.QUICK.network(images))
    made = {name: ours.alone(name, *rest) for name in ("vae", "bench_waiting")}
    found = turns.alternate(made, rounds=3)
    assert turns.times_faster(found, "vae", "bench_waiting")["median"] > 2


def test_a_training_goes_on_from_turn_to_turn():
    setting, ours = benchmark("setting"), benchmark("ours")
    images = setting.QUICK.images()
    training = ours.alone("vae", images, 100, 20, setting.QUICK.network(images))
    turns = [training.turn() for _ in range(6)]
    training.close()
    assert not training.thread.is_alive()
    assert all(turn.steps == 20 and turn.cpu_seconds > 0 for turn in turns)
    assert turns[-1].loss < turns[0].loss - 2


def test_an_error_of_a_training_reaches_its_turn():
    setting, ours = benchmark("setting"), benchmark("ours")
    images = setting.QUICK.images()
    training = ours.alone("vae", images, 10**6, 5, setting.QUICK.network(images))
    with pytest.raises(ValueError, match="batch_size = 1000000 exceeds"):
        training.turn()


# ------------------------------------------------------------------------------- the loops are fair


@pytest.mark.parametrize("name", ["vae", "vsc"])
def test_a_plain_loop_has_the_objective_of_the_library(name):
    """The same weights give the same loss, up to the draws' share."""
    loops, quality = benchmark("loops"), benchmark("quality")
    network = {"image_shape": (1, 8, 8), "latents": 6, "hidden": 16}
    torch.manual_seed(0)
    plain = loops.PLAIN[name](64, 6, 16)
    # At its start a KL is next to nothing: let it weigh.
    plain.encoder[2].weight.data.mul_(8.0)
    model = quality.as_model(plain, models.create(name, **network))
    if name == "vsc":
        assert torch.equal(model.encoder.head.bias[12:], torch.full((6,), -2.0))
    images = torch.from_numpy(data.load("digits").train.images[:1000]).float() / 255.0
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        ours = [model.loss(TrainingStep(images, generator, 3)).total for _ in range(30)]
        theirs = [plain(images.flatten(1)) for _ in range(30)]
    ours, theirs = torch.stack(ours), torch.stack(theirs)
    error = (ours.var() / 30 + theirs.var() / 30).sqrt()
    assert abs(ours.mean() - theirs.mean()) < 5 * error


def test_all_ways_to_read_images_give_the_same_images():
    loops = benchmark("loops")
    images = data.load("digits").train.images[:40]
    found = []
    for batches in (loops.pil_batches, loops.tensor_batches, loops.whole_batches):
        stream = batches(np.ascontiguousarray(images), 10)
        epoch = torch.cat([next(stream) for _ in range(4)])
        found.append(epoch[torch.argsort(epoch @ torch.arange(64.0).sqrt())])
    assert torch.allclose(found[0], found[1]) and torch.equal(found[1], found[2])
    assert found[0].shape == (40, 64)


def test_loops_that_learn_something_else_are_refused():
    comparison = benchmark("comparison")
    rows = {"fit": {"last_loss": 100.0}, "other": {"last_loss": 102.0}}
    comparison.check_losses(rows, "vae")
    rows["other"]["last_loss"] = 104.0
    with pytest.raises(ValueError, match="'other' ends at 104 nats"):
        comparison.check_losses(rows, "vae")


def test_the_products_are_those_of_a_step():
    """Counted by PyTorch in a real step."""
    from torch.utils.flop_counter import FlopCounterMode

    products, loops = benchmark("products"), benchmark("loops")
    sizes = products.layers(64, 6, 16, heads=2)
    network = loops.PlainVAE(64, 6, 16)
    with FlopCounterMode(display=False) as counter:
        network(torch.rand(10, 64)).backward()
    assert products.operations(sizes, 10) == counter.get_total_flops()
    with FlopCounterMode(display=False) as counter:
        products.StepProducts(sizes, 10)()
    assert products.operations(sizes, 10) == counter.get_total_flops()


# -------------------------------------------------------------------------------------- the command


QUICK_PARTS = ["comparison", "products", "ensembles", "growth", "families", "ladder", "accelerator"]


@pytest.mark.slow
def test_a_quick_run_measures_every_part(tmp_path, capsys):
    command = benchmark("__main__")
    parts = [*QUICK_PARTS, "memory", "start", "quality"]
    assert set(parts) == set(command.PARTS)
    assert command.main([*parts, "--quick", "--rounds", "2", "--output", str(tmp_path)]) == 0
    record = json.loads((tmp_path / "benchmark.json").read_text(encoding="utf-8"))
    assert list(record["parts"]) == parts
    for part in record["parts"].values():
        assert (
            part["machine"]["processor"] and part["machine"]["torch"] and part["machine"]["started"]
        )
        assert part["machine"]["threads"] == 1 and part["setting"]["quick"]
    results = {name: part["result"] for name, part in record["parts"].items()}
    assert set(results["comparison"]["comparisons"]) == {"vae 100", "vae 500", "vsc 100", "vsc 500"}
    rungs = results["ladder"]["rungs"]
    ladder = benchmark("ladder")
    assert [*rungs, *results["ladder"]["skipped"]] == sorted(
        ladder.RUNGS, key=lambda rung: rung in results["ladder"]["skipped"]
    )
    assert all("times_the_rung_before" in row for row in list(rungs.values())[1:])
    assert results["families"]["seconds_per_step"]["vae 32 128 100"] > 0
    assert results["memory"]["megabytes"]["vae, 6,000 images"]["at_most"] > 100
    assert results["quality"]["rungs"]["plain loop"]["elbo"][0] < 0
    (own,) = (tmp_path / "benchmarks").iterdir()
    assert json.loads(own.read_text(encoding="utf-8"))["parts"] == record["parts"]


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["comparisn"], "no part 'comparisn'"),
        (["--rounds", "2"], "--rounds 2 is too few"),
        (["--quick"], "give --output another folder"),
    ],
)
def test_wrong_calls_are_refused_before_work(arguments, said, capsys):
    with pytest.raises(SystemExit):
        benchmark("__main__").parse(arguments)
    assert said in capsys.readouterr().err


def test_a_part_that_fails_leaves_the_others(tmp_path, monkeypatch, capsys):
    command = benchmark("__main__")

    def fail(setting):
        raise OSError("no such thing")

    monkeypatch.setattr(benchmark("products"), "measure", fail)
    parts = ["products", "accelerator"]
    assert command.main([*parts, "--quick", "--output", str(tmp_path)]) == 1
    assert list(benchmark("record").parts_of(tmp_path / "benchmark.json")) == ["accelerator"]
    assert "products failed" in capsys.readouterr().err


def test_a_later_run_keeps_what_it_does_not_measure(tmp_path):
    record = benchmark("record")
    origin = {"processor": "A Processor(R) 9", "capability": "AVX2"}
    first = record.own_file(origin, tmp_path)
    assert first.name.endswith("-a-processor-r-9-avx2.json")
    record.store("ladder", {"result": 1}, first, tmp_path)
    second = first.with_name("later.json")
    record.store("start", {"result": 2}, second, tmp_path)
    record.store("ladder", {"result": 3}, second, tmp_path)
    newest = record.parts_of(tmp_path / "benchmark.json")
    assert newest == {"ladder": {"result": 3}, "start": {"result": 2}}
    assert record.parts_of(first) == {"ladder": {"result": 1}}


def test_a_sweep_finds_the_price_of_a_step_and_whose_it_is(tmp_path):
    record, families = benchmark("record"), benchmark("families")
    assert families.key("vsc", 200, 400, 100) == "vsc 200 400 100"
    seconds = {"vsc 200 400 100": 0.01}
    found = {"result": {"seconds_per_step": seconds}, "machine": {"processor": "A"}}
    record.store("families", found, tmp_path / "own.json", tmp_path)
    record.store("start", {"machine": {"processor": "B"}}, tmp_path / "own.json", tmp_path)
    content = json.loads((tmp_path / "benchmark.json").read_text(encoding="utf-8"))
    assert content["processor"] == "A" and content["seconds_per_step"] == seconds


def test_pythae_that_cannot_be_installed_is_skipped_with_the_reason(tmp_path, monkeypatch):
    environment = benchmark("environment")
    monkeypatch.setattr(environment, "VERSION", "0.0.no")
    monkeypatch.setattr(environment.shutil, "which", lambda name: "/bin/false")
    with pytest.raises(environment.Unavailable, match="false fails"):
        environment.python_with_pythae(tmp_path / "environment")
    skipped = {}
    with benchmark("comparison").noted(skipped, "pythae's trainer"):
        raise environment.Unavailable("no network")
    assert skipped == {"pythae's trainer": "no network"}


def test_a_process_that_fails_says_why():
    processes = benchmark("processes")
    with pytest.raises(processes.ProcessFailed, match="KeyError"):
        processes.training_process({"threads": 1}).ready()


@pytest.mark.slow
def test_quality_goes_on_where_it_stopped(tmp_path, monkeypatch):
    quality, setting = benchmark("quality"), benchmark("setting")
    full = setting.Setting("digits", latents=4, hidden=8)
    monkeypatch.setattr(quality, "SEEDS", 2)
    file, trained = tmp_path / "quality.json", []

    def train(setting, images, steps, seed):
        trained.append(seed)
        if len(trained) == 3:
            raise KeyboardInterrupt
        return models.create("vae", image_shape=(1, 8, 8), latents=4, hidden=8, seed=seed)

    monkeypatch.setattr(quality, "plain", train)
    monkeypatch.setattr(quality, "fast", train)
    with pytest.raises(KeyboardInterrupt):
        quality.measure(full, file, steps=10)
    assert len(json.loads(file.read_text())) == 2
    found = quality.measure(full, file, steps=10)
    assert trained == [0, 0, 1, 1, 1]
    assert all(len(rung["elbo"]) == 2 for rung in found["rungs"].values())
    assert (
        not found["rungs"]["plain loop"]["reached"]
        or min(found["rungs"]["plain loop"]["elbo"]) >= quality.GOAL
    )
