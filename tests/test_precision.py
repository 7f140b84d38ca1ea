"""The precision of an inference: chosen by the machine, kept by a training, told by its record."""

import os
import subprocess
import sys
import warnings

import pytest
import torch
from small_models import images, tiny

import vsclib
from vsclib import data, inference_precision, models
from vsclib.runs import Experiment, run

CPU = torch.device("cpu")
MNIST = {"image_shape": (1, 28, 28), "latents": 200, "hidden": 400}


@pytest.fixture
def machine(monkeypatch):
    """A machine with or without products in bfloat16, on which no decoder is too small for them."""
    inference_precision._warn_of_slow.cache_clear()
    monkeypatch.setattr(inference_precision, "SMALLEST_MLP", 1)

    def choose(native: bool) -> None:
        monkeypatch.setattr(inference_precision, "native_bfloat16", lambda device: native)

    return choose


@pytest.mark.parametrize("name", ["short_run", "sparse_generator", "abp"])
def test_auto_takes_what_the_machine_has(name, machine):
    model = tiny(name)
    for native in (True, False):
        machine(native)
        found, asked = model.encode(images()).z, ("float32", "bfloat16")[native]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = tiny(name, inference_precision=asked).encode(images()).z
        assert model.inference_precision == asked and torch.equal(found, expected)
        assert model.config.inference_precision == "auto"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (MNIST, "bfloat16"),
        (MNIST | {"network": "conv"}, "bfloat16"),
        (MNIST | {"network": "conv3"}, "float32"),
        ({"image_shape": (1, 8, 8), "latents": 40, "hidden": 64}, "float32"),
    ],
)
def test_small_decoders_stay_in_float32(options, expected, monkeypatch):
    monkeypatch.setattr(inference_precision, "native_bfloat16", lambda device: True)
    assert models.create("short_run", **options).inference_precision == expected


def test_bfloat16_where_it_is_slower_says_so_once(machine, monkeypatch):
    machine(False)
    model = tiny("short_run", inference_precision="bfloat16")
    with pytest.warns(UserWarning, match="slower than float32 here .cpu has no such.*'auto'"):
        model.encode(images())
    monkeypatch.setattr(inference_precision, "SMALLEST_MLP", 10**9)
    machine(True)
    with pytest.warns(UserWarning, match="a decoder of 904 weights is too small"):
        model.encode(images())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.encode(images())
        tiny("short_run", inference_precision="float32").encode(images())


@pytest.mark.parametrize("capability", ["default", "avx2"])
def test_a_processor_held_to_fewer_instructions_has_none(capability, monkeypatch):
    code = "import torch; from vsclib.inference_precision import native_bfloat16 as asked\n"
    code += "print(asked(torch.device('cpu')))"
    found = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"ATEN_CPU_CAPABILITY": capability},
        check=True,
        capture_output=True,
        text=True,
    )
    assert found.stdout.strip() == "False"
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "avx512_core")
    assert not inference_precision.native_bfloat16(CPU)
    assert not inference_precision.native_bfloat16(torch.device("meta"))


@pytest.mark.parametrize("name", ["sparse_generator", "abp"])
def test_a_training_keeps_the_precision_that_it_began_with(name, machine, tmp_path):
    def trained(steps, path, seed=3):
        model = tiny(name, inference_steps=4, seed=seed)
        options = {"batch_size": 10, "learning_rate": 1e-2, "progress": False}
        vsclib.fit(model, pixels, steps=steps, checkpoint=path, extend=True, **options)
        return model

    pixels, path = data.load("digits").train.images[:40], tmp_path / "part.safetensors"
    machine(True)
    whole = trained(8, tmp_path / "whole.safetensors")
    trained(4, path)
    machine(False)
    with pytest.warns(UserWarning, match="began with products in bfloat16 and goes on so, though"):
        resumed = trained(8, path, seed=9)
    assert resumed.trained_precision == whole.trained_precision == "bfloat16"
    for one, other in zip(resumed.parameters(), whole.parameters(), strict=True):
        assert torch.equal(one, other)
    # What it is asked afterwards suits this machine, and a new training decides anew.
    assert resumed.inference_precision == "float32"
    assert trained(4, tmp_path / "new.safetensors").trained_precision == "float32"


@pytest.mark.slow
def test_the_record_says_what_was_used(machine, tmp_path):
    for native, used in ((True, "bfloat16"), (False, "float32")):
        machine(native)
        asked = {"model": "short_run", "dataset": "digits", "steps": 3, "latents": 5, "hidden": 8}
        found = run(Experiment.of(**asked, folder=str(tmp_path / used)), progress=False)
        assert found.record["training"]["inference_precision"] == used
        assert "inference_precision" not in found.record["experiment"]["options"]
        assert found.model.config.inference_precision == "auto"
        # Another visit, on another machine, measures again and does not train.
        machine(not native)
        with pytest.warns(UserWarning, match="goes on so"):
            again = run(Experiment.of(**asked, folder=str(tmp_path / used)), progress=False)
        assert again.record["training"]["inference_precision"] == used
