"""Models come back from their files as they were; files are written whole or not at all."""

import os
import random
import stat
import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

import vsclib
from vsclib import checkpoints, data, files, fit, models
from vsclib.errors import CheckpointError, ConfigurationError

SHAPE = (1, 8, 8)
VARIANTS = [
    ("abp", {"cold_steps": 7}),
    ("ae", {}),
    ("vae", {"network": "conv"}),
    ("beta_tcvae", {"beta": 3.0, "estimator": "weighted"}),
    ("beta_vae", {"beta": 2.5, "likelihood": "gaussian_learned"}),
    ("vsc", {"gamma_form": "relu", "alpha": 0.2, "gamma_bias": -0.1, "lam_until": 10}),
    ("vsc_thresholds", {"gradient": "identity", "charge": "base", "gamma_bias": -0.5}),
    ("vae_mixture", {"pseudo_inputs": 3}),
    ("vsc_mixture", {"pseudo_inputs": 3}),
    (
        "vsc_uai",
        {"pseudo_inputs": 3, "selector": "normalised", "sharpness": 10.0, "lam_form": "sqrt"},
    ),
    ("vsc_wu", {"alpha": 0.3}),
    ("relu_sae", {"l1": 0.3}),
    ("top_k", {"k": 2, "dead_after": 7}),
    ("batch_top_k", {"k": 2, "dead_after": 7}),
    ("jump_relu", {"l0": 0.3}),
    ("poisson_vae", {"arrivals": 12}),
    ("short_run", {"sigma": 0.2, "chains": 3, "kept": 2, "skip": 4, "langevin_noise": True}),
    ("sparse_generator", {"alpha": 0.05, "hidden_layers": 2, "inference_steps": 5}),
]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def half_trained(name: str, options: dict) -> models.Model:
    """A model with random weights, in the middle of its schedules."""
    model = models.create(name, image_shape=SHAPE, latents=6, hidden=10, seed=8, **options)
    model.plan(steps=10, steps_per_epoch=3)
    step = models.TrainingStep(torch.rand(4, *SHAPE, generator=seeded()), seeded(), 4)
    model.remember(step, model.loss(step).state)
    return model


@pytest.mark.parametrize(("name", "options"), VARIANTS)
def test_a_loaded_model_gives_identical_outputs(tmp_path, name, options):
    model, x = half_trained(name, options), torch.rand(5, *SHAPE, generator=seeded(3))
    vsclib.save(model, tmp_path / "model.safetensors")
    loaded = vsclib.load(tmp_path / "model.safetensors")
    assert type(loaded) is type(model)
    assert (loaded.name, loaded.config, loaded.image_shape) == (model.name, model.config, SHAPE)
    assert not loaded.training
    for one, other in zip(model.encode(x), loaded.encode(x), strict=True):
        assert one is None if other is None else torch.equal(one, other)
    assert torch.equal(model.sample_code(x, seeded(1)).z, loaded.sample_code(x, seeded(1)).z)
    assert torch.equal(model.sample(3, seeded()), loaded.sample(3, seeded()))
    z = torch.randn(5, 6, generator=seeded())
    assert torch.equal(model.decode(z).log_prob(x), loaded.decode(z).log_prob(x))


def test_warm_up_and_decay_stay_with_the_weights(tmp_path):
    vsc, sparse = (
        half_trained(*next(variant for variant in VARIANTS if variant[0] == "vsc")),
        half_trained(*VARIANTS[-1]),
    )
    assert vsc.lam.item() == pytest.approx(0.4) and sparse.alpha.item() == pytest.approx(1 - 0.033)
    for model, buffer in ((vsc, "lam"), (sparse, "alpha")):
        vsclib.save(model, tmp_path / "model.safetensors")
        loaded = vsclib.load(tmp_path / "model.safetensors")
        assert torch.equal(getattr(loaded, buffer), getattr(model, buffer))


