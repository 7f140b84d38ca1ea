"""Records of finished runs, gathered into tables: every number on a page comes from a file that a
run wrote.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from vsclib.errors import ConfigurationError, DataError, nearest
from vsclib.metrics import DEFINITIONS


class Summary(NamedTuple):
    """One number over several seeds.

    Attributes:
        mean: mean over the seeds.
        spread: largest minus smallest value, 0 for one seed.
        seeds: how many seeds.
    """

    mean: float
    spread: float
    seeds: int

    def __str__(self) -> str:
        digits = 3 if 0 < abs(self.mean) < 1 else 1
        text = f"{self.mean:.{digits}f}"
        return text if self.seeds == 1 else f"{text} ± {self.spread / 2:.{digits}f}"


Record = dict[str, Any]

_UNMEASURED: Record = dict.fromkeys(DEFINITIONS)


def read(folder: str | Path) -> dict[str, list[Record]]:
    """The records of a folder, the seeds of a run together.

    Args:
        folder: holds ``NAME-seedN.json`` files as :func:`vsclib.experiment.write_record` writes
            them.

    Returns:
        Run name to its records, ordered by seed.

    Raises:
        DataError: there is no such folder, or a file is no record.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(
            f"there is no folder {folder}: give the one that holds the records, results/"
        )
    runs: dict[str, list[Record]] = {}
    for path in sorted(folder.glob("*-seed*.json")):
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            record["metrics"], record["provenance"]
        except (ValueError, KeyError, TypeError):
            raise DataError(
                f"{path} is no record of a run: delete it, or repeat the run that wrote it"
            ) from None
        runs.setdefault(re.sub(r"-seed\d+$", "", path.stem), []).append(record)
    return runs


def summarise(records: Sequence[Record], metric: str) -> Summary | None:
    """One metric over the seeds of a run.

    Args:
        records: the seeds of one run.
        metric: a key of ``vsclib.metrics.DEFINITIONS``, or ``seconds`` or ``cpu_seconds_per_epoch``
            of the training.

    Returns:
        Mean and spread; None where the model has no such number, or its records are older than the
        number.

    Raises:
        ConfigurationError: there is no such metric.
    """
    values = []
    for record in records:
        # A record may be older than a number; a name that nothing ever had is a slip.
        numbers = (
            {"cpu_seconds_per_epoch": None}
            | record.get("training", {})
            | _UNMEASURED
            | record["metrics"]
        )
        if metric not in numbers:
            raise ConfigurationError(f"no record holds {metric!r}: {nearest(metric, numbers)}")
        if numbers[metric] is not None:
            values.append(float(numbers[metric]))
    if not values:
        return None
    return Summary(float(np.mean(values)), float(np.ptp(values)), len(values))


def table(
    runs: Mapping[str, Sequence[Record]],
    metrics: Mapping[str, str],
    names: Iterable[str] | None = None,
) -> str:
    """A Markdown table: a row for each run, a column for each metric, mean ± half the spread over
    seeds.

    Args:
        runs: what :func:`read` gave.
        metrics: metric to column heading, unit included.
        names: which runs, in this order; all by default.

    Returns:
        Markdown.

    Raises:
        ConfigurationError: a run or metric is not there.
    """
    names = list(names if names is not None else runs)
    for name in names:
        if name not in runs:
            raise ConfigurationError(f"there is no record of {name!r}: {nearest(name, runs)}")
    lines = [
        "| run | seeds | " + " | ".join(metrics.values()) + " |",
        "|---" * (len(metrics) + 2) + "|",
    ]
    for name in names:
        cells = [summarise(runs[name], metric) for metric in metrics]
        shown = " | ".join("none" if cell is None else str(cell) for cell in cells)
        lines.append(f"| {name} | {len(runs[name])} | {shown} |")
    return "\n".join(lines)


def describe(path: str | Path, definitions: Mapping[str, str] = DEFINITIONS) -> str:
    """One record in Markdown: every number with what it means, and where it comes from.

    Args:
        path: a ``record.json`` or a file of ``results/``.
        definitions: what each number means, by name.

    Returns:
        Markdown: a table of the numbers that the model has, and a line of provenance.
    """
    record = json.loads(Path(path).read_text(encoding="utf-8"))
    lines = ["| number | value | what it is |", "|---|---|---|"]
    for name, value in record["metrics"].items():
        if value is not None:
            shown = f"{value:,}" if isinstance(value, int) else f"{value:.4g}"
            lines.append(f"| `{name}` | {shown} | {definitions.get(name, '')} |")
    origin, training = record["provenance"], record["training"]
    finished = record.get("finished") or origin["finished"]
    commit = (origin["commit"] or "unknown").replace(" with changes", ", with changes")
    preset = record.get("experiment", {}).get("preset")
    recipe = f"Preset {preset}: " if preset else ""
    lines += [
        "",
        f"{recipe}{training['steps']:,} steps of {training['batch_size']} images in {training['seconds']:,.0f} s on "
        f"{origin['device']} ({origin['threads']} threads), PyTorch {origin['torch']}, commit {commit[:7]}{commit[40:]}, "
        f"{finished[:10]}. Data set {record['dataset']['name']}, SHA-256 {record['dataset']['sha256'][:12]}.",
    ]
    return "\n".join(lines)
