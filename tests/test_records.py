"""Records: what is missing, not measured or not there for a model; tables; the migration."""

import json
import subprocess

import pytest
from conftest import REPOSITORY, load_script
from small_models import seeded, tiny

from vsclib import data, metrics, records
from vsclib.errors import ConfigurationError, DataError
from vsclib.records import Standing
from vsclib.records.__main__ import main

HEADINGS = {"elbo": "ELBO (nats)", "psnr": "PSNR (dB)"}


def made(not_measured=None, **numbers):
    """A record of this schema whose numbers follow today's definitions."""
    return {
        "schema": records.SCHEMA,
        "name": "a-run",
        "kind": "train",
        "experiment": {"preset": None},
        "metrics": numbers,
        "not_measured": not_measured or {},
        "definitions": {name: records.digest(metrics.DEFINITIONS[name]) for name in numbers},
        "training": {"steps": 3000, "batch_size": 200, "seconds": 105.1},
        "dataset": {"name": "mnist", "sha256": "b" * 64},
        "provenance": {"commit": "a" * 40, "device": "cpu", "threads": 1, "torch": "2.15.0"},
        "finished": "2026-11-21T04:00:00+00:00",
    }


def write(folder, name, record):
    path = folder / f"{name}.json"
    path.write_text(json.dumps(record))
    return path


@pytest.fixture
def folder(tmp_path):
    for seed, elbo in enumerate((-100.0, -103.0, -101.0)):
        write(tmp_path, f"vae-mnist-seed{seed}", made(elbo=elbo, psnr=20.0))
    write(tmp_path, "short-run-mnist-seed0", made(elbo=None, psnr=25.0))
    return tmp_path


# ------------------------------------------------------------------------------- records and tables


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
    assert records.summarise([made(psnr=1.0)], "seconds").mean == 105.1
    assert records.summarise([made(psnr=1.0)], "cpu_seconds_per_epoch") is None


def test_three_ways_to_have_no_number_are_told_apart():
    record = made(elbo=None, psnr=20.0, not_measured={"accuracy": "no labels in the data set"})
    assert records.standing(record, "psnr") is Standing.MEASURED
    assert records.standing(record, "elbo") is Standing.NO_SUCH_NUMBER
    assert records.standing(record, "accuracy") is Standing.NOT_MEASURED
    assert records.standing(record, "fvu") is Standing.MISSING
    columns = HEADINGS | {"accuracy": "accuracy", "fvu": "FVU", "seconds": "s"}
    lines = records.table({"a": [record]}, columns).splitlines()
    assert lines[2] == "| a | 1 | – | 20.0 | not measured | missing | 105.1 |"
    assert lines[4] == (
        "–: The model has no such number. not measured: The run could not measure it; its record "
        "says why. missing: The record is older than the measure."
    )
    text = records.describe(record)
    assert "| `accuracy` | not measured: no labels in the data set | Share of test" in text
    assert "| `fvu` | missing | Fraction" in text and "does not have: `elbo`." in text


def test_a_plain_table_needs_no_legend_and_rows_have_human_names(folder):
    text = records.table(records.read(folder), HEADINGS, {"vae-mnist": "VAE"})
    assert text == (
        "| run | seeds | ELBO (nats) | PSNR (dB) |\n|---|---|---|---|\n"
        "| VAE | 3 | -101.3 ± 1.5 | 20.0 ± 0.0 |"
    )


def test_seeds_that_lack_the_number_are_counted(folder):
    write(folder, "vae-mnist-seed3", made(elbo=-100.0, psnr=20.0, fvu=0.1))
    text = records.table(records.read(folder), {"fvu": "FVU"}, ["vae-mnist"])
    assert text.splitlines()[-1] == "| vae-mnist | 4 | 0.100 (1 of 4 seeds) |"


def test_unknown_run_metric_and_column_are_refused_by_name(folder):
    runs = records.read(folder)
    with pytest.raises(ConfigurationError, match=r"vae-mnits.*did you mean 'vae-mnist'"):
        records.table(runs, {"elbo": "ELBO"}, ["vae-mnits"])
    with pytest.raises(ConfigurationError, match=r"'psrn'.*did you mean 'psnr'"):
        records.summarise(runs["vae-mnist"], "psrn")
    with pytest.raises(ConfigurationError, match=r"no column 'maen': did you mean 'mean'"):
        records.table_of([{"mean": 1}], {"maen": "mean"})
    with pytest.raises(ConfigurationError, match="no kind of run 'sweep'"):
        records.stale(made() | {"kind": "sweep"})


