"""Sweeps: what their files may say, what they cost, and that no kill loses more than one run's minutes."""

import contextlib
import importlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import tomllib
from pathlib import Path

import pytest
from conftest import REPOSITORY, require

from vsclib import files, records
from vsclib.errors import ConfigurationError, VsclibError
from vsclib.training import History

pytestmark = pytest.mark.skipif(os.name == "nt", reason="a workflow wants Unix")

SWEEPS = REPOSITORY / "sweeps"
SNAKEMAKE = REPOSITORY / ".sweep-venv" / "bin" / "snakemake"

TINY = """
title = "Tiny"
[base]
dataset = "digits"
batch_size = 50
hidden = 16
measures = "quick"
[axes]
latents = [4, 6]
[[cases]]
title = "VAE"
model = "vae"
[[cases]]
title = "VSC"
model = "vsc"
alpha = 0.1
[sizes.laptop]
steps = 20
seeds = [0]
[sizes.full]
steps = 40
seeds = [0, 1]
[resources]
mem_mb = 500
"""


@pytest.fixture
def scripts(monkeypatch):
    """The modules of sweeps/ by name."""
    monkeypatch.syspath_prepend(str(SWEEPS))
    return lambda name: importlib.import_module(name)


@pytest.fixture
def tiny(tmp_path) -> Path:
    path = tmp_path / "tiny.toml"
    path.write_text(TINY)
    return path


@pytest.fixture
def planned(scripts, tiny, tmp_path, monkeypatch):
    """Make a plan without timing anything: a step takes a millisecond."""
    monkeypatch.setattr(scripts("cost"), "timed", lambda experiment: 1e-3)

    def make(text: str = TINY, size: str = "laptop") -> tuple[dict, str]:
        tiny.write_text(text)
        return scripts("plan").make(str(tiny), size, tmp_path / "pages", tmp_path / "sweeps")

    return make


def do(scripts, monkeypatch, plan: dict, job: str) -> int:
    """Do one job of a plan in this process."""
    file = Path(plan["folder"]) / "plan.json"
    monkeypatch.setattr("sys.argv", ["work.py", str(file), job])
    return scripts("work").main()


# ------------------------------------------------------------------------------ what a file may say


def test_a_sweep_is_the_product_of_cases_axes_and_seeds(scripts, tiny):
    read = scripts("cells").read
    laptop, full = read(tiny, "laptop"), read(tiny, "full")
    asked = [(cell.case, cell.parameters["latents"]) for cell in laptop.cells]
    assert asked == [("VAE", 4), ("VAE", 6), ("VSC", 4), ("VSC", 6)]
    assert len(full.cells) == 8 and {cell.experiment.steps for cell in full.cells} == {40}
    assert {cell.experiment.seed for cell in full.cells} == {0, 1}
    assert len({cell.experiment.title for cell in full.cells}) == 8
    assert laptop.resources == {"threads": 1, "mem_mb": 500, "gpu": 0, "runtime": 0}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"vsc"', '"vcs"', "there is no model 'vcs': did you mean 'vsc'?"),
        ("alpha =", "alhpa =", "no parameter 'alhpa': did you mean 'alpha'?"),
        ("latents =", "latnets =", "no parameter 'latnets': did you mean 'latents'?"),
        ("[sizes.full]", "[sizes.huge]", "[sizes] has no 'huge': the choices are full, laptop"),
        ("[axes]", "[axis]", "the file has no 'axis': did you mean 'axes'?"),
        ("mem_mb", "memory", "[resources] has no 'memory': "),
        ("mem_mb = 500", "gpu = 2", "gpu = 2 is not allowed: a run takes 0 or 1"),
        ("mem_mb = 500", "threads = 0", "threads = 0 is not allowed: choose threads >= 1"),
        ('"digits"', '"digit"', "did you mean 'digits'?"),
        ('model = "vae"', 'model = "vae"\nalpha = 0.1', "model 'vae' has no option 'alpha'"),
        ("alpha = 0.1", "alpha = 1.5", "alpha = 1.5 is not allowed: choose 0 < alpha < 1"),
        ("[4, 6]", "[4, 4]", "-latents4-steps20-seed0 is asked for twice: take one"),
        ("[4, 6]", "[]", "latents = [] is not allowed: give a list of values"),
        ("hidden = 16", "latents = 4", "latents is an axis and fixed too: take one of them out"),
        ("hidden = 16", "seed = 1", "seed is not for here: give seeds in [sizes]"),
        ("hidden = 16", "hidden = ", "this is no TOML"),
        ("batch_size = 50", "batch_size = 5_000", "exceeds the 1433 training images"),
        ('title = "Tiny"', "together = 3", "together = 3 is not allowed: choose true or false"),
        # At the size that is not asked for, too.
        ("seeds = [0, 1]", "seds = [0, 1]", "no parameter 'seds': did you mean 'seed'?"),
        (
            "[resources]",
            '[[pages]]\nmodel = "vae"\ntitle = "A"\n[resources]',
            "[[pages]] with model = 'vae' describes 2 runs: give the values of one, and a title",
        ),
    ],
)
def test_what_is_wrong_in_a_file_is_said_in_one_line(scripts, tiny, old, new, message):
    assert old in TINY
    tiny.write_text(TINY.replace(old, new))
    with pytest.raises(ConfigurationError) as caught:
        scripts("cells").read(tiny, "laptop")
    said = str(caught.value)
    assert message in said and said.startswith("tiny.toml: ") and "\n" not in said


