"""The ledger of claims: complete, consistent, and every check in it passes and can fail."""

import json
import re
from collections import Counter

import pytest
from conftest import REPOSITORY

from vsclib import checks, claims
from vsclib.claims.outcomes import can_fail, kept
from vsclib.errors import ConfigurationError

LEDGER = claims.read()
CHECKS = checks.names()
# The last number that each document gives to an equation, and the numbers that it leaves out: the
# supplement of 2019 goes on counting where the paper ends.
NUMBERED = {
    "vsc-iclr2019": (25, set()),
    "vsc-uai2019-supplement": (10, set(range(1, 8))),
    "li-han-2022": (31, set()),
    "li-han-supplement": (20, {18}),
}
SHOWN = re.compile(r"claims\.show\(\\?[\"']([\w-]+)\\?[\"']\)")


@pytest.fixture(scope="session")
def outcomes():
    """Every check is run once, when the first test asks for it."""
    found = {}

    def outcome(name):
        if name not in found:
            found[name] = checks.run(name)
        return found[name]

    return outcome


# ------------------------------------------------------------------------------------- completeness


@pytest.mark.parametrize("document", NUMBERED)
def test_every_numbered_equation_is_in_the_ledger(document):
    last, left_out = NUMBERED[document]
    text = " ".join(
        entry.number for entry in LEDGER.equations.values() if entry.document == document
    )
    listed = {int(number) for number in re.findall(r"Eq\. (\d+)", text)}
    assert listed == set(range(1, last + 1)) - left_out


def test_the_report_numbers_nothing_and_is_in_the_ledger_by_place():
    assert sum(entry.document == "vsc-report" for entry in LEDGER.equations.values()) >= 8


def test_every_erratum_is_there_in_order():
    assert list(LEDGER.errata) == [f"E{number:02}" for number in range(1, 86)]


def test_every_corrected_equation_names_its_erratum_and_every_certain_erratum_its_proof_or_reason():
    silent = [
        entry.id
        for entry in LEDGER.equations.values()
        if entry.status == "corrected" and not entry.errata
    ]
    silent += [entry.id for entry in LEDGER.errata.values() if not entry.check and not entry.reason]
    assert silent == []


def test_every_check_is_used():
    used = {entry.check for entry in [*LEDGER.equations.values(), *LEDGER.errata.values()]}
    # The slips in the wild belong to no document; their chapter shows them.
    assert {
        name for name in CHECKS if name not in used and not name.startswith("slips_in_the_wild:")
    } == set()


def test_entries_name_checks_that_exist():
    named = {entry.check for entry in [*LEDGER.equations.values(), *LEDGER.errata.values()]} - {""}
    assert named <= set(CHECKS)


# --------------------------------------------------------------------------------------- the checks


@pytest.mark.slow
@pytest.mark.parametrize("name", CHECKS)
def test_check_passes_and_can_fail(name, outcomes):
    outcome = outcomes(name)
    assert all(verdict.passed for verdict in outcome.verdicts)
    assert can_fail(outcome), (
        f"{name} was shown nothing wrong: add fails(...), catches(...) or correction(...)"
    )


@pytest.mark.parametrize(
    "id", [entry.id for entry in LEDGER.equations.values() if entry.status == "corrected"]
)
def test_check_of_a_corrected_equation_refutes_a_form_and_passes_another(id, outcomes):
    equation = LEDGER.equation(id)
    outcome = outcomes(equation.check)
    assert outcome.corrects, (
        f"{equation.check} does not show that the printed form fails and the right one passes"
    )


@pytest.mark.parametrize("id", [entry.id for entry in LEDGER.errata.values() if entry.check])
def test_proof_of_an_erratum_says_which_it_settles_and_refutes_something(id, outcomes):
    outcome = outcomes(LEDGER.errata[id].check)
    assert id in outcome.about
    assert any(verdict.refutes for verdict in outcome.verdicts)