def test_a_bar_in_a_cell_or_heading_does_not_cut_it():
    rows = [{"what": "KL(q || p) of |z|", "n": 12345, "share": 0.123456, "none": None}]
    columns = {"what": "|what|", "n": "n", "share": "share", "none": "none"}
    text = records.table_of(rows, columns)
    assert text.splitlines()[0] == "| \\|what\\| | n | share | none |"
    assert text.splitlines()[2] == "| KL(q \\|\\| p) of \\|z\\| | 12,345 | 0.1235 | – |"
    assert records.table_of([{"what": "already \\| escaped"}], {"what": "w"}).count("\\|") == 1
    for line in (
        records.describe(made(near_zero=0.5, sparsity_term=0.1)).split("\n\n")[0].split("\n")
    ):
        assert line.replace("\\|", "").count("|") == 4, line


def test_no_stored_page_holds_a_cut_cell():
    pages = [
        *(REPOSITORY / "book" / "runs").glob("*.ipynb"),
        *(REPOSITORY / "notebooks" / "experiments").glob("*.ipynb"),
    ]
    for page in pages:
        for cell in json.loads(page.read_text(encoding="utf-8"))["cells"]:
            for output in cell.get("outputs", []):
                text = "".join(output.get("data", {}).get("text/markdown", ""))
                table = [line for line in text.splitlines() if line.startswith("|")]
                assert len({line.replace("\\|", "").count("|") for line in table}) <= 1, page


def test_a_record_is_described_in_words(tmp_path):
    record = made(elbo=-103.1714, ever_on=1030)
    text = records.describe(write(tmp_path, "record", record))
    assert "| `elbo` | -103.2 | Evidence lower bound" in text and "| `ever_on` | 1,030 |" in text
    assert (
        "\n3,000 steps of 200 images in 105 s on cpu (1 threads), PyTorch 2.15.0, commit aaaaaaa, "
        "2026-11-21. Data set mnist" in text
    )
    preset = records.describe(record | {"experiment": {"preset": "uai_2019"}})
    assert "\nPreset uai_2019: 3,000 steps" in preset


# ---------------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"metrics": ', "is no record of a run"),
        ("[1, 2]", "is no record of a run"),
        ('{"metrics": {}}', "is no record of a run"),
        (json.dumps(made() | {"schema": "2"}), "is no record of a run"),
        (json.dumps(made() | {"schema": 3}), "has schema = 3, but this version reads schema <= 2"),
        (
            json.dumps({"metrics": {}, "provenance": {}}),
            "has schema = 1, but this version reads schema = 2: run python results/migrate.py",
        ),
    ],
)
def test_a_record_that_cannot_be_read_is_named_in_one_line(tmp_path, content, message):
    (tmp_path / "broken-seed0.json").write_text(content)
    with pytest.raises(DataError) as caught:
        records.read(tmp_path)
    assert message in str(caught.value) and "broken-seed0.json" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_folder_or_record_is_named(tmp_path):
    with pytest.raises(DataError, match="nowhere"):
        records.read(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"there is no record .*nothing\.json"):
        records.load(tmp_path / "nothing.json")


# ---------------------------------------------------------------------------------------- staleness


def whole():
    return made(**dict.fromkeys(metrics.DEFINITIONS, 1.0))


def test_a_new_measure_and_a_changed_definition_make_a_record_stale(tmp_path, monkeypatch, capsys):
    write(tmp_path, "one-seed0", whole())
    assert main([str(tmp_path)]) == 0 and "0 of 1 records are stale" in capsys.readouterr().out
    changed = dict(metrics.DEFINITIONS) | {"psnr": "Another PSNR; dB.", "new": "A new number."}
    monkeypatch.setitem(records.schema._DEFINITIONS, "train", changed)
    assert records.stale(whole()) == {"psnr": Standing.REDEFINED, "new": Standing.MISSING}
    assert main([str(tmp_path)]) == 1
    shown = capsys.readouterr().out
    assert "a-run: missing: new\n" in shown and "under another definition: psnr\n" in shown
    row, legend = records.table({"a": [whole()]}, {"psnr": "PSNR"}).split("\n\n")
    assert row.endswith("| a | 1 | 1.0 † |") and legend.startswith("†: Measured under another")


