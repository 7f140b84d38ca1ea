"""Numbers that pages quote: what is written on a page, recomputed from the records in ``results/``.

A page binds a number with one of three roles, whose text is the number as the page shows it::

    {measured}`-103.3 <vae-mnist.elbo>`           from a record
    {printed}`38.71 <li-han-table-1.vae>`         what a document prints, from the ledger
    {constant}`784 <pixels of an MNIST image>`    a constant, and what it is

In a chapter a comment behind the number holds what it is bound to, so that a notebook reads as text
wherever it is opened::

    10,000<!-- measured: vae-mnist.test_images -->

A measured number is an expression of selections, which stand apart from ``+ - * / ( )`` by spaces::

    vae-mnist.elbo                                mean over the seeds of a run
    vae-mnist.elbo(sd)                            another statistic of them, see STATISTICS
    accuracy-latents[model=vae, latents=8].elbo   cells of a sweep; NAME:full[...] of another size
    codes-labels[run=vae-mnist, labels=100].accuracy
    inference-speed[kinds=3 chains].ratios(median)
    vae-mnist.psnr - printed:li-han-table-1[vae] / 2

Of a file that holds no runs, ``[key=value]`` steps into ``file[key][value]``, or picks entries of a
list; a dotted path leads on. ``python -m results.verify`` recomputes all of them.
"""

import ast
import json
import operator
import re
import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import vsclib.refiner  # noqa: F401  (what its records hold is registered there)
from vsclib import records
from vsclib.errors import ConfigurationError, DataError, nearest

ROLE = re.compile(r"\{(?P<role>measured|printed|constant)\}`(?P<text>[^`]+)`")
"""A role in the source of a page."""

COMMENT = re.compile(
    r"(?P<text>[-+\w.,]+(?: %)?)<!-- (?P<role>measured|printed|constant): (?P<target>.+?) -->"
)
"""The same in the source of a chapter."""

STATISTICS: dict[str, Callable[[Sequence[float]], float]] = {
    "mean": statistics.fmean,
    "min": min,
    "max": max,
    "median": statistics.median,
    "sd": statistics.stdev,
    "range": lambda values: max(values) - min(values),
    "seeds": len,
}
"""What may stand in brackets behind a selection; ``mean`` where nothing does."""

_WORDS = (
    "no one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen twenty"
).split()
_TENS = ("thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety", "hundred")
WORDS = {word: number for number, word in enumerate(_WORDS)}
WORDS |= {word: 10 * number for number, word in enumerate(_TENS, start=3)}
"""Whole numbers in words."""

_SELECTION = re.compile(
    r"printed:(?P<item>[\w-]+)\[(?P<name>[^\]]+)\]"
    r"|(?P<source>[A-Za-z][\w-]*)(?::(?P<size>[a-z]+))?"
    r"(?:\[(?P<where>[^\]]*)\])?\.(?P<path>[\w.-]+?)(?:\((?P<statistic>[a-z]+)\))?(?=[\s)]|$)"
)
_OPERATIONS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}


class Bound(NamedTuple):
    """A number that a page quotes.

    Attributes:
        role: ``measured``, ``printed`` or ``constant``.
        written: as the page shows it.
        target: where it is from: an expression, an item of the ledger, or what a constant is.
    """

    role: str
    written: str
    target: str

    def __str__(self) -> str:
        return f"{{{self.role}}}`{self.written} <{self.target}>`"


class Value(NamedTuple):
    """A recomputed number, and a line that says where it is from."""

    number: float
    note: str


class Selected(NamedTuple):
    """What a selection found: its numbers, what one of them stands for, and where they are from."""

    numbers: list[float]
    unit: str
    origin: str


def parse(role: str, text: str) -> Bound:
    """A role's text, ``written <target>``, in its parts; ConfigurationError for another form."""
    found = re.fullmatch(r"(?P<written>[^<]+?) <(?P<target>[^<>]+)>", " ".join(text.split()))
    if found is None:
        raise ConfigurationError(f"{{{role}}}`{text}` binds nothing: write `NUMBER <WHERE IT IS>`")
    return Bound(role, found["written"], found["target"])


def bound_in(source: str) -> Iterator[Bound]:
    """Every number that a page's Markdown binds, in order; code blocks are left out."""
    prose = re.sub(r"^(`{3,})(?!\{)[^\n]*\n.*?^\1\s*$", "", source, flags=re.MULTILINE | re.DOTALL)
    roles = COMMENT.sub(r"{\g<role>}`\g<text> <\g<target>>`", prose)
    yield from (parse(found["role"], found["text"]) for found in ROLE.finditer(roles))


