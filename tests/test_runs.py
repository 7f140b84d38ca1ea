"""Runs: their parameters, the files that they leave however they are started, and what a failure
leaves.
"""

import ast
import dataclasses
import json
import re
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import papermill
import psutil
import pytest
import torch
from conftest import REPOSITORY, load_script

import vsclib
from vsclib import checkpoints, data, models, records, runs
from vsclib.errors import CheckpointError, ConfigurationError, DataError
from vsclib.metrics import Evaluation
from vsclib.refiner import Refinement
from vsclib.runs import LEFT_OPEN, Experiment, execute, parameters_of, write_record
from vsclib.runs.__main__ import main

NOTEBOOKS = REPOSITORY / "notebooks" / "experiments"
NOTEBOOK = NOTEBOOKS / "train.ipynb"
FILES = {"training.safetensors", "model.safetensors", "record.json", "done.json"}
SMALL = {"model": "vae", "steps": 4, "latents": 3, "hidden": 6, "seed": 5, "device": "cpu"}


def names(folder: Path) -> set[str]:
    """The files that a run has left; a hidden one is its lock, or what a killed one was writing."""
    return {path.name for path in folder.iterdir() if not path.name.startswith(".")}


def notebook(path: Path, *cells: str, without: str = "") -> Path:
    """A small notebook that takes every parameter, one perhaps left out."""
    parameters = Experiment.run_parameters() | dict.fromkeys(Experiment.option_names())
    lines = [f"{name} = {value!r}" for name, value in parameters.items() if name != without]
    made = nbformat.v4.new_notebook()
    made.metadata["kernelspec"] = {
        "name": "python3",
        "display_name": "Python 3",
        "language": "python",
    }
    made.cells = [nbformat.v4.new_code_cell(text) for text in ("\n".join(lines), *cells)]
    made.cells[0].metadata["tags"] = ["parameters"]
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(made, path)
    return path


# --------------------------------------------------------------------------------------- parameters


def test_flat_parameters_become_a_run_and_its_models_options():
    made = Experiment.of(
        model="vsc", dataset="mnist", seed=3, alpha=0.05, gate="relaxed", beta=None
    )
    assert (made.model, made.dataset, made.seed) == ("vsc", "mnist", 3)
    assert made.options == {"alpha": 0.05, "gate": "relaxed"}
    assert made.title == "vsc-mnist-alpha0.05-gate-relaxed-seed3"
    assert made.path == Path("runs") / made.title
    assert Experiment.of(name="mine", folder="there").path == Path("there")
    assert Experiment.of(name="mine").path == Path("runs/mine")


def test_an_experiment_of_nothing_is_the_defaults():
    made = dataclasses.asdict(Experiment.of())
    assert made.pop("options") == {}
    assert (made["steps"], made["batch_size"], made["learning_rate_switch"]) == (200, 100, 0)
    assert made == {
        name: made[name] if name in LEFT_OPEN else default
        for name, default in Experiment.run_parameters().items()
    }
    assert made == {
        k: v
        for k, v in dataclasses.asdict(Experiment.of(**Experiment.run_parameters())).items()
        if k != "options"
    }


