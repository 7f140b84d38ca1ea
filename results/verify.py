"""Recompute every number that the book's pages quote, or train one record again and compare.

    python -m results.verify                       every bound number, from the records; seconds
    python -m results.verify --retrain             one record drawn at random, trained again
    python -m results.verify --retrain --seed 3    the draw of that seed; --run NAME takes that run
    python -m results.verify --retrain --minutes 2 only records whose training took no longer

What is wrong is named, and the exit code is 1.
"""

import argparse
import json
import random
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from ledger import results as ledger
from results.bound import Bound, Results, as_written, bound_in
from results.reproduce import experiment_of, listing
from vsclib import records, runs
from vsclib.errors import ConfigurationError, VsclibError, nearest
from vsclib.records import Record

ROOT = Path(__file__).parent.parent
SAME = ("torch", "device", "threads", "system", "instructions")
"""What must agree, of two records' origins, for the same seed to give the same digits."""


class Quoted(NamedTuple):
    """A bound number and the page that quotes it."""

    page: Path
    bound: Bound


def pages(root: Path = ROOT) -> list[Path]:
    """The sources of the book's pages: Markdown, chapters, quizzes; a run's page quotes nothing."""
    places = (root / "book", root / "notebooks")
    found = [
        path for place in places for kind in ("md", "ipynb") for path in place.rglob(f"*.{kind}")
    ]
    found += (root / "book" / "quizzes").rglob("*.yml")
    left_out = {"_build", ".ipynb_checkpoints", "runs"}
    return sorted({p.resolve() for p in found if not left_out & set(p.relative_to(root).parts)})


def markdown(page: Path) -> Iterator[str]:
    """The Markdown of a page, cell by cell."""
    text = page.read_text(encoding="utf-8")
    if page.suffix != ".ipynb":
        yield text
        return
    for cell in json.loads(text)["cells"]:
        if cell["cell_type"] == "markdown":
            yield "".join(cell["source"])


def quoted(sources: Iterable[Path]) -> Iterator[Quoted]:
    """Every number that these pages bind."""
    for page in sources:
        for text in markdown(page):
            yield from (Quoted(page, bound) for bound in bound_in(text))


def printed_values() -> dict[str, dict[str, float]]:
    """What the documents print, item by item, of ``ledger/results.yml``."""
    return {name: dict(item.printed) for name, item in ledger.read().items()}


def wrong(numbers: Iterable[Quoted], results: Results) -> list[str]:
    """A line for each number that is not what it is bound to, and each constant of two values."""
    found = []
    values: dict[str, set[Decimal]] = defaultdict(set)
    for page, bound in numbers:
        try:
            results.check(bound)
            if bound.role == "constant":
                values[bound.target].add(as_written(bound.written)[0])
        except VsclibError as error:
            found.append(f"{page.name}: {error}")
    for meaning, several in values.items():
        if len(several) > 1:
            shown = " and ".join(map(str, sorted(several)))
            found.append(f"the constant {meaning!r} is {shown} on the pages: say how they differ")
    return found


def unquoted(
    declared: Mapping[str, Mapping[str, float]], numbers: Iterable[Quoted], pages: str = ""
) -> list[str]:
    """Printed values that no page quotes, as ``item.name``.

    Args:
        declared: item to its printed numbers by name.
        numbers: what pages bind.
        pages: HTML of pages whose tables quote with ``data-target="item.name"``.
    """
    targets = " ".join(one.bound.target for one in numbers) + pages
    return [
        f"{item}.{name}"
        for item, printed in declared.items()
        for name in printed
        if f"{item}.{name}" not in targets and f"printed:{item}[{name}]" not in targets
    ]


# ----------------------------------------------------------------------------------- training again


def candidates(folder: Path, minutes: float) -> dict[str, Record]:
    """Records of trainings that took no longer, by name, and that ``runs.toml`` can repeat."""
    listed = listing()
    return {
        record["name"]: record
        for name, seeds in records.read(folder).items()
        for record in seeds
        if name in listed
        and record["kind"] == "train"
        and record["training"].get("seconds", float("inf")) <= 60 * minutes
    }


