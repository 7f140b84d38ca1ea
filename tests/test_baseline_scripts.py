"""results/controls.py and results/linear.py: what they measure, and that they go on where they stopped."""

import json

import numpy as np
import pytest
from conftest import REPOSITORY, load_script
from sklearn.linear_model import LogisticRegression

from vsclib import data


def small() -> data.DataSet:
    """The digits with few images for training: the classifiers are what takes the time."""
    whole = data.load("digits")
    train = [rows[:300] for rows in whole.train[:2]]
    return whole._replace(train=data.Split(*train, None))


DIGITS = small()
FEW = ("--sets", "digits", "--latents", "8", "--seeds", "0")


def script(name, tmp_path, monkeypatch):
    # As Python does for a script: what lies beside it can be imported.
    monkeypatch.syspath_prepend(str(REPOSITORY / "results"))
    module = load_script(f"results/{name}.py")
    monkeypatch.setattr(module, "TARGET", tmp_path / f"{name}.json")
    monkeypatch.setattr(module.data, "load", lambda name: DIGITS)
    return module


def call(module, monkeypatch, *arguments):
    monkeypatch.setattr("sys.argv", [module.TARGET.name, *FEW, *arguments])
    assert module.main() == 0
    return json.loads(module.TARGET.read_text())["sets"]["digits"]


@pytest.mark.slow
def test_controls_are_pixels_and_untrained_codes(tmp_path, monkeypatch, capsys):
    module = script("controls", tmp_path, monkeypatch)
    found = call(module, monkeypatch, "--families", "vae", "vsc")
    lines, names = found["lines"], [f"untrained-{one}-8-latents-seed0" for one in ("vae", "vsc")]
    assert found["sha256"] == DIGITS.sha256 and set(lines) == {"raw-pixels", *names}
    x, x_test = (half.images.reshape(len(half.images), -1) / 255 for half in DIGITS[:2])
    fitted = LogisticRegression(max_iter=5000).fit(x / x.std(), DIGITS.train.labels)
    score = fitted.score(x_test / x.std(), DIGITS.test.labels)
    assert lines["raw-pixels"]["accuracy"] == pytest.approx(score, abs=0.01) and score > 0.85
    # Eight random directions keep less of an image than all of it, and more than nothing.
    vae, vsc = (lines[name] for name in names)
    assert 0.2 < vae["accuracy"] < score and 0.2 < vae["network_accuracy"] and vae["l0"] == 8
    # The gates of an untrained VSC are closed.
    assert vsc["l0"] == 0 and vsc["accuracy"] < 0.2 < vsc["accuracy_mu_gamma"]
    assert lines["raw-pixels"]["provenance"]["torch"]
    assert capsys.readouterr().out.count("\n") == 3
    again = call(module, monkeypatch, "--families", "vae", "vsc")
    assert capsys.readouterr().out == "" and again == found


@pytest.mark.slow
def test_linear_baselines_are_measured_by_size_and_penalty(tmp_path, monkeypatch, capsys):
    module = script("linear", tmp_path, monkeypatch)
    lines = call(module, monkeypatch, "--penalties", "0.1", "1.0")["lines"]
    dense, loose, tight = lines.values()
    assert list(lines) == [
        "pca-8-seed0",
        "sparse-coding-8-penalty0.1-seed0",
        "sparse-coding-8-penalty1-seed0",
    ]
    # By the singular values: what eight components of the training images keep of the test images.
    x, x_test = (half.images.reshape(len(half.images), -1) / 255 for half in DIGITS[:2])
    directions = np.linalg.svd(x - x.mean(0), full_matrices=False)[2][:8]
    rebuilt = (x_test - x.mean(0)) @ directions.T @ directions + x.mean(0)
    errors = np.square(x_test - rebuilt.clip(0, 1)).mean(1)
    assert dense["psnr"] == pytest.approx(-10 * np.log10(errors).mean(), abs=1e-3)
    assert dense["l0"] == 8 > loose["l0"] > tight["l0"] > 0
    assert dense["psnr"] >= loose["psnr"] > tight["psnr"] and dense["accuracy"] > 0.7
    before = capsys.readouterr().out
    assert call(module, monkeypatch, "--penalties", "0.1", "1.0")["lines"] == lines
    assert before.count("\n") == 3 and capsys.readouterr().out == ""
