"""Tables of what no model of the documents is: untrained encoders, raw pixels, linear codes.

A Sphinx extension. ``% controls`` becomes the table of ``results/controls.json``, and
``% linear-baselines`` that of ``results/linear.json``.
"""

import json
import re
from html import escape
from typing import Any

import numpy as np
from sphinx.application import Sphinx

from ledger.evidence import RESULTS
from ledger.result_figures import SETS
from ledger.result_pages import html_table, number, raw

TABLES: dict[str, tuple[str, dict[str, str]]] = {
    "controls": (
        "controls",
        {
            "accuracy": "accuracy, linear classifier",
            "network_accuracy": "accuracy, one hidden layer",
            "accuracy_mu_gamma": "accuracy of mu times gamma",
        },
    ),
    "linear-baselines": (
        "linear",
        {"psnr": "PSNR in dB", "accuracy": "accuracy, linear classifier", "l0": "non-zeros"},
    ),
}
"""For each marker its file and its columns."""
MARKER = re.compile(rf"^% (?P<table>{'|'.join(TABLES)})$", re.MULTILINE)


def table(file: str, columns: dict[str, str]) -> str:
    """Means over the seeds, a row for each line of each data set."""
    content = json.loads((RESULTS / f"{file}.json").read_text(encoding="utf-8"))
    rows: list[list[str]] = []
    for name, found in content["sets"].items():
        seeds: dict[str, list[dict[str, Any]]] = {}
        for line, numbers in found["lines"].items():
            seeds.setdefault(re.sub(r"-seed\d+$", "", line), []).append(numbers)
        for line, many in seeds.items():
            cells = [escape(SETS.get(name, name)), escape(line.replace("-", " ")), str(len(many))]
            rows.append(cells + [_mean([one.get(key) for one in many]) for key in columns])
    shown = html_table(("data set", "code", "fits", *columns.values()), rows, file)
    return raw(shown)


def _mean(values: list[float | None]) -> str:
    known = [value for value in values if value is not None]
    return number(float(np.mean(known)) if known else None)


def insert_tables(app: Sphinx, docname: str, source: list[str]) -> None:
    """Put the tables where a page asks for them."""
    source[0] = MARKER.sub(lambda match: table(*TABLES[match["table"]]), source[0])


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("source-read", insert_tables)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
