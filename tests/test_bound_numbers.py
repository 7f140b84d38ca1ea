"""The gate of numbers: on pages with results every number in prose is bound to where it is from."""

import copy
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup, NavigableString, Tag

from results import verify
from results.bound import Bound, Results, agrees, as_written, bound_in, parse
from vsclib import records
from vsclib.errors import ConfigurationError, VsclibError

REPOSITORY = Path(__file__).parent.parent
# Pages whose numbers are results; the globs are of the built book.
PAGES_WITH_RESULTS = (
    "notebooks/05-results.html",
    "notebooks/06-learned-prior.html",
    "notebooks/09-chains-and-noise.html",
    "notebooks/11-modern-neighbours.html",
    "notebooks/12-codes-at-work.html",
    "preface.html",
    "results.html",
    "results/*.html",
    "slides/week-4.html",
)
# What holds no prose, or what is computed; a table of records is made by an extension, and says so.
NOT_PROSE = [
    *("script", "style", "nav", "svg", "pre", "code", "a"),
    *(".bound", ".math", ".eqno", ".cell_output", ".cell_input", ".caption-number"),
    # What a verdict is judged by: typed once, in ledger/results.yml.
    *(".rule", "section:has(.verdict) > h2"),
    *(".section-number", ".from-records", ".headerlink", ".citation", ".bound-numbers"),
    ".quiz-number",
]
# Numbers that only name something: a year, a place in a document, an exercise, a data set's or a
# format's name.
NAMES = re.compile(
    r"\b(?:of|in|ICLR|UAI|PMLR|NeurIPS|arXiv) (?:19|20)\d\d\b"
    r"|\b(?:[Ss]ections?|[Ff]igures?|[Tt]ables?|[Ee]quations?|Eqs?\.|[Cc]hapters?|[Ee]xercises?"
    r"|[Rr]ows?|[Ww]eeks?|[Aa]ppendix|[Ee]rrat(?:um|a)|p\.|[Ss]eeds?|[Aa]lgorithm)"
    r" [A-Z]?\.?\d+(?:\.\d+)*(?:,? (?:and|to) [A-Z]?\.?\d+(?:\.\d+)*)*"
    r"|^\d+\.(?= [A-Z])"
    r"|\b[A-Za-z]+[-_]?\d[\w-]*"
)
TAKES = re.compile(r"^It takes\b")


def loose(html: str) -> Iterator[tuple[str, str]]:
    """Every number of a page's prose that is bound to nothing, with its sentence."""
    page = BeautifulSoup(html, "html.parser")
    article = page.select_one("article") or page
    for unwanted in article.select(", ".join(NOT_PROSE)):
        # A word stands in its place, so that what is around it stays apart.
        unwanted.replace_with("…")
    article.smooth()
    for block in article.find_all(
        ["p", "li", "td", "th", "dd", "dt", "h1", "h2", "h3", "h4", "figcaption", "legend", "label"]
    ):
        text = " ".join(own_text(block).split())
        if TAKES.match(text):
            continue
        cleaned = NAMES.sub("…", text)
        for found in re.finditer(r"[\d][\d.,]*", cleaned):
            yield found[0].rstrip(".,"), cleaned[max(0, found.start() - 60) : found.end() + 40]


def own_text(block: Tag) -> str:
    """A block's text without that of the blocks inside it."""
    inner = {"p", "li", "td", "th", "dd", "dt", "ul", "ol", "dl", "table", "div", "figure"}
    parts = []
    for child in block.children:
        if isinstance(child, NavigableString):
            parts.append(str(child))
        elif child.name not in inner:
            parts.append(own_text(child))
    return "".join(parts)


def pages_with_results(html: Path) -> list[Path]:
    return sorted(path for pattern in PAGES_WITH_RESULTS for path in html.glob(pattern))


# ------------------------------------------------------------------------------------------ the gate


