"""The ledger: complete, consistent, and every check in it passes and can fail."""

import json
import re
import shutil
import subprocess
import sys
import zipfile
from collections import Counter
from dataclasses import replace

import pytest
from conftest import REPOSITORY

import ledger
from ledger.outcomes import can_fail, run_all, stored
from ledger.pages import SHOWN
from ledger.registry import require_match
from vsclib.errors import ConfigurationError

LEDGER = ledger.read()
CHECKS = ledger.names()
KINDS = {".py", ".yml", ".json"}
# The last number that each document gives to an equation, and the numbers that it leaves out: the
# supplement of 2019 goes on counting where the paper ends.
NUMBERED = {
    "vsc-iclr2019": (25, set()),
    "vsc-uai2019-supplement": (10, set(range(1, 8))),
    "li-han-2022": (31, set()),
    "li-han-supplement": (20, {18}),
}


@pytest.fixture(scope="session")
def outcomes():
    """Every check is run once, when the first test asks for it."""
    found = {}

    def outcome(name):
        if name not in found:
            found[name] = ledger.run(name)
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
        if entry.status in ("corrected", "differs") and not entry.errata
    ]
    silent += [entry.id for entry in LEDGER.errata.values() if not entry.check and not entry.reason]
    assert silent == []


def test_what_is_called_corrected_is_certainly_wrong_in_the_document():
    """Certainty B is perhaps our text, C a second reading, D the wording: such entries differ."""
    uncertain = [
        entry.id
        for entry in LEDGER.equations.values()
        if (entry.status == "corrected")
        and "A" not in {LEDGER.errata[id].certainty for id in entry.errata}
    ]
    assert uncertain == []


def test_what_differs_rests_on_no_certain_erratum_of_its_formula():
    """The one certain erratum beside such an entry is about a sentence, not about the formula."""
    certain = {
        (entry.id, id)
        for entry in LEDGER.equations.values()
        if entry.status == "differs"
        for id in entry.errata
        if LEDGER.errata[id].certainty == "A"
    }
    assert certain == {("vsc-report-section-4-3-1-objective", "E72")}


def test_every_check_is_named_by_an_entry_and_every_entry_names_a_check_that_exists():
    require_match(LEDGER)
    assert set(LEDGER.checks) == set(CHECKS)


def test_only_slips_belong_to_no_document():
    slips = {slip.check for slip in LEDGER.slips.values()}
    assert slips == {name for name in CHECKS if name.startswith("slips_in_the_wild:")}


def test_what_a_check_settles_is_read_from_the_entries():
    assert LEDGER.checks["li_han_supplement_prior:equations_4_and_5"] == (
        "li-han-supplement-eq-4",
        "li-han-supplement-eq-5",
        "E01",
    )


# --------------------------------------------------------------------------------------- the checks


@pytest.mark.slow
@pytest.mark.parametrize("name", CHECKS)
def test_check_passes_and_can_fail(name, outcomes):
    outcome = outcomes(name)
    assert all(verdict.passed for verdict in outcome.verdicts)
    assert can_fail(outcome), (
        f"{name} was shown nothing wrong: add fails(...), catches(...) or correction(...)"
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "id",
    [entry.id for entry in LEDGER.equations.values() if entry.status in ("corrected", "differs")],
)
def test_check_of_a_corrected_equation_refutes_a_form_and_passes_another(id, outcomes):
    equation = LEDGER.equation(id)
    outcome = outcomes(equation.check)
    assert outcome.corrects, (
        f"{equation.check} does not show that the printed form fails and the right one passes"
    )


@pytest.mark.slow
@pytest.mark.parametrize("id", [entry.id for entry in LEDGER.errata.values() if entry.check])
def test_proof_of_an_erratum_refutes_something(id, outcomes):
    assert outcomes(LEDGER.errata[id].check).refutes


@pytest.mark.slow
def test_all_checks_together_stay_under_three_minutes(outcomes):
    assert sum(outcomes(name).seconds for name in CHECKS) < 180


@pytest.mark.slow
def test_the_pages_show_what_the_checks_find(outcomes):
    found = stored()
    assert set(found) == set(CHECKS), "outcomes.json is out of date: run 'make checks'"
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
    card = ledger.show("li-han-supplement-eq-6")
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