def as_written(text: str) -> tuple[Decimal, int]:
    """A written number and its digits behind the point; two more for a percentage.

    Args:
        text: for example ``-103.3``, ``20,000``, ``+.02``, ``27 %`` or ``thirteen``.

    Raises:
        ConfigurationError: it is no number.
    """
    plain = text.replace("−", "-").replace("–", "-").replace(",", "").strip()
    if plain.lower() in WORDS:
        return Decimal(WORDS[plain.lower()]), 0
    percent = plain.endswith("%")
    plain = plain.rstrip("%").strip()
    try:
        number = Decimal(plain)
    except InvalidOperation:
        number = Decimal("nan")
    if not number.is_finite() or "e" in plain.lower():
        remedy = "write digits, a percentage or a whole number in words"
        raise ConfigurationError(f"{text!r} is no number: {remedy}")
    digits = max(0, -int(number.as_tuple().exponent))
    return (number / 100, digits + 2) if percent else (number, digits)


def agrees(written: str, number: float) -> bool:
    """Whether a number, rounded to the digits that are written, is what is written."""
    expected, digits = as_written(written)
    return Decimal(f"{number:.{digits}f}") == expected


def rounded(written: str, number: float) -> str:
    """A number at the digits of another one that is written."""
    percent = written.strip().endswith("%")
    digits = as_written(written)[1] - 2 * percent
    return f"{100 * number:,.{digits}f} %" if percent else f"{number:,.{digits}f}"


class Results:
    """The records of a folder, asked by what pages write.

    Args:
        folder: such as ``results/``.
        printed: item of the ledger to its printed numbers by name; none by default.
    """

    def __init__(
        self, folder: Path, printed: Mapping[str, Mapping[str, float]] | None = None
    ) -> None:
        self.folder = folder
        self.printed = printed or {}
        self._files: dict[Path, Any] = {}

    @cached_property
    def runs(self) -> dict[str, list[records.Record]]:
        """The records of runs by name without the seed."""
        return records.read(self.folder)

    def check(self, bound: Bound) -> Value:
        """What a page's number is bound to, recomputed.

        Raises:
            ConfigurationError: it is bound to nothing, or the number written is another.
            DataError: a file is no record.
        """
        if bound.role == "constant":
            return self._constant(bound)
        if bound.role == "printed":
            value = Value(*self._printed(*bound.target.partition(".")[::2]))
        else:
            value = self.value(bound.target)
        if not agrees(bound.written, value.number):
            right = rounded(bound.written, value.number)
            raise ConfigurationError(f"{bound} is {right} by its record: write {right}")
        return value

    def value(self, expression: str) -> Value:
        """The number and the origin of an expression of selections; ConfigurationError for none."""
        numbers: list[float] = []
        notes: list[str] = []

        def look_up(found: re.Match) -> str:
            number, note = self._selection(found)
            numbers.append(number)
            notes.append(note)
            return f" _{len(numbers) - 1} "

        arithmetic = _SELECTION.sub(look_up, expression).strip()
        number = _computed(arithmetic, numbers, expression)
        return Value(number, "; ".join(dict.fromkeys(notes)))

    def _constant(self, bound: Bound) -> Value:
        written = as_written(bound.written)[0]
        meaning, _, arithmetic = bound.target.partition(" = ")
        if len(meaning.split()) < 2:
            raise ConfigurationError(f"{bound} does not say what it is: write more than a word")
        if arithmetic and not agrees(bound.written, _computed(arithmetic, [], arithmetic)):
            raise ConfigurationError(f"{bound} is not what its own calculation gives: repair one")
        return Value(float(written), f"constant: {bound.target}")

    def _selection(self, found: re.Match) -> tuple[float, str]:
        if found["item"]:
            return self._printed(found["item"], found["name"])
        statistic = found["statistic"] or "mean"
        if statistic not in STATISTICS:
            raise ConfigurationError(
                f"{found[0]}: there is no statistic {statistic!r}: {nearest(statistic, STATISTICS)}"
            )
        numbers, unit, origin = self._select(found)
        if statistic == "sd" and len(numbers) < 2:
            raise ConfigurationError(f"{found[0]} is the spread of one number: take more seeds")
        return STATISTICS[statistic](numbers), _note(numbers, unit, origin)

    def _printed(self, item: str, name: str) -> tuple[float, str]:
        if item not in self.printed:
            raise ConfigurationError(f"no result {item!r} is listed: {nearest(item, self.printed)}")
        names = self.printed[item]
        if name not in names:
            raise ConfigurationError(f"{item} prints no {name!r}: {nearest(name, names)}")
        return float(names[name]), f"printed: {item}, {name}"

    def _select(self, found: re.Match) -> Selected:
        source, path = found["source"], found["path"].split(".")
        where = _conditions(found["where"])
        if source in self.runs and not where:
            return _of_run(source, self.runs[source], found["path"])
        if (self.folder / "sweeps" / f"{source}.json").is_file():
            return self._of_sweep(source, found["size"], where, found["path"])
        file = self.folder / f"{source}.json"
        if not file.is_file():
            known = [*self.runs, *(one.stem for one in self.folder.rglob("*.json"))]
            raise ConfigurationError(f"there is no record of {source!r}: {nearest(source, known)}")
        document = self._document(file)
        if where and isinstance(document.get("runs"), dict):
            return _of_rows(source, document["runs"], where, path)
        commit = document.get("provenance", {}).get("commit")
        numbers = _numbers(_descend(document, where, path, found[0]), found[0])
        return Selected(numbers, "value", f"{file.name}, {found[0]}{_short(commit)}")

    def _of_sweep(self, name: str, size: str | None, where: dict[str, str], path: str) -> Selected:
        sizes = self._document(self.folder / "sweeps" / f"{name}.json")["sizes"]
        size = size or ("laptop" if "laptop" in sizes else next(iter(sizes)))
        if size not in sizes:
            raise ConfigurationError(f"{name} was not run at {size!r}: {nearest(size, sizes)}")
        every = sizes[size]["cells"]
        rows = [{"case": cell["case"], **cell["parameters"]} for cell in every]
        # A parameter that only some cases have is one to select by.
        _require_known(where, {key for row in rows for key in row})
        cells = [cell for cell, row in zip(every, rows, strict=True) if _fits(row, where)]
        chosen = ", ".join(f"{key} = {value}" for key, value in where.items())
        if not cells:
            raise ConfigurationError(f"{name}:{size} has no cell with {chosen}: look at its file")
        apart = [{k: v for k, v in c["parameters"].items() if k != "seed"} for c in cells]
        if any(other != apart[0] for other in apart):
            raise ConfigurationError(
                f"{name}:{size} with {chosen} is more than one case: name what sets them apart"
            )
        numbers = [_number(_of_record(cell, path), f"{name}.{path}") for cell in cells]
        commit = _short(cells[0]["provenance"]["commit"])
        return Selected(numbers, "seed", f"sweep {name} ({size}), {chosen}{commit}")

    def _document(self, file: Path) -> Any:
        if file not in self._files:
            try:
                self._files[file] = json.loads(file.read_text(encoding="utf-8"))
            except ValueError:
                raise DataError(f"{file} is no JSON: take it as its run wrote it") from None
        return self._files[file]


