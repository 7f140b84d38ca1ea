"""Folds the verdicts of a check into one line that opens: how many, how, and by how much.

A chapter stores what its checks found as a list of verdicts, or prints it line by line::

    E10, Eq. 3, corrected: compared in float64; difference below 1e-11, allowed 1e-09; passed

The chapter and its outputs stay as they are, so JupyterLab shows the whole list.
"""

import re
from collections import Counter
from html import escape, unescape
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

LIST = re.compile(r'<ul class="verdicts">(?P<items>.*?)</ul>', re.DOTALL)
ITEM = re.compile(r"<li>(.*?)</li>", re.DOTALL)
PASSED = "; passed"
REFUTED = "; fails, as it should"
MARGIN = re.compile(
    r"(?P<found>\d[\d.]*(?:e[-+]?\d+)?), allowed (?P<allowed>\d[\d.]*(?:e[-+]?\d+)?)"
)
# The ways of checking, by words of their verdicts; the first that matches counts.
WAYS = {
    "SymPy leaves it open": "at random points",
    "SymPy": "by SymPy",
    "slips caught": "by slips",
    "quadrature": "by quadrature",
    "random points": "at random points",
    "draws": "by draws",
    "compared": "by numbers",
}
SHORT = 3  # so few lines of text need no fold


def way(verdict: str) -> str:
    """How a verdict was reached, in two words."""
    return next((name for words, name in WAYS.items() if words in verdict), "by numbers")


def margin(verdicts: list[str]) -> float | None:
    """The largest share of what is allowed that a passed verdict uses, in percent."""
    found = (MARGIN.search(verdict) for verdict in verdicts if verdict.endswith(PASSED))
    shares = [
        100 * float(one["found"]) / float(one["allowed"])
        for one in found
        if one and float(one["allowed"]) > 0
    ]
    return max(shares, default=None)


def badge(verdicts: list[str]) -> str:
    """The line that stands for the verdicts: "12 passed (8 by SymPy), at most 3 % of ..."."""
    passed = [verdict for verdict in verdicts if verdict.endswith(PASSED)]
    refuted = sum(verdict.endswith(REFUTED) for verdict in verdicts)
    ways = Counter(map(way, passed)).most_common()
    how = f" ({', '.join(f'{count} {name}' for name, count in ways)})" if ways else ""
    parts = [f"{len(passed)} {'check' if len(passed) == 1 else 'checks'} passed{how}"]
    if refuted:
        parts.append(f"{refuted} wrong {'form' if refuted == 1 else 'forms'} refuted")
    largest = margin(verdicts)
    if largest is not None:
        share = f"{largest:.0f} %" if largest >= 1 else "less than 1 %"
        parts.append(f"difference at most {share} of what is allowed")
    return "; ".join(parts)


def _folded(verdicts: list[str]) -> str:
    items = "".join(f"<li>{escape(verdict)}</li>" for verdict in verdicts)
    summary = f"<summary>{escape(badge(verdicts))}</summary>"
    return f'<details class="verdicts">{summary}<ul>{items}</ul></details>'


def _judged(verdicts: list[str]) -> bool:
    """Whether these are verdicts, and each is as it should be."""
    return bool(verdicts) and all(one.endswith((PASSED, REFUTED)) for one in verdicts)


def fold_lists(html: str) -> str:
    """HTML with a badge for each list of verdicts."""

    def fold(found: re.Match) -> str:
        verdicts = [unescape(item) for item in ITEM.findall(found["items"])]
        return _folded(verdicts) if _judged(verdicts) else found[0]

    return LIST.sub(fold, html)


def fold_verdicts(app: Sphinx, tree: nodes.document) -> None:
    """Fold what the cells of a page print."""
    for raw in list(tree.findall(nodes.raw)):
        if "html" in raw.get("format", "") and LIST.search(raw.astext()):
            text = fold_lists(raw.astext())
            raw.replace_self(nodes.raw(text, text, format="html"))
    for block in list(tree.findall(nodes.literal_block)):
        verdicts = block.astext().strip().splitlines()
        if "output" in block.get("classes", []) and len(verdicts) > SHORT and _judged(verdicts):
            text = _folded(verdicts)
            block.replace_self(nodes.raw(text, text, format="html"))


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("doctree-read", fold_verdicts)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
