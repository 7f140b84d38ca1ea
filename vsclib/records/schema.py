"""What a record holds, how one is read, and whether its numbers still stand."""

import hashlib
import json
import re
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any, NotRequired, TypedDict

from vsclib.errors import ConfigurationError, DataError, nearest
from vsclib.metrics import DEFINITIONS

SCHEMA = 2
"""Version of the records that this library writes and reads."""


class Record(TypedDict):
    """The record of a finished run, as ``record.json`` holds it."""

    schema: int
    """Version of this layout."""
    name: str
    """Name of the run."""
    kind: str
    """What was run: ``train``, or ``refine``; it says which definitions the numbers follow."""
    experiment: dict[str, Any]
    """The run's configuration, without folders of this machine."""
    metrics: dict[str, float | int | None]
    """Name to number; None where the model has no such number."""
    not_measured: dict[str, str]
    """Name to the reason why the number is not there."""
    definitions: dict[str, str]
    """Name to the :func:`digest` of the sentence under which it was measured."""
    by_steps: NotRequired[list[dict[str, Any]]]
    """Numbers by the steps of a refinement."""
    training: dict[str, Any]
    """Steps, batch size, time and last loss."""
    dataset: dict[str, str]
    """Name and checksum of the data set."""
    provenance: dict[str, Any]
    """Commit, versions, machine and start."""
    finished: str
    """When the record was written, UTC."""


class Standing(Enum):
    """How a name stands in a record; the value is what a table shows in place of a number."""

    MEASURED = ""
    NO_SUCH_NUMBER = "–"
    NOT_MEASURED = "not measured"
    MISSING = "missing"
    REDEFINED = "†"


_DEFINITIONS: dict[str, Mapping[str, str]] = {"train": DEFINITIONS}


def register(kind: str, definitions: Mapping[str, str]) -> None:
    """Tell what the numbers of a kind of run mean: a sentence for each name."""
    _DEFINITIONS[kind] = definitions


def definitions_of(kind: str) -> Mapping[str, str]:
    """What the numbers of a kind of run mean, by name; ConfigurationError for an unknown kind."""
    if kind not in _DEFINITIONS:
        raise ConfigurationError(
            f"there is no kind of run {kind!r}: {nearest(kind, _DEFINITIONS)}; "
            "import the module that makes it, such as vsclib.refiner"
        )
    return _DEFINITIONS[kind]


def digest(sentence: str) -> str:
    """A short fingerprint of a definition: the first 8 hexadecimal digits of its SHA-256."""
    return hashlib.sha256(sentence.encode()).hexdigest()[:8]


def standing(record: Record, name: str) -> Standing:
    """How a number stands in a record.

    One whose definition is not known counts as measured under another; an unknown kind of run is a
    ConfigurationError.
    """
    if name in record["not_measured"]:
        return Standing.NOT_MEASURED
    if name not in record["metrics"]:
        return Standing.MISSING
    sentence = definitions_of(record["kind"]).get(name)
    if sentence is None or record["definitions"].get(name) != digest(sentence):
        return Standing.REDEFINED
    has_number = record["metrics"][name] is not None
    return Standing.MEASURED if has_number else Standing.NO_SUCH_NUMBER


def stale(record: Record) -> dict[str, Standing]:
    """The measures that a record lacks (``MISSING``) or that have changed (``REDEFINED``)."""
    found = {name: standing(record, name) for name in definitions_of(record["kind"])}
    wanting = (Standing.MISSING, Standing.REDEFINED)
    return {name: one for name, one in found.items() if one in wanting}


def load(path: str | Path) -> Record:
    """One record, of a ``record.json`` or a file of ``results/``; DataError when it is none."""
    try:
        record = json.loads(Path(path).read_text(encoding="utf-8"))
        schema = record.get("schema", 1)
        record["metrics"], record["provenance"]
        if type(schema) is not int or schema < 1:
            raise ValueError(schema)
    except OSError:
        raise DataError(f"there is no record {path}: run the experiment that writes it") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        remedy = "delete it, or repeat the run that wrote it"
        raise DataError(f"{path} is no record of a run: {remedy}") from None
    found = f"{path} has schema = {schema}, but this version reads schema"
    if schema > SCHEMA:
        raise DataError(f"{found} <= {SCHEMA}: update vsclib")
    if schema < SCHEMA:
        raise DataError(f"{found} = {SCHEMA}: run python results/migrate.py {path}")
    return record


def read(folder: str | Path) -> dict[str, list[Record]]:
    """The records of a folder by the name of their run, ordered by seed.

    Args:
        folder: holds ``NAME-seedN.json`` files, each the ``record.json`` of a run.

    Raises:
        DataError: there is no such folder, or a file is no record or of another schema.
    """
    folder = Path(folder)
    if not folder.is_dir():
        remedy = "give the one that holds the records, results/"
        raise DataError(f"there is no folder {folder}: {remedy}")
    runs: dict[str, list[Record]] = {}
    for path in sorted(folder.glob("*-seed*.json")):
        runs.setdefault(re.sub(r"-seed\d+$", "", path.stem), []).append(load(path))
    return runs
