"""Check a sweep's file before anything trains, and say what the sweep costs.

    python sweeps/check.py accuracy-latents            both sizes, checked; nothing is timed
    python sweeps/check.py accuracy-latents laptop     one size: its plan written, its cost said

What is wrong is said in one line, and the exit code is 1.
"""

import argparse
import sys
from pathlib import Path

from cells import SIZES, file_of, read
from plan import main_line, make

from vsclib.errors import VsclibError


def main() -> int:
    """Read the command line and check what it names."""
    parser = argparse.ArgumentParser(description="Check a sweep's file.")
    parser.add_argument("sweep", help="name of a file in sweeps/, or its path")
    parser.add_argument("size", nargs="?", help="laptop or full")
    parser.add_argument("--pages", type=Path, help="folder of the pages: book/runs/local")
    parser.add_argument("--runs", type=Path, help="folder of all sweeps: runs/sweeps")
    parser.add_argument("--elsewhere", action="store_true", help="the runs are not made here")
    asked = parser.parse_args()
    try:
        if asked.size is None:
            for size in SIZES:
                print(f"{asked.sweep}, {size}: {len(read(file_of(asked.sweep), size).cells)} runs")
            return 0
        _, said = make(asked.sweep, asked.size, asked.pages, asked.runs, not asked.elsewhere)
    except VsclibError as error:
        return main_line(error)
    print(said)
    return 0


if __name__ == "__main__":
    sys.exit(main())
