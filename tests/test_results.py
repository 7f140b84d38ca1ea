"""The list of results: complete, and every verdict follows from records by its rule."""

import itertools
import json
import re
from types import MappingProxyType

import numpy as np
import pytest
from conftest import REPOSITORY
from scipy import stats

from ledger import evidence, verdicts
from ledger.evidence import Trained
from ledger.results import OWN, Claim, Result, contents, read
from ledger.verdicts import judge
from vsclib.errors import ConfigurationError

RESULTS = read()


# ------------------------------------------------------------------------------------- the list


def test_every_item_of_the_documents_has_an_entry_and_no_entry_is_made_up():
    listed = {
        (one.document, one.kind, one.number) for one in RESULTS.values() if one.document != OWN
    }
    asked = {
        (document, kind, number)
        for document, kinds in contents().items()
        for kind, numbers in kinds.items()
        for number in numbers
    }
    assert listed == asked


def test_numbered_items_have_no_gap():
    """A document's figures and tables run from 1 on; the UAI supplement shows some of the paper's."""
    for document, kinds in contents().items():
        for kind in ("table", "figure"):
            numbers = [int(number) for number in kinds.get(kind, [])]
            if numbers and document != "vsc-uai2019-supplement":
                assert numbers == list(range(1, len(numbers) + 1)), (document, kind)


@pytest.mark.parametrize("result", RESULTS.values(), ids=list(RESULTS))
def test_an_entry_names_what_exists(result):
    for name in result.sweeps:
        assert (REPOSITORY / "sweeps" / f"{name}.toml").is_file(), name
    for name in result.runs:
        assert evidence.listed(name), name
    if result.page and not result.page.startswith("results/"):
        endings = (".md", ".ipynb")
        assert any((REPOSITORY / "book" / f"{result.page}{one}").exists() for one in endings)
    if result.kind == "table":
        assert result.printed and result.words and result.reading


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"claims": [{"says": "a", "measure": "psnr", "of": {}}]}, "one of above"),
        ({"claims": [{"says": "a", "measure": "p", "of": {}, "printed": "VAE"}]}, "needs within"),
        ({"claims": [], "why": ""}, "say why"),
        ({"document": "vsc-iclr"}, "vsc-iclr2019"),
        ({"figur": {}}, "figure"),
    ],
)
def test_a_slip_in_the_list_is_named(changed, words, tmp_path):
    entry = {"id": "a", "document": "vsc-iclr2019", "kind": "figure", "number": 1, "title": "t"}
    text = json.dumps({"contents": {}, "results": [entry | {"why": "a drawing"} | changed]})
    path = tmp_path / "results.yml"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=words):
        read(path)


# --------------------------------------------------------------------------------- the verdicts


def trained(case: str, seed: int, dataset: str = "mnist", **metrics: float) -> Trained:
    parameters = {"model": case, "dataset": dataset, "seed": seed, "latents": 8}
    provenance = {"commit": "0" * 40}
    return Trained("made up", case, parameters, dict(metrics), {"steps": 1}, provenance)


def result_of(*claims: Claim) -> Result:
    return Result(
        id="a", document="vsc-iclr2019", kind="table", number="1", title="t", sweeps=("made up",),
        printed={"here": 4.0}, claims=claims,
    )  # fmt: skip


@pytest.fixture
def verdict(monkeypatch):
    """The verdict over made-up trainings."""

    def of(trainings: list[Trained], *claims: Claim):
        def chosen(sources, selection):
            return [one for one in trainings if evidence._matches(one, selection)]

        monkeypatch.setattr(verdicts, "chosen", chosen)
        return judge(MappingProxyType({"a": result_of(*claims)}))["a"]

    return of


FIVE = [trained("good", s, psnr=10.0 + s) for s in range(5)]
FIVE += [trained("bad", s, psnr=1.0 + s) for s in range(5)]
RANKS = Claim(says="good is better", measure="psnr", of={"case": "good"}, above={"case": "bad"})


def test_a_ranking_needs_the_right_sign_and_a_small_p(verdict):
    found = verdict(FIVE, RANKS)
    assert found.verdict == "reproduced" and found.judged[0].p == pytest.approx(2 / 252)
    other = Claim(says="bad is better", measure="psnr", of={"case": "bad"}, above={"case": "good"})
    assert verdict(FIVE, other).verdict == "refuted"
    below = Claim(says="bad is worse", measure="psnr", of={"case": "bad"}, below={"case": "good"})
    assert verdict(FIVE, below).verdict == "reproduced"
    three = [one for one in FIVE if one.parameters["seed"] < 3]
    assert verdict(three, RANKS).verdict == "undecided"