def test_option_names_are_the_options_of_all_models_and_no_others():
    for name in models.names():
        for field in dataclasses.fields(models.family(name).Config):
            assert field.name in Experiment.option_names()
    assert not set(Experiment.option_names()) & set(Experiment.run_parameters())
    for option in Experiment.option_names():
        assert any(
            hasattr(models.create(name, image_shape=(1, 8, 8)).config, option)
            for name in models.names()
        )


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"modle": "vsc"}, "no parameter 'modle': did you mean 'model'?"),
        ({"learning_rat": 0.1}, "no parameter 'learning_rat': did you mean 'learning_rate'?"),
        ({"latent": 3}, "no parameter 'latent': did you mean 'latents'?"),
        ({"alhpa": None}, "no parameter 'alhpa': did you mean 'alpha'?"),
        ({"options": {}}, "no parameter 'options'"),
        ({"model": "vcs"}, "no model 'vcs': did you mean 'vsc'?"),
        (
            {"model": "vae", "alpha": 0.1},
            "model 'vae' has no option 'alpha': the choices are beta, ",
        ),
        ({"model": "ae", "beta": 1.0}, "model 'ae' has no option 'beta'"),
        (
            {"model": "short_run", "sigma2": 0.1},
            "model 'short_run' has no option 'sigma2': did you mean 'sigma'?",
        ),
        ({"alpha": 0.0}, "model 'vsc': alpha = 0.0 is not allowed: choose 0 < alpha < 1"),
        ({"steps": -1}, "experiment: steps = -1 is not allowed: choose steps >= 0"),
        (
            {"seed": 2**31},
            "experiment: seed = 2147483648 is not allowed: choose 0 <= seed < 2147483648",
        ),
        (
            {"steps": "many"},
            "experiment: steps = 'many' is not allowed: choose steps >= 0 (a whole number)",
        ),
        ({"batch_size": 0}, "experiment: batch_size = 0 is not allowed: choose batch_size >= 1"),
        ({"seed": None}, "experiment: seed = None is not allowed: choose 0 <= seed < 2147483648"),
        (
            {"lam_begin": 5, "lam_until": 2},
            "lam_until = 2 comes before lam_begin = 5: choose lam_until >= lam_begin",
        ),
        (
            {"model": "sparse_generator", "sigma2": 2.0},
            "sigma2 = 2 exceeds sigma1 = 1: choose 0 < sigma2 <= sigma1",
        ),
        (
            {"model": "sparse_generator", "alpha": 0.5, "alpha_start": 0.2},
            "choose alpha <= alpha_start <= 1",
        ),
    ],
)
def test_mistakes_are_refused_by_name(parameters, message):
    with pytest.raises(ConfigurationError) as caught:
        Experiment.of(**parameters)
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_an_unknown_data_set_is_refused_with_the_nearest():
    with pytest.raises(DataError, match="'minst': did you mean 'mnist'"):
        Experiment.of(dataset="minst")


def test_the_model_is_made_for_the_data_set():
    made = Experiment.of(model="vae", dataset="smiley", latents=7, hidden=5, seed=4).make_model()
    assert made.image_shape == (1, 32, 32) and made.latents == 7
    again = models.create("vae", image_shape=(1, 32, 32), latents=7, hidden=5, seed=4)
    assert torch.equal(made.decoder.layers[0].weight, again.decoder.layers[0].weight)
    # Papermill's lists count as the tuples that they stand for.
    assert Experiment.of(image_shape=[1, 8, 8]).make_model().image_shape == (1, 8, 8)


def test_how_to_train_follows_from_the_experiment():
    assert Experiment.of(model="vae").training(1000).learning_rate == 1e-3
    assert Experiment.of(model="sparse_generator").training(1000).learning_rate == 1e-4
    assert Experiment.of(learning_rate=0.5).training(1000).learning_rate == 0.5
    assert Experiment.of(steps=7).training(1000).steps == 7
    # 1,050 images in batches of 100 are ten steps an epoch.
    config = Experiment.of(
        epochs=3, batch_size=100, seed=9, folder="there", checkpoint_every=11
    ).training(1050)
    assert (config.steps, config.seed, config.checkpoint_every) == (30, 9, 11)
    assert Path(config.checkpoint) == Path("there/training.safetensors")


def test_a_device_that_is_not_there_is_refused_before_training():
    assert Experiment.of(device="cpu").training(1000).device == "cpu"
    assert Experiment.of().training(1000).device in ("cpu", "cuda:0")
    with pytest.raises(
        ConfigurationError, match=r"^device = 'gpu' is not available .*choose 'cpu' or 'auto'$"
    ):
        Experiment.of(device="gpu").training(1000)
    if not torch.cuda.is_available():
        with pytest.raises(ConfigurationError, match=r"^device = 'cuda' is not available"):
            Experiment.of(device="cuda").training(1000)


def test_parameters_of_a_notebook_are_its_plain_values():
    namespace = {
        "In": ["a"],
        "Out": {},
        "_hidden": 1,
        "__name__": "x",
        "json": json,
        "Path": Path,
        "print": print,
        "model": "vsc",
        "steps": 3,
        "alpha": 0.1,
        "epochs": None,
        "image_shape": [1, 2, 3],
        "typo": True,
    }
    expected = ("model", "steps", "alpha", "epochs", "image_shape", "typo")
    assert parameters_of(namespace) == {name: namespace[name] for name in expected}


# --------------------------------------------------------------------------- the notebooks for runs


