"""Where a result comes from: commit, versions, machine, time."""

import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from vsclib import __version__
from vsclib.errors import ConfigurationError


def provenance(device: str) -> dict[str, Any]:
    """Where a result of a device comes from. Take it at a run's start: the code may change."""
    try:
        torch.device(device)
    except RuntimeError:
        raise ConfigurationError(f"there is no device {device!r}: choose 'cpu' or 'cuda'") from None
    gpu = torch.cuda.get_device_name(device) if device.startswith("cuda") else None
    return {
        "commit": _commit(),
        "vsclib": __version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "device": gpu or device,
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        "started": now(),
    }


def now() -> str:
    """The time in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _commit() -> str | None:
    try:
        # An installed copy may lie inside a repository that is not the library's own.
        _git("ls-files", "--error-unmatch", __file__)
        commit, changes = _git("rev-parse", "HEAD"), _git("status", "--porcelain", ".")
    except (OSError, subprocess.CalledProcessError):
        return None
    return commit + (" with changes" if changes else "")


def _git(*arguments: str) -> str:
    """What git says in the library's folder."""
    command, folder = ["git", *arguments], Path(__file__).parent.parent
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()
