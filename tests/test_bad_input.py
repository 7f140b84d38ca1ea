"""Bad input: one clear line naming value, allowed range and remedy, before work is lost, and
nothing half-written.
"""

import io
import json
import math
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import vsclib
from vsclib import data, fit, models
from vsclib.arguments import ArgumentError
from vsclib.errors import (
    CheckpointError,
    ConfigurationError,
    DataError,
    TrainingError,
    VsclibError,
    fits_memory,
)

REPOSITORY = Path(__file__).parent.parent
NOTEBOOK = REPOSITORY / "notebooks" / "experiments" / "train.ipynb"
SHAPE = (1, 8, 8)
PIXELS = np.random.default_rng(0).integers(0, 256, (60, *SHAPE), dtype=np.uint8)


def tiny(name: str = "vae", **options) -> models.Model:
    return models.create(name, **{"image_shape": SHAPE, "latents": 4, "hidden": 8} | options)


def train(model: models.Model | None = None, images=PIXELS, **options):
    return fit(
        model or tiny(), images, **{"steps": 6, "batch_size": 20, "progress": False} | options
    )


def refused(kind: type[VsclibError], call, *parts: str) -> str:
    """The one line with which a call is refused; it must hold all the parts."""
    with pytest.raises((kind, ArgumentError)) as caught:
        call()
    message = str(caught.value)
    # An argument of another kind is refused before the function looks at it.
    assert type(caught.value) in (kind, ArgumentError)
    assert "\n" not in message and len(message) > 20
    for part in parts:
        assert part in message, message
    return message


# -------------------------------------------------------------------------------- names and numbers


@pytest.mark.parametrize(
    ("name", "options", "parts"),
    [
        ("vcs", {}, ("no model 'vcs'", "did you mean 'vsc'", "sparse_generator")),
        ("vae ", {}, ("no model 'vae '", "did you mean 'vae'")),
        ("vsc", {"alfa": 0.1}, ("model 'vsc' has no option 'alfa'", "did you mean 'alpha'")),
        ("vae", {"alpha": 0.1}, ("model 'vae' has no option 'alpha'", "beta")),
        ("vsc", {"alpha": 0.0}, ("alpha = 0.0", "0 < alpha < 1")),
        ("vsc", {"alpha": 1.0}, ("alpha = 1.0", "0 < alpha < 1")),
        ("vsc", {"alpha": -0.2}, ("alpha = -0.2", "0 < alpha < 1")),
        ("vsc", {"alpha": math.nan}, ("alpha = nan", "0 < alpha < 1")),
        ("sparse_generator", {"alpha": 1.0}, ("alpha = 1.0", "0 < alpha < 1")),
        ("sparse_generator", {"alpha_start": 1.5}, ("alpha_start = 1.5", "0 < alpha_start <= 1")),
        ("beta_vae", {"beta": -1.0}, ("beta = -1.0", "beta >= 0")),
        ("beta_vae", {"beta": math.inf}, ("beta = inf", "beta >= 0")),
        ("vae", {"latents": 0}, ("latents = 0", "latents >= 1")),
        ("vae", {"latents": -3}, ("latents = -3", "latents >= 1")),
        ("vae", {"latents": 2.5}, ("latents = 2.5", "latents >= 1", "whole number")),
        ("vae", {"hidden": 0}, ("hidden = 0", "hidden >= 1")),
        ("vae", {"hidden_layers": 9}, ("hidden_layers = 9", "0 <= hidden_layers <= 8")),
        ("vae", {"sigma": 0.0}, ("sigma = 0.0", "sigma > 0")),
        ("vae", {"network": "cnn"}, ("network = 'cnn'", "'mlp', 'conv'")),
        (
            "vae",
            {"likelihood": "normal"},
            ("likelihood = 'normal'", "'bernoulli', 'continuous_bernoulli', 'gaussian'"),
        ),
        ("vae", {"image_shape": (28, 28)}, ("image_shape = (28, 28)", "3 values")),
        ("vae", {"image_shape": (1, 0, 28)}, ("image_shape = 0", ">= 1")),
        (
            "vae",
            {"network": "conv", "image_shape": (1, 9, 8)},
            ("9 x 8", "multiples of 4", "'mlp'"),
        ),
        ("vsc", {"gamma_form": "softmax"}, ("gamma_form = 'softmax'", "'sigmoid', 'relu'")),
        ("vsc", {"gamma_bias": math.nan}, ("gamma_bias = nan", "a number")),
        (
            "vsc",
            {"gate": "soft"},
            ("gate = 'soft'", "'straight_through', 'relaxed', 'concrete'", "None"),
        ),
        ("vsc", {"temperature": 0.0}, ("temperature = 0.0", "temperature > 0")),
        ("vsc", {"threshold": 1.0}, ("threshold = 1.0", "0 < threshold < 1")),
        ("vsc", {"lam_begin": 3, "lam_until": 2}, ("lam_until = 2", "lam_until >= lam_begin")),
        (
            "sparse_generator",
            {"sigma1": 0.05},
            ("sigma2 = 0.1 exceeds sigma1 = 0.05", "0 < sigma2 <= sigma1"),
        ),
        ("sparse_generator", {"sigma2": -0.1}, ("sigma2 = -0.1", "sigma2 > 0")),
        ("short_run", {"inference_steps": -1}, ("inference_steps = -1", "inference_steps >= 0")),
        ("short_run", {"step_size": 0.0}, ("step_size = 0.0", "step_size > 0")),
    ],
)
def test_a_model_that_cannot_be(name, options, parts):
    refused(ConfigurationError, lambda: models.create(name, **options), *parts)


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        ({"step": 5}, ("fit has no option 'step'", "did you mean 'steps'")),
        ({"steps": -1}, ("steps = -1", "steps >= 0")),
        ({"steps": 1.5}, ("steps = 1.5", "whole number")),
        ({"batch_size": 0}, ("batch_size = 0", "batch_size >= 1")),
        ({"learning_rate": 0.0}, ("learning_rate = 0.0", "learning_rate > 0")),
        ({"learning_rate": math.nan}, ("learning_rate = nan", "learning_rate > 0")),
        ({"seed": -1}, ("seed = -1", "0 <= seed < 2147483648")),
        ({"checkpoint_every": 0}, ("checkpoint_every = 0", "checkpoint_every >= 1")),
        ({"device": "gpu"}, ("device = 'gpu'", "choose 'cpu'")),
        ({"config": vsclib.training.TrainingConfig(steps=2)}, ("config or keywords, not both",)),
    ],
)
def test_a_training_that_cannot_be(options, parts):
    model = tiny()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    refused(ConfigurationError, lambda: train(model, **options), *parts)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