@pytest.mark.parametrize("name", runs.kinds())
def test_a_notebooks_parameter_cell_is_the_one_that_its_options_give(name):
    """After a change of options: python notebooks/parameters.py"""
    kind = runs.kinds()[name]
    cells = nbformat.read(NOTEBOOKS / f"{name}.ipynb", 4).cells
    (stored,) = [one for one in cells if "parameters" in one.metadata.get("tags", [])]
    assert stored.source == runs.cell(kind)
    found = {
        statement.targets[0].id: ast.literal_eval(statement.value)
        for statement in ast.parse(stored.source).body
    }
    assert found == kind.run_parameters() | dict.fromkeys(kind.option_names())
    assert set(papermill.inspect_notebook(str(NOTEBOOKS / f"{name}.ipynb"))) == set(found)
    assert kind.of(**found) == kind.of()
    assert "None keeps the default" in stored.source


def test_a_new_option_changes_the_cell_and_is_written_by_no_hand(tmp_path, monkeypatch):
    @dataclasses.dataclass
    class Config:
        momentum: float = 0.5

    page = notebook(tmp_path / "mine.ipynb", "print(model)")
    monkeypatch.setattr(models.family("vae"), "Config", Config)
    runs.write_cell(Experiment, page)
    assert "momentum = None" in nbformat.read(page, 4).cells[0].source
    content = json.loads(page.read_text())
    content["cells"][0]["metadata"]["tags"] = []
    page.write_text(json.dumps(content))
    with pytest.raises(ConfigurationError, match=r"mine\.ipynb has no parameter cell: tag one"):
        runs.write_cell(Experiment, page)


@pytest.mark.parametrize("name", runs.kinds())
def test_the_notebook_makes_one_call_before_anything_else(name):
    code = [
        one.source
        for one in nbformat.read(NOTEBOOKS / f"{name}.ipynb", 4).cells
        if one.cell_type == "code"
    ]
    kind = runs.kinds()[name].__name__
    assert re.search(rf"^run = runs\.run\([\w.]*{kind}\.asked_for\(globals\(\)\)\)$", code[1], re.M)
    assert not any("write_record" in source or "fit(" in source for source in code)


def test_a_notebook_as_it_is_asks_for_a_taste_and_any_name_for_itself():
    given = Experiment.run_parameters() | dict.fromkeys(Experiment.option_names())
    assert Experiment.asked_for(given) == Experiment.of(**Experiment.taste)
    assert Experiment.asked_for(given | {"seed": 1}) == Experiment.of(seed=1)
    assert Refinement.asked_for(Refinement.run_parameters()) == Refinement.of()
    with pytest.raises(ConfigurationError, match="no parameter 'sede': did you mean 'seed'"):
        Experiment.asked_for(given | {"sede": 1})


# ------------------------------------------------------------------------------------- what it does


def test_a_run_leaves_its_checkpoint_model_and_record_and_is_done_last(tmp_path):
    made = Experiment.of(**SMALL, folder=str(tmp_path / "run"))
    done = runs.run(made, progress=False)
    assert names(tmp_path / "run") == FILES and done.path == tmp_path / "run" / "record.json"
    record = done.record
    assert record == records.load(done.path) and record["schema"] == records.SCHEMA
    assert (
        record["name"] == "vae-digits-hidden6-latents3-steps4-seed5"
        and record["training"]["steps"] == 4
    )
    assert record["experiment"]["options"] == {"latents": 3, "hidden": 6}
    assert record["dataset"]["sha256"] == data.load("digits").sha256
    assert record["provenance"]["torch"] == torch.__version__
    assert record["metrics"]["elbo"] < 0 and record["metrics"]["threshold"] is None
    assert record["not_measured"] == {} and records.stale(record) == {}
    loaded = vsclib.load(tmp_path / "run" / "model.safetensors")
    expected = made.make_model()
    vsclib.fit(expected, data.load("digits"), steps=4, seed=5, progress=False)
    for model in (loaded, done.model):
        assert torch.equal(model.decoder.layers[0].weight, expected.decoder.layers[0].weight)
    ages = {name: (tmp_path / "run" / name).stat().st_mtime_ns for name in FILES}
    assert max(ages, key=ages.get) == "done.json"


