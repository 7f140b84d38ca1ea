"""Ctrl-C, SIGTERM and SIGKILL: what was trained is kept, and goes on to the same bits."""

import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from full_disk import largest_file

from vsclib import checkpoints, data, fit, models
from vsclib.errors import CheckpointError
from vsclib.training.interruption import noted_signals

pytestmark = pytest.mark.skipif(os.name == "nt", reason="needs the signals of Unix")

SHAPE = (1, 8, 8)
IMAGES = data.load("digits").train.images[:130]


def tiny(**options) -> models.Model:
    return models.create("vsc", image_shape=SHAPE, latents=6, hidden=16, seed=2, **options)


def train(model, **options):
    return fit(model, IMAGES, **{"steps": 18, "batch_size": 30, "progress": False} | options)


def same(one, other) -> bool:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def signalled(model, step: int, number: int, times: int = 1):
    """The same model; in the middle of a step the signal comes."""
    objective = model.objective

    def interrupt(given):
        if given.number == step:
            for _ in range(times):
                os.kill(os.getpid(), number)
        return objective(given)

    model.objective = interrupt
    return model


KINDS = [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)]


@pytest.mark.parametrize(("number", "kind"), KINDS)
def test_a_signal_ends_the_step_keeps_it_and_says_where(tmp_path, capfd, number, kind):
    path, whole, resumed = tmp_path / "c.safetensors", tiny(), tiny()
    history = train(whole, checkpoint=tmp_path / "whole.safetensors")
    before = [signal.getsignal(one) for one, _ in KINDS]
    with pytest.raises(kind) as caught:
        train(signalled(tiny(), 7, number), checkpoint=path)
    assert [signal.getsignal(one) for one, _ in KINDS] == before
    line = f"interrupted after step 8 of 18; the same call goes on from {path}"
    if number == signal.SIGINT:
        assert str(caught.value) == line
    else:
        assert caught.value.code == 143
        assert capfd.readouterr().err == line + "\n"
    assert caught.value.history.steps == list(range(1, 9))
    rest = train(resumed, checkpoint=path)
    assert same(whole, resumed) and (rest.steps, rest.terms) == (history.steps, history.terms)


@pytest.mark.slow
def test_between_two_points_nothing_of_the_history_is_lost(tmp_path):
    """450 steps have a point at every third; the signal comes after step 200."""
    options = {"steps": 450, "checkpoint": tmp_path / "c.safetensors"}
    whole = train(tiny(), steps=450)
    with pytest.raises(KeyboardInterrupt) as caught:
        train(signalled(tiny(), 199, signal.SIGINT), **options)
    assert caught.value.history.steps == [*range(3, 199, 3), 200]
    rest = train(tiny(), **options)
    assert (rest.steps, rest.terms) == (whole.steps, whole.terms)


def test_without_a_checkpoint_the_history_and_the_weights_are_there():
    model = signalled(tiny(), 7, signal.SIGINT)
    with pytest.raises(KeyboardInterrupt, match=r"step 8 of 18; nothing is on disk: give") as e:
        train(model)
    assert e.value.history.steps == list(range(1, 9)) and not model.training
    assert model.trained == (8, 2)


def test_a_second_signal_ends_at_once(tmp_path):
    with pytest.raises(KeyboardInterrupt) as caught:
        train(signalled(tiny(), 7, signal.SIGINT, times=2), checkpoint=tmp_path / "c.safetensors")
    assert not hasattr(caught.value, "history")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_who_handles_a_signal_goes_on_handling_it():
    seen = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: seen.append(number))
    try:
        train(signalled(tiny(), 7, signal.SIGTERM))
    finally:
        signal.signal(signal.SIGTERM, before)
    assert seen == [signal.SIGTERM]


def test_a_training_in_a_thread_leaves_signals_alone():
    model, handlers = tiny(), []
    objective = model.objective
    model.objective = lambda s: handlers.append(signal.getsignal(signal.SIGINT)) or objective(s)
    thread = threading.Thread(target=lambda: train(model, steps=2))
    thread.start()
    thread.join()
    assert handlers == [signal.default_int_handler] * 2
    with noted_signals() as noted:
        os.kill(os.getpid(), signal.SIGTERM)
    assert noted == [signal.SIGTERM]


# ------------------------------------------------------------------------------------ at any moment


STEPS = 800