# ------------------------------------------------------------------------------------------- images


@pytest.mark.parametrize("name", models.names())
@pytest.mark.parametrize(
    ("x", "parts"),
    [
        (torch.rand(2, 1, 9, 8), ("(2, 1, 9, 8)", "(B, 1, 8, 8)", "image_shape")),
        (torch.rand(1, 8, 8), ("(1, 8, 8)", "(B, 1, 8, 8)")),
        (torch.rand(2, 3, 8, 8), ("(2, 3, 8, 8)", "(B, 1, 8, 8)")),
        (torch.rand(2, 64), ("(2, 64)", "(B, 1, 8, 8)")),
        (torch.zeros(0, 1, 8, 8), ("(0, 1, 8, 8)",)),
        (
            255 * torch.ones(2, 1, 8, 8),
            ("from 255 to 255", "[0, 1]", "divide 0..255 images by 255"),
        ),
        (torch.full((2, 1, 8, 8), -0.5), ("from -0.5 to -0.5", "[0, 1]")),
        (torch.full((2, 1, 8, 8), math.nan), ("NaN", "[0, 1]", "clean the images")),
        (torch.zeros(2, 1, 8, 8, dtype=torch.uint8), ("uint8", "float32", "to_tensor")),
        (torch.rand(2, 1, 8, 8, dtype=torch.float64), ("float64", "float32")),
        (np.zeros((2, 1, 8, 8), np.float32), ("array", "give Tensor", "to_tensor")),
    ],
)
def test_images_that_a_model_cannot_take(name, x, parts):
    model, generator = tiny(name), torch.Generator()
    for call in (
        lambda: model.encode(x),
        lambda: model.sample_code(x, generator),
        lambda: model.loss(models.TrainingStep(x, generator)),
    ):
        refused(DataError, call, *parts)