def test_every_number_of_a_page_with_results_is_bound(built_book: Path) -> None:
    pages = pages_with_results(built_book)
    assert len(pages) >= 6
    found = [
        f"{page.name}: {number} in '{sentence}'"
        for page in pages
        for number, sentence in loose(page.read_text(encoding="utf-8"))
    ]
    assert found == [], "\n".join([*found, "bind each: results/bound.py says how"])


def test_numbers_of_the_built_pages_are_those_of_the_records(built_book: Path) -> None:
    results, seen = Results(REPOSITORY / "results", verify.printed_values()), 0
    for path in pages_with_results(built_book):
        page = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
        for span in page.select("span.bound"):
            role = next(name for name in span["class"] if name.startswith("bound-"))
            bound = Bound(role.removeprefix("bound-"), span.text, span["data-target"])
            assert results.check(bound).note == span["title"]
            assert span["tabindex"] == "0"
            seen += 1
    assert seen > 20


def test_sources_quote_what_the_records_say() -> None:
    results = Results(REPOSITORY / "results", verify.printed_values())
    assert verify.wrong(verify.quoted(verify.pages()), results) == []


@pytest.mark.parametrize(
    "html, numbers",
    [
        ("<p>It reaches 21.6 dB.</p>", ["21.6"]),
        ("<p>It reaches <span class='bound'>21.6</span> dB.</p>", []),
        ("<ul><li><p>Only 3,000 steps</p></li></ul>", ["3,000"]),
        ("<ul><li>Only 3,000 steps<p>and 7</p></li></ul>", ["3,000", "7"]),
        ("<p>as <strong>9</strong> show</p>", ["9"]),
        ("<h2>The 10 latents</h2>", ["10"]),
        ("<table><tr><th>at 4</th><td>0.5</td></tr></table>", ["4", "0.5"]),
        ("<div class='from-records'><table><tr><td>0.5</td></tr></table></div>", []),
        ("<figure><figcaption><p>With 4 rows</p></figcaption></figure>", ["4"]),
        (
            "<legend><span class='quiz-number'>1.</span> Of 4</legend><label>of 5</label>",
            ["4", "5"],
        ),
        ("<p>In <code>x = 3</code>, $a$ <span class='math'>\\(2\\)</span></p>", []),
        ("<p>See <a href='x'>chapter 5</a>, Table 3, figures 3 and 6, appendix E.4</p>", []),
        ("<p>VSC of 2019, ICLR 2019, erratum E68, float32 and L0</p>", []),
        ("<p><strong>1. Twice the decibels.</strong> Say 5.</p>", ["5"]),
        ("<p>It is 7. Then it falls.</p>", ["7"]),
        ("<p>It takes 20 minutes to read.</p>", []),
        ("<div class='cell_output'><p>3</p></div>", []),
        ("<p>In 2,019 steps it gains 2019 of them</p>", ["2,019", "2019"]),
    ],
)
def test_a_loose_number_is_seen(html: str, numbers: list[str]) -> None:
    assert [number for number, _ in loose(f"<article>{html}</article>")] == numbers


# ------------------------------------------------------------------------- a record that is changed