def test_an_unknown_sweep_or_size_is_refused(scripts, tiny):
    with pytest.raises(ConfigurationError, match="there is no sweep 'accuracy-latent': did you"):
        scripts("cells").file_of("accuracy-latent")
    with pytest.raises(ConfigurationError, match="there is no size 'lap': did you mean 'laptop'"):
        scripts("cells").read(tiny, "lap")


def test_every_sweep_of_the_repository_can_be_read(scripts):
    cells = scripts("cells")
    found = {
        (path.stem, size): cells.read(path, size)
        for path in SWEEPS.glob("*.toml")
        for size in cells.SIZES
    }
    first = found["accuracy-latents", "laptop"]
    assert len(first.cells) == 28 and len(found["accuracy-latents", "full"].cells) == 140
    assert {(c.experiment.steps, c.experiment.batch_size) for c in first.cells} == {(3000, 100)}
    assert all(cell.experiment.measures == "full" for cell in first.cells)


def test_what_runs_a_sweep_is_named_alike_everywhere():
    """The extra, the file that its environment is made from, and the lock."""
    settings = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    lines = (SWEEPS / "requirements.txt").read_text(encoding="utf-8").splitlines()
    wanted = [line for line in lines if line and not line.startswith("#")]
    assert wanted == settings["project"]["optional-dependencies"]["sweep"]
    lock = (SWEEPS / "requirements.lock").read_text(encoding="utf-8")
    assert all(re.search(rf"^{re.split('[<>=]', one)[0]}==", lock, re.M) for one in wanted)


# ---------------------------------------------------------------------------------- what it costs


def test_the_cost_is_steps_times_seconds_and_what_a_run_takes_beside(scripts, planned):
    cost = scripts("cost")
    plan, said = planned()
    beside = cost.START + cost.MEASURES["quick"] * (364 / 10_000) * 64 / 784
    assert [job["seconds"] for job in plan["jobs"]] == [round(0.02 + beside, 1)] * 4
    hours = 4 * (0.02 + beside) / 3600
    assert f"in all {hours:.2f} core-hours (4 shapes timed here)" in said
    assert "to go: 4 of 4 runs" in said
    assert all(job["runtime"] == 10 for job in plan["jobs"])