def test_a_finished_run_is_measured_again_and_not_trained_again(tmp_path, monkeypatch):
    made = Experiment.of(**SMALL, folder=str(tmp_path))
    first = runs.run(made, progress=False)
    monkeypatch.setattr(type(first.model), "objective", None)
    second = runs.run(made, progress=False)
    assert second.record["metrics"] == first.record["metrics"] and names(tmp_path) == FILES
    with pytest.raises(CheckpointError, match=r"holds the run with steps = 4, not 5: choose anoth"):
        runs.run(Experiment.of(**SMALL | {"steps": 5}, folder=str(tmp_path)), progress=False)


def test_a_run_that_dies_between_training_and_record_is_measured_next_time(tmp_path, monkeypatch):
    made = Experiment.of(**SMALL, folder=str(tmp_path))

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    def run_and_die() -> None:
        with monkeypatch.context() as patch:
            patch.setattr(Experiment, "measure", die)
            with pytest.raises(KeyboardInterrupt):
                runs.run(made, progress=False)

    run_and_die()
    assert names(tmp_path) == FILES - {"record.json", "done.json"}
    weights = vsclib.load(tmp_path / "model.safetensors").state_dict()
    runs.run(made, progress=False)
    assert names(tmp_path) == FILES
    again = vsclib.load(tmp_path / "model.safetensors").state_dict()
    assert all(torch.equal(value, again[name]) for name, value in weights.items())
    run_and_die()
    assert names(tmp_path) == FILES - {"done.json"}


def leave_by_call(folder: Path) -> None:
    runs.run(Experiment.of(**SMALL, folder=str(folder)), progress=False)


def leave_by_papermill(folder: Path) -> None:
    flags = [flag for name, value in SMALL.items() for flag in ("-p", name, str(value))]
    command = [sys.executable, "-m", "papermill", "--no-progress-bar", str(NOTEBOOK), "out.ipynb"]
    subprocess.run([*command, *flags, "-p", "folder", str(folder)], cwd=folder.parent, check=True)
    assert (folder.parent / "out.ipynb").is_file()


def leave_by_make(folder: Path) -> None:
    """What ``make book`` and ``make train`` call."""
    page = folder.parent / "page.ipynb"
    flags = [flag for name, value in SMALL.items() for flag in ("-p", name, str(value))]
    assert main(["--page", str(page), *flags, "-p", "folder", str(folder)]) == 0
    assert page.is_file()


def leave_by_reproduce(folder: Path) -> None:
    """What ``results/reproduce.py`` calls for every run that it lists."""
    script = load_script("results/reproduce.py")
    script.HERE = folder.parent / "clone" / "results"
    settings = {name: value for name, value in SMALL.items() if name != "seed"}
    settings |= {"title": "A title", "seeds": [5], "folder": str(folder)}
    script.reproduce("mine", settings, 5, threads=1)
    kept = folder.parent / "clone" / "results" / "mine-seed5.json"
    assert records.load(kept) == records.load(folder / "record.json")
    page = folder.parent / "clone" / "book" / "runs" / "mine.ipynb"
    assert nbformat.read(page, 4).cells[0].source.startswith("# A title\n")
    assert page.is_file()
    (folder / "run.ipynb").unlink()


