"""What the first edition wrote still loads, and its seeds still give its weights.

``first_edition/`` holds a small model of every family, half a training of four of them, the codes
that they gave (``codes.json``) and hashes of trained weights by machine (``weights.json``). All of
it was written by version 0.1.0. The last digits of a training depend on the processor: hashes are
compared where they were taken, on other machines the files alone speak.

Its trainings drew weights, images' order and noise from one stream. Trainings of today take others,
and a private switch brings those back: everything else must be as it was, bit for bit.
"""

import hashlib
import json
import shutil
from pathlib import Path

import pytest
import torch

import vsclib
from vsclib import data, models

FOLDER = Path(__file__).parent / "first_edition"
CODES = json.loads((FOLDER / "codes.json").read_text(encoding="utf-8"))
WEIGHTS = json.loads((FOLDER / "weights.json").read_text(encoding="utf-8"))
HALVES = sorted(path.name.split(".")[0] for path in FOLDER.glob("*.training.safetensors"))
TRAINING = {"steps": 40, "seed": 5, "progress": False}


@pytest.fixture(autouse=True)
def streams_of_the_first_edition(monkeypatch):
    monkeypatch.setattr("vsclib.training.state.STREAMS", 1)


def machine() -> str:
    """What decides the last digits: the version of PyTorch and the processor's instructions."""
    flags = ""
    if Path("/proc/cpuinfo").is_file():
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        flags = next((line for line in lines if line.startswith(("flags", "Features"))), "")
    processor = hashlib.sha256(flags.encode()).hexdigest()[:12]
    version = torch.__version__.split("+")[0]
    return f"PyTorch {version}, {torch.backends.cpu.get_cpu_capability()}, {processor}"


def trained(name: str, **options) -> models.Model:
    entry = CODES[name]
    shape = {"image_shape": tuple(entry["options"]["image_shape"])}
    if hasattr(models.family(entry["model"]).Config, "inference_precision"):
        shape["inference_precision"] = "float32"  # the only default that has changed since
    model = models.create(entry["model"], seed=3, **entry["options"] | shape)
    vsclib.fit(model, data.load("digits"), **TRAINING, **options)
    return model


def digest(model: models.Model) -> str:
    found = hashlib.sha256()
    for name, value in sorted(model.state_dict().items()):
        found.update(name.encode())
        found.update(value.contiguous().numpy().tobytes())
    return found.hexdigest()


@pytest.mark.parametrize("name", CODES)
def test_a_model_of_the_first_edition_loads_and_gives_its_codes(name):
    entry, x = CODES[name], data.to_tensor(data.load("digits").test.images[:3])
    model = vsclib.load(FOLDER / f"{name}.safetensors")
    assert model.name == entry["model"]
    assert {key: getattr(model.config, key) for key in ("latents", "hidden")} == {
        "latents": 8,
        "hidden": 16,
    }
    torch.testing.assert_close(
        model.encode(x).z, torch.tensor(entry["z"]), rtol=1e-3, atol=1e-3, check_dtype=False
    )


def test_every_family_of_the_first_edition_is_there():
    assert {entry["model"] for entry in CODES.values()} <= set(models.names())
    assert len({entry["model"] for entry in CODES.values()}) == 14


@pytest.mark.slow
@pytest.mark.parametrize("name", HALVES)
def test_a_training_of_the_first_edition_goes_on(name, tmp_path):
    path = tmp_path / "training.safetensors"
    shutil.copy(FOLDER / f"{name}.training.safetensors", path)
    resumed, whole = trained(name, checkpoint=path), trained(name)
    here = machine() in WEIGHTS
    for one, other in zip(resumed.parameters(), whole.parameters(), strict=True):
        if here:
            assert torch.equal(one, other)
        else:
            torch.testing.assert_close(one, other, rtol=0.05, atol=0.02)


@pytest.mark.slow
@pytest.mark.parametrize("name", CODES)
def test_the_same_seed_gives_the_weights_of_the_first_edition(name):
    if machine() not in WEIGHTS:
        pytest.skip(f"no hashes were taken on this machine ({machine()})")
    assert digest(trained(name)) == WEIGHTS[machine()][name]
