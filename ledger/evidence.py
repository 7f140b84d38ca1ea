"""The numbers of records that a result of a document is judged by."""

import dataclasses
import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from vsclib import models, records
from vsclib.errors import ConfigurationError, nearest

RESULTS = Path(__file__).resolve().parent.parent / "results"
SIZES = ("full", "laptop")
"""Sizes of a sweep, the larger one first: a verdict rests on the largest that is complete."""
Selection = Mapping[str, Any]
"""Parameters of runs with their values, among them ``case`` or ``run``; a list allows each one."""


class Trained(NamedTuple):
    """One training that stands in a record.

    Attributes:
        source: sweep and size, or the run's name in results/.
        case: title of its case in the sweep.
        parameters: what was asked for, with the defaults of what was not.
        metrics: every number; ``name@sigma`` are those under noise.
        training: steps, batch size and seconds.
        provenance: commit, versions, machine and time.
    """

    source: str
    case: str
    parameters: dict[str, Any]
    metrics: dict[str, float | None]
    training: dict[str, Any]
    provenance: dict[str, Any]


@functools.cache
def sweep(name: str, folder: Path = RESULTS) -> tuple[Trained, ...]:
    """The trainings of a gathered sweep, at the largest size that has no run missing.

    Raises:
        ConfigurationError: the sweep has not been gathered.
    """
    path = folder / "sweeps" / f"{name}.json"
    if not path.is_file():
        known = [found.stem for found in (folder / "sweeps").glob("*.json")]
        raise ConfigurationError(f"no records of a sweep {name!r}: {nearest(name, known)}")
    sizes = json.loads(path.read_text(encoding="utf-8"))["sizes"]
    complete = [size for size in SIZES if size in sizes and not sizes[size]["missing"]]
    size = (complete or [size for size in SIZES if size in sizes])[0]
    return tuple(
        Trained(
            f"{name}, {size}",
            cell["case"],
            _whole(cell["parameters"]),
            cell["metrics"] | _under_noise(cell.get("by_noise", [])),
            cell["training"],
            cell["provenance"],
        )
        for cell in sizes[size]["cells"]
    )


@functools.cache
def listed(name: str, folder: Path = RESULTS) -> tuple[Trained, ...]:
    """The trainings of a run of results/runs.toml, a record for each seed."""
    found = [records.load(path) for path in sorted(folder.glob(f"{name}-seed*.json"))]
    made = []
    for record in found:
        asked = record["experiment"]
        parameters = {key: value for key, value in asked.items() if key != "options"}
        made.append(
            Trained(
                name,
                name,
                _whole(parameters | asked.get("options", {})),
                record["metrics"] | _under_noise(record.get("by_noise", [])),
                record["training"],
                record["provenance"],
            )
        )
    return tuple(made)


def chosen(sources: Mapping[str, tuple[str, ...]], selection: Selection) -> list[Trained]:
    """The trainings of some sources that a selection describes.

    Args:
        sources: names of ``sweeps`` and of ``runs``.
        selection: what their parameters, or their case, must be.
    """
    found: list[Trained] = []
    for name in sources.get("sweeps", ()):
        if (RESULTS / "sweeps" / f"{name}.json").is_file():
            found += sweep(name)
    for name in sources.get("runs", ()):
        found += listed(name)
    return [one for one in found if _matches(one, selection)]


def value(trained: Trained, measure: str) -> float | None:
    """A number of a training; None where its model has no such number.

    ``bound`` is the bound that compares models: paid where the prior leaves a choice.

    Raises:
        ConfigurationError: no record holds that number.
    """
    if measure == "bound":
        paid = trained.metrics.get("elbo_paid")
        return trained.metrics.get("elbo") if paid is None else paid
    known = trained.metrics | {name: trained.training.get(name) for name in ("seconds", "steps")}
    if measure not in known:
        raise ConfigurationError(
            f"{trained.source} holds no {measure!r}: {nearest(measure, known)}"
        )
    return known[measure]


def strata(
    first: list[Trained], second: list[Trained], measure: str, by: tuple[str, ...]
) -> tuple[list[list[float]], list[list[float]]]:
    """The values of two groups by what they have in common, such as the data set.

    A stratum that one group lacks is left out.
    """
    groups: list[dict[tuple, list[float]]] = [{}, {}]
    for group, trainings in zip(groups, (first, second), strict=True):
        for one in trainings:
            found = value(one, measure)
            if found is not None:
                key = tuple(str(one.parameters.get(name)) for name in by)
                group.setdefault(key, []).append(found)
    common = sorted(groups[0].keys() & groups[1].keys())
    return [groups[0][key] for key in common], [groups[1][key] for key in common]


def _matches(trained: Trained, selection: Selection) -> bool:
    for name, wanted in selection.items():
        own = trained.case if name in ("case", "run") else trained.parameters.get(name)
        if own not in (wanted if isinstance(wanted, list | tuple) else (wanted,)):
            return False
    return True


def _whole(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters with the family's defaults of those that were not asked for."""
    try:
        fields = dataclasses.fields(models.family(parameters["model"]).Config)
    except ConfigurationError:
        return dict(parameters)
    defaults = {
        field.name: field.default
        for field in fields
        if field.default is not dataclasses.MISSING and field.name not in parameters
    }
    return defaults | dict(parameters)


def _under_noise(rows: list[dict[str, Any]]) -> dict[str, float | None]:
    """Numbers by noise, each under ``name@sigma``; of clipped noise, ``name@sigma clipped``."""
    found: dict[str, float | None] = {}
    for row in rows:
        level = f"{row['sigma']:g}" + (" clipped" if row["clipped"] else "")
        for name, number in row.items():
            if name not in ("sigma", "clipped"):
                found[f"{name}@{level}"] = number
    return found
