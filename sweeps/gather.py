"""Gather a sweep's records into one file: ``python sweeps/gather.py accuracy-latents [laptop]``.

``results/sweeps/NAME.json`` then holds, for each size that has been run, a cell for each run with
what was asked, every number, and where it comes from; the digests of the definitions stand once.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from cells import SIZES, Cell, file_of, read
from plan import ROOT, RUNS, main_line

from vsclib import records
from vsclib.errors import ConfigurationError, DataError, VsclibError
from vsclib.files import write_text

TARGET = ROOT / "results" / "sweeps"


def gathered(name: str, size: str, runs: Path) -> dict[str, Any]:
    """The cells of a sweep at a size, in the order of its file.

    Raises:
        ConfigurationError: the sweep's file is wrong.
        DataError: a record is none, or its numbers follow other definitions than today's.
    """
    sweep = read(file_of(name), size)
    cells, missing, definitions = [], [], {}
    for cell in sweep.cells:
        folder = runs / sweep.name / size / cell.experiment.title
        if not (folder / "done.json").is_file():
            missing.append(cell.experiment.title)
            continue
        record = records.load(folder)
        stale = records.stale(record)
        if stale:
            again = "delete its done.json and repeat the sweep"
            raise DataError(f"{folder}: {', '.join(stale)} follow an older definition: {again}")
        cells.append(_cell(cell, record))
        definitions |= record["definitions"]
    found = {"title": sweep.title, "missing": missing}
    return found | {"definitions": definitions, "cells": cells}


def _cell(cell: Cell, record: records.Record) -> dict[str, Any]:
    training = {name: v for name, v in record["training"].items() if name != "curve"}
    sections = {name: record[name] for name in ("by_noise", "importance") if record.get(name)}
    return sections | {
        "run": cell.experiment.title,
        "case": cell.case,
        "parameters": cell.parameters,
        "metrics": record["metrics"],
        "not_measured": record["not_measured"],
        "training": training,
        "dataset": record["dataset"],
        "provenance": record["provenance"] | {"finished": record["finished"]},
    }


def gather(name: str, sizes: list[str], runs: Path, target: Path) -> str:
    """Write a sweep's file of cells; sizes that are not asked for stay as they are.

    Returns:
        What was gathered, in words.

    Raises:
        DataError: no run of the sweep is finished.
    """
    path = target / f"{file_of(name).stem}.json"
    content: dict[str, Any] = {}
    if path.is_file():
        content = json.loads(path.read_text(encoding="utf-8"))
    said = []
    for size in sizes:
        found = gathered(name, size, runs)
        done, asked = len(found["cells"]), len(found["cells"]) + len(found["missing"])
        if done:
            content.setdefault("sizes", {})[size] = found
            said.append(f"{size}: {done} of {asked} runs")
    if not said:
        raise DataError(f"no run of {name} is finished: make sweep SWEEP={name} SIZE={sizes[0]}")
    write_text(path, json.dumps({"sweep": path.stem} | content, indent=1, allow_nan=False) + "\n")
    return f"{path}: {', '.join(said)}"


def main() -> int:
    """Read the command line and gather what it names."""
    parser = argparse.ArgumentParser(description="Gather a sweep's records into one file.")
    parser.add_argument("sweep", help="name of a file in sweeps/, or its path")
    parser.add_argument("size", nargs="?", help="laptop or full; by default what there is")
    parser.add_argument("--runs", type=Path, default=ROOT / RUNS, help="folder of all sweeps")
    parser.add_argument("--target", type=Path, default=TARGET, help="folder of the file")
    asked = parser.parse_args()
    try:
        if asked.size not in (None, *SIZES):
            raise ConfigurationError(f"there is no size {asked.size!r}: choose laptop or full")
        sizes = list(SIZES) if asked.size is None else [asked.size]
        print(gather(asked.sweep, sizes, asked.runs, asked.target))
    except VsclibError as error:
        return main_line(error)
    return 0


if __name__ == "__main__":
    sys.exit(main())
