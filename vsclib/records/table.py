"""Tables in Markdown: every number on a page comes from a file that a run wrote."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from vsclib.errors import ConfigurationError, nearest
from vsclib.records.schema import (
    Record,
    Standing,
    definitions_of,
    load,
    require_record,
    sentences_of,
    standing,
)

LEGEND: dict[Standing, str] = {
    Standing.NO_SUCH_NUMBER: "The model has no such number",
    Standing.NOT_MEASURED: "The run could not measure it; its record says why",
    Standing.MISSING: "The record is older than the measure",
    Standing.REDEFINED: "Measured under another definition than today's",
}
"""What stands in a table in the place of a number, in words."""

_TRAINING = ("seconds", "cpu_seconds_per_epoch")
"""Numbers of the training that may stand in a table beside the metrics."""


class Summary(NamedTuple):
    """Mean of a number over seeds, and its spread: largest minus smallest value, 0 for one seed."""

    mean: float
    spread: float
    seeds: int

    def __str__(self) -> str:
        digits = 3 if 0 < abs(self.mean) < 1 else 1
        text = f"{self.mean:.{digits}f}"
        return text if self.seeds == 1 else f"{text} ± {self.spread / 2:.{digits}f}"


def summarise(records: Sequence[Record], metric: str) -> Summary | None:
    """One metric over those seeds of a run that have it; None when no seed does.

    Args:
        records: the seeds of one run.
        metric: a name of its definitions, or ``seconds`` or ``cpu_seconds_per_epoch`` of training;
            a ConfigurationError for another.
    """
    values = [value for record in records if (value := _value(record, metric)) is not None]
    if not values:
        return None
    return Summary(float(np.mean(values)), float(np.ptp(values)), len(values))


def table(
    runs: Mapping[str, Sequence[Record]],
    metrics: Mapping[str, str],
    names: Iterable[str] | Mapping[str, str] | None = None,
) -> str:
    """A Markdown table, a row for each run and a column for each metric: mean ± half the spread.

    A legend follows when a cell holds something else than a plain number.

    Args:
        runs: what :func:`vsclib.records.read` gave.
        metrics: metric to column heading, unit included.
        names: which runs, in this order, or run to the name that its row shows; all by default.

    Raises:
        ConfigurationError: a run or metric is not there.
    """
    chosen = list(names if names is not None else runs)
    for name in chosen:
        if name not in runs:
            raise ConfigurationError(f"there is no record of {name!r}: {nearest(name, runs)}")
    shown = names if isinstance(names, Mapping) else {name: name for name in chosen}
    rows, standings = [], set()
    for name in chosen:
        row: dict[str, Any] = {"run": shown[name], "seeds": len(runs[name])}
        for metric in metrics:
            row[metric], found = _cell(runs[name], metric)
            standings |= found
        rows.append(row)
    return table_of(rows, {"run": "run", "seeds": "seeds", **metrics}) + _legend(standings)


def table_of(rows: Iterable[Mapping[str, Any]], columns: Mapping[str, str]) -> str:
    """A Markdown table of whatever the rows hold; a ``|`` in it is escaped.

    Args:
        rows: for each row its cells by column, or a ConfigurationError. Whole numbers get a comma
            at every thousand, others four significant digits; None becomes a dash; text stays.
        columns: key of a column to its heading, unit included.

    Example:
        >>> print(table_of([{"what": "|z|", "mean": 0.12346}], {"what": "size", "mean": "mean"}))
        | size | mean |
        |---|---|
        | \\|z\\| | 0.1235 |
    """
    if not columns:
        raise ConfigurationError("columns = {} is not allowed: choose one column or more")
    lines = [_line(columns.values()), "|" + "---|" * len(columns)]
    for row in rows:
        for key in columns:
            if key not in row:
                raise ConfigurationError(f"a row has no column {key!r}: {nearest(key, row)}")
        lines.append(_line(_text(row[key]) for key in columns))
    return "\n".join(lines)


def describe(record: Record | str | Path) -> str:
    """One record, or that of a path, in Markdown: every number with what it means.

    Under the table stand the numbers that the model does not have, a legend, those under noise that
    the run asked for, and the provenance.

    Raises:
        ConfigurationError: the kind of run is not known.
        DataError: the path holds no record of this schema.
    """
    if isinstance(record, str | Path):
        record = load(record)
    require_record(record)
    definitions = definitions_of(record["kind"])
    sentences = sentences_of(record["kind"])
    rows, absent, standings = [], [], set()
    for name in dict.fromkeys([*definitions, *record["metrics"]]):
        found = standing(record, name)
        if record["metrics"].get(name, 0) is None:
            absent.append(f"`{name}`")
            continue
        standings.add(found)
        reason = record["not_measured"].get(name)
        value = _marked(_text(record["metrics"].get(name)), found)
        shown = f"not measured: {reason}" if reason else value
        rows.append({"name": f"`{name}`", "value": shown, "what": sentences.get(name, "")})
    lines = [table_of(rows, {"name": "number", "value": "value", "what": "what it is"})]
    if absent:
        lines += ["", f"Numbers that this model does not have: {', '.join(absent)}."]
    # The reason stands in the cell.
    legend = _legend(standings - {Standing.NOT_MEASURED})
    return "\n".join(lines) + legend + _under_noise(record) + _origin(record)


def _under_noise(record: Record) -> str:
    rows = record.get("by_noise")
    if not rows:
        return ""
    return f"\n\nUnder noise:\n\n{table_of(rows, {name: f'`{name}`' for name in rows[0]})}"


def _origin(record: Record) -> str:
    origin, training = record["provenance"], record["training"]
    commit = (origin["commit"] or "unknown").replace(" with changes", ", with changes")
    preset = record["experiment"].get("preset")
    recipe = f"Preset {preset}: " if preset else ""
    return (
        f"\n\n{recipe}{training['steps']:,} steps of {training['batch_size']} images in "
        f"{training['seconds']:,.0f} s on {origin['device']} ({origin['threads']} threads), "
        f"PyTorch {origin['torch']}, commit {commit[:7]}{commit[40:]}, {record['finished'][:10]}. "
        f"Data set {record['dataset']['name']}, SHA-256 {record['dataset']['sha256'][:12]}."
    )


def _value(record: Record, metric: str) -> float | None:
    """A number of a record, None where it has none; a name that nothing ever had is a slip."""
    if metric in _TRAINING:
        value = record["training"].get(metric)
    else:
        known = dict.fromkeys(sentences_of(record["kind"])) | record["metrics"]
        if metric not in known:
            choices = [*known, *_TRAINING]
            raise ConfigurationError(f"no record holds {metric!r}: {nearest(metric, choices)}")
        value = known[metric]
    return None if value is None else float(value)


def _cell(records: Sequence[Record], metric: str) -> tuple[str, set[Standing]]:
    """What a table shows of one metric over the seeds of a run, and what the legend has to tell."""
    summary = summarise(records, metric)
    if metric in _TRAINING:
        found = {Standing.MISSING if summary is None else Standing.MEASURED}
    else:
        found = {standing(record, metric) for record in records}
    if summary is None:
        # The seeds of a run can differ: the reason that asks for a remedy comes first.
        order = (Standing.MISSING, Standing.NOT_MEASURED, Standing.NO_SUCH_NUMBER)
        shown = next((one for one in order if one in found), Standing.MISSING)
        return shown.value, {shown}
    text = str(summary)
    if summary.seeds < len(records):
        text += f" ({summary.seeds} of {len(records)} seeds)"
    redefined = found & {Standing.REDEFINED}
    return _marked(text, Standing.REDEFINED if redefined else Standing.MEASURED), redefined


def _marked(text: str, found: Standing) -> str:
    if found is Standing.MISSING:
        return found.value
    return f"{text} {found.value}" if found is Standing.REDEFINED else text


def _legend(standings: Iterable[Standing]) -> str:
    entries = [f"{one.value}: {words}" for one, words in LEGEND.items() if one in set(standings)]
    return f"\n\n{'. '.join(entries)}." if entries else ""


def _text(value: Any) -> str:
    if value is None:
        return Standing.NO_SUCH_NUMBER.value
    if isinstance(value, int | np.integer) and not isinstance(value, bool):
        return f"{value:,}"
    return f"{value:.4g}" if isinstance(value, float | np.floating) else str(value)


def _line(cells: Iterable[str]) -> str:
    escaped = (re.sub(r"(?<!\\)\|", r"\\|", cell).replace("\n", " ") for cell in cells)
    return f"| {' | '.join(escaped)} |"
