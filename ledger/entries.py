"""The entries: equations of the source documents and mistakes found in them, as checkable data."""

import functools
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

import yaml

from vsclib.configuration import configuration, configure
from vsclib.errors import ConfigurationError, nearest

FOLDER = Path(__file__).parent
"""Where the ledger lies."""

Status = Literal["verified", "by definition", "corrected", "differs", "damaged", "not checkable"]
Certainty = Literal["A", "B", "C", "D"]


class Document(NamedTuple):
    """One of the five source documents.

    Attributes:
        id: for example ``li-han-2022``.
        title: as printed.
        short: how the book's running text calls it.
        cite: its key in the bibliography.
    """

    id: str
    title: str
    short: str
    cite: str


@configuration
class Equation:
    """An equation of a document, in the notation of this book."""

    document: str
    """Its document's name, for example ``li-han-2022``."""
    number: str
    """As the document counts it, for example ``Eq. 7``; for an unnumbered one its place, for
    example ``after Eq. 11``.
    """
    title: str
    """What it says, in a few words."""
    tex: str
    """The right form."""
    status: Status
    """Verified: right as printed. By definition: its sides are equal by definition, or it is a
    choice. Corrected: certainly printed wrong. Differs: wrong as we read it, and perhaps not in
    print or not as meant. Damaged: our text of the document lost it. Not checkable: why.
    """
    printed: str = ""
    """The form as printed, for a corrected equation; as we read it, for one that differs or is
    damaged.
    """
    reason: str = ""
    """For all that is neither verified nor corrected: why, and what was done instead."""
    errata: tuple[str, ...] = ()
    """The errata that concern it, for example ``E01``."""
    check: str = ""
    """``module:function`` in :mod:`ledger.checks`."""

    @property
    def id(self) -> str:
        """Name by which chapters call it and pages link to it, for example ``li-han-2022-eq-7``."""
        return re.sub(r"[^a-z0-9]+", "-", f"{self.document}-{self.number}".lower()).strip("-")


@configuration
class Erratum:
    """A mistake found in a document, in plain words."""

    id: str
    """E01 to E85."""
    document: str
    """The document's name."""
    where: str
    """The place in the document."""
    certainty: Certainty
    """A: certainly wrong in the document. B: wrong in our text of it, perhaps not in print. C:
    ambiguous. D: wording.
    """
    printed: str
    """What is printed."""
    right: str
    """What is right."""
    harm: str
    """What it would do to a reader who trusted it."""
    check: str = ""
    """``module:function`` in :mod:`ledger.checks` that proves it."""
    reason: str = ""
    """Where nothing can be computed: how it was found."""


@configuration
class Slip:
    """A slip in public code, which belongs to no document."""

    title: str
    """What it is, in a few words."""
    check: str
    """``module:function`` in :mod:`ledger.checks` that catches it."""

    @property
    def id(self) -> str:
        """Its title."""
        return self.title


class Ledger(NamedTuple):
    """Everything that the book says about the source documents.

    Attributes:
        documents: by name.
        equations: by id, in the order of the documents.
        errata: by id, in order.
        slips: by title.
    """

    documents: dict[str, Document]
    equations: dict[str, Equation]
    errata: dict[str, Erratum]
    slips: dict[str, Slip]

    @property
    def checks(self) -> dict[str, tuple[str, ...]]:
        """Every check that an entry names, each with the ids of the entries that it settles."""
        about: dict[str, tuple[str, ...]] = {}
        entries: list[Equation | Erratum | Slip]
        entries = [*self.equations.values(), *self.errata.values(), *self.slips.values()]
        for entry in entries:
            if entry.check:
                about[entry.check] = (*about.get(entry.check, ()), entry.id)
        return about

    def equation(self, id: str) -> Equation:
        """An equation by its id.

        Args:
            id: for example ``li-han-2022-eq-7``.

        Raises:
            ConfigurationError: there is no such equation.
        """
        if id not in self.equations:
            raise ConfigurationError(
                f"no equation of the ledger is called {id!r}: {nearest(id, self.equations)}"
            )
        return self.equations[id]


@functools.cache
def read(folder: Path = FOLDER) -> Ledger:
    """Read ``equations.yml``, ``errata.yml`` and ``slips.yml``.

    Args:
        folder: where they lie.

    Returns:
        The ledger, complete and consistent.

    Raises:
        ConfigurationError: a file is missing, a field is unknown or mistyped, an entry stands twice
            or contradicts itself.
    """
    file = _load(folder / "equations.yml")
    documents = {id: Document(id=id, **fields) for id, fields in file["documents"].items()}
    equations = _unique(_entries(Equation, "equations.yml", file["equations"]))
    errata = _unique(_entries(Erratum, "errata.yml", _load(folder / "errata.yml")["errata"]))
    slips = _unique(_entries(Slip, "slips.yml", _load(folder / "slips.yml")["slips"]))
    for id, entry in [*equations.items(), *errata.items()]:
        if entry.document not in documents:
            raise ConfigurationError(
                f"{id}: document {entry.document!r} is unknown; "
                f"{nearest(entry.document, documents)}"
            )
    for equation in equations.values():
        _require_consistent(equation, errata)
    return Ledger(documents, equations, errata, slips)


def _load(path: Path) -> Mapping[str, Any]:
    if not path.is_file():
        raise ConfigurationError(
            f"{path} is missing: the ledger needs a clone of the repository, or read(folder=FOLDER)"
        )
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def _entries(kind: type, file: str, entries: list[dict[str, Any]] | None) -> list[Any]:
    made: list[Any] = []
    for position, fields in enumerate(entries or [], start=1):
        keys = [key for key in ("id", "document", "number", "title") if key in fields]
        name = " ".join(str(fields[key]) for key in keys[:2])
        # YAML knows lists only.
        values = {
            key: tuple(value) if isinstance(value, list) else value for key, value in fields.items()
        }
        made.append(configure(kind, f"{file}, entry {position} ({name})", values))
    return made


def _unique(entries: list[Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for entry in entries:
        if entry.id in found:
            kind = type(entry).__name__.lower()
            raise ConfigurationError(f"{kind} {entry.id!r} stands twice in the ledger")
        found[entry.id] = entry
    return found


def _require_consistent(equation: Equation, errata: Mapping[str, Erratum]) -> None:
    """A status says what an entry must hold."""
    status, wrong = equation.status, equation.status in ("corrected", "differs")
    if (wrong or status == "verified") and not equation.check:
        raise ConfigurationError(f"{equation.id} is {status}: name the check that proves it")
    if status not in ("verified", "corrected") and not equation.reason:
        raise ConfigurationError(f"{equation.id} is {status}: say why in 'reason'")
    if wrong != bool(equation.printed) and status != "damaged":
        raise ConfigurationError(
            f"{equation.id} is {status}: 'printed' belongs to equations that are corrected, "
            "differ or are damaged"
        )
    unknown = [id for id in equation.errata if id not in errata]
    if unknown:
        raise ConfigurationError(
            f"{equation.id} names errata that the ledger lacks: {', '.join(unknown)}"
        )
    if status == "corrected" and all(errata[id].certainty != "A" for id in equation.errata):
        raise ConfigurationError(
            f"{equation.id} is corrected, and no erratum of certainty A says so: "
            "name one, or write 'differs'"
        )
