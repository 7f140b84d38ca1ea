"""The page on data: its table says of every set what the library says."""

import importlib
import re

import pytest
from conftest import REPOSITORY

from vsclib import data

BOOK = REPOSITORY / "book"


@pytest.fixture
def data_sets(monkeypatch):
    monkeypatch.syspath_prepend(str(BOOK / "_extensions"))
    return importlib.import_module("data_sets")


def test_every_set_has_a_row_with_size_licence_source_and_checksum(data_sets):
    rows = data_sets.table().splitlines()[2:]
    assert len(rows) == len(data.names())
    for name, row in zip(data.names(), rows, strict=True):
        about = data.about(name)
        assert row.startswith(f"| `{name}`") and row.count(" | ") == 2
        sizes = (f"{about.train:,}", f"{about.test:,}")
        for part in (*sizes, about.licence, about.origin, about.preparation):
            assert part in row
        copied = row.replace("<wbr>", "")
        digests = [file.digest.partition(":")[2] for file in about.files]
        for digest in [about.sha256] if about.sha256 else digests:
            assert f">{digest}</code>" in copied
        assert all(address in row for address in re.findall(r"https?://[^\s;,]+", about.source))


def test_the_page_asks_for_the_table_once(data_sets):
    text = (BOOK / "data.md").read_text(encoding="utf-8")
    assert len(data_sets.MARKER.findall(text)) == 1
    assert all(
        f"`{name}`" in data_sets.MARKER.sub(data_sets.table(), text) for name in data.names()
    )
