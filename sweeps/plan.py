"""The plan of a sweep: its jobs with what each may take, as the workflow and its jobs read it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import finished
import torch
from cells import HERE, Cell, Sweep, file_of, read
from cost import Costs, shape_of, table

from vsclib import data, models
from vsclib.errors import ConfigurationError
from vsclib.files import check_writable, write_text
from vsclib.runs import Experiment
from vsclib.training.config import chosen_device
from vsclib.training.many import MAY_DIFFER

ROOT = HERE.parent
RUNS = Path("runs") / "sweeps"
MINUTES = 10
"""What a job may take beside three times its predicted cost: nodes are slow to start."""


def make(
    name: str, size: str, pages: Path | None = None, runs: Path | None = None, here: bool = True
) -> tuple[dict[str, Any], str]:
    """Check a sweep and write its plan.

    Args:
        name: of the sweep, or the path of its file.
        size: ``laptop`` or ``full``.
        pages: folder for the executed notebooks; by default ``book/runs/local``.
        runs: folder of all sweeps; by default ``runs/sweeps``.
        here: whether the jobs run on this machine, which must then have what they ask for.

    Returns:
        The plan, which stands in its folder as ``plan.json``, and its cost in words.

    Raises:
        VsclibError: the file is wrong, a data set is missing, or the machine lacks what is asked.
    """
    sweep = read(file_of(name), size)
    if here:
        check_machine(sweep)
    # Loaded once before anything trains: a missing set is found now, and downloaded by one process.
    for dataset in {cell.experiment.dataset for cell in sweep.cells}:
        data.load(dataset)
    runs = (ROOT / RUNS if runs is None else runs).resolve()
    folder = runs / sweep.name / size
    check_writable(folder / "plan.json")
    costs = Costs(runs / "timings.json")
    pages = (pages or ROOT / "book" / "runs" / "local").resolve()
    seconds = {cell.experiment.title: costs.run(cell) for cell in sweep.cells}
    jobs = [_job(sweep, cells, folder, pages, seconds) for cells in grouped(sweep)]
    plan = {"sweep": sweep.name, "size": size, "title": sweep.title, "folder": str(folder)}
    plan |= {"jobs": jobs}
    # JSON knows no tuples, and a plan is compared with records.
    plan = json.loads(json.dumps(plan))
    write_text(folder / "plan.json", json.dumps(plan, indent=1) + "\n")
    finished.mark(plan)
    left = {run["name"]: not finished.is_finished(run) for job in jobs for run in job["runs"]}
    return plan, table(sweep, costs, left, cores())


def check_machine(sweep: Sweep) -> None:
    """Refuse what this machine cannot give a run.

    Raises:
        ConfigurationError: a device is absent, or there are fewer cores or GPUs than one run asks.
    """
    asked = sweep.resources
    for device in {cell.experiment.device for cell in sweep.cells} - {"auto"}:
        chosen_device(device)
    found = {"gpu": torch.cuda.device_count(), "threads": cores()}
    for name, there in found.items():
        if asked[name] > there:
            raise ConfigurationError(
                f"{sweep.name}: {name} = {asked[name]} is asked for a run and {there} are here: "
                "lower it in [resources], or take another profile"
            )


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def gpus() -> list[str]:
    """The GPUs of this machine as CUDA_VISIBLE_DEVICES names them."""
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    if given is not None:
        return [name for name in given.split(",") if name]
    try:
        command = ["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"]
        found = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return []
    return found.split()


def grouped(sweep: Sweep) -> list[list[Cell]]:
    """The runs of each job: one, or those that train together as their shapes agree.

    A run that becomes a page is made alone, by its notebook.
    """
    groups: dict[str, list[Cell]] = {}
    for cell in sweep.cells:
        name, family = cell.experiment.title, models.family(cell.experiment.model)
        apart = not sweep.together or cell.page is not None or family.alone
        groups.setdefault(name if apart else stack_of(cell.experiment), []).append(cell)
    return list(groups.values())


def stack_of(experiment: Experiment) -> str:
    """What runs that train together have in common, as one text: shapes, and how they train."""
    training = vars(experiment.training(data.about(experiment.dataset).train))
    shared = {name: v for name, v in training.items() if name not in (*MAY_DIFFER, "checkpoint")}
    return f"{shape_of(experiment)} {experiment.measures} {sorted(shared.items())}"


def _job(
    sweep: Sweep, cells: list[Cell], folder: Path, pages: Path, seconds: dict[str, float]
) -> dict[str, Any]:
    total = sum(seconds[cell.experiment.title] for cell in cells)
    name = cells[0].experiment.title
    name = name if len(cells) == 1 else f"{name}-and-{len(cells) - 1}"
    job = {"name": name, "seconds": round(total, 1)} | sweep.resources
    job["runtime"] = sweep.resources["runtime"] or int(MINUTES + 3 * total / 60)
    return job | {"runs": [_run(cell, folder, pages) for cell in cells]}


def _run(cell: Cell, folder: Path, pages: Path) -> dict[str, Any]:
    title, asked = cell.experiment.title, cell.experiment.as_dict()
    for name in ("folder", "data_root"):
        asked.pop(name)
    return {
        "name": title,
        "case": cell.case,
        "folder": str(folder / title),
        "parameters": cell.parameters,
        "experiment": asked,
        "page": None if cell.page is None else str(pages / f"{title}.ipynb"),
        "page_title": cell.page,
    }


def main_line(error: Exception) -> int:
    """Print an error as one line, for a command; its exit code."""
    print(f"sweep: {error}", file=sys.stderr)
    return 1
