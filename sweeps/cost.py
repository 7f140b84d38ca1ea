"""What a sweep will cost: seconds a step of every distinct model, times steps, and a run's rest.

A step's time is the benchmark's (``results/benchmark.json``) where that was run on this machine,
and otherwise timed here, a few steps for each shape of model; timings are kept for the next call.
"""

import dataclasses
import json
import platform
from pathlib import Path

import numpy as np
import torch
from cells import Cell, Sweep

from vsclib import data, fit, models
from vsclib.files import write_text
from vsclib.models.generator import Generator
from vsclib.runs import Experiment

BENCHMARK = Path(__file__).resolve().parent.parent / "results" / "benchmark.json"
START = 4.0
"""Seconds until a run trains: Python, PyTorch, the data set."""
PAGE = 12.0
"""Seconds that the notebook of a run takes beside the run."""
MEASURES = {"full": 6.0, "quick": 3.0, "none": 0.0}
"""Seconds that the measures take for 10,000 test images of 784 pixels, by their name."""
PROBE = 5_000
"""Training images that the full measures encode beside the test images."""
IMAGES = 2_000
"""Training images that a timing uses."""
SECONDS = 0.4
"""Least length of a timing."""


def processor() -> str:
    """Name of this machine's processor, as the system gives it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration, IndexError):
        return platform.processor() or platform.machine()


def shape_of(experiment: Experiment) -> str:
    """What a step's time depends on, as one text: numbers that only scale a loss are left out."""
    config = dataclasses.asdict(experiment.configured())
    kept = [f"{name}={value}" for name, value in sorted(config.items()) if not _scales(value)]
    where = f"{experiment.optimizer} {experiment.device}"
    return f"{experiment.model} {experiment.dataset} {experiment.batch_size} {where} {kept}"


def _scales(value: object) -> bool:
    return isinstance(value, float) or value is None


def benchmark_key(experiment: Experiment) -> str | None:
    """How the benchmark names a model of such a shape; None where it has not timed one."""
    config = experiment.configured()
    usual = models.family(experiment.model).Config(
        image_shape=config.image_shape, latents=config.latents, hidden=config.hidden
    )
    names = [field.name for field in dataclasses.fields(config)]
    plain = [name for name in names if not _scales(getattr(config, name))]
    same = all(getattr(config, name) == getattr(usual, name) for name in plain)
    known = same and np.prod(config.image_shape) == 784 and experiment.optimizer == "adam"
    shape = f"{config.latents} {config.hidden} {experiment.batch_size}"
    return f"{experiment.model} {shape}" if known else None


def benchmarked(path: Path = BENCHMARK) -> dict[str, float]:
    """Seconds a step by the benchmark's names, where it was run on this kind of machine."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        here = processor() in json.dumps(found)
        return dict(found["seconds_per_step"]) if here else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def timed(experiment: Experiment) -> float:
    """Seconds of a step, from a few of them on this machine."""
    images = data.load(experiment.dataset, experiment.data_root, experiment.binarise).train.images
    images = images[: max(IMAGES, experiment.batch_size)]
    training = experiment.training(len(images))
    # The first steps of a process load what the others find loaded.
    steps, seconds, before = 2, 0.0, 0
    while before < 10 or (seconds < SECONDS and steps <= 5_000):
        short = dataclasses.replace(
            training,
            # At a rate at which nothing diverges: that is for the runs to find out.
            **{"steps": steps, "learning_rate": 1e-6, "learning_rate_end": None},
            **{"learning_rate_switch": 0, "scheduler": None, "scheduler_options": {}},
            **{"checkpoint": None, "checkpoint_every": 1_000, "progress": False},
        )
        seconds, before = fit(experiment.make_model(), images, short).seconds, steps
        steps *= 4
    return seconds / before


class Costs:
    """Seconds of runs on this machine; what is timed is kept in a file."""

    def __init__(self, kept: Path, benchmark: Path = BENCHMARK) -> None:
        self.path, self.benchmark = kept, benchmarked(benchmark)
        self.machine = f"{processor()}, torch {torch.__version__}"
        self.sources = {"results/benchmark.json": 0, "timed here": 0}
        self.steps: dict[str, float] = {}
        try:
            content = json.loads(kept.read_text(encoding="utf-8"))
            self.kept: dict[str, float] = dict(content[self.machine])
        except (OSError, ValueError, KeyError, TypeError):
            self.kept = {}

    def step(self, experiment: Experiment) -> float:
        """Seconds of one step on one thread."""
        shape, key = shape_of(experiment), benchmark_key(experiment)
        if shape in self.steps:
            return self.steps[shape]
        found = self.benchmark.get(key) if key else None
        self.sources["timed here" if found is None else "results/benchmark.json"] += 1
        if found is None:
            found = self.kept.get(shape) or timed(experiment)
            self.kept[shape] = found
            write_text(self.path, json.dumps({self.machine: self.kept}, indent=1) + "\n")
        self.steps[shape] = float(found)
        return self.steps[shape]

    def run(self, cell: Cell) -> float:
        """Seconds of a run: start, steps, measures, page."""
        experiment, about = cell.experiment, data.about(cell.experiment.dataset)
        step, steps = self.step(experiment), experiment.training(about.train).steps
        share = about.test / 10_000 * np.prod(about.image_shape) / 784
        measuring = MEASURES[experiment.measures] * float(share)
        # A generator finds each code that is measured by as many steps as in training.
        if experiment.measures != "none" and issubclass(models.family(experiment.model), Generator):
            encoded = about.test + (PROBE if experiment.measures == "full" else 0)
            measuring += step * encoded / experiment.batch_size
        return START + steps * step + measuring + (PAGE if cell.page else 0.0)


def table(sweep: Sweep, costs: Costs, left: dict[str, bool], cores: int) -> str:
    """The cost of a sweep in words: a line for each case, then the total in core-hours.

    Args:
        sweep: what is asked for.
        costs: what a step takes.
        left: whether a run, by its title, has still to be made.
        cores: how many may be used here.
    """
    threads, lines = sweep.resources["threads"], []
    for case in dict.fromkeys(cell.case for cell in sweep.cells):
        cells = [cell for cell in sweep.cells if cell.case == case]
        hours = sum(map(costs.run, cells)) * threads / 3600
        steps = [1e3 * costs.step(cell.experiment) for cell in cells]
        name = case or cells[0].experiment.model
        lines.append(
            f"  {name:24} {len(cells):4} runs  {min(steps):7.1f} to {max(steps):7.1f} ms a step  "
            f"{hours:8.2f} core-hours"
        )
    seconds = {cell.experiment.title: costs.run(cell) for cell in sweep.cells}
    todo = sum(seconds[name] for name in seconds if left[name])
    sources = ", ".join(f"{count} shapes {name}" for name, count in costs.sources.items() if count)
    total = sum(seconds.values()) * threads / 3600
    wall = todo * threads / cores / 60
    lines.append(f"  in all {total:.2f} core-hours ({sources})")
    here = f"{wall:.0f} minutes on {cores} core{'s' if cores > 1 else ''} that do nothing else"
    hours = todo * threads / 3600
    lines.append(
        f"  to go: {sum(left.values())} of {len(left)} runs, {hours:.2f} core-hours, {here}"
    )
    return "\n".join([f"{sweep.title}: {sweep.name}, {sweep.size}", *lines])