@pytest.mark.slow
@pytest.mark.parametrize(
    "leave", [leave_by_call, leave_by_papermill, leave_by_make, leave_by_reproduce]
)
def test_every_way_to_run_leaves_the_same_files(leave, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    leave(tmp_path / "run")
    assert names(tmp_path / "run") == FILES
    expected = Experiment.of(**SMALL).make_model()
    vsclib.fit(expected, data.load("digits"), steps=4, seed=5, progress=False)
    found = vsclib.load(tmp_path / "run" / "model.safetensors").state_dict()
    assert all(torch.equal(found[name], value) for name, value in expected.state_dict().items())


@pytest.mark.slow
def test_a_run_killed_in_its_training_goes_on_to_the_same_weights(tmp_path):
    asked = {"model": "vae", "steps": 1500, "checkpoint_every": 20, "device": "cpu", "threads": 1}
    command = [sys.executable, "-m", "papermill", "--no-progress-bar", str(NOTEBOOK), "out.ipynb"]
    flags = [flag for name, value in asked.items() for flag in ("-p", name, str(value))]
    process = psutil.Popen([*command, *flags], cwd=tmp_path)
    folder = tmp_path / "runs" / "vae-digits-steps1500-seed0"
    limit = time.monotonic() + 240
    while not (folder / "training.safetensors").is_file() and time.monotonic() < limit:
        time.sleep(0.05)
    running = [*process.children(recursive=True), process]
    for one in running:
        one.kill()
    psutil.wait_procs(running)
    assert names(folder) == {"training.safetensors"}
    _, metadata = checkpoints.read_tensors(folder / "training.safetensors")
    assert 20 <= json.loads(metadata["progress"])["step"] < 1500
    resumed = runs.run(Experiment.of(**asked, folder=str(folder)), progress=False)
    whole = runs.run(Experiment.of(**asked, folder=str(tmp_path / "whole")), progress=False)
    for name, value in whole.model.state_dict().items():
        assert torch.equal(resumed.model.state_dict()[name], value)
    assert resumed.record["metrics"] == whole.record["metrics"]


# ------------------------------------------------------------------------------------------ running


@pytest.mark.slow
def test_a_notebook_gets_the_parameters_and_its_page_a_name_at_last(tmp_path):
    """The notebook's own cells see the parameters, no done file, and no page yet."""
    check = """
import json, os
assert (model, steps, alpha, image_shape, beta) == ("vsc", 12, 0.05, [1, 8, 8], None)
assert os.path.samefile(data_root, os.path.join(os.pardir, "images"))
print("left:", sorted(name for name in os.listdir(folder) if not name.startswith(".")))
"""
    taken = notebook(tmp_path / "notebooks" / "train.ipynb", check)
    (tmp_path / "images").mkdir()
    folder = tmp_path / "run"
    folder.mkdir()
    for leftover in ("done.json", "failed.ipynb"):
        (folder / leftover).write_text("of a run before")
    made = Experiment.of(
        steps=12,
        alpha=0.05,
        image_shape=[1, 8, 8],
        folder=str(folder),
        data_root=str(tmp_path / "images"),
    )
    page = execute(made, taken, tmp_path / "pages" / "mine.ipynb", progress=False)
    assert page == tmp_path / "pages" / "mine.ipynb"
    content = page.read_text()
    assert "left: []" in content
    assert str(tmp_path) not in content
    nbformat.validate(nbformat.read(page, 4))
    assert names(folder) == set() and names(page.parent) == {"mine.ipynb"}


@pytest.mark.slow
def test_a_run_that_fails_is_not_done_and_shows_where(tmp_path):
    broken = notebook(tmp_path / "train.ipynb", "print('so far')", "raise ValueError('the reason')")
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "done.json").write_text("of a run before")
    with pytest.raises(papermill.PapermillExecutionError, match="the reason"):
        execute(Experiment.of(folder=str(folder)), broken, progress=False)
    assert names(folder) == {"failed.ipynb"}
    content = (folder / "failed.ipynb").read_text()
    assert "so far" in content and "the reason" in content


def test_a_parameter_that_the_notebook_does_not_take_is_refused_before_it_starts(tmp_path):
    taken = notebook(
        tmp_path / "train.ipynb", "raise AssertionError('it started')", without="alpha"
    )
    made = Experiment.of(alpha=0.2, folder=str(tmp_path / "run"))
    with pytest.raises(
        ConfigurationError, match=r"^train\.ipynb takes no parameter 'alpha': did you mean 'alpha_"
    ):
        execute(made, taken)
    assert not (tmp_path / "run").exists()


def test_a_notebook_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(
        ConfigurationError, match=r"there is no notebook .*nowhere\.ipynb: give the path of"
    ):
        execute(Experiment.of(folder=str(tmp_path / "run")), tmp_path / "nowhere.ipynb")
    assert not (tmp_path / "run").exists()


# ------------------------------------------------------------------------------- the command line


def test_the_command_takes_what_papermill_takes(tmp_path, monkeypatch, capsys):
    asked = []

    def keep(experiment: Experiment, path: Path, page: str | None) -> Path:
        asked.append((experiment, path, page))
        return Path("page.ipynb")

    monkeypatch.setattr("vsclib.runs.__main__.execute", keep)
    assert main(["-p", "model", "vsc", "-p", "alpha", "0.2", "-p", "epochs", "None"]) == 0
    assert main(["--notebook", "refine", "-p", "refiner_steps", "[2, 4]", "--page", "a.ipynb"]) == 0
    assert main([]) == 0
    assert asked[0] == (Experiment.of(model="vsc", alpha=0.2), NOTEBOOK, None)
    assert asked[1] == (Refinement.of(refiner_steps=[2, 4]), NOTEBOOKS / "refine.ipynb", "a.ipynb")
    assert asked[2][0] == Experiment.of(**Experiment.taste)
    assert "the page is page.ipynb" in capsys.readouterr().out


