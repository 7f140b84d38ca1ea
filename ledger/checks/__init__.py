"""The checks of the source documents, a module for each part of a document.

A public function without parameters is a check; an entry of the ledger names it. The modules
``mixture_by_definition`` and ``spike_and_slab_by_definition`` hold what the checks start from.
"""
