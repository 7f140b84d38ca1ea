"""The page on speed shows every part of the benchmark, and says what was not measured."""

import importlib
import json
import subprocess
from pathlib import Path

import pytest
import yaml
from bs4 import BeautifulSoup
from conftest import JUPYTER_BOOK, REPOSITORY

BOOK = REPOSITORY / "book"
MACHINE = {
    "processor": "A Processor",
    "capability": "AVX2",
    "cores": 2,
    "device": "cpu",
    "torch": "2.15.0",
    "started": "2026-11-29T16:20:00+00:00",
    "commit": "0123456789abcdef with changes",
}
RATIO = {"median": 2.5, "lowest": 2.0, "highest": 3.25}
ROW = {"seconds_per_step": 0.01234, "images_per_second": 8104, "last_loss": 123.45}
RESULTS = {
    "ladder": {
        "rungs": {
            "plain loop": ROW | {"change": "slow"},
            "tensor": ROW
            | {"change": "faster", "times_the_rung_before": RATIO, "times_the_first": RATIO},
        },
        "skipped": {"ensemble": "there is none"},
    },
    "comparison": {
        "comparisons": {
            "vae 100": {
                "ours": "fit",
                "rows": {
                    "fit": ROW,
                    "products alone": {"seconds_per_step": 0.001, "ours_is_faster_by": RATIO},
                    "loop": ROW | {"ours_is_faster_by": RATIO | {"goal": 4.0, "reached": False}},
                },
            }
        },
        "skipped": {"pythae's trainer": "no network"},
    },
    "products": {
        "steps": {
            "vsc 500": {
                "rows": {
                    "fit": ROW | {"gigaflops_per_second": 98.7, "share_of_products": RATIO},
                }
            }
        }
    },
    "ensembles": {
        "comparisons": {
            "vae 32 / 128": {
                "rows": {"ensemble of 8": ROW, "2 processes": ROW},
                "ensemble_is_faster_by": RATIO | {"goal": 1.3, "reached": True},
            }
        }
    },
    "growth": {
        "axes": {"images": {"6000": ROW, "60000": ROW | {"times_the_first": RATIO}}},
        "flat_in_images": RATIO | {"goal": 1.1, "reached": False},
    },
    "memory": {"megabytes": {"vae": {"at_most": 1234, "after_import": 567}}},
    "start": {
        "rows": {"import torch": {"seconds": 1.5}, "import vsclib": {"seconds": 1.75}},
        "vsclib_takes_times": RATIO | {"goal": 1.2, "reached": False},
        "heavy_modules_of_vsclib": ["sympy"],
    },
    "families": {"seconds_per_step": {"vae 200 400 100": 0.0123, "vsc 32 128 100": 0.0045}},
    "quality": {
        "steps": 20000,
        "rungs": {
            "plain loop": {"elbo": [-103.5, -104.25], "mean": -103.9, "goal": -105, "reached": True}
        },
    },
    "accelerator": {"skipped": {"all": "there is no CUDA device"}},
}


@pytest.fixture
def tables(monkeypatch):
    monkeypatch.syspath_prepend(str(BOOK / "_extensions"))
    return importlib.import_module("benchmark_tables")


@pytest.fixture
def results(tmp_path: Path) -> Path:
    folder = tmp_path / "results"
    (folder / "benchmarks").mkdir(parents=True)
    parts = {
        part: {"result": result, "machine": MACHINE, "setting": {"rounds": 7}}
        for part, result in RESULTS.items()
    }
    text = json.dumps({"parts": parts})
    (folder / "benchmark.json").write_text(text, encoding="utf-8")
    for name in ("2026-11-29-162000-a.json", "2026-12-01-000000-a.json", "quality.json"):
        (folder / "benchmarks" / name).write_text(text, encoding="utf-8")
    speed = {
        "baseline": "one chain",
        "finished": "2026-11-21T16:09:12+00:00",
        "kinds": {"3 chains": {"seconds_per_step": 0.28, "ratios": [2.2, 2.4, 2.6]}},
    }
    (folder / "inference-speed.json").write_text(json.dumps(speed), encoding="utf-8")
    return folder


