"""The claims of the source documents, each with the check that proves or corrects it: one module a document.

The ledger, ``book/claims.yml``, names a check as ``module:function``; :func:`vsclib.checks.run` runs it.
"""
