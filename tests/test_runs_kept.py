"""What keeps the work of a run: its name, its lock, how it is stopped, and what its record says."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from test_runs import FILES, SMALL, names, notebook

from vsclib import data, files, metrics, models, records, runs
from vsclib.errors import CheckpointError, ConfigurationError, DataError
from vsclib.refiner import Refinement
from vsclib.runs import Experiment, execute
from vsclib.runs.__main__ import main
from vsclib.runs.kernel import Stopped

# -------------------------------------------------------------------------------------------- names


@pytest.mark.parametrize(
    ("parameters", "name"),
    [
        ({}, "vsc-digits-seed0"),
        ({"alpha": 0.05}, "vsc-digits-alpha0.05-seed0"),
        ({"alpha": 0.01, "steps": 200, "device": "cpu", "threads": 1}, "vsc-digits-seed0"),
        ({"steps": 0}, "vsc-digits-steps0-seed0"),
        ({"steps": 20}, "vsc-digits-steps20-seed0"),
        ({"steps": 20, "gate": "relaxed", "seed": 3}, "vsc-digits-gate-relaxed-steps20-seed3"),
        ({"model": "vae", "dataset": "mnist", "epochs": 2}, "vae-mnist-epochs2-seed0"),
        ({"model": "vae", "learning_rate": 1e-3}, "vae-digits-seed0"),
        ({"measures": "quick", "checkpoint_every": 5}, "vsc-digits-seed0"),
        ({"noise": [0.3, 0.5]}, "vsc-digits-seed0"),
        ({"model": "li_han_mnist", "dataset": "mnist"}, "li_han_mnist-mnist-seed0"),
        (
            {"model": "li_han_mnist", "dataset": "mnist", "epochs": 2},
            "li_han_mnist-mnist-epochs2-seed0",
        ),
    ],
)
def test_a_default_name_holds_what_differs_from_the_defaults(parameters, name):
    assert Experiment.of(**parameters).title == name


def test_a_refinement_is_named_by_its_base():
    assert Refinement.of(base="vae-seed0", channels=8).title == "refiner-vae-seed0-channels8-seed0"
    assert Refinement.of(refiner_steps=[4]).title == "refiner-vsc-digits-seed0"


def test_a_long_name_ends_in_a_fingerprint_and_stays_a_plain_file(tmp_path):
    changed = {f"an_option_of_some_length_{k}": k for k in range(9)}
    long = [runs.default_name("a.b:C-digits", changed | {"k": k}, seed=7) for k in (1, 2)]
    assert len(set(long)) == 2 and all(len(name) <= 100 for name in long)
    assert all(name.startswith("a.b-C-digits-an_opt") and name[-6:] == "-seed7" for name in long)
    odd = runs.default_name("vae-digits", {"d": {"a/b": 1}, "t": (1, 2), "n": -0.5}, seed=0)
    for name in (*long, odd):
        runs.check_name(name)
        (tmp_path / name).mkdir()


@pytest.mark.parametrize("name", ["../../escaped", "a/b", "a\\b", "", "/tmp/x", "..", "-p", "a\nb"])
def test_a_name_cannot_leave_the_folder_of_runs(name):
    for parameters in ({"name": name}, {"base": name}):
        kind = Refinement if "base" in parameters else Experiment
        with pytest.raises(ConfigurationError, match=r"is not allowed: choose 1 to 120 letters"):
            kind.of(**parameters)


# ------------------------------------------------------------------------- what is refused at once


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"steps": 20, "epochs": 2}, "steps = 20 and epochs = 2 say the same twice: give one"),
        ({"threads": 5000}, "threads = 5000 is not allowed: choose 1 <= threads <= 1024"),
        ({"batch_size": 1434}, "batch_size = 1434 exceeds the 1433 training images of 'digits'"),
        ({"image_shape": [1, 9, 8]}, "image_shape = (1, 9, 8) is not allowed: leave it out"),
        ({"folder": ""}, "folder = '' is not allowed"),
        ({"noise": [-0.5]}, "noise = -0.5 is not allowed: choose a list, each noise >= 0 "),
        ({"noise": [0.5], "dataset": "celeba"}, "noise = [0.5] on 'celeba': leave noise empty"),
        ({"measures": "some"}, "measures = 'some' is not allowed: choose one of 'full', 'quick'"),
    ],
)
def test_what_would_fail_or_be_ignored_later_is_refused(parameters, message):
    with pytest.raises((ConfigurationError, DataError)) as caught:
        Experiment.of(**parameters)
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_epochs_are_given_on_without_the_steps_that_they_replace():
    for asked in (Experiment.of(epochs=2), Refinement.of(epochs=2)):
        assert asked.as_dict()["steps"] is None
        again = {name: v for name, v in asked.as_dict().items() if name in asked.run_parameters()}
        assert type(asked).of(**again).training(1000).steps == 2 * (1000 // asked.batch_size)


def test_a_device_that_holds_no_numbers_is_refused():
    with pytest.raises(ConfigurationError, match=r"^device = 'meta' is not available"):
        Experiment.of(device="meta").training(1000)


def test_a_full_disk_is_found_before_training(tmp_path, monkeypatch):
    monkeypatch.setattr(models.family("vae"), "objective", None)
    monkeypatch.setattr("shutil.disk_usage", lambda _: Room())
    with pytest.raises(CheckpointError, match="0 MB"):
        runs.run(Experiment.of(**SMALL, folder=str(tmp_path / "run")), progress=False)


class Room:
    total, used, free = 10**9, 10**9 - 1000, 1000


# ---------------------------------------------------------------------------------- one at a time


def test_a_second_run_in_the_same_folder_is_told_who_is_at_work(tmp_path, capsys):
    folder = tmp_path / "run"
    with files.lock(folder):
        with pytest.raises(CheckpointError, match=str(os.getpid())):
            runs.run(Experiment.of(**SMALL, folder=str(folder)), progress=False)
        flags = [flag for name, value in SMALL.items() for flag in ("-p", name, str(value))]
        assert main([*flags, "-p", "folder", str(folder)]) == 1
        shown = capsys.readouterr().err
        assert str(os.getpid()) in shown and len(shown.splitlines()) == 1
    assert names(folder) == set()
    runs.run(Experiment.of(**SMALL, folder=str(folder), measures="none"), progress=False)
    assert names(folder) == FILES


def test_a_folder_that_holds_another_run_is_left_alone(tmp_path):
    made = Experiment.of(**SMALL, folder=str(tmp_path), measures="none")
    first = runs.run(made, progress=False)
    before = {name: (tmp_path / name).read_bytes() for name in FILES}
    for changed in ({"latents": 4}, {"seed": 6}, {"batch_size": 50}, {"model": "ae"}):
        with pytest.raises(CheckpointError, match=r"holds the run with .*: choose another name"):
            runs.run(Experiment.of(**SMALL | changed, folder=str(tmp_path)), progress=False)
    assert before == {name: (tmp_path / name).read_bytes() for name in FILES}
    # What only tells how to run or what to measure, and a default that is written out, is no other.
    asked = SMALL | {"threads": 1, "beta": 1.0, "checkpoint_every": 2}
    again = runs.run(Experiment.of(**asked, folder=str(tmp_path)), progress=False)
    assert set(first.record["metrics"]) == set() and again.record["metrics"]["psnr"] > 0


# ---------------------------------------------------------------------------------------- stopping

AT_WORK = """
import time
from pathlib import Path
Path(folder, "began").touch()
try:
    time.sleep(120)
