"""Arguments of another kind than the type hints say: refused at the call, in one line."""

import inspect
import subprocess
import sys

import numpy as np
import pytest
import torch

import vsclib
from vsclib import checkpoints, data, metrics, models, spike_slab
from vsclib.arguments import ArgumentError
from vsclib.errors import ConfigurationError
from vsclib.figures import fitting


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: models.create(["vsc"]),
            "create: name = ['vsc'] is not allowed: give str; "
            "see help(vsclib.models.registry.create)",
        ),
        (
            lambda: checkpoints.load(None),
            "load: path = None is not allowed: give str | Path; see help(vsclib.checkpoints.load)",
        ),
        (
            lambda: metrics.linear_accuracy(None, None, None, None),
            "linear_accuracy: train_codes = None is not allowed: give an array, a tensor or a list "
            "of numbers; see help(vsclib.metrics.readers.linear_accuracy)",
        ),
        (
            lambda: spike_slab.gaussian_kl([0.0], torch.zeros(1)),
            "gaussian_kl: mu = [0.0] is not allowed: give Tensor (of uint8 images: "
            "vsclib.data.to_tensor); see help(vsclib.spike_slab.divergence.gaussian_kl)",
        ),
    ],
)
def test_the_line_names_function_value_and_what_is_allowed(call, message) -> None:
    with pytest.raises(ArgumentError) as caught:
        call()
    assert str(caught.value) == message


def test_methods_and_long_values_are_covered() -> None:
    model = models.create("vae", image_shape=(1, 8, 8), latents=2, hidden=4)
    with pytest.raises(ArgumentError) as caught:
        model.encode(np.zeros((30, 1, 8, 8)))
    message = str(caught.value)
    assert message.startswith("encode: x = array([[[[0.") and "\n" not in message
    assert len(message) < 210


def test_it_can_be_caught_as_what_python_raises() -> None:
    assert issubclass(ArgumentError, ConfigurationError) and issubclass(ArgumentError, TypeError)


def test_whole_numbers_pass_for_real_ones_and_numpys_for_pythons() -> None:
    assert spike_slab.bernoulli_kl(torch.tensor([0.3]), 1).isinf().all()
    half = torch.tensor([0.5])
    assert spike_slab.relaxed_gate(half, half, np.float32(50)) == 0.5
    assert spike_slab.log_shares(np.int64(2), 4, "weighted").shape == (2, 2)
    assert fitting.floats("one", 3.0) == 3 and (fitting.floats("two", (1, 2.0)) == [1, 2]).all()


def test_a_sentence_of_another_form_becomes_one_line() -> None:
    assert str(ArgumentError("something\n  else")) == "something else"


def test_the_library_is_covered_without_a_warning_and_shows_its_source() -> None:
    rooms = "vsclib, vsclib.refiner, vsclib.runs, vsclib.sklearn, vsclib.traversal"
    command = [sys.executable, "-c", f"import {rooms}"]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "beartype" not in run.stderr
    for function in (vsclib.fit, data.load, metrics.psnr, spike_slab.hard_gate):
        assert inspect.getsource(function).startswith(("def ", "@explained"))
