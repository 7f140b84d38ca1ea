"""Tables made from records: grouping, spread, and what is refused."""

import json

import pytest

from vsclib import records
from vsclib.errors import ConfigurationError, DataError


def write(folder, name, seed, **metrics):
    record = {"metrics": metrics, "provenance": {}, "training": {"seconds": 10.0 + seed}}
    (folder / f"{name}-seed{seed}.json").write_text(json.dumps(record))


@pytest.fixture
def folder(tmp_path):
    for seed, elbo in enumerate((-100.0, -103.0, -101.0)):
        write(tmp_path, "vae-mnist", seed, elbo=elbo, psnr=20.0)
    write(tmp_path, "short-run-mnist", 0, elbo=None, psnr=25.0)
    return tmp_path


def test_seeds_of_a_run_come_together(folder):
    runs = records.read(folder)
    assert {name: len(seeds) for name, seeds in runs.items()} == {
        "vae-mnist": 3,
        "short-run-mnist": 1,
    }


def test_summary_is_mean_and_range(folder):
    summary = records.summarise(records.read(folder)["vae-mnist"], "elbo")
    assert summary == pytest.approx((-304.0 / 3, 3.0, 3))
    assert str(summary) == "-101.3 ± 1.5"


def test_a_model_without_a_bound_shows_none(folder):
    text = records.table(
        records.read(folder), {"elbo": "ELBO (nats)", "psnr": "PSNR (dB)"}, ["short-run-mnist"]
    )
    assert text.splitlines()[-1] == "| short-run-mnist | 1 | none | 25.0 |"


def test_unknown_run_and_metric_are_refused_by_name(folder):
    runs = records.read(folder)
    with pytest.raises(ConfigurationError, match=r"vae-mnits.*did you mean 'vae-mnist'"):
        records.table(runs, {"elbo": "ELBO"}, ["vae-mnits"])
    with pytest.raises(ConfigurationError, match=r"'psrn'.*did you mean 'psnr'"):
        records.summarise(runs["vae-mnist"], "psrn")


def test_a_record_older_than_a_number_shows_none(folder):
    write(folder, "vae-mnist", 3, elbo=-100.0, fvu=0.1)
    assert records.summarise(records.read(folder)["vae-mnist"], "fvu") == (
        pytest.approx(0.1),
        0.0,
        1,
    )
    assert records.summarise(records.read(folder)["short-run-mnist"], "fvu") is None


def test_damaged_record_and_missing_folder_are_named(folder):
    with pytest.raises(DataError, match="nowhere"):
        records.read(folder / "nowhere")
    (folder / "broken-seed0.json").write_text('{"metrics": ')
    with pytest.raises(DataError, match=r"broken-seed0\.json"):
        records.read(folder)


def test_a_record_is_described_in_words(tmp_path):
    record = {
        "metrics": {"elbo": -103.1714, "psnr": None, "ever_on": 30},
        "provenance": {"commit": "a" * 40, "device": "cpu", "threads": 1, "torch": "2.15.0"},
        "training": {"steps": 3000, "batch_size": 200, "seconds": 105.1},
        "dataset": {"name": "mnist", "sha256": "b" * 64},
        "finished": "2026-11-21T04:00:00+00:00",
    }
    (tmp_path / "record.json").write_text(json.dumps(record))
    text = records.describe(tmp_path / "record.json")
    assert "| `elbo` | -103.2 | Evidence lower bound" in text
    assert "psnr" not in text
    assert (
        "\n3,000 steps of 200 images in 105 s on cpu (1 threads), PyTorch 2.15.0, commit aaaaaaa, 2026-11-21"
        in text
    )
    (tmp_path / "record.json").write_text(
        json.dumps(record | {"experiment": {"preset": "uai_2019"}})
    )
    assert "\nPreset uai_2019: 3,000 steps" in records.describe(tmp_path / "record.json")