RUNS = (
    ("elbo", "-103.3 <vae-mnist.elbo>"),
    ("psnr", "21.6 <vae-mnist.psnr>"),
    ("accuracy", ".928 <vae-mnist.accuracy>"),
    ("ever_on", "200 <vae-mnist.ever_on(max)>"),
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Copies of a few records."""
    target = tmp_path / "results"
    (target / "sweeps").mkdir(parents=True)
    for path in (REPOSITORY / "results").glob("vae-mnist-seed*.json"):
        shutil.copy(path, target)
    write(target / "sweeps" / "evidence.json", evidence())
    write(target / "codes-labels.json", codes())
    write(target / "speed.json", {"kinds": {"3 chains": {"ratios": [2.0, 4.0]}}, "0.2": {"a": 7}})
    return target


def write(path: Path, document: Any) -> None:
    path.write_text(json.dumps(document), encoding="utf-8")


def evidence() -> dict:
    def cell(latents: int, seed: int, elbo: float) -> dict:
        parameters = {"model": "vae", "latents": latents, "seed": seed}
        metrics = {"elbo": elbo, "accuracy": 0.9}
        provenance = {"commit": "0123456789"}
        return {
            "case": "VAE",
            "parameters": parameters,
            "metrics": metrics,
            "training": {"steps": 3000},
            "provenance": provenance,
        }

    cells = [cell(8, 0, -117.0), cell(8, 1, -119.0), cell(200, 0, -103.0)]
    return {"sizes": {"laptop": {"cells": cells}, "full": {"cells": [cell(8, 0, -110.0)]}}}


def codes() -> dict:
    def line(accuracy: float) -> dict:
        row = {"labels": 100, "clipped": False, "accuracy": accuracy}
        more = {"labels": 300, "clipped": True, "accuracy": 0.9}
        return {"rows": [row, more], "provenance": {"commit": "abcdefabcdef"}}

    return {"runs": {"vsc-mnist-seed0": line(0.8), "vsc-mnist-seed1": line(0.84)}}


def numeric_places(document: Any, path: tuple = ()) -> Iterator[tuple]:
    """Where numbers stand in a document."""
    if isinstance(document, dict):
        for key, value in document.items():
            yield from numeric_places(value, (*path, key))
    elif isinstance(document, int | float) and not isinstance(document, bool):
        yield path


def every_number_of(record: dict) -> list[tuple]:
    return [place for place in numeric_places(record) if place[0] in ("metrics", "training")]


@pytest.mark.parametrize("place", every_number_of(records.load(
    REPOSITORY / "results" / "vae-mnist-seed0.json")), ids=".".join)  # fmt: skip
def test_a_changed_field_of_a_record_turns_its_page_red(folder: Path, place: tuple) -> None:
    target = f"vae-mnist.{place[1]}" if place[0] == "metrics" else f"vae-mnist.{'.'.join(place)}"
    before = Results(folder).value(target).number
    page = [verify.Quoted(Path("page.md"), Bound("measured", f"{before:.4f}", target))]
    assert verify.wrong(page, Results(folder)) == []
    file = folder / "vae-mnist-seed0.json"
    record = json.loads(file.read_text(encoding="utf-8"))
    record[place[0]][place[1]] += 0.01
    write(file, record)
    (found,) = verify.wrong(page, Results(folder))
    assert found.startswith("page.md: ") and f"write {before + 0.01 / 3:,.4f}" in found


@pytest.mark.parametrize(
    "file, place, written, target",
    [
        ("sweeps/evidence", ("sizes", "laptop", "cells", 1, "metrics", "elbo"), "-118.0",
         "evidence[model=vae, latents=8].elbo"),
        ("sweeps/evidence", ("sizes", "full", "cells", 0, "metrics", "elbo"), "-110.0",
         "evidence:full[latents=8].elbo"),
        ("codes-labels", ("runs", "vsc-mnist-seed1", "rows", 0, "accuracy"), "0.82",
         "codes-labels[run=vsc-mnist, labels=100, clipped=false].accuracy"),
        ("speed", ("kinds", "3 chains", "ratios", 0), "3.0", "speed[kinds=3 chains].ratios"),
        ("speed", ("0.2", "a"), "7", "speed.0.2.a"),
    ],
)  # fmt: skip
def test_a_changed_cell_of_another_file_does_so_too(
    folder: Path, file: str, place: tuple, written: str, target: str
) -> None:
    page = [verify.Quoted(Path("page.md"), Bound("measured", written, target))]
    assert verify.wrong(page, Results(folder)) == []
    path = folder / f"{file}.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    inner = document
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] += 1.0
    write(path, document)
    assert len(verify.wrong(page, Results(folder))) == 1


# --------------------------------------------------------------------------------- what may be written


@pytest.mark.parametrize(
    "written, number, agree",
    [
        ("-103.3", -103.299, True),
        ("−103.3", -103.299, True),
        ("-103.30", -103.25, False),
        (".928", 0.92793, True),
        ("20,000", 20000.0, True),
        ("+0.2", 0.2083, True),
        ("+0.2", -0.2083, False),
        ("27 %", 0.2712, True),
        ("27%", 0.2759, False),
        ("2.5 %", 0.0244, False),
        ("three", 2.966, True),
        ("Thirteen", 12.4, False),
    ],
)
def test_a_number_agrees_at_the_digits_that_are_written(
    written: str, number: float, agree: bool
) -> None:
    assert agrees(written, number) is agree


@pytest.mark.parametrize("text", ["about", "", "1e3", "3 dB", "nan", "1.2.3", "-"])
def test_what_is_no_number(text: str) -> None:
    with pytest.raises(ConfigurationError, match="is no number: write digits"):
        as_written(text)


@pytest.mark.parametrize(
    "expression, expected",
    [
        ("vae-mnist.elbo(seeds)", 3),
        ("vae-mnist.elbo - vae-mnist.elbo(min)", None),
        ("evidence[latents=8].elbo(max)", -117.0),
        ("evidence[latents=8].elbo(range)", 2.0),
        ("evidence[latents=8].elbo(sd)", 2**0.5),
        ("(evidence[latents=8].elbo(max) - evidence[latents=8].elbo) / 2", 0.5),
        ("evidence[latents=8].training.steps", 3000),
        ("codes-labels[run=vsc-mnist, labels=100, seed=1].accuracy", 0.84),
        ("speed[kinds=3 chains].ratios(median) - printed:table[vae] / 2", 3.0 - 5.0),
    ],
)
def test_expressions(folder: Path, expression: str, expected: float | None) -> None:
    found = Results(folder, {"table": {"vae": 10.0}}).value(expression)
    if expected is None:
        values = [one["metrics"]["elbo"] for one in records.read(folder)["vae-mnist"]]
        expected = sum(values) / 3 - min(values)
    assert found.number == pytest.approx(expected)


@pytest.mark.parametrize(
    "role, text, said",
    [
        ("measured", "1 <vae-mnst.elbo>", "no record of 'vae-mnst': did you mean 'vae-mnist'"),
        ("measured", "1 <vae-mnist.elb>", "no 'elb': did you mean 'elbo'"),
        ("measured", "1 <vae-mnist.elbo(mode)>", "no statistic 'mode'"),
        ("measured", "1 <vae-mnist.threshold>", "None, no number"),
        ("measured", "1 <evidence[model=vae].elbo>", "more than one case"),
        ("measured", "1 <evidence[latents=9].elbo>", "no cell with latents = 9"),
        ("measured", "1 <evidence[colour=9].elbo>", "no 'colour' to select by"),
        ("measured", "1 <evidence[latents].elbo>", "selects nothing"),
        ("measured", "1 <evidence:half[latents=8].elbo>", "not run at 'half'"),
        ("measured", "1 <evidence[latents=200].elbo(sd)>", "the spread of one number"),
        ("measured", "1 <the bound>", "says no number"),
        ("measured", "1 <vae-mnist.elbo / 0>", "divides by zero"),
        ("measured", "-103.4 <vae-mnist.elbo>", "is -103.3 by its record: write -103.3"),
        ("printed", "10.1 <table.vae>", "is 10.0 by its record"),
        ("printed", "10 <tabel.vae>", "no result 'tabel' is listed: did you mean 'table'"),
        ("printed", "10 <table.vsc>", "table prints no 'vsc'"),
        ("constant", "784 <pixels>", "does not say what it is"),
        ("constant", "785 <pixels of an image = 28 * 28>", "not what its own calculation"),
        ("constant", "some <pixels of an image>", "is no number"),
        ("measured", "-103.3", "binds nothing"),
        ("measured", "<vae-mnist.elbo>", "binds nothing"),
    ],
)
def test_what_is_refused(folder: Path, role: str, text: str, said: str) -> None:
    results = Results(folder, {"table": {"vae": 10.0}})
    with pytest.raises(VsclibError) as error:
        results.check(parse(role, text))
    assert said in str(error.value) and "\n" not in str(error.value)


def test_a_number_says_where_it_is_from(folder: Path) -> None:
    note = Results(folder).value("vae-mnist.elbo").note
    assert note == "run vae-mnist, commit ad3fbfd, 3 seeds, -103.4 to -103.17"
    note = Results(folder).value("evidence[latents=200].elbo").note
    assert note == "sweep evidence (laptop), latents = 200, commit 0123456, 1 seed"
    (constant,) = bound_in("{constant}`784 <pixels of\nan image = 28 * 28>`")
    assert Results(folder).check(constant).note == "constant: pixels of an image = 28 * 28"


def test_roles_are_found_in_prose_and_not_in_code() -> None:
    text = "a {measured}`1 <a.b>`\n```python\n{measured}`2 <a.b>`\n```\n```{note}\n{printed}`3 <a.b>`\n```\n"
    assert [bound.written for bound in bound_in(text)] == ["1", "3"]


def test_one_constant_has_one_value(folder: Path) -> None:
    numbers = [
        verify.Quoted(Path("page.md"), Bound("constant", written, "pixels of an image"))
        for written in ("784", "783", "784.0")
    ]
    assert verify.wrong(numbers[::2], Results(folder)) == []
    (found,) = verify.wrong(numbers, Results(folder))
    assert "'pixels of an image' is 783 and 784" in found


def test_a_printed_value_that_nobody_quotes_is_found() -> None:
    declared = {"table": {"vae": 1.0, "vsc": 2.0, "short-run": 3.0}}
    quotes = [verify.Quoted(Path("page.md"), Bound("measured", "1", "a.b - printed:table[vae]"))]
    html = "<td data-target='table.short-run'>3</td>"
    assert verify.unquoted(declared, quotes, html) == ["table.vsc"]


def tabulated(html: str, declared: dict[str, dict[str, float]]) -> str:
    """The printed values of a page's tables that show them as they are, as ``item.name``."""
    found = []
    for table in BeautifulSoup(html, "html.parser").select("table.printed-values"):
        section = table.find_previous(id=[f"result-{name}" for name in declared])
        item = section["id"].removeprefix("result-")
        for row in table.select("tbody tr"):
            name, value = (cell.text for cell in row.find_all(["th", "td"])[:2])
            if declared[item].get(name) == float(value):
                found.append(f"<td data-target='{item}.{name}'>")
    return "".join(found)


def test_every_printed_value_is_quoted(built_book: Path) -> None:
    declared = verify.printed_values()
    pages = sorted((built_book / "results").glob("*.html"))
    html = "".join(tabulated(page.read_text(encoding="utf-8"), declared) for page in pages)
    numbers = list(verify.quoted(verify.pages()))
    assert verify.unquoted(declared, numbers, html) == []


# ------------------------------------------------------------------------------- the command verify


def test_verify_says_what_is_wrong(folder: Path, capsys: pytest.CaptureFixture) -> None:
    assert verify.main([]) == 0
    assert capsys.readouterr().out.endswith(" bound numbers, 0 wrong\n")
    assert verify.main(["--results", str(folder)]) == 1
    assert "no record of 'vsc-mnist'" in capsys.readouterr().out


TINY = {"model": "vae", "dataset": "digits", "steps": 30, "batch_size": 50}
TINY |= {"title": "Tiny", "seeds": [0, 1], "latents": 3, "hidden": 16}


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Records of two short runs."""
    monkeypatch.setattr(verify, "listing", lambda: {"tiny": TINY})
    for seed in TINY["seeds"]:
        experiment = verify.experiment_of("tiny", TINY | {"folder": str(tmp_path / "r")}, seed, 1)
        record = verify.runs.run(experiment, progress=False).record
        records.store(record, tmp_path / f"tiny-seed{seed}.json")
        shutil.rmtree(tmp_path / "r")
    return tmp_path


@pytest.mark.slow
def test_a_record_trained_again_is_the_same(tiny: Path, capsys: pytest.CaptureFixture) -> None:
    before = sorted(tiny.iterdir())
    assert verify.main(["--retrain", "--results", str(tiny), "--seed", "1"]) == 0
    out = capsys.readouterr().out
    assert "by the printed digits; 0 are off" in out and "elbo" in out
    assert sorted(tiny.iterdir()) == before
    # A record that says something else than its run is found.
    record = records.load(tiny / "tiny-seed1.json")
    record["metrics"]["psnr"] += 0.2
    records.store(record, tiny / "tiny-seed1.json")
    assert verify.main(["--retrain", "--results", str(tiny), "--run", "tiny-seed1"]) == 1
    assert "1 are off\npsnr " in capsys.readouterr().out
    assert verify.main(["--retrain", "--results", str(tiny), "--minutes", "-1"]) == 1
    assert "no record is that cheap" in capsys.readouterr().err
    assert verify.main(["--retrain", "--results", str(tiny), "--run", "tiny-seed7"]) == 1
    assert "did you mean 'tiny-seed" in capsys.readouterr().err


def test_a_draw_is_fixed_by_its_seed() -> None:
    found = {f"run-seed{seed}": {"name": f"run-seed{seed}"} for seed in range(20)}
    drawn = [verify.drawn(found, seed, None)["name"] for seed in (3, 3, 4, 5, 6)]
    assert drawn[0] == drawn[1] and len(set(drawn)) > 1


def other(record: dict, **changes: float) -> dict:
    changed = copy.deepcopy(record)
    changed["metrics"] |= changes
    return changed


def test_elsewhere_a_number_may_be_off_by_the_spread_of_the_seeds() -> None:
    seeds = records.read(REPOSITORY / "results")["vsc-mnist"]
    before = other(seeds[0])
    psnr, ever = before["metrics"]["psnr"], before["metrics"]["ever_on"]
    spread = records.summarise(seeds, "ever_on").spread
    near = other(before, ever_on=ever + 2 * spread, psnr=psnr * 1.019)
    lines, off, how = verify.compared(before, near, seeds)
    assert off == [] and "the spread, since" in how and len(lines) > 10
    far = other(before, ever_on=ever + 2 * spread + 1)
    assert [line.split()[0] for line in verify.compared(before, far, seeds)[1]] == ["ever_on"]
    gone = other(before, psnr=None)
    assert [line.split()[0] for line in verify.compared(before, gone, seeds)[1]] == ["psnr"]


def test_on_the_same_processor_the_printed_digits_agree() -> None:
    seeds = records.read(REPOSITORY / "results")["vsc-mnist"]
    before = other(seeds[0])
    before["provenance"] |= {"instructions": "AVX2"}
    same = other(before, psnr=round(before["metrics"]["psnr"], 1))
    _, off, how = verify.compared(before, same, seeds)
    assert off == [] and how == "the printed digits"
    off = verify.compared(before, other(before, psnr=before["metrics"]["psnr"] + 0.1), seeds)[1]
    assert [line.split()[0] for line in off] == ["psnr"]
    elsewhere = other(before, psnr=before["metrics"]["psnr"] + 0.1)
    elsewhere["provenance"] |= {"instructions": "AVX512"}
    assert verify.compared(before, elsewhere, seeds)[1:] == (
        [],
        "the spread, since not the same or not known: instructions",
    )