# -------------------------------------------------------------------------------------- looking up


def _of_run(name: str, seeds: Sequence[records.Record], path: str) -> Selected:
    """A run's number, seed by seed."""
    numbers = [_number(_of_record(record, path), f"{name}.{path}") for record in seeds]
    origin = f"run {name}{_short(seeds[0]['provenance']['commit'])}"
    if records.standing(seeds[0], path) is records.Standing.REDEFINED:
        origin += ", measured under an earlier definition"
    return Selected(numbers, "seed", origin)


def _of_record(record: Mapping[str, Any], path: str) -> Any:
    """A metric of a record, or what a dotted path leads to."""
    if path in record["metrics"]:
        return record["metrics"][path]
    found: Any = record
    for part in path.split("."):
        if not isinstance(found, Mapping) or part not in found:
            known = [*record["metrics"], *record]
            raise ConfigurationError(f"a record has no {path!r}: {nearest(path, known)}")
        found = found[part]
    return found


def _of_rows(
    name: str, runs: Mapping[str, Any], where: dict[str, str], path: Sequence[str]
) -> Selected:
    """A number of those rows, of all seeds of the runs, that a selection names."""
    found, commits = [], []
    for run, line in runs.items():
        stem, _, seed = run.partition("-seed")
        for row in line["rows"]:
            _require_known(where, {"run", "seed", *row})
            if _fits({"run": stem, "seed": seed, **row}, where):
                found.append(row)
                commits.append(line["provenance"]["commit"])
    chosen = ", ".join(f"{key} = {value}" for key, value in where.items())
    if not found:
        raise ConfigurationError(f"{name} has no row with {chosen}: look at results/{name}.json")
    label = f"{name}.{'.'.join(path)}"
    numbers = _numbers([_descend(row, {}, path, label) for row in found], label)
    return Selected(numbers, "value", f"{name}.json, {chosen}{_short(commits[0])}")


