"""The ledger's pages in the book: the equations of the documents, and what was found wrong in them.

A Sphinx extension. A page's line ``% claims-ledger`` becomes the equations, ``% errata-ledger`` the
errata, ``% claims-counts`` the numbers of both. Nothing is computed here: the entries come from
``equations.yml`` and ``errata.yml``, what the checks found from ``outcomes.json``.
"""

import re
from collections import Counter
from collections.abc import Iterable
from html import escape
from pathlib import Path
from typing import Any, get_args

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.logging import getLogger

from ledger.entries import Document, Equation, Erratum, Ledger, Status, read
from ledger.outcomes import Found, stored
from vsclib.errors import ConfigurationError

LOGGER = getLogger(__name__)
SHOWN = re.compile(r"ledger\.show\(\\?[\"']([\w-]+)\\?[\"']\)")
REFUTED = "; fails, as it should"
STATES = get_args(Status)
PRINTED = {"corrected": "Printed:", "differs": "As we read it:", "damaged": "In our text:"}
CERTAINTY = {
    "A": "certain",
    "B": "perhaps our text of the document",
    "C": "ambiguous or a matter of method",
    "D": "wording",
}


def chapters_that_show(source: Path) -> dict[str, list[str]]:
    """Document names of the notebooks that show an equation, by the equation's id."""
    found: dict[str, list[str]] = {}
    for path in sorted((source / "notebooks").rglob("*.ipynb")):
        for id in dict.fromkeys(SHOWN.findall(path.read_text(encoding="utf-8"))):
            found.setdefault(id, []).append(path.relative_to(source).with_suffix("").as_posix())
    return found


def _box(id: str, classes: str, lines: Iterable[str]) -> str:
    return "\n".join([f"({id.lower()})=", f"::::{{container}} {classes}", "", *lines, "::::", ""])


def _proof(check: str, found: dict[str, Found]) -> list[str]:
    """What a check found, folded."""
    if check not in found:
        LOGGER.warning("outcomes.json holds nothing of %r: run 'make checks'", check)
        return [f"Check `{check}` has not been run.", ""]
    verdicts = found[check].verdicts
    refuted = sum(REFUTED in verdict for verdict in verdicts)
    passed = len(verdicts) - refuted
    parts = [f"{passed} passed"] * (passed > 0) + [f"{refuted} refuted"] * (refuted > 0)
    items = "".join(f"<li>{escape(verdict)}</li>" for verdict in verdicts)
    summary = f"Check <code>{escape(check)}</code>: {', '.join(parts)}"
    return [
        ":::{raw} html",
        f'<details class="verdicts"><summary>{summary}</summary><ul>{items}</ul></details>',
        ":::",
        "",
    ]


def _math(tex: str) -> list[str]:
    return ["$$", tex.strip(), "$$", ""]


def equation_box(equation: Equation, found: dict[str, Found], shown: list[str]) -> str:
    """One equation: what it says, what is printed if that is wrong, its check, its derivation."""
    errata = "".join(f", [{id}](#{id.lower()})" for id in equation.errata)
    lines = [
        f"**{equation.number}** {equation.title} *{equation.status}*{errata}",
        "",
        *_math(equation.tex),
    ]
    if equation.printed:
        lines += [PRINTED[equation.status], "", *_math(equation.printed)]
    if equation.reason:
        lines += [equation.reason, ""]
    if equation.check:
        lines += _proof(equation.check, found)
    if shown:
        lines += ["Derived in " + ", ".join(f"{{doc}}`/{name}`" for name in shown) + ".", ""]
    return _box(equation.id, f"claim claim-{equation.status.replace(' ', '-')}", lines)


def erratum_box(erratum: Erratum, equations: list[Equation], found: dict[str, Found]) -> str:
    """One erratum in plain words, with its proof."""
    links = "".join(f", [{equation.number}](#{equation.id})" for equation in equations)
    lines = [
        f"**{erratum.id}** {erratum.where} *{CERTAINTY[erratum.certainty]}*{links}",
        "",
        f"Printed\n: {erratum.printed}",
        "",
        f"Right\n: {erratum.right}",
        "",
        f"If you trust it\n: {erratum.harm}",
        "",
    ]
    if erratum.reason:
        lines += [f"How we know\n: {erratum.reason}", ""]
    if erratum.check:
        lines += _proof(erratum.check, found)
    return _box(erratum.id, f"claim erratum certainty-{erratum.certainty.lower()}", lines)