@pytest.mark.parametrize(
    ("images", "parts"),
    [
        (PIXELS[:, :, :7], ("(1, 7, 8)", "(1, 8, 8)", "image_shape=(1, 7, 8)")),
        (PIXELS[:, 0], ("(8, 8)", "(1, 8, 8)")),
        (PIXELS.astype(np.float32) / 255, ("float32", "uint8", "0 to 255")),
        (PIXELS.astype(np.int64), ("int64", "uint8")),
        (PIXELS[:19], ("batch_size = 20", "19 images", "1 <= batch_size <= 19")),
        (torch.from_numpy(PIXELS), ("tensor", "DataSet", "vsclib.training.loop.fit")),
        ([[0, 1]], ("[[0, 1]]", "DataSet", "ndarray")),
        (None, ("data = None", "DataSet")),
    ],
)
def test_images_that_cannot_be_trained_on(tmp_path, images, parts):
    path = tmp_path / "training.safetensors"
    refused(DataError, lambda: train(images=images, checkpoint=str(path)), *parts)
    assert list(tmp_path.iterdir()) == []


# -------------------------------------------------------------------------------------- checkpoints


@pytest.fixture
def model_file(tmp_path) -> Path:
    path = tmp_path / "model.safetensors"
    vsclib.save(tiny(), path)
    return path


@pytest.fixture
def training_file(tmp_path) -> Path:
    path = tmp_path / "training.safetensors"
    train(checkpoint=str(path))
    return path


def resume(path: Path, **options):
    return lambda: train(checkpoint=str(path), **options)


def test_a_model_that_is_not_there(tmp_path):
    for missing in (tmp_path / "nothing.safetensors", tmp_path):
        refused(
            CheckpointError,
            lambda missing=missing: vsclib.load(missing),
            f"no checkpoint {missing}",
            "train first",
        )


@pytest.mark.parametrize("kept", [0, 5, 100, -1])
def test_files_that_were_cut_short(model_file, training_file, kept):
    for path, call in (
        (model_file, lambda: vsclib.load(model_file)),
        (training_file, resume(training_file)),
    ):
        whole = path.read_bytes()
        path.write_bytes(whole[:kept])
        refused(CheckpointError, call, str(path), "damaged", "delete it and train again")
        assert path.read_bytes() == whole[:kept]


def foreign() -> dict[str, bytes]:
    """Files that other programs write."""
    torch_file = io.BytesIO()
    torch.save({"weight": torch.zeros(3)}, torch_file)
    return {
        "pickle": pickle.dumps({"weight": [1.0, 2.0]}),
        "torch.save": torch_file.getvalue(),
        "text": b"{}\n" * 40,
        "noise": np.random.default_rng(1).bytes(4000),
    }


@pytest.mark.parametrize("kind", list(foreign()))
def test_files_that_are_no_safetensors(tmp_path, kind):
    path = tmp_path / "model.safetensors"
    path.write_bytes(foreign()[kind])
    for call in (lambda: vsclib.load(path), resume(path)):
        refused(
            CheckpointError, call, str(path), "no safetensors file", "delete it and train again"
        )
    assert path.read_bytes() == foreign()[kind]


@pytest.mark.parametrize(
    "metadata", [None, {"format": "pt"}, {"format": "vsclib 0", "model": "vae"}]
)
def test_safetensors_of_another_program(tmp_path, metadata):
    path = tmp_path / "model.safetensors"
    save_file({"weight": torch.zeros(3)}, path, metadata)
    for call in (lambda: vsclib.load(path), resume(path)):
        refused(
            CheckpointError,
            call,
            str(path),
            "another program",
            "wanted 'vsclib 1'",
            "program that wrote it",
        )


def rewritten(path: Path, **changes: str) -> Path:
    """The same weights, with other words beside them."""
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        metadata, tensors = (
            dict(file.metadata()),
            {key: file.get_tensor(key) for key in file.keys()},
        )
    # A file of the first edition has no checksum and no more texts than these.
    for newer in ("sha256", "trained"):
        del metadata[newer]
    save_file(tensors, path, metadata | changes)
    return path


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"model": "vsc"}, "state_dict"),
        ({"model": "diffusion"}, "no model 'diffusion'"),
        (
            {"config": json.dumps({"image_shape": [1, 8, 8], "latents": 5, "hidden": 8})},
            "state_dict",
        ),
        ({"config": json.dumps({"image_shape": [1, 8, 8], "colour": 5})}, "no option 'colour'"),
        ({"config": json.dumps({"image_shape": [1, 8, 8], "latents": 0})}, "latents >= 1"),
        ({"config": json.dumps({"latents": 4})}, "image_shape"),
        ({"config": "[]"}, "list"),
        ({"config": "{"}, "Expecting property name"),
    ],
)
def test_weights_that_do_not_fit_their_options(model_file, change, part):
    call = lambda: vsclib.load(rewritten(model_file, **change))  # noqa: E731
    refused(CheckpointError, call, str(model_file), part, "train the model again")