def _conditions(text: str | None) -> dict[str, str]:
    """The ``key=value`` pairs of a selection."""
    pairs = [part.partition("=") for part in (text or "").split(",") if part.strip()]
    wrong = [key for key, equal, value in pairs if not (key.strip() and equal and value.strip())]
    if wrong:
        raise ConfigurationError(f"[{text}] selects nothing: write [key=value, ...]")
    return {key.strip(): value.strip() for key, _, value in pairs}


def _fits(found: Mapping[str, Any], where: Mapping[str, str]) -> bool:
    """Whether a cell or a row is among those that a selection names."""
    return all(key in found and _same(found[key], value) for key, value in where.items())


def _require_known(where: Mapping[str, str], known: Iterable[str]) -> None:
    names = list(known)
    for key in where:
        if key not in names:
            raise ConfigurationError(f"there is no {key!r} to select by: {nearest(key, names)}")


def _same(found: Any, asked: str) -> bool:
    if isinstance(found, bool):
        return asked == str(found).lower()
    if isinstance(found, int | float):
        return asked.replace(".", "", 1).lstrip("-").isdigit() and float(asked) == found
    return str(found) == asked


def _descend(found: Any, where: Mapping[str, str], path: Sequence[str], label: str) -> Any:
    """What a file holds behind its conditions and a dotted path; lists are gone through."""
    for key, value in where.items():
        if isinstance(found, list):
            for entry in found:
                _require_known({key: value}, entry)
            found = [entry for entry in found if _fits(entry, {key: value})]
        else:
            found = _step(_step(found, key, label), value, label)
    rest = list(path)
    while rest:
        # A key may itself hold points: the longest one that is there.
        keys = found if isinstance(found, Mapping) else {}
        length = next((n for n in range(len(rest), 0, -1) if ".".join(rest[:n]) in keys), 1)
        found = _step(found, ".".join(rest[:length]), label)
        rest = rest[length:]
    return found


def _step(found: Any, key: str, label: str) -> Any:
    if isinstance(found, list):
        return [_step(entry, key, label) for entry in found]
    if not isinstance(found, Mapping) or key not in found:
        known = found if isinstance(found, Mapping) else []
        raise ConfigurationError(f"{label}: there is no {key!r}: {nearest(key, known)}")
    return found[key]


def _numbers(found: Any, label: str) -> list[float]:
    if not isinstance(found, list):
        return [_number(found, label)]
    if not found:
        raise ConfigurationError(f"{label} selects nothing: look at the file")
    return [number for entry in found for number in _numbers(entry, label)]


def _number(found: Any, label: str) -> float:
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise ConfigurationError(f"{label} is {found!r}, no number: choose another")
    return found


def _computed(arithmetic: str, numbers: Sequence[float], expression: str) -> float:
    """The value of ``_0 - _1 / 2``, where ``_0`` is the first number."""

    def of(node: ast.expr) -> float:
        if isinstance(node, ast.Constant) and type(node.value) in (int, float):
            return node.value
        if isinstance(node, ast.Name) and re.fullmatch(r"_\d+", node.id):
            return numbers[int(node.id[1:])]
        if isinstance(node, ast.BinOp) and type(node.op) in _OPERATIONS:
            return _OPERATIONS[type(node.op)](of(node.left), of(node.right))
        raise ValueError(ast.unparse(node))

    try:
        return of(ast.parse(arithmetic, mode="eval").body)
    except (SyntaxError, ValueError, IndexError):
        form = "FILE.NUMBER or FILE[key=value].NUMBER, with + - * / ( ) between them"
        raise ConfigurationError(f"{expression!r} says no number: write {form}") from None
    except ZeroDivisionError:
        raise ConfigurationError(f"{expression!r} divides by zero: choose another") from None


def _short(commit: str | None) -> str:
    return f", commit {commit[:7]}" if commit else ""


def _note(numbers: Sequence[float], unit: str, origin: str) -> str:
    """Where a number is from, of how many seeds, and from where to where they go."""
    count = f"{len(numbers)} {unit}{'s' if len(numbers) > 1 else ''}"
    if len(numbers) == 1:
        return f"{origin}, {count}"
    return f"{origin}, {count}, {min(numbers):,.5g} to {max(numbers):,.5g}"