def test_a_number_of_unknown_definition_counts_as_stale():
    record = whole()
    del record["definitions"]["kl"]
    assert records.stale(record) == {"kl": Standing.REDEFINED}


# ---------------------------------------------------------------------------------------- migration


@pytest.fixture(scope="module")
def migrate():
    return load_script("results/migrate.py")


def old(model="vae", **numbers):
    """A record of schema 1."""
    return {
        "name": "a-run",
        "experiment": {"model": model, "options": {}},
        "metrics": numbers,
        "training": {"steps": 3, "batch_size": 2, "seconds": 1.0},
        "dataset": {"name": "mnist", "sha256": "b" * 64},
        "provenance": {"commit": None, "finished": "2026-11-21T04:00:00+00:00"},
    }


def test_migration_keeps_numbers_and_decides_about_nulls(migrate, tmp_path):
    path = write(tmp_path, "a", old("abp", psnr=20.0, elbo=None, accuracy=None, ever_on=7))
    assert migrate.migrate_record(path) and not migrate.migrate_record(path)
    record = records.load(path)
    assert record["metrics"] == {"psnr": 20.0, "elbo": None, "ever_on": 7}
    assert record["not_measured"] == {"accuracy": migrate.UNKNOWN}
    assert record["definitions"] == {} and record["kind"] == "train"
    assert record["finished"] == "2026-11-21T04:00:00+00:00"
    # The same null is a number that was not measured where the family has one.
    sparse = migrate.migrated(old("vsc", elbo=None))
    assert sparse["metrics"] == {} and set(sparse["not_measured"]) == {"elbo"}


def test_migration_reads_definitions_at_the_records_commit(migrate):
    commit = json.loads((REPOSITORY / "results" / "vae-mnist-seed0.json").read_text())[
        "provenance"
    ]["commit"]
    command = ["git", "cat-file", "-e", f"{commit}^{{commit}}"]
    if subprocess.run(command, cwd=REPOSITORY, capture_output=True).returncode != 0:
        pytest.skip("the history of the repository is not here")
    found = migrate.definitions_at(commit, migrate.SOURCES["train"])
    assert len(found) == 27 and "fvu" not in found and "psnr" in found
    assert migrate.definitions_at("0" * 40, migrate.SOURCES["train"]) == {}
    assert migrate.definitions_at(f"{commit} with changes", migrate.SOURCES["train"]) == {}


def test_migration_refuses_what_is_no_record(migrate, tmp_path, monkeypatch, capsys):
    for content, message in ((" ", "is no record"), ({"schema": 3}, "schema = 3, newer than 2")):
        path = write(tmp_path, "x", content)
        monkeypatch.setattr("sys.argv", ["migrate.py", str(path)])
        before = path.read_text()
        assert migrate.main() == 1 and message in capsys.readouterr().err
        assert path.read_text() == before


def test_migration_escapes_what_cuts_cells(migrate):
    table = "| a | b |\n|---|---|\n| `x` | KL(q || p), |z| < 1 |\n\nand |z| stays\n"
    once = migrate.escaped(table)
    assert once == table.replace("KL(q || p), |z| <", "KL(q \\|\\| p), \\|z\\| <")
    assert migrate.escaped(once) == once


OLD = {
    record["experiment"]["model"]
    for seeds in records.read(REPOSITORY / "results").values()
    for record in seeds
    if record["kind"] == "train"
}


@pytest.mark.parametrize("name", sorted(OLD))
def test_migration_knows_what_a_family_does_not_have(migrate, name):
    found = metrics.evaluate(tiny(name), data.load("digits"), seeded(), test_images=20)
    numbers, not_measured = found
    experiment = {"model": name, "options": {}}
    lacking = {measure for measure, value in numbers.items() if value is None}
    assert lacking == {one for one in numbers if migrate.does_not_exist(one, experiment)}
    assert not not_measured


def test_every_record_of_the_book_is_of_this_schema(migrate):
    runs = records.read(REPOSITORY / "results")
    assert len(runs) >= 35
    for record in (record for seeds in runs.values() for record in seeds):
        assert record["schema"] == records.SCHEMA and record["finished"]
        assert set(record["definitions"]) == set(record["metrics"])
        for name, value in record["metrics"].items():
            assert (value is None) is migrate.does_not_exist(name, record["experiment"])
