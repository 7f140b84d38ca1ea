"""An equation as a chapter shows it: boxed, with its source and what its check finds now."""

from html import escape
from typing import NamedTuple

from ledger.entries import Document, Equation, read
from ledger.registry import Outcome, run


class Card(NamedTuple):
    """An equation with the outcome of its check; a notebook shows it as a box.

    Attributes:
        equation: its entry in the ledger.
        document: where it was printed.
        outcome: what its check showed when the card was made; None for an equation without a check.
    """

    equation: Equation
    document: Document
    outcome: Outcome | None

    def _repr_markdown_(self) -> str:
        box = f"$$\n\\boxed{{\\displaystyle {self.equation.tex.strip()}}}\n$$"
        return "\n\n".join([box, self._origin(), *self._lines()])

    def __repr__(self) -> str:
        equation = self.equation
        return f"{self.document.short}, {equation.number}: {equation.title} ({equation.status})"

    def _origin(self) -> str:
        errata = "".join(f", [{erratum}](#{erratum.lower()})" for erratum in self.equation.errata)
        return (
            f"**{self.equation.title}**: {self.document.short}, {self.equation.number}; "
            f"[{self.equation.status}](#{self.equation.id}){errata}"
        )

    def _lines(self) -> list[str]:
        if self.outcome is None:
            return [self.equation.reason]
        # HTML, since Markdown would read a formula's underscores and asterisks.
        items = "".join(f"<li>{escape(str(verdict))}</li>" for verdict in self.outcome.verdicts)
        return [f'<ul class="verdicts">{items}</ul>']


def show(id: str) -> Card:
    """An equation of the ledger for a chapter; its check runs now.

    Args:
        id: its name in the ledger, for example ``li-han-2022-eq-7``.

    Returns:
        The card; the last line of a notebook cell shows it.

    Raises:
        ConfigurationError: there is no such equation.
        CheckFailed: its check does not pass.
    """
    ledger = read()
    equation = ledger.equation(id)
    outcome = run(equation.check) if equation.check else None
    return Card(equation, ledger.documents[equation.document], outcome)
