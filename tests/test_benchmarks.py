"""The benchmark runs, and its stored result is about the kinds of inference that it measures."""

import json
import sys

import pytest
from conftest import load_script


@pytest.fixture(scope="module")
def benchmark_of_inference():
    return load_script("benchmarks/inference.py")


@pytest.mark.slow
def test_it_measures_every_kind_against_one_chain(benchmark_of_inference, monkeypatch, tmp_path):
    small = {"image_shape": (1, 8, 8), "latents": 4, "hidden": 6}
    monkeypatch.setattr(benchmark_of_inference, "NETWORK", small)
    monkeypatch.setattr(benchmark_of_inference.torch, "set_num_threads", lambda count: None)
    path = tmp_path / "speed.json"
    monkeypatch.setattr(
        sys, "argv", ["inference.py", "--rounds", "2", "--steps", "2", "--output", str(path)]
    )
    benchmark_of_inference.main()
    record = json.loads(path.read_text(encoding="utf-8"))
    assert set(record["kinds"]) == set(benchmark_of_inference.KINDS)
    assert record["kinds"][record["baseline"]]["ratios"] == [1.0, 1.0]
    # Sixty more steps of the same length cannot be had for less; the rest may vary from machine to
    # machine.
    assert min(record["kinds"]["7 states of one chain"]["ratios"]) > 1.2
    assert record["provenance"]["torch"]


def test_the_stored_result_is_about_these_kinds(benchmark_of_inference):
    record = json.loads(benchmark_of_inference.RESULT.read_text(encoding="utf-8"))
    for kind, (model, options) in benchmark_of_inference.KINDS.items():
        stored = record["kinds"][kind]
        assert (stored["model"], stored["options"]) == (model, options)
        assert len(stored["ratios"]) == record["settings"]["rounds"] >= 5