def test_the_command_refuses_in_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    broken = notebook(tmp_path / "mine.ipynb", "raise ValueError('the reason')")
    for arguments, message in (
        (["-p", "modle", "vae"], "an experiment has no parameter 'modle': did you mean 'model'?"),
        (["-p", "steps", "-1"], "experiment: steps = -1 is not allowed"),
        (["--notebook", "nothing"], "there is no notebook"),
        (
            ["--notebook", str(broken), "-p", "seed", "7"],
            "ValueError: the reason; see runs/vsc-dig",
        ),
    ):
        assert main(arguments) == 1
        shown = capsys.readouterr().err.strip().splitlines()[-1]
        assert shown.startswith(f"python -m vsclib.runs: {message}"), shown
    assert names(tmp_path / "runs" / "vsc-digits-seed7") == {"failed.ipynb"}


# ------------------------------------------------------------------------------------------- record


def test_a_record_says_what_was_run_and_nothing_of_this_machines_folders(tmp_path):
    made = Experiment.of(
        model="vsc", alpha=0.2, image_shape=[1, 8, 8], folder=str(tmp_path), data_root=str(tmp_path)
    )
    found = Evaluation({"elbo": -1.5, "threshold": None}, {"accuracy": "no labels"})
    path = write_record(made, found, provenance={"commit": "abc"})
    record = json.loads(path.read_text())
    assert path == tmp_path / "record.json"
    assert record["metrics"] == {"elbo": -1.5, "threshold": None}
    assert record["not_measured"] == {"accuracy": "no labels"}
    assert set(record["definitions"]) == {"elbo", "threshold"}
    assert record["provenance"] == {"commit": "abc"}
    assert record["experiment"]["options"] == {"alpha": 0.2, "image_shape": [1, 8, 8]}
    assert str(tmp_path) not in path.read_text()
    again = {k: v for k, v in record["experiment"].items() if k != "options"} | record[
        "experiment"
    ]["options"]
    assert Experiment.of(**again).options == made.options


def git(folder: Path, *arguments: str) -> str:
    name = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
    return subprocess.run(
        ["git", *name, *arguments], cwd=folder, capture_output=True, text=True, check=True
    ).stdout


def test_the_commit_of_a_result_is_the_librarys_own(tmp_path, monkeypatch):
    """Not that of a repository in which an installed copy of the library happens to lie."""
    module = tmp_path / "vsclib" / "runs" / "provenance.py"
    module.parent.mkdir(parents=True)
    module.write_text("")
    (tmp_path / "other.txt").write_text("")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "other.txt")
    git(tmp_path, "commit", "-q", "-m", "somebody's work")
    monkeypatch.setattr(sys.modules["vsclib.runs.provenance"], "__file__", str(module))
    assert runs.provenance("cpu")["commit"] is None
    git(tmp_path, "add", "vsclib")
    git(tmp_path, "commit", "-q", "-m", "the library")
    head = git(tmp_path, "rev-parse", "HEAD").strip()
    assert runs.provenance("cpu")["commit"] == head
    module.write_text("changed")
    assert runs.provenance("cpu")["commit"] == f"{head} with changes"


# ----------------------------------------------------------------------------- the runs of the book


@pytest.fixture(scope="module")
def reproduce():
    return load_script("results/reproduce.py")


def test_every_run_behind_the_book_is_a_valid_experiment(reproduce):
    runs = reproduce.listing()
    assert runs
    for name, settings in runs.items():
        assert settings["title"] and settings["seeds"]
        assert reproduce.experiment_of(name, settings, seed=1).title == f"{name}-seed1"
        assert settings.get("base", name) in runs


def test_an_unknown_run_is_refused_by_name(reproduce, capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["reproduce.py", "vae-mnits"])
    assert reproduce.main() == 1
    assert capsys.readouterr().err.startswith(
        "reproduce.py: there is no run 'vae-mnits': did you mean 'vae-mnist'?"
    )