def test_the_benchmarks_figures_count_where_they_were_taken_here(scripts, tmp_path, monkeypatch):
    cost, path = scripts("cost"), tmp_path / "benchmark.json"
    monkeypatch.setattr(cost, "timed", lambda experiment: 0.5)
    asked = {"dataset": "mnist", "hidden": 300, "latents": 20, "model": "vsc", "alpha": 0.2}
    known = scripts("cells").Experiment.of(**asked)
    other = scripts("cells").Experiment.of(**asked, gamma_form="relu")
    for machine, expected in ((cost.processor(), 0.25), ("another processor", 0.5)):
        content = {"processor": machine, "seconds_per_step": {"vsc 20 300 100": 0.25}}
        path.write_text(json.dumps(content))
        costs = cost.Costs(tmp_path / "timings.json", path)
        # A model of other parts is another shape, which the benchmark has not timed.
        assert (costs.step(known), costs.step(other)) == (expected, 0.5)
    assert cost.Costs(tmp_path / "timings.json", tmp_path / "none.json").step(known) == 0.5


def test_a_timing_is_that_of_a_step(scripts, monkeypatch):
    """The first steps of a process, which load what the others find loaded, do not count."""
    cost, asked = scripts("cost"), []

    def train(model, images, config):
        asked.append(config.steps)
        return History([], {}, (1.0 if len(asked) == 1 else 0.0) + 0.002 * config.steps)

    monkeypatch.setattr(cost, "fit", train)
    experiment = scripts("cells").Experiment.of(model="vae", dataset="digits", steps=10_000)
    assert cost.timed(experiment) == pytest.approx(0.002)
    assert max(asked) * 0.002 >= cost.SECONDS and sum(asked) < 2_000


# ------------------------------------------------------------------------------------ doing a job


