"""PyTorch for processors alone: chosen where no GPU is, and given up in seconds where it cannot be had."""

import http.server
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from conftest import REPOSITORY, load_script, require

wheels = load_script(".ci/cpu_wheels.py")
SCRIPT = str(REPOSITORY / ".ci" / "cpu_wheels.py")


@pytest.fixture
def without_torch(tmp_path: Path) -> str:
    """A Python that holds no PyTorch."""
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    python.chmod(0o755)
    return str(python)


@pytest.fixture
def installer(tmp_path: Path) -> list[str]:
    """A command that installs nothing and writes down how it was called."""
    script = tmp_path / "install.py"
    script.write_text(
        "import pathlib, sys\n"
        "pathlib.Path(__file__).with_name('called').write_text(' '.join(sys.argv[1:]))\n"
        "sys.exit('broken' in sys.argv)\n",
        encoding="utf-8",
    )
    return [sys.executable, str(script)]


@pytest.fixture
def index(tmp_path: Path):
    """The address of an index that answers."""
    (tmp_path / "index" / "torch").mkdir(parents=True)

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=str(tmp_path / "index"))

        def log_message(self, *arguments):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    "cpu, system, gpu, tried",
    [
        ("", "linux", False, True),
        ("", "linux", True, False),
        ("1", "linux", True, True),
        ("0", "linux", False, False),
        ("1", "darwin", False, False),
        ("", "win32", False, False),
    ],
)
def test_wheels_for_processors_are_chosen_without_being_asked(cpu, system, gpu, tried) -> None:
    assert wheels.wanted(cpu, system, gpu) is tried


def test_a_gpu_is_known_by_its_driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(wheels, "GPU", ())
    assert not wheels.has_gpu()
    monkeypatch.setattr(wheels, "GPU", (str(tmp_path),))
    assert wheels.has_gpu()
    monkeypatch.setattr(wheels, "GPU", ())
    tool = tmp_path / "nvidia-smi"
    tool.touch(0o755)
    assert wheels.has_gpu() or sys.platform == "win32"


def call(cpu: str, address: str, python: str, install: list[str]) -> int:
    options = ["--cpu", cpu, "--index", address, "--python", python]
    return wheels.main([*options, "--", *install])


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere all wheels are for processors")
class TestOnLinux:
    def test_they_are_installed_from_an_index_that_answers(
        self, index, without_torch, installer, capsys, tmp_path
    ) -> None:
        assert call("1", index, without_torch, [*installer, "-c", "requirements.lock"]) == 0
        requirements = REPOSITORY / "requirements-cpu.txt"
        called = (tmp_path / "called").read_text(encoding="utf-8")
        assert called == f"-c requirements.lock --no-deps --index-url {index} -r {requirements}"
        assert capsys.readouterr().err == ""

    def test_an_index_out_of_reach_costs_a_line_and_no_time(
        self, without_torch, installer, capsys, tmp_path
    ) -> None:
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            port = closed.getsockname()[1]
        start = time.monotonic()
        assert call("1", f"http://127.0.0.1:{port}", without_torch, installer) == 0
        assert time.monotonic() - start < 4
        (line,) = capsys.readouterr().err.splitlines()
        assert f"127.0.0.1:{port}" in line and "5 GB" in line
        assert "TORCH_INDEX=" in line and "CPU=0" in line
        assert not (tmp_path / "called").exists()

    def test_an_index_that_says_nothing_is_given_up(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            port = silent.getsockname()[1]
            start = time.monotonic()
            assert wheels.out_of_reach(f"http://127.0.0.1:{port}", patience=0.3)
            assert time.monotonic() - start < 4

    def test_an_index_without_pytorch_is_out_of_reach(self, index, tmp_path) -> None:
        (tmp_path / "index" / "torch").rmdir()
        assert "not found" in (wheels.out_of_reach(index) or "").lower()
        assert wheels.out_of_reach("no address")

    def test_an_installation_that_fails_is_told(
        self, index, without_torch, installer, capsys
    ) -> None:
        assert call("1", index, without_torch, [*installer, "broken"]) == 0
        (line,) = capsys.readouterr().err.splitlines()
        assert "could not be installed" in line and "5 GB" in line

    @pytest.mark.parametrize("cpu, python", [("0", None), ("1", sys.executable)])
    def test_nothing_is_tried_against_ones_will_or_where_pytorch_is(
        self, cpu, python, without_torch, installer, monkeypatch, tmp_path, capsys
    ) -> None:
        monkeypatch.setattr(wheels, "out_of_reach", lambda *_: pytest.fail("it was asked"))
        assert call(cpu, "http://127.0.0.1:1", python or without_torch, installer) == 0
        assert not (tmp_path / "called").exists() and capsys.readouterr().err == ""

    def test_the_script_ends_well_whatever_happens(self, without_torch, installer) -> None:
        options = ["--cpu", "1", "--index", "no address", "--python", without_torch, "--"]
        outcome = subprocess.run(
            [sys.executable, SCRIPT, *options, *installer], capture_output=True, text=True
        )
        assert outcome.returncode == 0 and "CPU=0" in outcome.stderr


@pytest.mark.parametrize("uv", ["uv", ""])
def test_make_installs_pytorch_first(tmp_path: Path, uv: str) -> None:
    require(shutil.which("make") is not None, "make is not installed")
    goal = f"{tmp_path}/venv/.installed"
    settings = [f"VENV={tmp_path}/venv", f"UV={uv}", "CPU=1", "TORCH_INDEX=http://mirror"]
    outcome = subprocess.run(
        ["make", "--dry-run", goal, *settings], cwd=REPOSITORY, capture_output=True, text=True
    )
    assert outcome.returncode == 0, outcome.stderr
    lines = [line for line in outcome.stdout.replace("\\\n", " ").splitlines() if "pip" in line]
    first = next(k for k, line in enumerate(lines) if "cpu_wheels.py" in line)
    rest = next(k for k, line in enumerate(lines) if "-r requirements.txt" in line)
    assert first < rest and '--cpu "1" --index "http://mirror"' in lines[first]
    assert ("uv pip install" if uv else "-m pip install") in lines[first]


def test_the_address_stands_in_one_place() -> None:
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    (address,) = re.findall(r"^TORCH_INDEX \?= (https://\S+)$", makefile, re.MULTILINE)
    for name in ("requirements-cpu.txt", "requirements.txt", ".ci/cpu_wheels.py", "README.md"):
        assert address not in (REPOSITORY / name).read_text(encoding="utf-8"), name


def test_the_same_versions_are_locked() -> None:
    text = (REPOSITORY / "requirements-cpu.txt").read_text(encoding="utf-8")
    names = [line for line in text.splitlines() if line and not line.startswith("#")]
    lock = (REPOSITORY / "requirements.lock").read_text(encoding="utf-8")
    assert names == ["torch", "torchvision"]
    assert all(re.search(rf"^{name}==", lock, re.MULTILINE) for name in names)
