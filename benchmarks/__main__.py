"""The command: ``python -m benchmarks``, or ``make bench``.

Without names every part but ``quality`` is run, which takes hours. A part that fails says so, and
the others go on.
"""

import argparse
import dataclasses
import importlib
import json
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks import record
from benchmarks.setting import QUICK, Setting

PARTS = (
    "comparison",
    "products",
    "ensembles",
    "growth",
    "memory",
    "start",
    "families",
    "ladder",
    "quality",
    "accelerator",
)
"""Every part is a module with ``measure``."""
ON_REQUEST = ("quality",)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The command's options."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}")
    parser.add_argument("--rounds", type=int, help="turns of each contestant: 7, at least 5")
    parser.add_argument("--quick", action="store_true", help="tiny: whether everything runs")
    parser.add_argument("--output", type=Path, default=record.RESULTS, help="folder of results")
    found = parser.parse_args(arguments)
    unknown = [part for part in found.parts if part not in PARTS]
    if unknown:
        parser.error(f"there is no part {unknown[0]!r}: choose of {', '.join(PARTS)}")
    if found.rounds is not None and found.rounds < (1 if found.quick else 5):
        parser.error(f"--rounds {found.rounds} is too few for a median: choose 5 or more")
    if found.quick and found.output == record.RESULTS:
        parser.error("--quick measures nothing worth keeping: give --output another folder")
    return found


def run(part: str, setting: Setting) -> dict[str, Any]:
    """One part's result, with the machine, the setting and the time that it took."""
    torch.set_num_threads(1)
    origin, start = record.machine(), time.perf_counter()
    module = importlib.import_module(f"benchmarks.{part}")
    result = module.measure(setting)
    took = round(time.perf_counter() - start, 1)
    return {"result": result, "setting": setting.told(), "machine": origin, "took_seconds": took}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the parts, print and store them; the value is how many failed."""
    chosen = parse(sys.argv[1:] if arguments is None else arguments)
    setting = QUICK if chosen.quick else Setting()
    if chosen.rounds is not None:
        setting = dataclasses.replace(setting, rounds=chosen.rounds)
    names = chosen.parts or [part for part in PARTS if part not in ON_REQUEST]
    own, failed = record.own_file(record.machine(), chosen.output), 0
    for part in names:
        try:
            found = run(part, setting)
        except Exception:
            failed += 1
            print(f"{part} failed:\n{traceback.format_exc()}", file=sys.stderr, flush=True)
            continue
        # Each part is stored as it ends: a run that is stopped keeps what it has measured.
        record.store(part, found, own, chosen.output)
        print(f"{part}, {found['took_seconds']:.0f} s")
        print(json.dumps(found["result"], indent=1), flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main())
