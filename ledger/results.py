"""The results of the documents as data: what is printed, how it is read, and how it is judged."""

import functools
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Any, Literal

import yaml

from ledger import entries
from ledger.entries import FOLDER
from vsclib.configuration import configuration, configure
from vsclib.errors import ConfigurationError, nearest

OWN = "this-book"
"""The document of results that no paper prints, and this book claims."""
Kind = Literal["figure", "table", "algorithm", "setting", "equation", "panel", "claim"]


@configuration
class Claim:
    """A sentence of a document, and the comparison of numbers that decides it."""

    says: str
    """The sentence in this book's words, true or false."""
    measure: str
    """The number of a record that it is about; ``name@sigma`` under noise."""
    of: dict[str, Any]
    """Which trainings: parameters and values, among them ``case`` or ``run``."""
    above: dict[str, Any] = field(default_factory=dict)
    """Trainings below which these are said to lie: what differs from ``of``."""
    below: dict[str, Any] = field(default_factory=dict)
    """Trainings above which these are said to lie."""
    by: float = 0.0
    """Least difference that the sentence speaks of, in the number's unit."""
    within: float | None = None
    """For a sentence that two groups do not differ: the largest difference that it allows."""
    printed: str = ""
    """A printed value that the mean is said to be near, within ``within``."""
    scale: float = 1.0
    """What the record's number is multiplied by to be what is printed; 100 for per cent."""
    at_least: float | None = None
    """A number that the mean reaches."""
    at_most: float | None = None
    """A number that the mean does not exceed."""


@configuration
class Result:
    """A table, figure, algorithm or setting of a document."""

    id: str
    """For example ``li-han-2022-table-1``."""
    document: str
    """The document's name."""
    kind: Kind
    """What it is."""
    number: str
    """As the document counts it, for example ``1``; a place where it does not count."""
    title: str
    """What it shows, in a few words."""
    words: str = ""
    """A few words of the document about it, as printed."""
    reading: str = ""
    """How its definition is read here."""
    departs: str = ""
    """What is smaller or other here than in the document."""
    printed: dict[str, float] = field(default_factory=dict)
    """Every number that it prints, by a name."""
    sweeps: tuple[str, ...] = ()
    """Sweeps whose records answer it."""
    runs: tuple[str, ...] = ()
    """Listed runs that answer it."""
    figure: dict[str, Any] = field(default_factory=dict)
    """What is drawn: ``x``, ``y`` and the ``lines``."""
    page: str = ""
    """A page of the book that shows more of it."""
    claims: tuple[Claim, ...] = ()
    """What it is said to show."""
    why: str = ""
    """Where nothing was run: why."""

    def __post_init__(self) -> None:
        if bool(self.claims) == bool(self.why):
            raise ConfigurationError(
                f"{self.id} has {len(self.claims)} claims and why = {self.why!r}: give claims, or "
                "say why nothing was run"
            )

    @property
    def called(self) -> str:
        """How the text calls it, for example ``Table 1``."""
        return f"{self.kind.capitalize()} {self.number}"


@functools.cache
def read(path: Path = FOLDER / "results.yml") -> Mapping[str, Result]:
    """Every result by its id, in the order of the documents.

    Raises:
        ConfigurationError: an unknown field or document, an id that stands twice, a claim that
            compares nothing, or a printed value that is none of the result's.
    """
    file = yaml.safe_load(path.read_text(encoding="utf-8"))
    documents, found = entries.read().documents, {}
    for fields in file["results"]:
        entry = _result(fields)
        if entry.document not in (*documents, OWN):
            raise ConfigurationError(f"{entry.id}: {nearest(entry.document, documents)}")
        if entry.id in found:
            raise ConfigurationError(f"result {entry.id!r} stands twice in {path.name}")
        found[entry.id] = entry
    return found


def contents(path: Path = FOLDER / "results.yml") -> dict[str, dict[str, list[str]]]:
    """What each document holds, by kind: the numbers of its figures, tables and the rest."""
    found = yaml.safe_load(path.read_text(encoding="utf-8"))["contents"]
    return {
        document: {kind: [str(number) for number in numbers] for kind, numbers in kinds.items()}
        for document, kinds in found.items()
    }


def _result(fields: dict[str, Any]) -> Result:
    fields = dict(fields)
    claims = tuple(_claim(fields["id"], one) for one in fields.pop("claims", []))
    for name in ("sweeps", "runs"):
        fields[name] = tuple(fields.get(name, ()))
    fields["number"] = str(fields["number"])
    entry: Result = configure(Result, f"results.yml, {fields['id']}", fields | {"claims": claims})
    for claim in entry.claims:
        if claim.printed and claim.printed not in entry.printed:
            raise ConfigurationError(f"{entry.id}: {nearest(claim.printed, entry.printed)}")
    return entry


def _claim(id: str, fields: dict[str, Any]) -> Claim:
    claim: Claim = configure(Claim, f"results.yml, a claim of {id}", fields)
    against = [claim.above, claim.below, claim.printed, claim.at_least, claim.at_most]
    if sum(one not in ({}, "", None) for one in against) != 1:
        raise ConfigurationError(
            f"{id}: {claim.says!r} needs one of above, below, printed, at_least and at_most"
        )
    if claim.printed and claim.within is None:
        raise ConfigurationError(f"{id}: {claim.says!r} needs within, beside printed")
    return claim
