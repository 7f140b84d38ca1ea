"""Shared ground of the tests: what must be there, and where the real images are."""

import os
from pathlib import Path

import pytest


def require(condition: bool, reason: str) -> None:
    """Skip the test when something outside the project is absent; fail when everything must be there."""
    if condition:
        return
    if os.environ.get("VSCLIB_REQUIRE_ALL") == "1":
        pytest.fail(f"VSCLIB_REQUIRE_ALL=1, but {reason}", pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def mnist_root() -> Path:
    """Folder that holds MNIST in torchvision's layout."""
    root = Path(os.environ.get("VSCLIB_DATA", "data"))
    require(
        (root / "MNIST" / "raw" / "t10k-images-idx3-ubyte").is_file(),
        "MNIST is not under VSCLIB_DATA: point it at the folder that holds MNIST/raw",
    )
    return root
