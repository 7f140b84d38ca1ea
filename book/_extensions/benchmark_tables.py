"""Writes what ``make bench`` measured: tables, and the figure of the ladder.

A page holding the line ``% benchmark: PART`` gets the newest result of that part, read from
``results/benchmark.json``, with the machine that it was measured on. ``% benchmark: records`` lists
every run that is kept, ``% benchmark: inference`` what an inference by gradient costs. A part that
was not measured is named with the command that measures it. Nothing is run.
"""

import json
import re
import statistics
from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

from vsclib import figures

MARKER = re.compile(r"^% benchmark: (?P<part>[a-z]+)$", re.MULTILINE)


def table(header: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    """A table, numbers right."""
    header = list(header)
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *map(list, rows)]
    return "".join(f"| {' | '.join(map(str, line))} |\n" for line in lines)


def spread(ratio: dict[str, Any] | None) -> str:
    """A ratio with its range over the rounds, and the mark of a goal."""
    if ratio is None:
        return ""
    text = f"{ratio['median']:.2f} ({ratio['lowest']:.2f} to {ratio['highest']:.2f})"
    if "goal" in ratio:
        text += f", goal {ratio['goal']:g}: {'reached' if ratio['reached'] else '**not reached**'}"
    return text


def milliseconds(seconds: float) -> str:
    """Three digits."""
    return f"{1000 * seconds:.3g}"


def day(stamp: str) -> str:
    """A date as it is written."""
    found = date.fromisoformat(stamp[:10])
    return f"{found.day} {found:%B %Y}"


def origin(part: dict[str, Any]) -> str:
    """A sentence on where a result is from."""
    machine, setting = part["machine"], part["setting"]
    commit = machine["commit"] or "not known"
    commit = commit[:10] + (" with changes" if commit.endswith("changes") else "")
    where = f"{machine['processor']} ({machine['capability']}, {machine['cores']} cores)"
    when = f"PyTorch {machine['torch']} on {day(machine['started'])}, commit {commit}"
    device = "" if machine["device"] == "cpu" else f", {machine['device']},"
    return f"Measured on {where}{device} with {when}; {setting['rounds']} rounds.\n"


def skipped(result: dict[str, Any]) -> str:
    """What is left out, and why."""
    reasons = result.get("skipped", {}).items()
    return "".join(f"\nLeft out: {name} ({why}).\n" for name, why in reasons)


# ------------------------------------------------------------------------------------ part by part


def ladder(result: dict[str, Any]) -> str:
    """The figure, and a row a rung."""
    rows = [
        (
            f"{rung}: {row['change']}",
            f"{row['images_per_second']:,}",
            spread(row.get("times_the_rung_before")),
            f"{row['times_the_first']['median']:.2f}" if "times_the_first" in row else "",
        )
        for rung, row in result["rungs"].items()
    ]
    header = ("rung", "images per second", "times the rung before", "times the first")
    return drawn(result["rungs"]) + "\n" + table(header, rows)


def drawn(rungs: dict[str, Any]) -> str:
    """A bar a rung, as an element of the page."""
    rates = {rung: row["images_per_second"] for rung, row in rungs.items()}
    said = "; ".join(f"{rung} {rate:,}" for rung, rate in rates.items())
    with figures.style():
        picture, axis = figures.canvas(
            f"Images per second of a VAE's training, rung by rung: {said}.",
            height=0.32 * len(rates) + 0.8,
        )
        axis.barh(list(rates), [rate / 1000 for rate in rates.values()], color=figures.SLAB)
        axis.invert_yaxis()
        axis.set_xlabel("thousand images per second, one thread")
    caption = "Each rung changes one thing; network, objective, optimiser and batch stay."
    return (
        f"```{{raw}} html\n<figure>\n{picture.drawing()}"
        f"<figcaption>{caption}</figcaption>\n</figure>\n```\n"
    )


def comparison(result: dict[str, Any]) -> str:
    """A table for each model and batch size."""
    parts = []
    for name, found in result["comparisons"].items():
        model, batch_size = name.split()
        rows = [
            (
                who,
                milliseconds(row["seconds_per_step"]),
                f"{row['last_loss']:.1f}" if "last_loss" in row else "",
                spread(row.get("ours_is_faster_by")),
            )
            for who, row in found["rows"].items()
        ]
        header = ("training", "ms a step", "last loss, nats", f"times as long as *{found['ours']}*")
        parts.append(f"**`{model}`, batches of {batch_size}**\n\n{table(header, rows)}\n")
    return "".join(parts)


def products(result: dict[str, Any]) -> str:
    """Share and rate."""
    rows = [
        (
            f"`{name.split()[0]}`, batches of {name.split()[1]}: {who}",
            milliseconds(row["seconds_per_step"]),
            row["gigaflops_per_second"],
            spread(row.get("share_of_products")),
        )
        for name, found in result["steps"].items()
        for who, row in found["rows"].items()
    ]
    return table(("step", "ms", "GFLOP/s", "share of the step"), rows)


def ensembles(result: dict[str, Any]) -> str:
    """Ensembles against processes."""
    if "comparisons" not in result:
        return ""
    rows = [
        (
            f"`{name.split()[0]}`, latents / hidden {name.split(' ', 1)[1]}",
            *(f"{row['images_per_second']:,}" for row in found["rows"].values()),
            spread(found["ensemble_is_faster_by"]),
        )
        for name, found in result["comparisons"].items()
    ]
    columns = list(next(iter(result["comparisons"].values()))["rows"])
    header = ("model", *(f"{one}, images per second" for one in columns), "ensemble is faster by")
    return table(header, rows)