def test_the_page_asks_for_every_part_once(tables, monkeypatch):
    monkeypatch.syspath_prepend(str(REPOSITORY))
    parts = importlib.import_module("benchmarks.__main__").PARTS
    asked = tables.MARKER.findall((BOOK / "ladder.md").read_text(encoding="utf-8"))
    assert sorted(asked) == sorted([*parts, "inference", "records"])
    assert set(tables.PARTS) == set(parts) == set(RESULTS)


@pytest.mark.parametrize(
    "part, said",
    [
        ("ladder", ["tensor: faster | 8,104 | 2.50 (2.00 to 3.25) | 2.50", "Left out: ensemble"]),
        ("comparison", ["2.50 (2.00 to 3.25), goal 4: **not reached**", "12.3", "no network"]),
        ("products", ["`vsc`, batches of 500: fit | 12.3 | 98.7 | 2.50"]),
        ("ensembles", ["8,104 | 8,104 | 2.50 (2.00 to 3.25), goal 1.3: reached"]),
        ("growth", ["images = 60,000 | 12.3 | 2.50", "1.1 times as long: **not reached**"]),
        ("memory", ["vae | 1,234 | 567"]),
        ("start", ["`import vsclib` | 1.75", "goal 1.2", "`sympy`"]),
        ("families", ["`vae` | 12.3 |  |", "`vsc` |  | 4.5 |"]),
        ("quality", ["plain loop | -103.90 | -103.50, -104.25 | -105: reached"]),
        ("accelerator", ["No run has been made on a GPU yet.", "there is no CUDA device"]),
    ],
)
def test_a_part_says_what_was_measured_and_where(tables, results, part, said):
    text = tables.shown(part, results)
    assert all(one in text for one in said), text
    assert "A Processor (AVX2, 2 cores) with PyTorch 2.15.0 on 29 November 2026" in text
    assert "commit 0123456789 with changes; 7 rounds" in text


def test_the_figure_says_what_it_shows(tables, results):
    text = tables.shown("ladder", results)
    assert "<title" in text and "plain loop 8,104; tensor 8,104." in text
    assert "Each rung changes one thing" in text


def test_inference_and_old_records_are_shown(tables, results):
    assert "3 chains | 280 | 2.40 | 2.20 to 2.60" in tables.shown("inference", results)
    rows = tables.shown("records", results).splitlines()[2:]
    assert [row.split("`")[1] for row in rows] == [
        "2026-12-01-000000-a.json",
        "2026-11-29-162000-a.json",
    ]


def test_what_was_not_measured_is_named_with_its_command(tables, tmp_path):
    assert "`make bench PART=growth`" in tables.shown("growth", tmp_path)
    assert "none yet" in tables.shown("records", tmp_path)


@pytest.mark.book
def test_the_page_is_built(results, tmp_path):
    """A strict build of this page alone, from these results."""
    book = tmp_path / "book"
    book.mkdir()
    for name in ("_assets", "_extensions", "references.bib", "ladder.md"):
        (book / name).symlink_to(BOOK / name)
    configuration = yaml.safe_load((REPOSITORY / "_config.yml").read_text(encoding="utf-8"))
    (book / "_config.yml").write_text(yaml.safe_dump(configuration, sort_keys=False))
    (book / "_toc.yml").write_text(
        yaml.safe_dump({"format": "jb-book", "root": "preface", "chapters": [{"file": "ladder"}]})
    )
    (book / "preface.md").write_text("# A book\n", encoding="utf-8")
    done = subprocess.run(
        [*JUPYTER_BOOK, "build", str(book), "-W", "--keep-going"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    text = (book / "_build" / "html" / "ladder.html").read_text(encoding="utf-8")
    found = BeautifulSoup(text, "html.parser")
    assert found.select_one("figure svg title").text.startswith("Images per second")
    assert len(found.select("table")) == 11
    assert "% benchmark" not in text
