"""Writes the table of executed notebooks from the timings that papermill or nbclient stored in
them.

A page holding the line ``% execution-status: PATTERN ...`` gets a table with a row for each
notebook of the book whose document name matches one of the patterns. Nothing is run: the table says
what the stored outputs were made with.
"""

import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from sphinx.application import Sphinx
from sphinx.util.matching import patfilter

MARKER = re.compile(r"^% execution-status:(?P<patterns>.*)$", re.MULTILINE)
PROVENANCE = re.compile(
    r" on (?P<device>[^.;\n]+?) \(\d+ threads?\), PyTorch (?P<torch>\d+(\.\d+)*)"
)
HEADER = "| page | result | execution took | on (UTC) | with |\n|---|---|---:|---|---|\n"


class Execution(NamedTuple):
    """What a notebook's metadata tells about its last execution."""

    result: str
    seconds: float | None
    day: str | None
    versions: dict[str, str]


def _code_cells(notebook: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        cell
        for cell in notebook["cells"]
        if cell["cell_type"] == "code" and "".join(cell["source"]).strip()
    ]


def _stamp(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).replace(tzinfo=None)


def _span(notebook: dict[str, Any]) -> tuple[float | None, str | None]:
    """Seconds and day of the execution: papermill's record of the whole run, else the stamps of the
    cells.
    """
    record = notebook["metadata"].get("papermill", {})
    if record.get("duration") is not None:
        return float(record["duration"]), record["end_time"][:10]
    stamps = [cell["metadata"].get("execution", {}) for cell in _code_cells(notebook)]
    starts = [_stamp(s["iopub.execute_input"]) for s in stamps if "iopub.execute_input" in s]
    ends = [_stamp(s["shell.execute_reply"]) for s in stamps if "shell.execute_reply" in s]
    if not starts or not ends:
        return None, None
    return (max(ends) - min(starts)).total_seconds(), max(ends).date().isoformat()


def _result(notebook: dict[str, Any]) -> str:
    cells = _code_cells(notebook)
    unplanned = [
        cell for cell in cells if "raises-exception" not in cell["metadata"].get("tags", [])
    ]
    errors = [
        output
        for cell in unplanned
        for output in cell["outputs"]
        if output["output_type"] == "error"
    ]
    if errors or notebook["metadata"].get("papermill", {}).get("exception"):
        return "failed"
    if any(cell["execution_count"] is None for cell in cells):
        return "not run"
    return "ok"


def _printed_versions(notebook: dict[str, Any]) -> dict[str, str]:
    """Version and device that a run states: in its line of provenance, or in its record."""
    for cell in _code_cells(notebook):
        for output in cell["outputs"]:
            text = "".join(output.get("text", output.get("data", {}).get("text/markdown", "")))
            if found := PROVENANCE.search(text):
                return {"PyTorch": found["torch"], "on": found["device"]}
            if text.startswith("{") and '"provenance"' in text:
                origin = json.loads(text)["provenance"]
                return {"PyTorch": origin["torch"].split("+")[0], "on": origin["device"]}
    return {}


def read_execution(path: Path) -> Execution:
    """Read one notebook's record of its last execution."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    metadata = notebook["metadata"]
    versions = {"Python": metadata.get("language_info", {}).get("version", "")}
    versions |= metadata.get("vsclib", {}).get("versions", {}) | _printed_versions(notebook)
    seconds, day = _span(notebook)
    return Execution(
        _result(notebook), seconds, day, {name: text for name, text in versions.items() if text}
    )


def duration(seconds: float | None) -> str:
    """A duration for reading: 4.2 s, 48 s, 3 min 10 s, 2 h 05 min."""
    if seconds is None:
        return "not recorded"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def table(paths: dict[str, Path]) -> str:
    """The MyST table for notebooks given as document name -> file."""
    if not paths:
        return "*There is none yet.*\n"
    rows = []
    for docname, path in paths.items():
        execution = read_execution(path)
        mark = {"ok": "ok", "failed": "**failed**", "not run": "**not run**"}[execution.result]
        versions = ", ".join(f"{name} {text}" for name, text in execution.versions.items())
        link = f"[](/{docname}.ipynb)"
        when = f"{duration(execution.seconds)} | {execution.day or ''}"
        rows.append(f"| {link} | {mark} | {when} | {versions} |\n")
    return f":::{{div}} execution-status\n\n{HEADER}{''.join(rows)}\n:::\n"


def insert_tables(app: Sphinx, docname: str, source: list[str]) -> None:
    """Put the tables where the page asks for them."""

    def one_table(match: re.Match) -> str:
        names = sorted(
            name
            for pattern in match["patterns"].split()
            for name in patfilter(app.env.found_docs, pattern)
        )
        files = {name: Path(app.env.doc2path(name)) for name in names}
        return table({name: path for name, path in files.items() if path.suffix == ".ipynb"})

    source[0] = MARKER.sub(one_table, source[0])


def adapt_run(app: Sphinx, docname: str, source: list[str]) -> None:
    """Give a run what its page needs: all runs come from one notebook, with one title and the same
    figure labels.

    A local run is called by the name of its file, and figure labels end in it, since labels are
    unique in a book.
    """
    if not docname.startswith("runs/") or not app.env.doc2path(docname).endswith(".ipynb"):
        return
    notebook = json.loads(source[0])
    for cell in notebook["cells"]:
        figure = cell["metadata"].get("mystnb", {}).get("figure", {})
        if "name" in figure:
            figure["name"] = f"{figure['name']}-{docname.replace('/', '-')}"
    if docname.startswith("runs/local/"):
        first = notebook["cells"][0]
        first["source"] = re.sub(
            r"^# .*", f"# {docname.rsplit('/', 1)[1]}", "".join(first["source"]), count=1
        )
    source[0] = json.dumps(notebook)


def reread_tables(app: Sphinx, env: Any, added: set, changed: set, removed: set) -> list[str]:
    """The tables depend on other pages' files: read their pages at every build."""
    return [name for name in ("status", "runs/index") if name in env.found_docs]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("source-read", insert_tables)
    app.connect("source-read", adapt_run)
    app.connect("env-get-outdated", reread_tables)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
