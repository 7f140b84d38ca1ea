"""What `import vsclib` costs, beside `import torch`, and what it leaves alone."""

import os
import statistics
import subprocess
import sys

import pytest

import vsclib

HEAVY = ("IPython", "matplotlib", "pandas", "papermill", "pooch", "scipy", "sklearn", "sympy")
COMPILER = ("torch._dynamo", "torch._inductor")
ROOM_AND_MODEL = (
    "from vsclib import data, fit, models; "
    "models.create('vsc', image_shape=(1, 8, 8), latents=4, hidden=8)"
)


def python(code: str) -> str:
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("code", ["import vsclib", ROOM_AND_MODEL])
def test_nothing_heavy_is_loaded_before_it_is_used(code: str) -> None:
    loaded = set(python(f"{code}; import sys; print(*sys.modules)").split())
    assert "vsclib.arguments" in loaded
    # What PyTorch itself imports is its own affair.
    torch = set(python("import torch, sys; print(*sys.modules)").split())
    assert sorted((loaded - torch) & {*HEAVY, *COMPILER}) == []


def test_a_room_is_there_when_it_is_asked_for() -> None:
    python("import vsclib; assert vsclib.metrics.psnr and vsclib.data.smiley.load and vsclib.fit")
    python("from vsclib import *; assert callable(fit) and callable(load) and data and models")
    assert {"data", "fit", "load", "models", "save", "__version__"} <= set(dir(vsclib))
    for missing in ("nothing", "_nothing"):
        with pytest.raises(AttributeError, match=f"has no attribute '{missing}'"):
            getattr(vsclib, missing)


def seconds(code: str) -> float:
    """Of processor time: what other processes take of the machine does not count."""
    before = os.times()
    python(code)
    after = os.times()
    spent = after.children_user + after.children_system
    return spent - before.children_user - before.children_system


@pytest.mark.slow
def test_the_library_adds_little_to_the_import_of_torch() -> None:
    """Measured: 1.05 and 1.26 times `import torch`, the library not yet compiled to bytecode."""
    codes = ("import torch", "import torch, vsclib", ROOM_AND_MODEL)
    rounds = [[seconds(code) for code in codes] for _ in range(3)]
    torch, library, used = (statistics.median(column) for column in zip(*rounds, strict=True))
    assert library < 1.2 * torch
    assert used < 1.6 * torch
