"""The results' pages in the book: a verdict for every table and figure of the documents.

A Sphinx extension. A page's line ``% results-at-a-glance`` becomes one table of all results,
``% results: DOCUMENT`` a section for each result of a document. The verdicts are computed from the
records while the page is read; nothing is trained, and no verdict is stored.
"""

import re
from collections import Counter
from collections.abc import Iterable
from html import escape
from typing import Any

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

from ledger import entries, results
from ledger.result_figures import figure
from ledger.results import OWN, Result
from ledger.verdicts import Finding, Judged, judge
from vsclib.errors import VsclibError

MARKER = re.compile(r"^% (?P<what>results-at-a-glance|results: (?P<document>[\w-]+))$", re.M)
COLUMNS = ("what is said", "verdict", "here", "against", "difference, 95 %", "p", "trainings")
ORDER = ("reproduced", "partly", "refuted", "undecided", "not run")


def number(value: float | None) -> str:
    """A number to four digits; a dash where there is none."""
    if value is None or value != value:
        return "–"
    return f"{value:.3g}" if abs(value) < 1.0 else f"{value:.4g}"


def badge(word: str) -> str:
    """A verdict or a standing, with a look of its own."""
    kind = word.replace(" ", "-")
    return f'<span class="verdict verdict-{kind}">{escape(word)}</span>'


def chance(p: float | None) -> str:
    """A p-value as it is printed."""
    if p is None:
        return "–"
    return "< .001" if p < 0.001 else f"{p:.3f}".lstrip("0") if p < 1 else "1"


def claim_row(judged: Judged) -> list[str]:
    """A claim beside its numbers."""
    found, claim = judged.comparison, judged.claim
    gap = number(None)
    if found is not None:
        gap = number(found.difference)
        if found.low == found.low:
            gap += f" ({number(found.low)} to {number(found.high)})"
    ours, theirs = judged.trainings
    return [
        escape(claim.says),
        badge(judged.standing),
        number(judged.mean),
        number(judged.against),
        gap,
        chance(judged.p),
        f"{ours}, {theirs}" if theirs else str(ours),
    ]


def html_table(header: Iterable[str], rows: Iterable[Iterable[str]], kind: str) -> str:
    """A table whose cells are HTML, in a box that scrolls by itself."""
    head = "".join(f'<th scope="col">{cell}</th>' for cell in header)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return (
        f'<div class="from-records" tabindex="0" role="group" aria-label="{kind}">'
        f'<table class="{kind}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
    )


def raw(html: str) -> str:
    """HTML as a part of a page."""
    return f"```{{raw}} html\n{html}\n```\n"


def printed(result: Result) -> str:
    """Every number that the document prints, folded."""
    if not result.printed:
        return ""
    rows = [[escape(name), f"{value:g}"] for name, value in result.printed.items()]
    table = html_table(("what", "printed"), rows, "printed-values")
    return raw(f"<details><summary>All {len(rows)} printed numbers</summary>{table}</details>")


def rule(text: str) -> str:
    """What a verdict is judged by, as the list of results has it."""
    return f":::{{container}} rule\n{text}\n:::\n"


def steps(finding: Finding) -> str:
    """The lengths of the trainings behind a result."""
    found = sorted({one.training["steps"] for one in finding.trained}) or [0]
    return f"{found[0]:,}" if len(found) == 1 else f"{found[0]:,} to {found[-1]:,}"


def origin(finding: Finding) -> str:
    """Where the numbers come from, in a sentence."""
    if not finding.trained:
        return ""
    parts = []
    for source in dict.fromkeys(one.source for one in finding.trained):
        mine = [one for one in finding.trained if one.source == source]
        seeds = len({one.parameters.get("seed") for one in mine})
        commits = sorted({(one.provenance["commit"] or "unknown")[:7] for one in mine})
        length = steps(finding._replace(trained=tuple(mine)))
        parts.append(
            f"{source} ({len(mine)} trainings, {seeds} seeds, {length} steps, "
            f"commit {', '.join(commits)})"
        )
    again = [f"`make sweep SWEEP={name} SIZE=laptop`" for name in finding.result.sweeps]
    again += [f"`python results/reproduce.py {name}`" for name in finding.result.runs[:1]]
    said = f"*Records:* {'; '.join(parts)}. *Again:* {', '.join(again)}."
    return f":::{{container}} from-records\n{said}\n:::\n"


def section(finding: Finding) -> str:
    """One result: what it says, how it is read, what the records say."""
    result = finding.result
    lines = [
        f"(result-{result.id})=",
        f"## {result.called}: {result.title}",
        "",
        raw(f"<p>{badge(finding.verdict)}</p>"),
    ]
    if result.words:
        lines += [rule(f"> {result.words}")]
    if result.why:
        lines += [rule(result.why)]
    if result.reading:
        lines += [rule(f"**Read as.** {result.reading}")]
    if result.departs and finding.trained:
        lines += [rule(f"**Departs.** {result.departs.replace('{steps}', steps(finding))}")]
    if result.claims:
        rows = [claim_row(judged) for judged in finding.judged]
        lines += [raw(html_table(COLUMNS, rows, "claims-beside-records"))]
    if result.figure and finding.trained:
        lines += [raw(figure(finding))]
    lines += [printed(result), origin(finding)]
    if result.page:
        lines += [f"More: {{doc}}`/{result.page}`.", ""]
    return "\n".join(lines)


def glance(findings: dict[str, Finding]) -> str:
    """All results in one table, and how many have which verdict."""
    documents, rows = entries.read().documents, []
    counts: Counter[str] = Counter()
    for finding in findings.values():
        result = finding.result
        if result.document == OWN:
            continue
        counts[finding.verdict] += 1
        target = f"results/{result.document}.html#result-{result.id}"
        rows.append(
            [
                f'<a href="{target}">{escape(documents[result.document].short)}, '
                f"{escape(result.called)}</a>",
                badge(finding.verdict),
                escape(result.title),
            ]
        )
    said = ", ".join(f"{counts[word]} {word}" for word in ORDER if counts[word])
    table = html_table(("item", "verdict", "what it shows"), rows, "glance")
    return raw(f'<p class="from-records">{len(rows)} results: {said}.</p>{table}')


def insert_results(app: Sphinx, docname: str, source: list[str]) -> None:
    """Put the results where a page asks for them."""
    if not MARKER.search(source[0]):
        return
    try:
        findings = judge(results.read())
    except VsclibError as error:
        raise ExtensionError(str(error)) from None

    def text(match: re.Match[str]) -> str:
        document = match["document"]
        if document is None:
            return glance(findings)
        mine = [one for one in findings.values() if one.result.document == document]
        if not mine:
            raise ExtensionError(f"{docname}: no result is of a document {document!r}")
        return "\n".join(section(finding) for finding in mine)

    source[0] = MARKER.sub(text, source[0])


def reread_pages(app: Sphinx, env: Any, added: set, changed: set, removed: set) -> list[str]:
    """The pages depend on files that Sphinx does not know: read them at every build."""
    return [name for name in env.found_docs if name.startswith("results")]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("source-read", insert_results)
    app.connect("env-get-outdated", reread_pages)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