def long_training(path, pause: float = 0.003):
    """A training that takes several seconds and writes its state at every third step."""
    model = tiny(lam_until=300, kl_warm_up=500)
    objective = model.objective
    model.objective = lambda step: time.sleep(pause) or objective(step)
    how = {"checkpoint": path, "checkpoint_every": 3, "clip_norm": 50.0}
    history = train(model, steps=STEPS, validation=IMAGES[:40], **how)
    return model, history


def child(path, started) -> None:
    torch.set_num_threads(1)
    started.set()
    long_training(path)


@pytest.mark.slow
def test_twenty_kills_and_ten_interrupts_lead_to_the_same_bits(tmp_path):
    """In a process of its own: where gradients ran in threads before, no fork computes any."""
    call = "import pathlib, sys, test_interruption as t; t.interrupted(pathlib.Path(sys.argv[1]))"
    places = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    line = [sys.executable, "-c", call, str(tmp_path)]
    subprocess.run(line, check=True, env={**os.environ, "PYTHONPATH": places})


def interrupted(tmp_path: Path) -> None:
    """Each at a random moment, in the middle of a write too; nothing is left lying about."""
    path, draws = tmp_path / "c.safetensors", random.Random(4)
    context = multiprocessing.get_context("fork")
    whole, history = long_training(tmp_path / "whole.safetensors", pause=0.0)
    (tmp_path / "whole.safetensors").unlink()
    signals = [signal.SIGKILL] * 20 + [signal.SIGINT] * 10
    draws.shuffle(signals)
    codes = []
    for number in signals:
        started = context.Event()
        process = context.Process(target=child, args=(path, started))
        process.start()
        started.wait()
        time.sleep(draws.uniform(0.0, 0.3))
        os.kill(process.pid, number)
        process.join()
        codes.append(process.exitcode)
    assert codes.count(-signal.SIGKILL) == 20 and 0 not in codes
    step = json.loads(checkpoints.read_tensors(path)[1]["progress"])["step"]
    print(f"after {len(codes)} interruptions the checkpoint holds step {step} of {STEPS}")
    resumed, rest = long_training(path, pause=0.0)
    assert same(whole, resumed)
    assert (rest.steps, rest.terms) == (history.steps, history.terms)
    assert rest.validation == history.validation
    assert list(tmp_path.iterdir()) == [path]


PROGRAM = """
import sys
from vsclib import checkpoints, data, fit, models
model = models.create("vsc", image_shape=(1, 8, 8), latents=6, hidden=16, seed=2)
objective = model.objective
model.objective = lambda step: print(step.number, flush=True) or objective(step)
images = data.load("digits").train.images[:130]
fit(model, images, steps=10**6, batch_size=30, progress=False, checkpoint=sys.argv[1])
"""


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_process_that_is_asked_to_end_says_where_its_work_is(tmp_path, number):
    path = tmp_path / "c.safetensors"
    command = [sys.executable, "-c", PROGRAM, str(path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    process.stdout.readline()
    process.send_signal(number)
    _, error = process.communicate(timeout=60)
    # Parts of PyTorch make Python forget that Ctrl-C ended it: it then says 1.
    assert process.returncode in ((143,) if number == signal.SIGTERM else (-signal.SIGINT, 1))
    assert error.strip().splitlines()[-1].endswith(f"the same call goes on from {path}")
    assert path.is_file()


# -------------------------------------------------------------------------------------------- disks


def test_a_checkpoint_that_has_no_place_is_refused_before_training(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    for place in ("file/c.safetensors", "folder"):
        model = tiny()
        model.objective = None
        with pytest.raises(CheckpointError, match=r"cannot be written|is a folder"):
            train(model, checkpoint=tmp_path / place)


def test_a_disk_that_fills_is_named_with_the_step_and_the_last_state_stays(tmp_path):
    path, whole, resumed = tmp_path / "c.safetensors", tiny(), tiny()
    train(whole)
    model = tiny()
    objective = model.objective
    filling = []

    def fill(step):
        if step.number == 7:
            filling.append(largest_file(2000))
            filling[0].__enter__()
        return objective(step)

    model.objective = fill
    try:
        with pytest.raises(CheckpointError) as caught:
            train(model, checkpoint=path, checkpoint_every=5)
    finally:
        filling[0].__exit__(None, None, None)
    line = str(caught.value)
    assert line.startswith(f"step 10 of 18: {path} cannot be written (File too large)")
    assert "an earlier state there is whole" in line and "\n" not in line
    assert list(tmp_path.iterdir()) == [path]
    rest = train(resumed, checkpoint=path, checkpoint_every=5)
    assert same(whole, resumed) and np.isfinite(rest.seconds)
