"""Takes the numbers of the assignment's claims out of the records, into notebook and probes.

Run it with ``python assignments/source/claim/extract.py`` when the records have changed and the
next course shall work on the new ones: it rewrites the cell ``records`` of the notebook and
the same lines of ``probes.py``. Nothing else needs the records, so that a notebook that was
handed out stands alone.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any, NamedTuple

import nbformat

from vsclib.files import write_text

HERE = Path(__file__).resolve().parent
SWEEPS = HERE.parents[2] / "results" / "sweeps"
DIGITS = 6
MARKS = re.compile(r"(# BEGIN RECORDS[^\n]*\n).*?(# END RECORDS)", re.DOTALL)


class Side(NamedTuple):
    """One group of trainings: what they have in common in a sweep's records."""

    case: str
    latents: int | None = None


class Asked(NamedTuple):
    """A claim to judge: ``first`` against ``second`` by a number of the sweep's records."""

    says: str
    sweep: str
    measure: str
    unit: str
    first: Side
    second: Side
    within: float | None = None


CLAIMS = {
    "sparse-above-vsc": Asked(
        "The sparse generator reconstructs better than VSC.",
        "tables",
        "psnr",
        "dB",
        Side("Sparse, proposed"),
        Side("VSC, alpha 0.01"),
    ),
    "dense-above-sparse": Asked(
        "The dense short run reconstructs better than the sparse generator.",
        "tables",
        "psnr",
        "dB",
        Side("Short-run"),
        Side("Sparse, proposed"),
    ),
    "decay-above-constant": Asked(
        "The sparse generator reconstructs better with a decay of alpha than with a constant alpha.",
        "tables",
        "psnr",
        "dB",
        Side("Sparse, proposed"),
        Side("Sparse, constant alpha"),
    ),
    "sparse-above-standard": Asked(
        "The sparse code with a mixture prior has a higher bound than the VAE with a standard prior.",
        "controls",
        "bound",
        "nats",
        Side("VSC, mixture prior"),
        Side("VAE", 200),
    ),
    "sparse-above-mixture": Asked(
        "The sparse code has a higher bound than the dense code of the same mixture prior.",
        "controls",
        "bound",
        "nats",
        Side("VSC, mixture prior"),
        Side("VAE, mixture prior", 200),
    ),
    "accuracy-of-many-latents": Asked(
        "At alpha 0.2 a classifier reads VSC's code of 200 latents better than its code of 32.",
        "latents",
        "accuracy",
        "share",
        Side("VSC, alpha 0.2", 200),
        Side("VSC, alpha 0.2", 32),
    ),
    "bound-of-many-latents": Asked(
        "At alpha 0.2 VSC's bound with 200 latents lies within 5 nats of its bound with 32.",
        "latents",
        "bound",
        "nats",
        Side("VSC, alpha 0.2", 200),
        Side("VSC, alpha 0.2", 32),
        within=5.0,
    ),
    "bound-of-two-sparse-codes": Asked(
        "The learned prior of 2019 has a bound within 2 nats of that of the mixture prior.",
        "controls",
        "bound",
        "nats",
        Side("VSC in its UAI form"),
        Side("VSC, mixture prior"),
        within=2.0,
    ),
}


def number(cell: dict[str, Any], measure: str) -> float:
    """A training's number; the bound is the paid one where the prior leaves a choice."""
    metrics = cell["metrics"]
    if measure == "bound":
        paid = metrics["elbo_paid"]
        return metrics["elbo"] if paid is None else paid
    return metrics[measure]


def group(cells: list[dict[str, Any]], side: Side, measure: str) -> dict[str, list[float]]:
    """The numbers of one side by data set, in the order of their seeds."""
    found: dict[str, dict[int, float]] = {}
    for cell in cells:
        given = cell["parameters"]
        if cell["case"] == side.case and side.latents in (None, given.get("latents")):
            found.setdefault(given["dataset"], {})[given["seed"]] = number(cell, measure)
    return {
        dataset: [float(f"{seeds[seed]:.{DIGITS}g}") for seed in sorted(seeds)]
        for dataset, seeds in sorted(found.items())
    }


def steps(cells: list[dict[str, Any]], side: Side) -> int:
    """How many steps the trainings of one side took."""
    (found,) = {cell["training"]["steps"] for cell in cells if cell["case"] == side.case}
    return found


def extracted(asked: Asked) -> dict[str, Any]:
    """A claim with its numbers.

    Raises:
        SystemExit: the two sides have no data set in common, or one of them fewer than three seeds.
    """
    path = SWEEPS / f"{asked.sweep}.json"
    sizes = json.loads(path.read_text(encoding="utf-8"))["sizes"]
    cells = sizes["laptop"]["cells"]
    first, second = (group(cells, side, asked.measure) for side in (asked.first, asked.second))
    sound = first.keys() == second.keys() and first
    if not sound or min(map(len, (*first.values(), *second.values()))) < 3:
        sys.exit(f"{asked.says} {path.name} holds too little: {first}, {second}")
    return {
        "says": asked.says,
        "measure": asked.measure,
        "unit": asked.unit,
        "steps": {"first": steps(cells, asked.first), "second": steps(cells, asked.second)},
        "within": asked.within,
        "first": first,
        "second": second,
    }


def written(value: Any, depth: int = 0) -> str:
    """A value as Python, laid out as the formatter does: a line for each entry of a dictionary."""
    if not isinstance(value, dict):
        return "None" if value is None else json.dumps(value)
    gap = "    " * depth
    lines = [f"{gap}    {json.dumps(k)}: {written(v, depth + 1)},\n" for k, v in value.items()]
    return f"{{\n{''.join(lines)}{gap}}}"


def main() -> None:
    """Rewrite the two places."""
    found = {name: extracted(asked) for name, asked in CLAIMS.items()}
    text = f"# BEGIN RECORDS: made by extract.py\nCLAIMS = {written(found)}\n# END RECORDS"
    book = nbformat.read(HERE / "claim.ipynb", 4)
    for cell in book.cells:
        if cell.id == "records":
            cell.source = text
    write_text(HERE / "claim.ipynb", nbformat.writes(book) + "\n")
    probes = HERE / "probes.py"
    write_text(probes, MARKS.sub(lambda _: text, probes.read_text(encoding="utf-8")))


if __name__ == "__main__":
    main()