def test_the_state_of_a_training_is_no_model_and_the_other_way_round(model_file, training_file):
    refused(
        CheckpointError,
        lambda: vsclib.load(training_file),
        str(training_file),
        "state of a training",
        "vsclib.save",
    )
    before = model_file.read_bytes()
    refused(
        CheckpointError,
        resume(model_file),
        str(model_file),
        "another training",
        "choose another checkpoint file",
    )
    assert model_file.read_bytes() == before


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        ({"steps": 7}, ("steps = 6", "wanted 7")),
        ({"seed": 1}, ("seed = 0", "wanted 1")),
        ({"batch_size": 19}, ("batch_size = 20", "wanted 19")),
        ({"learning_rate": 0.1}, ("learning_rate = 0.001", "wanted 0.1")),
        ({"model": tiny("ae")}, ("model = 'vae'", "wanted 'ae'")),
        ({"model": tiny(latents=5)}, ("latents = 4", "wanted 5")),
        ({"model": tiny(beta=2.0)}, ("beta = 1.0", "wanted 2.0")),
        ({"images": PIXELS[:40]}, ("images = '60 ", "wanted '40 ")),
        ({"images": 255 - PIXELS}, ("images = '60 with checksum", "wanted '60 with checksum")),
    ],
)
def test_the_checkpoint_of_another_training(training_file, options, parts):
    """Another data set of the same size counts as another training, too."""
    before = training_file.read_bytes()
    remedy = ("belongs to another training", "choose another checkpoint file, or delete this one")
    refused(CheckpointError, resume(training_file, **options), str(training_file), *parts, *remedy)
    assert training_file.read_bytes() == before


# ------------------------------------------------------------------------------ on the command line


def papermill_run(tmp_path: Path, *parameters: str) -> subprocess.CompletedProcess:
    command = [
        sys.executable,
        "-m",
        "papermill",
        "--no-progress-bar",
        str(NOTEBOOK),
        "out.ipynb",
        *parameters,
    ]
    return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("parameters", "parts"),
    [
        (("-p", "modle", "vae"), ("no parameter 'modle'", "did you mean 'model'")),
        (("-p", "model", "vsc", "-p", "alpha", "1.5"), ("alpha = 1.5", "0 < alpha < 1")),
    ],
)
def test_a_bad_parameter_ends_papermill_before_training(tmp_path, parameters, parts):
    done = papermill_run(tmp_path, *parameters)
    assert done.returncode != 0
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("ConfigurationError: ") and all(part in last for part in parts)
    assert not (tmp_path / "runs").exists()


def test_every_error_is_a_value_error_of_the_library():
    for kind in (ConfigurationError, DataError, CheckpointError, vsclib.errors.TrainingError):
        assert issubclass(kind, VsclibError) and issubclass(kind, ValueError)
    with pytest.raises(ValueError, match="unknown data set"):
        data.load("cifar")


# ------------------------------------------------------------------------------------------- memory

# PyTorch's words on a GPU, which has its class of error on any machine.
ON_CUDA = torch.OutOfMemoryError(
    "CUDA out of memory. Tried to allocate 2.50 GiB. GPU 0 has a total capacity of 7.79 GiB of "
    "which 1.12 GiB is free. Process 42 has 6.6 GiB memory in use."
)


def out_of_memory_on_cuda() -> None:
    raise ON_CUDA


@pytest.mark.parametrize(
    ("call", "sizes"),
    [
        (lambda: torch.empty(2**50), "(4503599627370496 bytes asked)"),
        (lambda: np.empty(2**50), "(8.00 PiB asked)"),
        (lambda: bytearray(2**60), ""),
        (out_of_memory_on_cuda, "(2.50 GiB asked, 1.12 GiB free)"),
    ],
)
def test_memory_that_runs_out_is_one_line_with_what_to_change(call, sizes):
    def step() -> None:
        with fits_memory("batch_size = 500", "choose batch_size = 250 or fewer"):
            call()

    told = refused(TrainingError, step, "batch_size = 500 does not fit", "250 or fewer")
    assert sizes in told


def test_another_error_of_the_device_goes_through():
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        with fits_memory("batch_size = 500", "choose batch_size = 250 or fewer"):
            torch.zeros(2, 3) @ torch.zeros(2, 3)