def written(folder, *equations, errata=(), slips=()):
    """A folder with a small ledger in it."""
    documents = {"paper": {"title": "A paper", "short": "Paper", "cite": ""}}
    for name, content in {
        "equations": {"documents": documents, "equations": equations},
        "errata": {"errata": errata},
        "slips": {"slips": slips},
    }.items():
        (folder / f"{name}.yml").write_text(json.dumps(content))
    return folder


def test_a_ledger_is_read(tmp_path):
    slip = {"title": "a slip", "check": "m:f"}
    small = ledger.read(written(tmp_path, entry(), entry(number="after Eq. 1"), slips=[slip]))
    assert list(small.equations) == ["paper-eq-1", "paper-after-eq-1"]
    assert small.checks == {"m:f": ("paper-eq-1", "paper-after-eq-1", "a slip")}


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"staus": "verified"}, "entry 1 .* has no option 'staus': .*status"),
        ({"status": "proven"}, "status"),
        ({"document": "papr"}, "document 'papr' is unknown; .*paper"),
        ({"check": None}, "name the check that proves it"),
        ({"status": "damaged", "check": None}, "say why in 'reason'"),
        ({"status": "by definition", "check": None}, "say why in 'reason'"),
        ({"status": "corrected"}, "'printed' belongs to equations that are corrected"),
        ({"status": "differs", "reason": "r"}, "'printed' belongs to equations that are corrected"),
        ({"printed": "y"}, "'printed' belongs to equations that are corrected"),
        ({"status": "corrected", "printed": "y"}, "no erratum of certainty A says so"),
        ({"errata": ["E99"]}, "errata that the ledger lacks: E99"),
    ],
)
def test_a_wrong_entry_is_refused_in_one_line(tmp_path, changes, message):
    with pytest.raises(ConfigurationError, match=message) as error:
        ledger.read(written(tmp_path, entry(**changes)))
    assert "\n" not in str(error.value)


def test_an_entry_that_stands_twice_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="stands twice"):
        ledger.read(written(tmp_path, entry(), entry()))


def test_a_missing_ledger_and_a_missing_record_say_what_to_do(tmp_path):
    with pytest.raises(ConfigurationError, match="needs a clone"):
        ledger.read(tmp_path)
    with pytest.raises(ConfigurationError, match="make checks"):
        stored(tmp_path)


def test_an_unknown_equation_is_refused_with_the_nearest_one():
    with pytest.raises(ConfigurationError, match="li-han-2022-eq-7"):
        ledger.show("li-han-2022-eq7")


def test_checks_do_not_run_when_an_entry_names_a_missing_check(monkeypatch):
    equation = next(iter(LEDGER.equations.values()))
    wrong = LEDGER._replace(equations={equation.id: replace(equation, check="m:f")})
    monkeypatch.setattr("ledger.outcomes.read", lambda: wrong)
    with pytest.raises(ConfigurationError, match=f"{equation.id}: no check is called 'm:f'"):
        run_all()


# ----------------------------------------------------------------------------------- the two wheels


def wheel(source, folder):
    """Names of the files in the wheel that is built from a folder."""
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation"]
    built = subprocess.run(
        [*command, "--outdir", str(folder), str(source)], capture_output=True, text=True
    )
    assert built.returncode == 0, built.stdout + built.stderr
    (path,) = folder.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        return set(archive.namelist())


@pytest.mark.slow
def test_the_library_s_wheel_holds_no_ledger_and_the_ledger_s_wheel_holds_all_of_it(tmp_path):
    clone = tmp_path / "clone"
    for part in ("vsclib", "ledger"):
        ignore = shutil.ignore_patterns("__pycache__", "*.egg-info", "build")
        shutil.copytree(REPOSITORY / part, clone / part, ignore=ignore)
    for part in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(REPOSITORY / part, clone / part)

    library = wheel(clone, tmp_path / "library")
    assert "vsclib/checks/__init__.py" in library
    assert [name for name in library if "ledger" in name or "claims" in name] == []

    own = wheel(clone / "ledger", tmp_path / "own")
    sources = [path for path in (REPOSITORY / "ledger").rglob("*") if path.suffix in KINDS]
    assert {path.relative_to(REPOSITORY).as_posix() for path in sources} <= own
    assert {name.split("/")[0].split("-")[0] for name in own} == {"ledger", "vsclib_ledger"}


def test_the_library_knows_nothing_of_the_ledger():
    sources = (REPOSITORY / "vsclib").rglob("*.py")
    imports = re.compile(r"^\s*(?:from|import) ledger\b", re.MULTILINE)
    assert [path for path in sources if imports.search(path.read_text(encoding="utf-8"))] == []