@pytest.mark.slow
def test_a_job_leaves_what_a_run_leaves_and_is_not_done_twice(
    scripts, planned, monkeypatch, capsys
):
    plan, _ = planned()
    job = plan["jobs"][0]
    folder, marked = Path(job["runs"][0]["folder"]), Path(plan["folder"], "finished", job["name"])
    assert do(scripts, monkeypatch, plan, job["name"]) == 0 and marked.is_file()
    made = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert {"training.safetensors", "model.safetensors", "record.json", "done.json"} <= set(made)
    assert records.load(folder)["experiment"]["threads"] == 1
    marked.unlink()
    assert do(scripts, monkeypatch, plan, job["name"]) == 0 and marked.is_file()
    assert "is finished" in capsys.readouterr().out
    assert made == {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    # The marks follow the runs: other measures are asked for, so that the run counts as unfinished.
    again, said = planned(TINY.replace('"quick"', '"none"'))
    assert again["jobs"][0]["name"] == job["name"] and not marked.exists()
    assert "to go: 4 of 4 runs" in said
    _, said = planned()
    assert marked.is_file() and "to go: 3 of 4 runs" in said


def test_a_held_folder_is_waited_for(scripts, tmp_path, monkeypatch, capsys):
    work, order = scripts("work"), []
    monkeypatch.setattr(work, "PAUSE", 0.02)
    with files.lock(tmp_path / "run"):
        waiting = threading.Thread(
            target=lambda: (work._wait(tmp_path / "run"), order.append("free"))
        )
        waiting.start()
        time.sleep(0.3)
        order.append("held")
    waiting.join(10)
    assert order == ["held", "free"]
    assert f"in use by process {os.getpid()}" in capsys.readouterr().out


def test_two_jobs_get_two_gpus_and_a_third_waits(scripts, tmp_path, monkeypatch):
    work, plan = scripts("work"), scripts("plan")
    monkeypatch.setattr(work, "PAUSE", 0.02)
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,5")
    assert plan.gpus() == ["2", "5"]
    monkeypatch.setattr(plan, "gpus", lambda: ["2", "5"])
    third = []

    def wait() -> None:
        with work._gpu(1, tmp_path):
            third.append(os.environ["CUDA_VISIBLE_DEVICES"])

    with work._gpu(1, tmp_path):
        assert os.environ["CUDA_VISIBLE_DEVICES"] == "2"
        with work._gpu(1, tmp_path):
            assert os.environ["CUDA_VISIBLE_DEVICES"] == "5"
            waiting = threading.Thread(target=wait)
            waiting.start()
            time.sleep(0.2)
            assert third == []
        waiting.join(10)
        assert third == ["5"]
    with work._gpu(0, tmp_path):
        assert os.environ["CUDA_VISIBLE_DEVICES"] == ""
    monkeypatch.setattr(plan, "gpus", list)
    with pytest.raises(ConfigurationError, match="this machine has none"), work._gpu(1, tmp_path):
        pass


def test_a_machine_without_a_gpu_refuses_before_anything_is_written(planned, tmp_path, scripts):
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(ConfigurationError, match=r"gpu = 1 is asked for a run and 0 are here"):
        planned(TINY.replace("mem_mb = 500", "gpu = 1"))
    assert not (tmp_path / "sweeps").exists()
    made, _ = scripts("plan").make(
        str(tmp_path / "tiny.toml"), "laptop", None, tmp_path / "sweeps", here=False
    )
    assert {job["gpu"] for job in made["jobs"]} == {1}


@pytest.mark.slow
def test_a_chosen_run_becomes_a_page(scripts, planned, tmp_path, monkeypatch):
    page = '[[pages]]\ntitle = "A small VAE"\nmodel = "vae"\nlatents = 4\nseed = 0\n[resources]'
    plan, _ = planned(TINY.replace("[resources]", page))
    job = plan["jobs"][0]
    assert [bool(job["runs"][0]["page"]) for job in plan["jobs"]] == [True, False, False, False]
    assert do(scripts, monkeypatch, plan, job["name"]) == 0
    executed = json.loads((tmp_path / "pages" / f"{job['name']}.ipynb").read_text())
    assert "".join(executed["cells"][0]["source"]).startswith("# A small VAE")
    assert records.load(job["runs"][0]["folder"])["training"]["steps"] == 20


# ---------------------------------------------------------------------------------------- together


def test_runs_whose_shapes_agree_are_one_job(scripts, planned):
    """Seeds and numbers may differ, shapes and pages not; and only where the file says so."""
    text = TINY.replace("[base]", "together = true\n[base]")
    text += '[[cases]]\nmodel = "vsc"\nalpha = 0.3\n[[cases]]\nmodel = "vsc"\ngate = "relaxed"\n'
    text += '[[cases]]\nmodel = "abp"\n'
    text += '[[pages]]\ntitle = "A"\nmodel = "vsc"\nalpha = 0.1\nlatents = 4\nseed = 0\n'
    plan, _ = planned(text, "full")
    jobs = [sorted(run["name"] for run in job["runs"]) for job in plan["jobs"]]
    sizes = sorted(map(len, jobs))
    # 2 latent sizes and seeds of 5 cases; the family abp trains alone, and one VSC has a page.
    assert sum(sizes) == 20 and sizes == [1, 1, 1, 1, 1, 2, 2, 2, 2, 3, 4]
    (largest,) = [job for job in plan["jobs"] if len(job["runs"]) == 4]
    asked = [run["parameters"] for run in largest["runs"]]
    assert {(one["latents"], one["model"]) for one in asked} == {(6, "vsc")}
    assert {one["alpha"] for one in asked} == {0.1, 0.3}
    assert largest["name"].endswith("-and-3")
    assert largest["seconds"] == pytest.approx(2 * plan["jobs"][0]["seconds"], abs=0.2)
    plan, _ = planned(text.replace("together = true", "together = false"), "full")
    assert len(plan["jobs"]) == 20


@pytest.mark.slow
def test_a_job_of_several_runs_is_one_training(scripts, planned, monkeypatch, capsys):
    plan, _ = planned(TINY.replace("[base]", "together = true\n[base]"), "full")
    (job, *_) = plan["jobs"]
    assert len(job["runs"]) == 2 and do(scripts, monkeypatch, plan, job["name"]) == 0
    for one in job["runs"]:
        assert records.load(one["folder"])["training"]["together"] == 2
    assert scripts("finished").mark(plan) == 1
    assert do(scripts, monkeypatch, plan, job["name"]) == 0
    assert f"{job['name']} is finished" in capsys.readouterr().out


# -------------------------------------------------------------------------------------- gathering


@pytest.mark.slow
def test_the_records_of_a_sweep_are_gathered(scripts, planned, tmp_path, monkeypatch):
    gather, target = scripts("gather").gather, tmp_path / "results"
    plan, _ = planned()
    given = (str(tmp_path / "tiny.toml"), ["laptop", "full"], tmp_path / "sweeps", target)
    with pytest.raises(VsclibError, match=r"no run of .* is finished"):
        gather(*given)
    for job in plan["jobs"][:3]:
        assert do(scripts, monkeypatch, plan, job["name"]) == 0
    assert gather(*given).endswith("tiny.json: laptop: 3 of 4 runs")
    found = json.loads((target / "tiny.json").read_text())["sizes"]["laptop"]
    assert found["missing"] == [plan["jobs"][3]["name"]] and len(found["cells"]) == 3
    cell, record = found["cells"][2], records.load(plan["jobs"][2]["runs"][0]["folder"])
    assert (cell["case"], cell["parameters"]["latents"]) == ("VSC", 4)
    assert cell["metrics"] == record["metrics"] and record["definitions"] == found["definitions"]
    assert cell["provenance"]["torch"] == record["provenance"]["torch"]
    monkeypatch.setattr(records, "stale", lambda record: {"psnr": records.Standing.REDEFINED})
    with pytest.raises(VsclibError, match=r"psnr follow an older definition: delete its done.json"):
        gather(*given)


# ------------------------------------------------------------------------------- the whole workflow

KILLED = """
title = "Killed"
[base]
dataset = "digits"
model = "vae"
hidden = 16
measures = "quick"
checkpoint_every = 100
[[cases]]
steps = 10
[[cases]]
steps = 4_000
[[cases]]
steps = 3_000
[sizes.laptop]
[sizes.full]
"""


def sweep(file: Path, runs: Path, *more: str) -> list[str]:
    command = [sys.executable, str(SWEEPS / "sweep.py"), str(file), "laptop", "--runs", str(runs)]
    return [*command, "--snakemake", str(SNAKEMAKE), *more]


@pytest.fixture(scope="module")
def kept(tmp_path_factory) -> dict[str, str]:
    """An environment whose processes compile PyTorch's sources once."""
    place = {"PYTHONPYCACHEPREFIX": str(tmp_path_factory.mktemp("bytecode"))}
    return os.environ | place | {"PYTHONDONTWRITEBYTECODE": ""}


def wait_for(condition, seconds: float = 240.0):
    """What the condition gives once it gives something."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError("it did not happen in time")


def holder(folder: Path) -> int | None:
    """The process that holds a run's folder."""
    try:
        found = re.match(r"process (\d+) ", (folder / ".lock").read_text())
    except OSError:
        return None
    return int(found[1]) if found else None


def times(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in folder.glob("*.*")}


def said(log: Path, words: str) -> bool:
    """Whether a job's log says so; Snakemake deletes it when the job begins again."""
    return log.is_file() and words in log.read_text()


@pytest.mark.slow
def test_killing_a_run_or_the_workflow_loses_that_runs_minutes_only(
    scripts, planned, tmp_path, monkeypatch, kept
):
    require(SNAKEMAKE.is_file(), "Snakemake is not installed: make .sweep-venv/.installed")
    plan, _ = planned(KILLED)
    file, runs = tmp_path / "tiny.toml", tmp_path / "sweeps"
    done, killed, orphan = (Path(job["runs"][0]["folder"]) for job in plan["jobs"])
    log, other = (Path(plan["folder"]) / "logs" / f"{one.name}.log" for one in (killed, orphan))
    assert do(scripts, monkeypatch, plan, plan["jobs"][0]["name"]) == 0
    before, left, second = times(done), None, None

    with open(tmp_path / "driver.txt", "w") as output:
        driver = subprocess.Popen(sweep(file, runs), stdout=output, stderr=output, env=kept)
    try:
        # A run is killed: the workflow starts it again, and it goes on from its checkpoint.
        first = wait_for(lambda: (killed / "training.safetensors").exists() and holder(killed))
        os.kill(first, signal.SIGKILL)
        left = wait_for(lambda: holder(orphan))
        os.kill(left, signal.SIGSTOP)
        second = wait_for(lambda: (pid := holder(killed)) != first and pid)
        assert said(log, "goes on from its checkpoint")
        # The workflow is killed, and one of its two runs with it; the other one lives on, alone.
        driver.kill()
        driver.wait()
        os.kill(second, signal.SIGKILL)
        second = None
        assert not (killed / "done.json").exists() and not (orphan / "done.json").exists()
        with open(tmp_path / "again.txt", "w") as output:
            driver = subprocess.Popen(sweep(file, runs), stdout=output, stderr=output, env=kept)
        wait_for(lambda: said(other, f"in use by process {left}"))
        os.kill(left, signal.SIGCONT)
        assert driver.wait(240) == 0, (tmp_path / "again.txt").read_text()
    finally:
        driver.kill()
        for process in filter(None, (left, second)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
    assert said(log, "goes on from its checkpoint")
    # The orphan's own work was taken over: nobody went on in its place.
    assert not said(other, "goes on") and times(done) == before
    made = [records.load(folder)["training"]["steps"] for folder in (done, killed, orphan)]
    assert made == [10, 4_000, 3_000]

    all_before = [times(folder) for folder in (done, killed, orphan)]
    last = subprocess.run(sweep(file, runs), capture_output=True, text=True, env=kept)
    assert last.returncode == 0 and "to go: 0 of 3 runs" in last.stdout
    assert [times(folder) for folder in (done, killed, orphan)] == all_before


@pytest.mark.slow
def test_a_dry_run_says_the_cost_and_trains_nothing(tmp_path, tiny, kept):
    require(SNAKEMAKE.is_file(), "Snakemake is not installed: make .sweep-venv/.installed")
    given = sweep(tiny, tmp_path / "sweeps", "--dry-run", "--profile", "slurm")
    outcome = subprocess.run(given, capture_output=True, text=True, env=kept)
    assert outcome.returncode == 0, outcome.stderr
    assert "to go: 4 of 4 runs" in outcome.stdout and "core-hours" in outcome.stdout
    assert re.search(r"work +4", outcome.stdout + outcome.stderr)
    assert list(tmp_path.glob("sweeps/tiny/laptop/v*")) == []


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ([], "tiny.toml: there is no model 'vea': did you mean 'vae'?"),
        (["--profile", "slrum"], "there is no profile 'slrum': give local or slurm"),
        (["--cores", "0"], "cores = 0 is not allowed: choose 1 to "),
    ],
)
def test_the_command_refuses_in_one_line(
    scripts, tmp_path, tiny, monkeypatch, capsys, more, message
):
    tiny.write_text(TINY.replace('"vae"', '"vea"'))
    monkeypatch.setattr("sys.argv", [*sweep(tiny, tmp_path / "sweeps")[1:], *more])
    assert scripts("sweep").main() == 1
    out, err = capsys.readouterr()
    assert out == "" and message in err and len(err.splitlines()) == 1
    assert not (tmp_path / "sweeps").exists()


def test_a_second_workflow_of_the_same_sweep_is_refused(scripts, tmp_path):
    scripts("sweep")._hold(tmp_path)
    with pytest.raises(VsclibError, match="is in use by another workflow: wait until it ends"):
        scripts("sweep")._hold(tmp_path)