def drawn(found: Mapping[str, Record], seed: int | None, run: str | None) -> Record:
    """One of the records: that named, or one at random.

    Raises:
        ConfigurationError: there is none of this name, or none at all.
    """
    if run is not None:
        if run not in found:
            raise ConfigurationError(f"no record {run!r} can be repeated: {nearest(run, found)}")
        return found[run]
    if not found:
        raise ConfigurationError("no record is that cheap: give more --minutes")
    return found[random.Random(seed).choice(sorted(found))]


def retrained(record: Record, settings: dict[str, Any], folder: Path) -> Record:
    """The record of the same run at the same seed, trained anew in a folder."""
    experiment = record["experiment"]
    again = experiment_of(
        record["name"].rpartition("-seed")[0],
        settings | {"folder": str(folder)},
        experiment["seed"],
        experiment["threads"],
    )
    return runs.run(again, progress=False).record


def compared(
    before: Record, after: Record, seeds: Sequence[Record]
) -> tuple[list[str], list[str], str]:
    """Hold a run's numbers against those of its repetition.

    On the same processor, PyTorch and threads the printed digits must agree. Elsewhere a number may
    be off by twice as much as the seeds of the run differ, by a fiftieth of its size, or by one of
    what is counted, whichever is most.

    Returns:
        A line a number, the lines of those that are off, and how they were compared.
    """
    origins = [(before["provenance"].get(key), after["provenance"].get(key)) for key in SAME]
    differ = [key for key, (a, b) in zip(SAME, origins, strict=True) if a is None or a != b]
    unlike = f"the spread, since not the same or not known: {', '.join(differ)}"
    how = unlike if differ else "the printed digits"
    lines, off = [], []
    for name, old in before["metrics"].items():
        new = after["metrics"].get(name)
        if not isinstance(old, int | float) or name not in after["metrics"]:
            continue
        # A measure that was defined anew since says something else.
        if before["definitions"].get(name) != after["definitions"].get(name):
            continue
        # As tables of records print it.
        digits = 3 if 0 < abs(old) < 1 else 1
        shown = [
            f"{one:.{digits}f}" if isinstance(one, int | float) else "none" for one in (old, new)
        ]
        line = f"{name:24} {shown[0]:>12} {shown[1]:>12}"
        lines.append(line)
        spread = records.summarise(seeds, name).spread
        allowed = max(2 * spread, abs(old) / 50, isinstance(old, int))
        if not differ or new is None:
            agree = shown[0] == shown[1]
        else:
            agree = abs(new - old) <= allowed
        if not agree:
            off.append(line)
    return lines, off, how


def retrain(folder: Path, minutes: float, seed: int | None, run: str | None) -> int:
    """Train a record again and say how it compares; 1 where a number is off."""
    before = drawn(candidates(folder, minutes), seed, run)
    stem = before["name"].rpartition("-seed")[0]
    print(f"{before['name']}: {before['training']['seconds']:.0f} s when it was recorded")
    with tempfile.TemporaryDirectory() as place:
        after = retrained(before, listing()[stem], Path(place))
    lines, off, how = compared(before, after, records.read(folder)[stem])
    print(f"{'':24} {'recorded':>12} {'again':>12}", *lines, sep="\n")
    print(f"{len(lines)} numbers compared by {how}; {len(off)} are off", *off, sep="\n")
    return 1 if off or not lines else 0


def main(asked: Sequence[str] | None = None) -> int:
    """Read the command line and do what it says."""
    parser = argparse.ArgumentParser(description="Recompute every number that the pages quote.")
    parser.add_argument("--retrain", action="store_true", help="train one record again instead")
    parser.add_argument("--minutes", type=float, default=10, help="what its training may cost")
    parser.add_argument("--seed", type=int, help="of the draw")
    parser.add_argument("--run", help="this record, such as vsc-mnist-seed0, instead of a draw")
    parser.add_argument("--results", type=Path, default=ROOT / "results", help="the records")
    arguments = parser.parse_args(asked)
    try:
        if arguments.retrain:
            return retrain(arguments.results, arguments.minutes, arguments.seed, arguments.run)
        numbers = list(quoted(pages()))
        found = wrong(numbers, Results(arguments.results, printed_values()))
    except VsclibError as error:
        print(f"verify.py: {error}", file=sys.stderr)
        return 1
    print("\n".join([*found, f"{len(numbers)} bound numbers, {len(found)} wrong"]))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
