"""The ledger: every equation of the source documents, and the checks that prove or correct them.

``equations.yml``, ``errata.yml`` and ``slips.yml`` hold the entries. An entry names its check as
``module:function``, a function in :mod:`ledger.checks`; ``outcomes.json`` keeps what the checks
found. To add a claim, write an entry and a check, then run ``make checks``.
"""

from ledger.card import Card, show
from ledger.entries import Document, Equation, Erratum, Ledger, Slip, read
from ledger.registry import Outcome, named, names, run

__all__ = [
    "Card",
    "Document",
    "Equation",
    "Erratum",
    "Ledger",
    "Outcome",
    "Slip",
    "named",
    "names",
    "read",
    "run",
    "show",
]
