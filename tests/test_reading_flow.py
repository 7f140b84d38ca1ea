"""What the book makes of its sources for a reader: errata as links, verdicts as badges, tables."""

import importlib
from types import SimpleNamespace

import pytest
from conftest import REPOSITORY
from docutils import nodes

BY_HAND = [
    "E10, Eq. 3, corrected: compared in float64; difference below 1e-11, allowed 1e-09; passed",
    "A > B: simplified by SymPy; difference 0, allowed 0; passed",
    "mean: 400,000 draws, half width 0.0068; standard errors 2.5, allowed 4; passed",
    "E10, Eq. 3, as printed: compared in float64; difference 0.42, allowed 1e-09; fails, as it should",
]


@pytest.fixture
def extension(monkeypatch):
    """Imports an extension of the book by its name."""
    monkeypatch.syspath_prepend(str(REPOSITORY / "book" / "_extensions"))
    return importlib.import_module


def a_tree(*parts: nodes.Node) -> nodes.document:
    tree = nodes.document(SimpleNamespace(), SimpleNamespace())
    tree += parts
    return tree


def an_app(page: str) -> SimpleNamespace:
    return SimpleNamespace(env=SimpleNamespace(docname=page))


def test_an_erratum_is_linked_where_a_sentence_names_it(extension):
    errata = extension("named_errata")
    text = nodes.paragraph("", "A slip (erratum E34), not E99 nor xE34.")
    kept = nodes.paragraph("", "", nodes.literal("E34", "E34"), nodes.reference("E35", "E35"))
    tree = a_tree(text, kept, nodes.literal_block("E36", "E36"), nodes.title("E37", "E37"))
    before = text.astext()
    errata.link_errata(an_app("notebooks/01"), tree)
    links = list(tree.findall(errata.addnodes.pending_xref))
    assert [link["reftarget"] for link in links] == ["e34"]
    assert links[0].parent is text and text.astext() == before


def test_the_page_of_errata_does_not_link_to_itself(extension):
    errata = extension("named_errata")
    tree = a_tree(nodes.paragraph("", "E34"))
    errata.link_errata(an_app("errata"), tree)
    assert not list(tree.findall(errata.addnodes.pending_xref))


def test_a_badge_counts_verdicts_and_names_the_narrowest(extension):
    badge = extension("verdict_badges").badge
    assert badge(BY_HAND) == (
        "3 checks passed (1 by numbers, 1 by SymPy, 1 by draws); 1 wrong form refuted; "
        "difference at most 62 % of what is allowed"
    )
    assert badge(BY_HAND[1:2]) == "1 check passed (1 by SymPy)"


def test_verdicts_fold_with_every_word_kept_and_others_stay(extension):
    fold = extension("verdict_badges").fold_lists
    items = "".join(f"<li>{item.replace('>', '&gt;')}</li>" for item in BY_HAND)
    made = fold(f'x <ul class="verdicts">{items}</ul> y')
    assert made.startswith('x <details class="verdicts"><summary>3 checks passed')
    assert made.endswith(f"</summary><ul>{items}</ul></details> y")
    failed = '<ul class="verdicts"><li>A: difference 1, allowed 0; failed</li></ul>'
    assert fold(failed) == failed


def test_printed_verdicts_fold_in_outputs_alone(extension):
    badges = extension("verdict_badges")
    text = "\n".join(BY_HAND)
    output = nodes.literal_block(text, text, classes=["output", "stream"])
    code = nodes.literal_block(text, text)
    few = nodes.literal_block("", BY_HAND[0], classes=["output", "stream"])
    tree = a_tree(output, code, few)
    badges.fold_verdicts(None, tree)
    assert [type(part) for part in tree] == [nodes.raw, nodes.literal_block, nodes.literal_block]


def test_columns_are_told_from_sentences(extension):
    in_columns = extension("wide_parts").in_columns
    assert in_columns("a table\nname   value\none    1")
    assert not in_columns("a sentence  with a gap\nand another\none  more")
    assert not in_columns("one line")


def test_an_arrow_of_the_contents_is_named_after_its_part(extension):
    mended = extension("accessible").name_arrows(
        '<li><a href="x">Runs &amp;\n more</a><details><summary><i></i></summary></details></li>'
    )
    assert '<summary aria-label="Pages of Runs &amp; more"><i>' in mended
