"""Shared ground of the tests: what must be there, and where the real images are."""

import importlib.util
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import hypothesis
import pytest
import torch
from filelock import FileLock

REPOSITORY = Path(__file__).parent.parent
# The grading of the course is no package: its scripts run from their folder.
sys.path.insert(0, str(REPOSITORY / "assignments"))
JUPYTER_BOOK = [sys.executable, "-c", "from jupyter_book.cli.main import main; main()"]

# Models of this size are slower on many threads than on one, much slower on a busy machine.
torch.set_num_threads(int(os.environ.get("VSCLIB_TEST_THREADS", "1")))
# The same examples on every machine, and no failure because a machine is busy.
hypothesis.settings.register_profile("vsclib", deadline=None, derandomize=True, database=None)
hypothesis.settings.load_profile("vsclib")


BOOK = {"built_book", "browser"}


def pytest_configure(config: pytest.Config) -> None:
    """Let xdist hand out the files in the order below, not those of most tests first."""
    config.option.loadscopereorder = False


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that need the built book or a browser, before the marks choose.

    Where processes share the tests, the long files come first and the short ones fill the end. One
    process builds the book while another executes chapters, so that nobody waits for the book.
    """
    marks: dict[Path, set[str]] = {}
    for item in items:
        if BOOK & set(getattr(item, "fixturenames", ())):
            item.add_marker("book")
        marks.setdefault(item.path, set()).update(mark.name for mark in item.iter_markers())
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return
    first = next((path for path in marks if "book" in marks[path]), None)

    def place(item: pytest.Item) -> int:
        if item.path == first:
            return 0
        if item.path.suffix == ".ipynb":
            return 1
        return 2 if marks[item.path] & {"slow", "book"} else 3

    items.sort(key=place)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A headless Chromium, a new one for each file of tests."""
    from playwright.sync_api import sync_playwright
    from published_page import launch

    with sync_playwright() as playwright:
        chromium = launch(playwright)
        require(
            chromium is not None,
            "there is no Chromium: install one, or run `playwright install chromium`",
        )
        yield chromium
        chromium.close()


def load_script(place: str) -> ModuleType:
    """A script of the repository, which is no part of a package, as a module."""
    path = REPOSITORY / place
    specification = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def require(condition: bool, reason: str) -> None:
    """Skip the test when something outside is absent; fail when everything must be there."""
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


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No VSCLIB_DATA, an empty cache, and no network beyond 127.0.0.1."""
    resolve = socket.getaddrinfo

    def resolve_here(host: str, *args: object, **kwargs: object) -> list:
        if host != "127.0.0.1":
            raise socket.gaierror(-3, "Temporary failure in name resolution")
        return resolve(host, *args, **kwargs)

    monkeypatch.delenv("VSCLIB_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for variable in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(variable, "*")
    monkeypatch.setattr(socket, "getaddrinfo", resolve_here)
    return tmp_path / "cache" / "vsclib"


@pytest.fixture(scope="session")
def built_book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The book's HTML, built once from a clean start with every warning an error.

    Processes that share the tests share the book: the first builds it, the others wait.
    """
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    output = shared / "built-book"
    with FileLock(shared / "built-book.lock"):
        if not (output / "outcome.txt").exists():
            (output / "outcome.txt").write_text(build_book(output), encoding="utf-8")
    problem = (output / "outcome.txt").read_text(encoding="utf-8")
    if problem:
        pytest.fail(f"the book does not build without a warning:\n{problem}", pytrace=False)
    return output / "_build" / "html"


def build_book(output: Path) -> str:
    """Build the book into a folder; the value is what went wrong, or nothing."""
    output.mkdir()
    command = [*JUPYTER_BOOK, "build", "book", "--path-output", str(output), "-W", "--keep-going"]
    run = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    return (run.stdout + run.stderr)[-6000:] if run.returncode else ""