def test_data_sets_are_strata_and_comparisons_of_a_document_are_corrected(verdict):
    both = [trained(c, s, d, psnr=p + s) for d, (c, p), s in itertools.product(
        ("mnist", "fashion_mnist"), (("good", 10.0), ("bad", 1.0)), range(3))]  # fmt: skip
    assert verdict(both, RANKS).judged[0].p == pytest.approx(2 / 400)
    same = [
        trained(c, s, d, psnr=float(s)) for c in ("even", "equal") for d in "ab" for s in range(3)
    ]
    null = Claim(says="no", measure="psnr", of={"case": "even"}, above={"case": "equal"})
    found = verdict(both + same, RANKS, null, null, null)
    assert found.judged[0].p == pytest.approx(4 * 2 / 400) and found.verdict == "partly"


@pytest.mark.parametrize(
    ("claim", "standing"),
    [
        ({"at_least": 12.0}, "holds"),
        ({"at_least": 12.1}, "fails"),
        ({"at_most": 12.0}, "holds"),
        ({"at_most": 11.9}, "fails"),
        ({"printed": "here", "within": 0.1, "scale": 1 / 3}, "holds"),
        ({"printed": "here", "within": 0.1}, "fails"),
        ({"above": {"case": "bad"}, "within": 9.0}, "holds"),
        ({"above": {"case": "bad"}, "within": 8.9}, "fails"),
        ({"above": {"case": "bad"}, "by": 9.0}, "holds"),
        ({"above": {"case": "bad"}, "by": 9.1}, "fails"),
        ({"above": {"case": "nobody"}}, "not run"),
    ],
)
def test_each_rule_turns_at_its_number(verdict, claim, standing):
    found = verdict(FIVE, Claim(says="so", measure="psnr", of={"case": "good"}, **claim))
    assert found.judged[0].standing == standing


def _level(one: Trained) -> tuple:
    return tuple(one.parameters.get(name) for name in verdicts.STRATA)


def test_two_trainings_decide_no_number(verdict):
    claim = Claim(says="so", measure="psnr", of={"case": "good"}, at_least=1.0)
    few = [one for one in FIVE if one.parameters["seed"] < 2]
    assert verdict(few, claim).judged[0].standing == "undecided"
    near = Claim(says="so", measure="psnr", of={"case": "good"}, above={"case": "bad"}, within=99.0)
    assert verdict(few, near).verdict == "undecided"
    assert verdict(FIVE, near).verdict == "reproduced"


def test_every_stored_ranking_agrees_with_scipy():
    """Of one data set, where the groups are equally large: SciPy's own exact permutation test."""
    seen = 0
    for finding in judge(RESULTS).values():
        for judged in finding.judged:
            if judged.comparison is None:
                continue
            sources = {"sweeps": finding.result.sweeps, "runs": finding.result.runs}
            claim = judged.claim
            first = evidence.chosen(sources, claim.of)
            second = evidence.chosen(sources, {**claim.of, **(claim.above or claim.below)})
            levels = [{_level(one) for one in group} for group in (first, second)]
            if any(len(found) != 1 for found in levels):
                continue
            a, b = (
                [evidence.value(one, claim.measure) for one in group] for group in (first, second)
            )
            if len(a) != len(b) or len(a) < 2:
                continue
            scipys = stats.permutation_test(
                (a, b), lambda x, y: np.mean(x) - np.mean(y), n_resamples=np.inf
            )
            assert judged.comparison.p == pytest.approx(scipys.pvalue, abs=1e-9), claim.says
            seen += 1
    assert seen >= 20


def test_a_changed_record_changes_what_follows(monkeypatch):
    """A result whose number is turned round is judged the other way."""
    before, value = judge(RESULTS), evidence.value

    def turned(one: Trained, measure: str) -> float | None:
        number = value(one, measure)
        return None if number is None else -1.0 - number

    for module in (evidence, verdicts):
        monkeypatch.setattr(module, "value", turned)
    after = judge(RESULTS)
    decided = [id for id, one in before.items() if one.verdict in ("reproduced", "partly")]
    assert decided and all(before[id].judged != after[id].judged for id in decided)


# ------------------------------------------------------------------------------------ the pages


@pytest.mark.book
def test_the_built_pages_show_the_verdicts_that_follow_from_the_records(built_book):
    found = judge(RESULTS)
    glance = (built_book / "results.html").read_text(encoding="utf-8")
    for id, finding in found.items():
        if finding.result.document == OWN:
            continue
        row = re.search(rf'#result-{re.escape(id)}">.*?</tr>', glance, re.DOTALL)
        assert row and f">{finding.verdict}</span>" in row[0], id
        page = built_book / "results" / f"{finding.result.document}.html"
        assert f'id="result-{id}"' in page.read_text(encoding="utf-8"), id
