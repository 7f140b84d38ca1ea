"""The claims of the source documents: the ledger that lists them, and the checks that prove or
correct them.

The ledger, ``book/claims.yml``, names a check as ``module:function``; :func:`vsclib.checks.run`
runs it. A module beside this one holds the checks of a document.
"""

from vsclib.claims.card import Card, show
from vsclib.claims.ledger import Document, Equation, Erratum, Ledger, read

__all__ = ["Card", "Document", "Equation", "Erratum", "Ledger", "read", "show"]