def test_all_checks_together_stay_under_three_minutes(outcomes):
    assert sum(outcomes(name).seconds for name in CHECKS) < 180


def test_the_pages_show_what_the_checks_find(outcomes):
    found = kept()
    assert set(found) == set(CHECKS), "checks.json is out of date: run 'make checks'"
    for name in CHECKS:
        assert len(found[name].verdicts) == len(outcomes(name).verdicts), (
            f"{name}: run 'make checks'"
        )


# ------------------------------------------------------------------------------------- the chapters


def test_chapters_show_equations_of_the_ledger_and_their_results():
    shown = Counter()
    for path in (REPOSITORY / "notebooks").rglob("*.ipynb"):
        notebook = json.loads(path.read_text(encoding="utf-8"))
        for cell in notebook["cells"]:
            for id in SHOWN.findall("".join(cell["source"])):
                shown[id] += 1
                assert LEDGER.equation(id)
                texts = [
                    "".join(output.get("data", {}).get("text/markdown", ""))
                    for output in cell["outputs"]
                ]
                assert any("boxed" in text and f"(#{id})" in text for text in texts), (
                    f"{path.name}: {id} is not shown"
                )
    assert len(shown) >= 20


def test_a_card_holds_the_equation_its_source_its_check_and_the_result():
    card = claims.show("li-han-supplement-eq-6")
    text = card._repr_markdown_()
    assert "\\boxed" in text and card.equation.tex.strip() in text
    assert "supplement, Eq. 6" in text and "(#e02)" in text and "(#li-han-supplement-eq-6)" in text
    assert text.count("passed</li>") >= 1 and text.count("fails, as it should</li>") >= 1


# ---------------------------------------------------------------------------------------- bad input


def entry(**changes):
    fields = {
        "document": "paper",
        "number": "Eq. 1",
        "title": "t",
        "tex": "x",
        "status": "verified",
        "check": "m:f",
    }
    return {key: value for key, value in (fields | changes).items() if value is not None}


def book(folder, *equations, errata=()):
    documents = {"paper": {"title": "A paper", "short": "Paper", "cite": ""}}
    (folder / "claims.yml").write_text(json.dumps({"documents": documents, "equations": equations}))
    (folder / "errata.yml").write_text(json.dumps({"errata": errata}))
    return folder


def test_a_ledger_is_read(tmp_path):
    ledger = claims.read(book(tmp_path, entry(), entry(number="after Eq. 1")))
    assert list(ledger.equations) == ["paper-eq-1", "paper-after-eq-1"]


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"staus": "verified"}, "entry 1 .* has no option 'staus': .*status"),
        ({"status": "proven"}, "status"),
        ({"document": "papr"}, "document 'papr' is unknown; .*paper"),
        ({"check": None}, "name the check that proves it"),
        ({"status": "damaged", "check": None}, "say why in 'reason'"),
        ({"status": "corrected"}, "'printed' belongs to corrected"),
        ({"printed": "y"}, "'printed' belongs to corrected"),
        ({"errata": ["E99"]}, "errata that the ledger lacks: E99"),
    ],
)
def test_a_wrong_entry_is_refused_in_one_line(tmp_path, changes, message):
    with pytest.raises(ConfigurationError, match=message) as error:
        claims.read(book(tmp_path, entry(**changes)))
    assert "\n" not in str(error.value)


def test_an_entry_that_stands_twice_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="stands twice"):
        claims.read(book(tmp_path, entry(), entry()))


def test_a_missing_ledger_and_a_missing_record_say_what_to_do(tmp_path):
    with pytest.raises(ConfigurationError, match="needs a clone"):
        claims.read(tmp_path)
    with pytest.raises(ConfigurationError, match="make checks"):
        kept(tmp_path)


def test_an_unknown_equation_is_refused_with_the_nearest_one():
    with pytest.raises(ConfigurationError, match="li-han-2022-eq-7"):
        claims.show("li-han-2022-eq7")