except KeyboardInterrupt:
    Path(folder, "training.safetensors").touch()
    raise
"""


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_interrupts_the_cell_and_says_how_to_go_on(tmp_path, number):
    page, folder = notebook(tmp_path / "train.ipynb", AT_WORK), tmp_path / "run"
    former = signal.getsignal(number)

    def send() -> None:
        while not (folder / "began").exists():
            time.sleep(0.05)
        time.sleep(0.2)
        os.kill(os.getpid(), number)

    threading.Thread(target=send, daemon=True).start()
    with pytest.raises(Stopped, match=r"training\.safetensors holds the training so far") as caught:
        execute(Experiment.of(folder=str(folder)), page, progress=False)
    assert caught.value.code == 128 + number
    assert names(folder) == {"began", "training.safetensors"}
    assert signal.getsignal(number) == former
    with files.lock(folder):
        pass


def test_the_command_ends_with_the_code_of_the_signal(monkeypatch, capsys):
    def stop(*_: object) -> Path:
        raise Stopped("stopped", 143)

    monkeypatch.setattr("vsclib.runs.__main__.execute", stop)
    assert main(["-p", "model", "vae"]) == 143
    assert capsys.readouterr().err == "python -m vsclib.runs: stopped\n"


def test_a_page_may_be_asked_for_by_its_folder(monkeypatch):
    asked = []
    monkeypatch.setattr("vsclib.runs.__main__.execute", lambda *given: asked.append(given[2]))
    assert main(["-p", "model", "vae", "--page", "pages"]) == 0
    assert asked == [Path("pages/vae-digits-seed0.ipynb")]


# ------------------------------------------------------------------------------------- the record


def test_a_record_holds_the_curve_of_the_training(tmp_path):
    asked = SMALL | {"steps": 450, "folder": str(tmp_path), "measures": "none"}
    done = runs.run(Experiment.of(**asked), progress=False)
    curve = records.load(tmp_path)["training"]["curve"]
    assert curve["steps"] == done.history.steps and 100 < len(curve["steps"]) <= 200
    assert set(curve["terms"]) == {"reconstruction", "kl", "total"}
    for name, values in done.history.terms.items():
        assert curve["terms"][name] == pytest.approx(values, rel=1e-5)
    # A list of numbers stays on one line.
    assert len((tmp_path / "record.json").read_text().splitlines()) < 200


def test_noise_on_the_test_images_is_recorded_when_it_is_asked_for(tmp_path):
    asked = SMALL | {"steps": 2, "folder": str(tmp_path), "measures": "none"}
    plain = runs.run(Experiment.of(**asked), progress=False)
    assert "by_noise" not in plain.record
    assert "Under noise" not in records.describe(plain.record)
    # Another visit measures the same weights.
    noisy = runs.run(Experiment.of(**asked, noise=[0.0, 0.5]), progress=False)
    rows = noisy.record["by_noise"]
    assert [(row["clipped"], row["sigma"]) for row in rows] == [
        (True, 0.0),
        (True, 0.5),
        (False, 0.0),
        (False, 0.5),
    ]
    assert rows == metrics.under_noise(noisy.model, noisy.data, [0.0, 0.5])
    assert noisy.record["experiment"]["noise"] == [0.0, 0.5]
    assert "| `test_images` | `sigma` |" in records.describe(noisy.record)


def test_a_run_without_measures_says_so_and_can_be_measured_later(tmp_path):
    asked = SMALL | {"folder": str(tmp_path)}
    record = runs.run(Experiment.of(**asked, measures="none"), progress=False).record
    assert record["metrics"] == {} and record["experiment"]["measures"] == "none"
    assert set(record["not_measured"]) == set(Experiment.definitions)
    assert set(record["not_measured"].values()) == {"no number was asked for: measures = 'none'"}
    assert records.stale(record) == {} and "measures = 'none'" in records.describe(record)
    again = runs.run(Experiment.of(**asked), progress=False).record
    assert again["not_measured"] == {} and again["metrics"]["psnr"] > 0


def test_no_step_at_all_is_a_run(tmp_path):
    asked = SMALL | {"steps": 0, "folder": str(tmp_path), "measures": "none"}
    with pytest.warns(UserWarning, match="steps = 0 trains nothing"):
        record = runs.run(Experiment.of(**asked), progress=False).record
    assert record["training"]["steps"] == 0 and record["training"]["loss"] is None
    assert record["training"]["curve"] == {"steps": [], "terms": {}}


def test_a_damaged_record_does_not_keep_a_run_from_being_repeated(tmp_path):
    asked = Experiment.of(**SMALL, folder=str(tmp_path), measures="none")
    runs.run(asked, progress=False)
    path = tmp_path / "record.json"
    path.write_text(path.read_text().replace('"latents": 3', '"latents": 9'))
    with pytest.raises(DataError, match=r"record\.json was changed after it was written"):
        records.load(path)
    assert runs.run(asked, progress=False).record["experiment"]["options"]["latents"] == 3


def test_the_records_of_runs_are_read_from_their_folders(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for seed in (1, 0):
        asked = SMALL | {"seed": seed, "measures": "none"}
        runs.run(Experiment.of(**asked), progress=False)
    runs.run(Experiment.of(**SMALL, name="mine", measures="none"), progress=False)
    found = records.read("runs")
    assert list(found) == ["mine", "vae-digits-hidden6-latents3-steps4"]
    seeds = found["vae-digits-hidden6-latents3-steps4"]
    assert [record["experiment"]["seed"] for record in seeds] == [0, 1]
    assert (
        data.load("digits").sha256
        == json.loads((tmp_path / "runs" / "mine" / "record.json").read_text())["dataset"]["sha256"]
    )


# ------------------------------------------------------------- a model and a data set of one's own

OWN = """
import numpy as np

