"""A sweep's file, read and checked: the runs that it asks for, before anything trains."""

import itertools
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vsclib.errors import ConfigurationError, VsclibError, nearest
from vsclib.runs import Experiment

HERE = Path(__file__).resolve().parent
SIZES = ("laptop", "full")
RESOURCES = {"threads": 1, "mem_mb": 2_000, "gpu": 0, "runtime": 0}
"""What one run may take: CPU threads, megabytes of memory, GPUs, and minutes (0: by its cost)."""
TABLES = ("title", "together", "base", "axes", "cases", "sizes", "resources", "pages")
OF_A_CASE = ("title", "axes")
"""What a case says beside the values of its runs, and beside those that differ with the size."""
ELSEWHERE = {
    "seed": "give seeds in [sizes]",
    "threads": "give it in [resources]",
    "name": "a run is named by what it asks for",
    "folder": "a sweep has its own folder",
    "data_root": "set VSCLIB_DATA",
    "options": "give each option by its name",
}


@dataclass
class Cell:
    """One run of a sweep."""

    case: str
    """Title of its case."""
    experiment: Experiment
    """What is run; its title names the run's folder."""
    parameters: dict[str, Any]
    """What the file says of it, seed included."""
    page: str | None = None
    """Title of its page, if it has one."""


@dataclass
class Sweep:
    """A sweep at one size."""

    name: str
    size: str
    title: str
    together: bool
    """Whether runs whose shapes agree train as one ensemble."""
    cells: list[Cell]
    resources: dict[str, int] = field(default_factory=dict)


def file_of(name: str) -> Path:
    """The file of a sweep, asked for by its name in sweeps/ or by a path.

    Raises:
        ConfigurationError: there is none.
    """
    path = Path(name) if name.endswith(".toml") else HERE / f"{name}.toml"
    if not path.is_file():
        known = [found.stem for found in HERE.glob("*.toml")]
        raise ConfigurationError(f"there is no sweep {name!r}: {nearest(name, known)}")
    return path


def read(path: Path, size: str) -> Sweep:
    """What a sweep's file asks for at a size, every run of it checked.

    Raises:
        ConfigurationError: the file is no TOML, or holds an unknown name or a value out of range,
            in one line that begins with the file's name.
    """
    try:
        if size not in SIZES:
            raise ConfigurationError(f"there is no size {size!r}: {nearest(size, SIZES)}")
        try:
            asked = tomllib.loads(path.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"this is no TOML ({error}): mend that line") from None
        # A slip in the size that is not asked for now is found now, too.
        return {one: _read(path.stem, one, asked) for one in (*SIZES, size)}[size]
    except VsclibError as error:
        raise ConfigurationError(f"{path.name}: {error}") from None


def _read(name: str, size: str, asked: dict[str, Any]) -> Sweep:
    _known("the file", asked, TABLES)
    sizes = asked.get("sizes", {})
    _known("[sizes]", sizes, SIZES)
    if size not in sizes:
        raise ConfigurationError(f"it has no [sizes.{size}]: add steps and seeds of that size")
    resources = RESOURCES | asked.get("resources", {})
    settings = dict(sizes[size])
    resources |= settings.pop("resources", {})
    _check_resources(resources)
    cells = _cells(asked, settings, size)
    _choose_pages(asked.get("pages", []), cells)
    # On a GPU, which one small model leaves idle, runs train together unless the file says no.
    together = asked.get("together", resources["gpu"] > 0)
    if not isinstance(together, bool):
        raise ConfigurationError(f"together = {together!r} is not allowed: choose true or false")
    return Sweep(name, size, asked.get("title", name), together, cells, resources)


def _cells(asked: dict[str, Any], settings: dict[str, Any], size: str) -> list[Cell]:
    """Every run: each case with each value of the axes, its own axes among them, and each seed."""
    cells: dict[str, Cell] = {}
    for case in asked.get("cases", [{}]):
        own = {name: value for name, value in case.items() if name not in (*SIZES, *OF_A_CASE)}
        chosen = asked.get("base", {}) | settings | own | case.get(size, {})
        seeds = chosen.pop("seeds", [0])
        axes = asked.get("axes", {}) | case.get("axes", {})
        _check_lists(axes | {"seeds": seeds})
        for name in [*chosen, *axes]:
            if name in ELSEWHERE:
                raise ConfigurationError(f"{name} is not for here: {ELSEWHERE[name]}")
        for name in axes:
            if name in chosen:
                raise ConfigurationError(f"{name} is an axis and fixed too: take one of them out")
        for values in itertools.product(*axes.values(), seeds):
            parameters = chosen | dict(zip([*axes, "seed"], values, strict=True))
            cell = Cell(case.get("title", ""), Experiment.of(**parameters), parameters)
            if cell.experiment.title in cells:
                twice = f"{cell.experiment.title} is asked for twice"
                raise ConfigurationError(f"{twice}: take one of the two cases or values out")
            cells[cell.experiment.title] = cell
    return list(cells.values())


def _check_lists(axes: dict[str, Any]) -> None:
    for name, values in axes.items():
        if not isinstance(values, list) or not values:
            raise ConfigurationError(f"{name} = {values!r} is not allowed: give a list of values")


def _choose_pages(pages: list[dict[str, Any]], cells: list[Cell]) -> None:
    """Give each cell that a table of [[pages]] describes its page."""
    for wanted in pages:
        wanted = dict(wanted)
        title = wanted.pop("title", None)
        found = [cell for cell in cells if wanted.items() <= cell.parameters.items()]
        if len(found) != 1 or title is None:
            said = ", ".join(f"{name} = {value!r}" for name, value in wanted.items())
            raise ConfigurationError(
                f"[[pages]] with {said} describes {len(found)} runs: give the values of one, and "
                "a title"
            )
        found[0].page = str(title)


def _known(place: str, given: dict[str, Any], names: tuple[str, ...]) -> None:
    for name in given:
        if name not in names:
            raise ConfigurationError(f"{place} has no {name!r}: {nearest(name, names)}")


def _check_resources(given: dict[str, Any]) -> None:
    _known("[resources]", given, tuple(RESOURCES))
    least = {"threads": 1, "mem_mb": 100, "gpu": 0, "runtime": 0}
    for name, value in given.items():
        if type(value) is not int or value < least[name]:
            raise ConfigurationError(
                f"{name} = {value!r} is not allowed: choose {name} >= {least[name]} (a whole "
                "number)"
            )
    if given["gpu"] > 1:
        raise ConfigurationError(f"gpu = {given['gpu']} is not allowed: a run takes 0 or 1")