def _section(document: Document, boxes: list[str]) -> str:
    cite = f" {{cite}}`{document.cite}`" if document.cite else ""
    return "\n".join([f"## {document.short}", "", f"*{document.title}*{cite}", "", *boxes])


def equations_text(ledger: Ledger, found: dict[str, Found], shown: dict[str, list[str]]) -> str:
    """Every equation, a section a document."""
    sections = []
    for document in ledger.documents.values():
        mine = [
            equation for equation in ledger.equations.values() if equation.document == document.id
        ]
        if mine:
            boxes = [equation_box(equation, found, shown.get(equation.id, [])) for equation in mine]
            sections.append(_section(document, boxes))
    return "\n".join(sections)


def errata_text(ledger: Ledger, found: dict[str, Found]) -> str:
    """Every erratum, a section a document, in the order of the errata."""
    sections = []
    for id in dict.fromkeys(erratum.document for erratum in ledger.errata.values()):
        mine = [erratum for erratum in ledger.errata.values() if erratum.document == id]
        concerned = {
            erratum.id: [
                equation for equation in ledger.equations.values() if erratum.id in equation.errata
            ]
            for erratum in mine
        }
        boxes = [erratum_box(erratum, concerned[erratum.id], found) for erratum in mine]
        sections.append(_section(ledger.documents[id], boxes))
    return "\n".join(sections)


def counts_text(ledger: Ledger, found: dict[str, Found]) -> str:
    """A table of how many equations have which status, and a line about the checks."""
    rows = [
        "| document | " + " | ".join(STATES) + " | errata |",
        "|---|" + "---:|" * (len(STATES) + 1),
    ]
    for document in ledger.documents.values():
        mine = [entry for entry in ledger.equations.values() if entry.document == document.id]
        count = Counter(equation.status for equation in mine)
        errata = sum(erratum.document == document.id for erratum in ledger.errata.values())
        cells = [document.short, *(count[state] for state in STATES), errata]
        rows.append(f"| {' | '.join(map(str, cells))} |")
    verdicts = [verdict for entry in found.values() for verdict in entry.verdicts]
    refuted = sum(REFUTED in verdict for verdict in verdicts)
    seconds = sum(entry.seconds for entry in found.values())
    line = (
        f"{len(found)} checks stand behind these pages. They took {seconds:.0f} seconds, passed "
        f"{len(verdicts) - refuted} times and refuted a wrong form {refuted} times; "
        "`make checks` repeats them."
    )
    return "\n".join([*rows, "", line, ""])


def insert_ledger(app: Sphinx, docname: str, source: list[str]) -> None:
    """Put the entries where a page asks for them."""
    if not re.search(r"^% (claims-ledger|errata-ledger|claims-counts)$", source[0], re.MULTILINE):
        return
    try:
        ledger, found = read(), stored()
    except ConfigurationError as error:
        raise ExtensionError(str(error)) from None
    book = Path(app.srcdir)
    texts = {
        "% claims-ledger": lambda: equations_text(ledger, found, chapters_that_show(book)),
        "% errata-ledger": lambda: errata_text(ledger, found),
        "% claims-counts": lambda: counts_text(ledger, found),
    }
    for marker, text in texts.items():
        parts = re.split(rf"^{marker}$", source[0], flags=re.MULTILINE)
        if len(parts) > 1:
            source[0] = text().join(parts)


def reread_pages(app: Sphinx, env: Any, added: set, changed: set, removed: set) -> list[str]:
    """The pages depend on files that Sphinx does not know: read them at every build."""
    return [name for name in ("claims", "errata") if name in env.found_docs]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("source-read", insert_ledger)
    app.connect("env-get-outdated", reread_pages)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