@pytest.mark.parametrize(("name", "options"), VARIANTS)
def test_half_precision_files_are_half_as_large_and_nearly_the_same(tmp_path, name, options):
    model = half_trained(name, options)
    vsclib.save(model, tmp_path / "full.safetensors")
    checkpoints.save(model, tmp_path / "half.safetensors", torch.float16)
    with safe_open(tmp_path / "half.safetensors", "pt") as file:
        assert {file.get_tensor(key).dtype for key in file.keys()} == {torch.float16}
    loaded = vsclib.load(tmp_path / "half.safetensors")
    full = model.state_dict()
    assert full.keys() == loaded.state_dict().keys()
    for key, value in loaded.state_dict().items():
        assert value.dtype == torch.float32
        torch.testing.assert_close(value, full[key], rtol=2**-11, atol=2**-24)
    z = torch.randn(5, 6, generator=seeded())
    torch.testing.assert_close(loaded.decode(z).mean, model.decode(z).mean, rtol=0, atol=5e-3)
    sizes = [(tmp_path / f"{kind}.safetensors").stat().st_size for kind in ("half", "full")]
    assert sizes[0] < 0.75 * sizes[1]


def test_a_file_names_its_model_and_options_for_other_programs(tmp_path):
    vsclib.save(half_trained("vsc", {}), tmp_path / "model.safetensors")
    with safe_open(tmp_path / "model.safetensors", "pt") as file:
        metadata = file.metadata()
    assert metadata["format"] == "vsclib 1" and metadata["model"] == "vsc"
    assert '"alpha": 0.01' in metadata["config"]


def test_saving_leaves_the_model_as_it_was(tmp_path):
    model = half_trained("vsc", {})
    before = {key: value.clone() for key, value in model.state_dict().items()}
    checkpoints.save(model, tmp_path / "model.safetensors", torch.float16)
    assert all(
        torch.equal(before[key], value) and value.dtype == torch.float32
        for key, value in model.state_dict().items()
    )


# ------------------------------------------------------------------------- the same weights and bits


PROGRAM = """
import sys, vsclib
from vsclib import models
model = models.create("vsc", image_shape=(1, 8, 8), latents=6, hidden=10, seed=8)
vsclib.save(model, sys.argv[1])
"""


@pytest.mark.slow
def test_the_same_weights_give_the_same_bytes_in_every_process(tmp_path):
    files = [tmp_path / f"{number}.safetensors" for number in range(3)]
    subprocess.run([sys.executable, "-c", PROGRAM, str(files[0])], check=True)
    vsclib.save(models.create("vsc", image_shape=SHAPE, latents=6, hidden=10, seed=8), files[1])
    vsclib.save(vsclib.load(files[0]), files[2])
    assert files[0].read_bytes() == files[1].read_bytes() == files[2].read_bytes()


