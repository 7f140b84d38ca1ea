"""Install PyTorch for processors alone where there is no GPU, before everything else is installed.

    python .ci/cpu_wheels.py --cpu "" --index ADDRESS --python .venv/bin/python -- pip install

The usual wheels for Linux bring some 5 GB of libraries for GPUs along. PyTorch keeps others for
processors alone at an index of its own. They are taken where ``--cpu`` is 1, and where it is empty
on Linux without a GPU of NVIDIA's; never where it is 0, or PyTorch is installed. An index that
cannot be reached is said in one line, and the installation goes on with the usual wheels: the exit
code is always 0.

What stands behind ``--`` installs packages; ``--no-deps --index-url ADDRESS -r
requirements-cpu.txt`` are added to it.
"""

import argparse
import os
import shutil
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

REQUIREMENTS = Path(__file__).parents[1] / "requirements-cpu.txt"
PATIENCE = 5.0
"""Seconds within which the index must answer."""
COST = "the usual PyTorch with its libraries for GPUs is installed, some 5 GB"
REMEDY = "name a mirror with TORCH_INDEX=..., or say CPU=0 to ask no more"
GPU = ("/dev/nvidiactl", "/usr/lib/wsl/lib/nvidia-smi")


def has_gpu() -> bool:
    """Whether there is a driver of NVIDIA's."""
    return shutil.which("nvidia-smi") is not None or any(map(os.path.exists, GPU))


def wanted(cpu: str, system: str, gpu: bool) -> bool:
    """Whether the wheels for processors are to be tried; elsewhere than on Linux all are."""
    return system == "linux" and (cpu == "1" or (cpu == "" and not gpu))


def has_torch(python: str) -> bool:
    """Whether an environment holds PyTorch; it is looked for and not imported."""
    code = "import importlib.util, sys; sys.exit(importlib.util.find_spec('torch') is None)"
    return subprocess.run([python, "-c", code], check=False).returncode == 0


def out_of_reach(index: str, patience: float = PATIENCE) -> str | None:
    """Why an index cannot be reached; None if it answers in time."""
    reasons = [f"no answer within {patience:g} seconds"]

    def ask() -> None:
        try:
            with urllib.request.urlopen(f"{index.rstrip('/')}/torch/", timeout=patience):
                reasons.append("")
        except (OSError, ValueError) as error:
            reasons.append(str(getattr(error, "reason", error)))

    # A name that no server resolves may take longer than the time limit of the connection.
    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(patience)
    return reasons[-1] or None


def main(arguments: Sequence[str]) -> int:
    """Install PyTorch for processors where that is wanted and possible."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--cpu", choices=("", "0", "1"), default="")
    parser.add_argument("--index", required=True)
    parser.add_argument("--python", required=True)
    parser.add_argument("install", nargs="+")
    chosen = parser.parse_args(arguments)
    if not wanted(chosen.cpu, sys.platform, has_gpu()) or has_torch(chosen.python):
        return 0
    if reason := out_of_reach(chosen.index):
        tell(f"PyTorch's wheels for processors are out of reach at {chosen.index} ({reason})")
        return 0
    added = ["--no-deps", "--index-url", chosen.index, "-r", str(REQUIREMENTS)]
    if subprocess.run([*chosen.install, *added], check=False).returncode:
        tell(f"PyTorch for processors could not be installed from {chosen.index}")
    return 0


def tell(what: str) -> None:
    """What happens instead, what it costs and what to do."""
    print(f"{what}: {COST}; {REMEDY}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.stdout.flush()
    # A thread that still waits for a name is not waited for.
    os._exit(main(sys.argv[1:]))
