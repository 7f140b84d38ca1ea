"""What a record holds, how one is read, and whether its numbers still stand."""

import hashlib
import json
import re
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any, NotRequired, TypedDict

from vsclib.errors import ConfigurationError, DataError, nearest
from vsclib.files import write_text
from vsclib.metrics import DEFINITIONS, ON_REQUEST

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
    by_noise: NotRequired[list[dict[str, Any]]]
    """Numbers by the noise on the test images, as :func:`vsclib.metrics.under_noise` gives them."""
    training: dict[str, Any]
    """Steps, batch size, time and last loss; and the ``curve``, its ``steps`` and ``terms``, where
    the record is not older.
    """
    dataset: dict[str, str]
    """Name and checksum of the data set."""
    provenance: dict[str, Any]
    """Commit, versions, machine and start."""
    finished: str
    """When the record was written, UTC."""
    sha256: NotRequired[str]
    """Of all the rest; a record that is older has none."""


class Standing(Enum):
    """How a name stands in a record; the value is what a table shows in place of a number."""

    MEASURED = ""
    NO_SUCH_NUMBER = "–"
    NOT_MEASURED = "not measured"
    MISSING = "missing"
    REDEFINED = "†"


_NUMBERS = re.compile(r"\[\n[\s\d.,eE+\-nul]*\]")
"""A list of numbers as JSON indents it: a line each."""

_DEFINITIONS: dict[str, Mapping[str, str]] = {"train": DEFINITIONS}


def register(kind: str, definitions: Mapping[str, str]) -> None:
    """Tell what the numbers of a kind of run mean: a sentence for each name.

    Raises:
        ConfigurationError: the kind is the library's own, and would mean something else.
    """
    if kind == "train" and dict(definitions) != DEFINITIONS:
        raise ConfigurationError(f"kind = {kind!r} is taken: choose another name")
    _DEFINITIONS[kind] = definitions


def definitions_of(kind: str) -> Mapping[str, str]:
    """What the numbers of a kind of run mean, by name; ConfigurationError for an unknown kind."""
    if kind not in _DEFINITIONS:
        raise ConfigurationError(
            f"there is no kind of run {kind!r}: {nearest(kind, _DEFINITIONS)}; "
            "import the module that makes it, such as vsclib.refiner"
        )
    return _DEFINITIONS[kind]


def sentences_of(kind: str) -> Mapping[str, str]:
    """The same, with the numbers that a run has only when it asks for them."""
    return {**ON_REQUEST, **definitions_of(kind)}


def digest(sentence: str) -> str:
    """A short fingerprint of a definition: the first 8 hexadecimal digits of its SHA-256."""
    return hashlib.sha256(sentence.encode()).hexdigest()[:8]


def standing(record: Record, name: str) -> Standing:
    """How a number stands in a record.

    One whose definition is not known counts as measured under another; an unknown kind of run is a
    ConfigurationError.
    """
    require_record(record)
    if name in record["not_measured"]:
        return Standing.NOT_MEASURED
    if name not in record["metrics"]:
        return Standing.MISSING
    sentence = sentences_of(record["kind"]).get(name)
    if sentence is None or record["definitions"].get(name) != digest(sentence):
        return Standing.REDEFINED
    has_number = record["metrics"][name] is not None
    return Standing.MEASURED if has_number else Standing.NO_SUCH_NUMBER


def stale(record: Record) -> dict[str, Standing]:
    """The measures that a record lacks (``MISSING``) or that have changed (``REDEFINED``)."""
    kind = require_record(record)["kind"]
    found = {name: standing(record, name) for name in definitions_of(kind)}
    wanting = (Standing.MISSING, Standing.REDEFINED)
    return {name: one for name, one in found.items() if one in wanting}


def require_record(record: Record) -> Record:
    """The record itself, when it has all that one of this schema has.

    Raises:
        DataError: it lacks a part.
    """
    lacking = Record.__required_keys__ - set(record)
    if lacking:
        remedy = "give what records.load, records.read or a run gave"
        raise DataError(f"this is no record, it lacks {', '.join(sorted(lacking))}: {remedy}")
    return record


def store(record: Mapping[str, Any], path: str | Path) -> None:
    """Write a record atomically, with a checksum that :func:`load` holds it against.

    Raises:
        DataError: a value is none that JSON can hold, such as NaN.
    """
    try:
        text = json.dumps({**record, "sha256": _checksum(record)}, indent=1, allow_nan=False)
    except (TypeError, ValueError) as error:
        remedy = "give finite numbers, texts, lists and dictionaries"
        raise DataError(f"a record holds what JSON cannot ({error}): {remedy}") from None
    # A curve's hundreds of numbers would take as many lines.
    write_text(path, _NUMBERS.sub(lambda found: _in_a_line(found[0]), text) + "\n")


def load(path: str | Path) -> Record:
    """One record, of a ``record.json``, the folder of a run, or a file of ``results/``.

    Raises:
        DataError: it is no record, of another schema, or was changed after it was written.
    """
    path = Path(path)
    path = path / "record.json" if path.is_dir() else path
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
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
    if "sha256" in record and record["sha256"] != _checksum(record):
        remedy = "take the file as its run wrote it, or repeat that run"
        raise DataError(f"{path} was changed after it was written: {remedy}")
    return record


def read(folder: str | Path) -> dict[str, list[Record]]:
    """The records of a folder by the name of their run without its seed, ordered by seed.

    Args:
        folder: holds ``NAME-seedN.json`` files, each the ``record.json`` of a run; or, as ``runs/``
            does, folders with a ``record.json`` each.

    Raises:
        DataError: there is no such folder or no record in it, or one is none or of another schema.
    """
    folder = Path(folder)
    remedy = "give the one that holds the records: results/, or runs/"
    if not folder.is_dir():
        raise DataError(f"there is no folder {folder}: {remedy}")
    found = {path: path.stem for path in folder.glob("*-seed*.json")}
    found |= {path: path.parent.name for path in folder.glob("*/record.json")}
    if not found:
        raise DataError(f"{folder} holds no record of a finished run: {remedy}")
    runs: dict[str, list[Record]] = {}
    for path in sorted(found, key=lambda path: _in_order(found[path])):
        runs.setdefault(_in_order(found[path])[0], []).append(load(path))
    return runs


def _in_order(name: str) -> tuple[str, int]:
    """A run's name and its seed; -1 where the name holds none."""
    stem, _, seed = name.rpartition("-seed")
    return (stem, int(seed)) if stem and seed.isdigit() else (name, -1)


def _checksum(record: Mapping[str, Any]) -> str:
    """SHA-256 of all but the checksum; spaces and the order of names do not count."""
    rest = {name: value for name, value in record.items() if name != "sha256"}
    text = json.dumps(rest, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _in_a_line(numbers: str) -> str:
    """A list of numbers in JSON, on one line."""
    return f"[{' '.join(numbers[1:-1].split())}]"