def flips(content: bytes, number: int):
    """The same bytes with one bit turned over, in the header and behind it."""
    draws, header = random.Random(0), 8 + int.from_bytes(content[:8], "little")
    places = [draws.randrange(8 * header) for _ in range(number)]
    places += [draws.randrange(8 * header, 8 * len(content)) for _ in range(number)]
    for place in [0, 7, 63, *places, 8 * header - 1, 8 * len(content) - 1]:
        spoilt = bytearray(content)
        spoilt[place // 8] ^= 1 << (place % 8)
        yield bytes(spoilt)


def test_a_bit_that_flipped_is_found_in_a_model(tmp_path):
    path = tmp_path / "model.safetensors"
    vsclib.save(half_trained("vsc", {}), path)
    for spoilt in flips(path.read_bytes(), 300):
        path.write_bytes(spoilt)
        with pytest.raises(CheckpointError, match=r"is damaged .*: delete it|of another program"):
            vsclib.load(path)


@pytest.mark.slow
def test_a_bit_that_flipped_is_found_in_the_state_of_a_training(tmp_path):
    path, images = tmp_path / "training.safetensors", data.load("digits").train.images[:60]
    options = {"steps": 4, "batch_size": 20, "progress": False, "checkpoint": path}
    make = lambda: models.create("ae", image_shape=SHAPE, latents=2, hidden=4)  # noqa: E731
    fit(make(), images, **options)
    for spoilt in flips(path.read_bytes(), 20):
        path.write_bytes(spoilt)
        with pytest.raises(CheckpointError, match=r"is damaged .*: delete it|of another program"):
            fit(make(), images, **options)
        assert path.read_bytes() == spoilt


def without_checksum(path, **changes):
    """The file as the first edition wrote it."""
    with safe_open(path, "pt") as file:
        metadata, tensors = dict(file.metadata()), {k: file.get_tensor(k) for k in file.keys()}
    del metadata["sha256"], metadata["trained"]
    save_file(tensors | changes, path, metadata)


def test_a_file_without_a_checksum_loads(tmp_path):
    path, model = tmp_path / "model.safetensors", half_trained("vsc", {})
    vsclib.save(model, path)
    without_checksum(path)
    assert torch.equal(vsclib.load(path).encoder.head.weight, model.encoder.head.weight)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_no_numbers_are_neither_written_nor_read(tmp_path, value):
    path, model = tmp_path / "model.safetensors", half_trained("vae", {})
    vsclib.save(model, path)
    before = path.read_bytes()
    broken = half_trained("vae", {})
    with torch.no_grad():
        broken.encoder.head.bias[1] = value
    line = r"encoder.head.bias holds NaN or infinity in float32, weights must be finite: train"
    with pytest.raises(CheckpointError, match=line):
        vsclib.save(broken, path)
    assert path.read_bytes() == before
    without_checksum(path, **{"encoder.head.bias": broken.encoder.head.bias.detach()})
    with pytest.raises(CheckpointError, match=line):
        vsclib.load(path)


def test_weights_that_a_narrow_type_cannot_hold_are_refused(tmp_path):
    model = half_trained("vae", {})
    with torch.no_grad():
        model.encoder.head.bias[1] = 1e6
    with pytest.raises(CheckpointError, match=r"infinity in float16.*a wider dtype"):
        checkpoints.save(model, tmp_path / "model.safetensors", torch.float16)


@pytest.mark.parametrize("dtype", [torch.int8, torch.bool, torch.complex64])
def test_a_type_that_holds_no_weights_is_refused(tmp_path, dtype):
    with pytest.raises(ConfigurationError, match=rf"^dtype = {dtype} cannot hold.*torch.float16"):
        checkpoints.save(half_trained("vae", {}), tmp_path / "model.safetensors", dtype)
    assert list(tmp_path.iterdir()) == []


def test_a_file_keeps_how_long_its_model_was_trained(tmp_path):
    path, model = tmp_path / "model.safetensors", half_trained("vsc", {})
    model.trained = (40, 3)
    vsclib.save(model, path)
    assert vsclib.load(path).trained == (40, 3)
    # One that does not say counts as trained to the end: nothing starts again in silence.
    without_checksum(path)
    assert min(vsclib.load(path).trained) >= 10**9


# ------------------------------------------------------------------------------ whole files or none


def fail_half_way(temporary):
    temporary.write_text("the first half of")
    raise RuntimeError("the disk is full")


def test_a_writer_that_fails_leaves_nothing(tmp_path):
    with pytest.raises(RuntimeError, match="the disk is full"):
        files.write_atomically(tmp_path / "result.json", fail_half_way)
    assert list(tmp_path.iterdir()) == []


def test_a_writer_that_fails_leaves_the_old_file(tmp_path):
    path = tmp_path / "result.json"
    files.write_text(path, "old")
    with pytest.raises(RuntimeError):
        files.write_atomically(path, fail_half_way)
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_nothing_stands_under_the_final_name_while_writing(tmp_path):
    path, seen = tmp_path / "new folder" / "result.txt", []

    def write(temporary):
        seen.append((path.exists(), temporary.parent == path.parent, temporary.suffix))
        temporary.write_text("all of it")

    files.write_atomically(path, write)
    assert seen == [(False, True, ".txt")]
    assert path.read_text() == "all of it" and list(path.parent.iterdir()) == [path]


def test_text_is_written_as_utf8(tmp_path):
    files.write_text(tmp_path / "text", "γ and α\n")
    assert (tmp_path / "text").read_bytes() == b"\xce\xb3 and \xce\xb1\n"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no permission bits")
def test_a_result_may_be_read_by_everybody_whom_the_umask_lets(tmp_path):
    before = os.umask(0o022)
    try:
        files.write_text(tmp_path / "text", "")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "text").stat().st_mode) == 0o644


def test_a_model_whose_writing_fails_leaves_the_old_one(tmp_path, monkeypatch):
    path = tmp_path / "model.safetensors"
    vsclib.save(half_trained("vae", {}), path)
    before = path.read_bytes()

    def broken(tensors, temporary, metadata):
        fail_half_way(temporary)

    monkeypatch.setattr(checkpoints, "save_file", broken)
    with pytest.raises(RuntimeError):
        vsclib.save(half_trained("vsc", {}), path)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]