def growth(result: dict[str, Any]) -> str:
    """Step times along every axis."""
    rows = [
        (
            f"{axis.replace('_', ' ')} = {int(value):,}",
            milliseconds(row["seconds_per_step"]),
            spread(row.get("times_the_first")),
        )
        for axis, values in result["axes"].items()
        for value, row in values.items()
    ]
    text = table(("what is changed", "ms a step of one model", "times the first"), rows)
    flat = result.get("flat_in_images")
    if flat:
        text += f"\nTen times as many images, at most {flat['goal']:g} times as long: "
        text += f"{'reached' if flat['reached'] else '**not reached**'}.\n"
    return text


def memory(result: dict[str, Any]) -> str:
    """Peaks, in megabytes."""
    rows = [
        (name, f"{row['at_most']:,}", f"{row['after_import']:,}")
        for name, row in result["megabytes"].items()
    ]
    return table(("training", "MB at most", "MB of them after the imports"), rows)


def start(result: dict[str, Any]) -> str:
    """Imports."""
    rows = [(f"`{name}`", f"{row['seconds']:.2f}") for name, row in result["rows"].items()]
    heavy = ", ".join(f"`{name}`" for name in result["heavy_modules_of_vsclib"]) or "none"
    ratio = result["vsclib_takes_times"]
    return (
        table(("import", "processor seconds"), rows)
        + f"\nRatio: {spread(ratio)}. Of PyTorch's compiler, SymPy and scikit-learn it brings in: "
        + f"{heavy}.\n"
    )


def families(result: dict[str, Any]) -> str:
    """Milliseconds of a step, a row a family and a column a size."""
    seconds: dict[str, dict[str, float]] = {}
    for name, value in result["seconds_per_step"].items():
        model, latents, hidden, _ = name.split()
        seconds.setdefault(model, {})[f"{latents} / {hidden}"] = value
    sizes = list(dict.fromkeys(size for row in seconds.values() for size in row))
    rows = [
        (f"`{model}`", *(milliseconds(row[size]) if size in row else "" for size in sizes))
        for model, row in seconds.items()
    ]
    return table(("ms a step, by latents / hidden", *sizes), rows)


def quality(result: dict[str, Any]) -> str:
    """Bounds of the first and the last rung."""
    rows = [
        (
            rung,
            f"{row['mean']:.2f}",
            ", ".join(f"{elbo:.2f}" for elbo in row["elbo"]),
            f"{row['goal']:g}: {'reached' if row['reached'] else '**not reached**'}",
        )
        for rung, row in result["rungs"].items()
    ]
    header = ("rung", "mean bound, nats", "seed by seed", "goal of each")
    return f"After {result['steps']:,} steps:\n\n" + table(header, rows)


def accelerator(result: dict[str, Any]) -> str:
    """Seconds on a GPU; nothing where there was none."""
    if "rows" not in result:
        return "No run has been made on a GPU yet.\n"
    rows = [
        (name, row["seconds"], f"{row['goal']:g}: {'reached' if row['reached'] else 'not reached'}")
        for name, row in result["rows"].items()
    ]
    return table(("training", "seconds", "goal"), rows)


PARTS: dict[str, Callable[[dict[str, Any]], str]] = {
    "ladder": ladder,
    "comparison": comparison,
    "products": products,
    "ensembles": ensembles,
    "growth": growth,
    "memory": memory,
    "start": start,
    "families": families,
    "quality": quality,
    "accelerator": accelerator,
}
"""How each part of the benchmark is shown."""


# ----------------------------------------------------------------------------------------- the page


def inference(results: Path) -> str:
    """What an inference by gradient costs, from the record of ``benchmarks/inference.py``."""
    record = json.loads((results / "inference-speed.json").read_text(encoding="utf-8"))
    rows = [
        (
            kind,
            milliseconds(row["seconds_per_step"]),
            f"{statistics.median(row['ratios']):.2f}",
            f"{min(row['ratios']):.2f} to {max(row['ratios']):.2f}",
        )
        for kind, row in record["kinds"].items()
    ]
    header = ("kind of inference", "ms a step", f"times {record['baseline']}", "range")
    return table(header, rows) + f"\nMeasured on {day(record['finished'])}.\n"


def records(results: Path) -> str:
    """Every run that is kept, the newest first."""
    paths = sorted((results / "benchmarks").glob("20*.json"), reverse=True)
    if not paths:
        return "*There is none yet.*\n"
    rows = []
    for path in paths:
        parts = json.loads(path.read_text(encoding="utf-8"))["parts"]
        machine = next(iter(parts.values()))["machine"]
        where = f"{machine['processor']}, {machine['capability']}, PyTorch {machine['torch']}"
        rows.append((f"`{path.name}`", where, ", ".join(parts)))
    return table(("file in `results/benchmarks/`", "machine", "parts"), rows)


def shown(part: str, results: Path) -> str:
    """What stands in place of a marker."""
    if part in ("inference", "records"):
        return (inference if part == "inference" else records)(results)
    path = results / "benchmark.json"
    found = json.loads(path.read_text(encoding="utf-8"))["parts"] if path.exists() else {}
    if part not in found:
        return f"*Not measured yet: `make bench PART={part}` does.*\n"
    result = found[part]["result"]
    return f"{PARTS[part](result)}{skipped(result)}\n{origin(found[part])}"


def insert_results(app: Sphinx, docname: str, source: list[str]) -> None:
    """Put the results where the page asks for them."""
    results = Path(app.srcdir).resolve().parent / "results"
    source[0] = MARKER.sub(lambda match: shown(match["part"], results), source[0])


def reread_results(app: Sphinx, env: Any, added: set, changed: set, removed: set) -> list[str]:
    """The page depends on records, which Sphinx does not watch: read it at every build."""
    return [name for name in ("ladder",) if name in env.found_docs]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("source-read", insert_results)
    app.connect("env-get-outdated", reread_results)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
