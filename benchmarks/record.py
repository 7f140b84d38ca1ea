"""Where results go: the newest of each part in one file, and every run in a file of its own."""

import json
import platform
import re
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from vsclib.files import write_text
from vsclib.runs import provenance

RESULTS = Path(__file__).parent.parent / "results"
NEWEST, OLD = "benchmark.json", "benchmarks"
PACKAGES = ("numpy", "torchvision", "pillow")


def processor() -> str:
    """The processor's name as the system tells it."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
        return re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)[1].strip()  # type: ignore[index]
    except (OSError, TypeError):
        return platform.processor() or platform.machine()


def machine() -> dict[str, Any]:
    """Device, processor, capability, threads and versions."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    found = provenance(device) | {
        "processor": processor(),
        "cores": torch.multiprocessing.cpu_count(),
        "capability": torch.backends.cpu.get_cpu_capability(),
    }
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = None
    return found


def slug(text: str) -> str:
    """A text as a part of a file's name."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def own_file(origin: dict[str, Any], folder: Path = RESULTS) -> Path:
    """Where a run that starts now on a machine is kept: a file that no other run writes."""
    now = datetime.now(UTC)
    words = slug(f"{origin['processor']} {origin['capability']}")
    return folder / OLD / f"{now:%Y-%m-%d-%H%M%S}-{words}.json"


def store(part: str, found: dict[str, Any], own: Path, folder: Path = RESULTS) -> None:
    """Keep a part: in the file of its run, and in the one that has the newest of each part."""
    for path, name in ((own, "benchmark-run"), (folder / NEWEST, "benchmark")):
        parts = parts_of(path) | {part: found}
        content = {"name": name, **prices(parts.get("families")), "parts": parts}
        write_text(path, json.dumps(content, indent=1) + "\n")


def prices(families: dict[str, Any] | None) -> dict[str, Any]:
    """What a sweep reads to add up its cost: the processor, and seconds of a step by model."""
    if families is None:
        return {}
    seconds = families["result"]["seconds_per_step"]
    return {"processor": families["machine"]["processor"], "seconds_per_step": seconds}


def parts_of(path: Path) -> dict[str, dict[str, Any]]:
    """The parts in a file by name; none where there is no file."""
    return json.loads(path.read_text(encoding="utf-8"))["parts"] if path.exists() else {}
