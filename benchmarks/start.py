"""How much longer does ``import vsclib`` take than ``import torch``, and what does it bring in?"""

import json
import os
import subprocess
import sys
import time
from typing import Any

from benchmarks.processes import REPOSITORY
from benchmarks.setting import Setting
from benchmarks.turns import Turn, alternate, described, times_faster

GOAL = 1.2
"""How many times as long it may take."""
HEAVY = ("torch._dynamo", "torch._inductor", "sympy", "sklearn")
"""What an import of the library is not to bring in."""


class Import:
    """A module imported by a new process, whose processor time counts."""

    def __init__(self, module: str) -> None:
        self.command = [sys.executable, "-c", f"import {module}"]

    def turn(self) -> Turn:
        """Start the process and wait for it."""
        before, clock = os.times(), time.perf_counter()
        subprocess.run(self.command, cwd=REPOSITORY, check=True, capture_output=True)
        seconds, after = time.perf_counter() - clock, os.times()
        user = after.children_user - before.children_user
        return Turn(1, seconds, user + after.children_system - before.children_system)

    def close(self) -> None:
        """Nothing runs between two turns."""


def imported(module: str) -> list[str]:
    """Which of the heavy modules an import brings in."""
    code = f"import sys, json, {module}; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, check=True, capture_output=True, text=True
    )
    modules = set(json.loads(done.stdout.splitlines()[-1]))
    return [name for name in HEAVY if name in modules]


def measure(setting: Setting) -> dict[str, Any]:
    """Processor seconds of both imports in new processes, and the heavy modules."""
    rounds = alternate(
        {f"import {name}": Import(name) for name in ("torch", "vsclib")},
        1 if setting.quick else setting.rounds,
        warm_up=not setting.quick,
    )
    ratio = times_faster(rounds, "import torch", "import vsclib")
    return {
        "rows": {
            name: {"seconds": row["seconds_per_step"]} for name, row in described(rounds).items()
        },
        "vsclib_takes_times": {**ratio, "goal": GOAL, "reached": ratio["median"] <= GOAL},
        "heavy_modules_of_vsclib": imported("vsclib"),
        "heavy_modules_of_torch": [] if setting.quick else imported("torch"),
    }
