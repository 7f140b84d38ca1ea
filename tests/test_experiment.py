"""An experiment: its parameters, the notebook that takes them, its folder and record, and what a
failure leaves.
"""

import ast
import dataclasses
import json
import subprocess
from pathlib import Path

import nbformat
import papermill
import pytest
import torch
from conftest import REPOSITORY, load_script

import vsclib
from vsclib import data, experiment, models
from vsclib.errors import ConfigurationError, DataError
from vsclib.experiment import (
    LEFT_OPEN,
    Experiment,
    model_parameters,
    parameters_of,
    run,
    run_parameters,
    write_record,
)

NOTEBOOK = REPOSITORY / "notebooks" / "experiments" / "train.ipynb"


def notebook(path: Path, *cells: str, without: str = "") -> Path:
    """A small notebook that takes every parameter, one perhaps left out."""
    parameters = run_parameters() | dict.fromkeys(model_parameters())
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
    assert made.title == "vsc-mnist-seed3" and made.path == Path("runs/vsc-mnist-seed3")
    assert Experiment.of(name="mine", folder="there").path == Path("there")
    assert Experiment.of(name="mine").path == Path("runs/mine")


def test_an_experiment_of_nothing_is_the_defaults():
    made = dataclasses.asdict(Experiment.of())
    assert made.pop("options") == {}
    assert (made["steps"], made["batch_size"], made["learning_rate_switch"]) == (200, 100, 0)
    assert made == {
        name: made[name] if name in LEFT_OPEN else default
        for name, default in run_parameters().items()
    }
    assert made == {
        k: v
        for k, v in dataclasses.asdict(Experiment.of(**run_parameters())).items()
        if k != "options"
    }


def test_model_parameters_are_the_options_of_all_models_and_no_others():
    for name in models.names():
        for field in dataclasses.fields(models.family(name).Config):
            assert field.name in model_parameters()
    assert not set(model_parameters()) & set(run_parameters())
    for option in model_parameters():
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
            "model 'vae' has no option 'alpha': the choices are beta, hidden",
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
    assert Experiment.of().training(1000).device in ("cpu", "cuda")
    with pytest.raises(
        ConfigurationError, match=r"^device = 'gpu' is not to be had here .*choose 'auto' or 'cpu'$"
    ):
        Experiment.of(device="gpu").training(1000)
    if not torch.cuda.is_available():
        with pytest.raises(ConfigurationError, match=r"^device = 'cuda' is not to be had here"):
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


# ------------------------------------------------------------------------ the notebook for all runs


def test_the_notebook_lists_every_parameter_with_its_default():
    cell = next(
        c for c in nbformat.read(NOTEBOOK, 4).cells if "parameters" in c.metadata.get("tags", [])
    )
    found = {}
    for statement in ast.parse(cell.source).body:
        assert isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name)
        found[statement.targets[0].id] = ast.literal_eval(statement.value)
    expected = run_parameters() | dict.fromkeys(model_parameters())
    assert found == expected
    assert {name: type(value) for name, value in found.items()} == {
        name: type(v) for name, v in expected.items()
    }
    assert set(papermill.inspect_notebook(str(NOTEBOOK))) == set(found)


def test_the_notebook_checks_its_names_before_anything_else():
    code = [cell.source for cell in nbformat.read(NOTEBOOK, 4).cells if cell.cell_type == "code"]
    assert "Experiment.of(**parameters_of(globals()))" in code[1]


@pytest.mark.slow
def test_a_run_leaves_its_page_checkpoint_model_and_record(tmp_path):
    made = Experiment.of(
        model="vae",
        steps=4,
        latents=3,
        hidden=6,
        seed=5,
        device="cpu",
        folder=str(tmp_path / "run"),
    )
    page = run(made, NOTEBOOK, progress=False)
    assert page == tmp_path / "run" / "run.ipynb"
    names = {path.name for path in page.parent.iterdir()}
    assert names == {
        "run.ipynb",
        "training.safetensors",
        "model.safetensors",
        "record.json",
        "done.json",
    }
    record = json.loads((page.parent / "record.json").read_text())
    assert record["name"] == "vae-digits-seed5" and record["training"]["steps"] == 4
    assert record["experiment"]["options"] == {"latents": 3, "hidden": 6}
    assert record["dataset"]["sha256"] == data.load("digits").sha256
    assert record["provenance"]["torch"] == torch.__version__
    assert record["metrics"]["elbo"] < 0
    loaded = vsclib.load(page.parent / "model.safetensors")
    expected = made.make_model()
    vsclib.fit(expected, data.load("digits"), steps=4, seed=5, progress=False)
    assert torch.equal(loaded.decoder.layers[0].weight, expected.decoder.layers[0].weight)


# ------------------------------------------------------------------------------------------ running


def test_a_run_gives_its_parameters_and_is_done_last(tmp_path):
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
    page = run(made, taken, tmp_path / "pages" / "mine.ipynb", progress=False)
    assert page == tmp_path / "pages" / "mine.ipynb"
    content = page.read_text()
    assert "left: []" in content
    assert str(tmp_path) not in content
    nbformat.validate(nbformat.read(page, 4))
    assert [path.name for path in folder.iterdir()] == ["done.json"] and len(
        list(page.parent.iterdir())
    ) == 1
    done = json.loads((folder / "done.json").read_text())
    assert (folder / done["page"]).samefile(page)
    assert (folder / "done.json").stat().st_mtime_ns >= page.stat().st_mtime_ns


def test_a_run_that_fails_is_not_done_and_shows_where(tmp_path):
    broken = notebook(tmp_path / "train.ipynb", "print('so far')", "raise ValueError('the reason')")
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "done.json").write_text("of a run before")
    with pytest.raises(papermill.PapermillExecutionError, match="the reason"):
        run(Experiment.of(folder=str(folder)), broken, progress=False)
    assert [path.name for path in folder.iterdir()] == ["failed.ipynb"]
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
        run(made, taken)
    assert not (tmp_path / "run").exists()


def test_a_notebook_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(
        ConfigurationError, match=r"there is no notebook .*nowhere\.ipynb: give the path of"
    ):
        run(Experiment.of(folder=str(tmp_path / "run")), tmp_path / "nowhere.ipynb")
    assert not (tmp_path / "run").exists()


# ------------------------------------------------------------------------------------------- record


def test_a_record_says_what_was_run_and_nothing_of_this_machines_folders(tmp_path):
    made = Experiment.of(
        model="vsc", alpha=0.2, image_shape=[1, 8, 8], folder=str(tmp_path), data_root=str(tmp_path)
    )
    path = write_record(made, {"elbo": -1.5, "accuracy": None}, provenance={"commit": "abc"})
    record = json.loads(path.read_text())
    assert path == tmp_path / "record.json"
    assert record["metrics"] == {"elbo": -1.5, "accuracy": None} and record["provenance"] == {
        "commit": "abc"
    }
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
    (tmp_path / "vsclib").mkdir()
    module = tmp_path / "vsclib" / "experiment.py"
    module.write_text("")
    (tmp_path / "other.txt").write_text("")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "other.txt")
    git(tmp_path, "commit", "-q", "-m", "somebody's work")
    monkeypatch.setattr(experiment, "__file__", str(module))
    assert experiment.provenance("cpu")["commit"] is None
    git(tmp_path, "add", "vsclib")
    git(tmp_path, "commit", "-q", "-m", "the library")
    head = git(tmp_path, "rev-parse", "HEAD").strip()
    assert experiment.provenance("cpu")["commit"] == head
    module.write_text("changed")
    assert experiment.provenance("cpu")["commit"] == f"{head} with changes"


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
