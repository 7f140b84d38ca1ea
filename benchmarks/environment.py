"""pythae's own environment: made once, with this environment's PyTorch in sight."""

import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

VERSION = "0.1.2"
FOLDER = Path(__file__).parent.parent / ".bench-venv"


class Unavailable(RuntimeError):
    """What a part needs is not there; the text says why."""


def python_with_pythae(folder: Path = FOLDER) -> Path:
    """The Python of an environment in which pythae imports, made where it is missing.

    pythae alone is installed there. PyTorch and the rest come from this environment, by a path
    file: both trainers then run on the same build, and nothing is installed twice.

    Raises:
        Unavailable: it cannot be made, with the reason.
    """
    place = "Scripts/python.exe" if sys.platform == "win32" else "bin/python"
    python = folder / place
    if not works(python):
        make(folder, python)
    if not works(python):
        raise Unavailable(f"pythae {VERSION} does not import: {said(python, PROBE)}")
    return python


PROBE = f"""
from importlib.metadata import version
from pythae.trainers import BaseTrainer
assert version("pythae") == "{VERSION}", version("pythae")
"""


def works(python: Path) -> bool:
    """Whether the wanted pythae imports there."""
    return python.exists() and not said(python, PROBE)


def said(python: Path, code: str) -> str:
    """The last line of an error of some code, or nothing."""
    done = subprocess.run([python, "-c", code], capture_output=True, text=True)
    return (done.stderr.strip().splitlines() or ["failed"])[-1] if done.returncode else ""


def make(folder: Path, python: Path) -> None:
    """Make the environment, with uv where it is installed."""
    here = Path(sys.executable)
    package = f"pythae=={VERSION}"
    uv = shutil.which("uv")
    if uv:
        run([uv, "venv", "--quiet", "--clear", "--python", str(here), str(folder)])
        run([uv, "pip", "install", "--quiet", "--python", str(python), "--no-deps", package])
    else:
        run([str(here), "-m", "venv", "--clear", str(folder)])
        run([str(python), "-m", "pip", "install", "--quiet", "--no-deps", package])
    inside = "import sysconfig; print(sysconfig.get_paths()['purelib'])"
    packages = Path(run([str(python), "-c", inside]).strip())
    shared = sysconfig.get_paths()["purelib"]
    (packages / "shared_packages.pth").write_text(shared + "\n", encoding="utf-8")


def run(command: list[str]) -> str:
    """What a command prints.

    Raises:
        Unavailable: it fails.
    """
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except OSError as error:
        raise Unavailable(f"{command[0]} does not start: {error}") from error
    except subprocess.CalledProcessError as error:
        reason = (error.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise Unavailable(f"{Path(command[0]).name} fails: {reason}") from error
    return done.stdout
