"""Records of finished runs: what one says, which are stale, and tables made from them.

In a record ``metrics`` maps a name to a number, or to None when the model has no such number.
``not_measured`` maps a name to the reason why its number is not there. A name in neither is
missing: the measure came after the record. ``definitions`` holds a digest of the sentence under
which each number was measured.

``python -m vsclib.records results`` lists the records that are stale against present measures.
"""

from vsclib.records.comparison import Comparison, corrected, exact_test
from vsclib.records.schema import (
    SCHEMA,
    Record,
    Standing,
    definitions_of,
    digest,
    load,
    read,
    register,
    sentences_of,
    stale,
    standing,
    store,
)
from vsclib.records.table import Summary, describe, summarise, table, table_of

__all__ = [
    "SCHEMA",
    "Comparison",
    "Record",
    "Standing",
    "Summary",
    "corrected",
    "definitions_of",
    "describe",
    "digest",
    "exact_test",
    "load",
    "read",
    "register",
    "sentences_of",
    "stale",
    "standing",
    "store",
    "summarise",
    "table",
    "table_of",
]
