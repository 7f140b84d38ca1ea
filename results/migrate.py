"""Bring records and pages of an earlier version to the present one.

    python results/migrate.py            every record of results/ and every stored page of a run
    python results/migrate.py FILE ...   these: records (.json) or pages (.ipynb)

A record of schema 1 held null both for a number that its model does not have and for one that was
not measured; what its family has decides. Its numbers stay as they are. A definition's digest is
taken from the sentence that was in force at the record's commit; where git does not know that
commit, it is left out, and the number counts as measured under another definition. A file that is
up to date is left alone.
"""

import argparse
import ast
import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

from vsclib.errors import DataError, VsclibError
from vsclib.files import write_text
from vsclib.records import SCHEMA, digest

HERE = Path(__file__).parent
REPOSITORY = HERE.parent

# What the families of schema 1 had; families of today are measured and need no such list.
BOUND = {
    "vae",
    "beta_vae",
    "beta_tcvae",
    "vsc",
    "vsc_mixture",
    "vsc_thresholds",
    "vsc_uai",
    "vsc_wu",
}
SLAB = {"vsc", "vsc_mixture", "vsc_thresholds", "vsc_uai", "vsc_wu"}
LEARNED_PRIOR = {"vsc_mixture", "vsc_uai"}
GATED = SLAB | {"sparse_generator"}
HAVE: dict[str, set[str]] = {
    **dict.fromkeys(["elbo", "elbo_standard_error", "likelihood", "kl"], BOUND),
    **dict.fromkeys(["psnr_sampled", "informative_latents", "posterior_collapsed"], BOUND),
    **dict.fromkeys(["elbo_paid", "sparsity_term", "pseudo_inputs_used"], LEARNED_PRIOR),
    **dict.fromkeys(["threshold", "expected_on"], GATED),
    "accuracy_mu_gamma": SLAB,
    **dict.fromkeys(["low_threshold", "low_on_per_image"], SLAB - LEARNED_PRIOR),
    **dict.fromkeys(["low_psnr", "low_accuracy"], SLAB - LEARNED_PRIOR),
}
"""Families that have a number, for the numbers that not every family has."""
UNKNOWN = "the record is older than reasons"
SOURCES = {"train": "vsclib/metrics/record.py", "refine": "vsclib/refiner/measure.py"}


def migrated(record: dict[str, Any]) -> dict[str, Any]:
    """A record of schema 1 as one of schema 2."""
    experiment, metrics = record["experiment"], record["metrics"]
    kind = "refine" if experiment["model"] == "refiner" else "train"
    unmeasured = [
        name
        for name, value in metrics.items()
        if value is None and not does_not_exist(name, experiment)
    ]
    numbers = {name: value for name, value in metrics.items() if name not in unmeasured}
    sentences = definitions_at(record["provenance"]["commit"], SOURCES[kind])
    # Early records noted the end of a run among its origin.
    finished = record["provenance"].pop("finished", None) or record.get("finished")
    return {
        "schema": SCHEMA,
        "name": record["name"],
        "kind": kind,
        "experiment": experiment,
        "metrics": numbers,
        "not_measured": dict.fromkeys(unmeasured, UNKNOWN),
        "definitions": {name: digest(sentences[name]) for name in numbers if name in sentences},
        **{part: record[part] for part in ("by_steps",) if part in record},
        "training": record["training"],
        "dataset": record["dataset"],
        "provenance": record["provenance"],
        "finished": finished,
    }


def does_not_exist(name: str, experiment: dict[str, Any]) -> bool:
    """Whether the model of a run of schema 1 has no such number."""
    if name.startswith("low_") and experiment["options"].get("alpha", 0.0) >= 0.5:
        return True
    return name in HAVE and experiment["model"] not in HAVE[name]


@cache
def definitions_at(commit: str | None, source: str) -> dict[str, str]:
    """The definitions in force at a commit; none where git does not know it."""
    if commit is None or " " in commit:  # "with changes"
        return {}
    command = ["git", "show", f"{commit}:{source}"]
    try:
        shown = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return {}
    for statement in ast.parse(shown.stdout).body:
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            if statement.target.id == "DEFINITIONS" and statement.value is not None:
                return ast.literal_eval(statement.value)
    return {}


def migrate_record(path: Path) -> bool:
    """Migrate one record in place; whether it changed."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        schema = record.get("schema", 1)
        if schema > SCHEMA:
            raise DataError(f"{path} has schema = {schema}, newer than {SCHEMA}: update vsclib")
        changed = schema == 1
        text = json.dumps(migrated(record) if changed else record, indent=1) + "\n"
    except (OSError, KeyError, TypeError, AttributeError, json.JSONDecodeError):
        raise DataError(f"{path} is no record of a run: give a record.json") from None
    if changed:
        write_text(path, text)
    return changed


def migrate_page(path: Path) -> bool:
    """Escape what cuts cells in the tables that a page stores; whether it changed."""
    page = json.loads(path.read_text(encoding="utf-8"))
    before = json.dumps(page)
    for cell in page["cells"]:
        for output in cell.get("outputs", []):
            text = output.get("data", {}).get("text/markdown")
            if text is not None:
                lines = escaped("".join(text)).splitlines(keepends=True)
                output["data"]["text/markdown"] = lines
    if json.dumps(page) == before:
        return False
    write_text(path, json.dumps(page, indent=1, ensure_ascii=False) + "\n")
    return True


def escaped(markdown: str) -> str:
    """Markdown with every ``|`` in the last cell of a table's row escaped."""
    lines, columns = markdown.split("\n"), 0
    for index, line in enumerate(lines):
        if not line.startswith("|"):
            columns = 0
        elif not columns:
            columns = line.count("|") - 1
        elif not re.fullmatch(r"[|:\- ]+", line):
            cells = line.removeprefix("| ").removesuffix(" |").split(" | ", columns - 1)
            cells[-1] = re.sub(r"(?<!\\)\|", r"\\|", cells[-1])
            lines[index] = f"| {' | '.join(cells)} |"
    return "\n".join(lines)


def main() -> int:
    """Migrate the files of the command line, or all that the repository keeps."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE")
    stored = [
        *HERE.glob("*-seed*.json"),
        *(REPOSITORY / "book" / "runs").glob("*.ipynb"),
        *(REPOSITORY / "notebooks" / "experiments").glob("*.ipynb"),
    ]
    files = parser.parse_args().files or sorted(stored)
    changed = 0
    try:
        for path in files:
            changed += (migrate_page if path.suffix == ".ipynb" else migrate_record)(path)
    except VsclibError as error:
        print(f"migrate.py: {error}", file=sys.stderr)
        return 1
    print(f"{changed} of {len(files)} files migrated")
    return 0


if __name__ == "__main__":
    sys.exit(main())
