"""results/codes.py: what it measures, that it goes on where it stopped, and what it says about a
run that is missing.
"""

import json
import math

import pytest
from conftest import load_script

import vsclib
from vsclib import data, models


@pytest.fixture
def script(tmp_path, monkeypatch):
    module = load_script("results/codes.py")
    monkeypatch.setattr(module, "HERE", tmp_path)
    monkeypatch.setattr(module, "RUNS", ["vae-mnist"])
    monkeypatch.setattr(module.data, "load", lambda name: DIGITS)
    settings = {
        "labels": {"counts": [20, 60], "choices": 2, "pool": 120, "test_images": 60},
        "robustness": {"sigmas": [0.3], "draws": 2, "test_images": 40, "ssim_images": 20},
        "tsne": {"test_images": 80, "perplexity": 8.0, "neighbours": 5, "shown": 7},
    }
    monkeypatch.setattr(module, "SETTINGS", settings)
    run = tmp_path / "runs" / "vae-mnist-seed0"
    run.mkdir(parents=True)
    vsclib.save(
        models.create("vae", image_shape=(1, 8, 8), latents=6, hidden=20), run / "model.safetensors"
    )
    (run / "record.json").write_text(
        json.dumps({"training": {"steps": 3}, "provenance": {"commit": "a" * 40}})
    )
    (run / "done.json").write_text("{}")
    return module


def small() -> data.DataSet:
    """The digits with few images for training: the classifiers are what takes the time."""
    whole = data.load("digits")
    return whole._replace(
        train=whole.train._replace(images=whole.train.images[:200], labels=whole.train.labels[:200])
    )


DIGITS = small()


def call(script, monkeypatch, *arguments) -> int:
    monkeypatch.setattr("sys.argv", ["codes.py", *arguments])
    return script.main()


@pytest.mark.slow
def test_three_records_with_their_origin(script, tmp_path, monkeypatch, capsys):
    assert call(script, monkeypatch, "--runs", str(tmp_path / "runs"), "--seeds", "0") == 0
    found = {
        what: json.loads((tmp_path / f"codes-{what}.json").read_text()) for what in script.SETTINGS
    }
    assert set(found["labels"]["runs"]) == {"vae-mnist-seed0", "raw-pixels", "pca-200"}
    rows = found["labels"]["runs"]["raw-pixels"]["rows"]
    assert [(row["classifier"], row["labels"]) for row in rows] == [
        ("linear", 20),
        ("linear", 60),
        ("network", 20),
        ("network", 60),
    ]
    # 64 principal components of 64 pixels are the same pixels, turned.
    turned = found["labels"]["runs"]["pca-200"]["rows"]
    assert (
        turned[1]["accuracy"] == pytest.approx(rows[1]["accuracy"], abs=0.03)
        and rows[1]["accuracy"] > 0.7
    )
    noisy = found["robustness"]["runs"]
    assert set(noisy) == {"vae-mnist-seed0", "raw-pixels"} and len(noisy["raw-pixels"]["rows"]) == 4
    assert (
        noisy["raw-pixels"]["rows"][0]["accuracy"] > noisy["vae-mnist-seed0"]["rows"][0]["accuracy"]
    )
    picture = found["tsne"]["runs"]["vae-mnist-seed0"]["rows"][0]
    assert len(picture["positions"]) == 7 and picture["labels"] == DIGITS.test.labels[:7].tolist()
    assert all(math.isfinite(x) for position in picture["positions"] for x in position)
    line = found["tsne"]["runs"]["vae-mnist-seed0"]
    assert line["trained"] == {"steps": 3, "commit": "a" * 40} and line["provenance"]["torch"]
    assert capsys.readouterr().out.count("\n") == 8

    before = (tmp_path / "codes-tsne.json").read_text()
    assert call(script, monkeypatch, "tsne", "--runs", str(tmp_path / "runs"), "--seeds", "0") == 0
    assert capsys.readouterr().out == "" and (tmp_path / "codes-tsne.json").read_text() == before
    # Other settings make another record: nothing of the old one may stay.
    script.SETTINGS["tsne"]["perplexity"] = 5.0
    assert call(script, monkeypatch, "tsne", "--runs", str(tmp_path / "runs"), "--seeds", "0") == 0
    again = json.loads((tmp_path / "codes-tsne.json").read_text())
    assert {line["rows"][0]["perplexity"] for line in again["runs"].values()} == {5.0}


def test_a_missing_run_is_named_with_its_command(script, tmp_path, monkeypatch, capsys):
    assert (
        call(script, monkeypatch, "tsne", "--runs", str(tmp_path / "runs"), "--seeds", "0", "2")
        == 1
    )
    said = capsys.readouterr()
    assert "vae-mnist-seed2 is in none of" in said.err
    assert "python results/reproduce.py vae-mnist --seed 2 makes it" in said.err
    assert "vae-mnist-seed0" in said.out


def test_an_unknown_measure_is_refused(script, monkeypatch, capsys):
    assert call(script, monkeypatch, "label") == 1
    assert (
        "there is no measure 'label': choose from labels, robustness, tsne"
        in capsys.readouterr().err
    )