from vsclib import data
from vsclib.configuration import Positive, configuration
from vsclib.models.vsc import VSC


class MyVSC(VSC):
    @configuration
    class Config(VSC.Config):
        strength: Positive = 1.0


def load():
    draws = np.random.default_rng(0)
    values = draws.normal(size=(300, 6)).astype(np.float32)
    labels = (values[:, 0] > 0).astype(np.int64)
    return data.from_values(values, labels, classes=("low", "high"), name="mine")
"""


@pytest.mark.slow
def test_a_model_and_data_by_import_path_are_run_and_recorded(tmp_path):
    """From the folder where they lie, as a reader starts it; real values are no pictures."""
    (tmp_path / "my_package.py").write_text(OWN)
    asked = SMALL | {"model": "my_package:MyVSC", "dataset": "my_package:load", "strength": 2.0}
    asked["likelihood"] = "gaussian_real"
    flags = [flag for name, value in asked.items() for flag in ("-p", name, str(value))]
    command = [sys.executable, "-m", "vsclib.runs", *flags, "-p", "measures", "quick"]
    subprocess.run(command, cwd=tmp_path, check=True)
    (folder,) = (tmp_path / "runs").iterdir()
    assert folder.name.startswith("my_package-MyVSC-my_package-load-hidden6-latents3-likelihood")
    assert names(folder) == FILES | {"run.ipynb"}
    record = records.load(folder)
    assert record["experiment"]["model"] == "my_package:MyVSC"
    assert record["experiment"]["dataset"] == "my_package:load"
    assert record["experiment"]["options"]["strength"] == 2.0
    assert record["metrics"]["fvu"] > 0 and "psnr" in record["not_measured"]
    assert "There are no sliders for this model" in (folder / "run.ipynb").read_text()
