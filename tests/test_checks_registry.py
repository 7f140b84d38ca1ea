"""Checks that show that something is wrong, and checks by name."""

import sys
import textwrap
from pathlib import Path

import pytest
import sympy

from vsclib import checks
from vsclib.checks import CheckFailed, CheckRefused
from vsclib.errors import ConfigurationError

x, y = sympy.symbols("x y")


# ----------------------------------------------------------------------------------- what must fail


def test_a_printed_form_is_shown_to_fail():
    verdict = checks.fails(checks.symbolic, "as printed", x**2 - x + 1, (x + 1) ** 2)
    assert verdict.passed and verdict.refutes and str(verdict).endswith("; fails, as it should")
    assert verdict.error > verdict.tolerance


def test_a_form_that_is_right_cannot_be_shown_to_fail():
    with pytest.raises(CheckFailed, match="was to fail and does not"):
        checks.fails(checks.symbolic, "as printed", x**2 + 2 * x + 1, (x + 1) ** 2)


def test_what_cannot_be_decided_refutes_nothing():
    with pytest.raises(CheckRefused):
        checks.fails(checks.close, "shapes", [1.0, 2.0], [1.0, 2.0, 3.0], tolerance=0)
    with pytest.raises(CheckRefused):
        checks.fails(checks.symbolic, "undefined", sympy.Function("R")(x), x)


def test_other_errors_refute_nothing_either():
    with pytest.raises(TypeError):
        checks.fails(checks.close, "tolerance is missing", 1.0, 2.0)


def test_nan_in_a_printed_form_refutes_it():
    assert checks.fails(checks.close, "0 log 0", float("nan"), 0.0, tolerance=1.0).refutes


def square(name, form):
    return checks.symbolic(name, form, (x + 1) ** 2)


def test_a_correction_needs_the_right_form_to_pass_and_the_printed_one_to_fail():
    right, printed = x**2 + 2 * x + 1, x**2 + x + 1
    both = checks.correction("E00", square, printed=printed, right=right)
    assert both.right.passed and not both.right.refutes and both.printed.refutes
    first, second = str(both).splitlines()
    assert first.startswith("E00, corrected: ") and first.endswith("passed")
    assert second.startswith("E00, as printed: ") and second.endswith("fails, as it should")
    for wrong in ({"printed": right, "right": right}, {"printed": printed, "right": printed}):
        with pytest.raises(CheckFailed):
            checks.correction("E00", square, **wrong)


def test_slips_are_signs_halves_doubles_and_lost_squares():
    found = checks.slips(x**2 / 2 + y)
    assert found["sign of y"] == x**2 / 2 - y and found["half of y"] == x**2 / 2 + y / 2
    assert found["twice x**2/2"] == x**2 + y and found["x for x**2"] == x / 2 + y
    assert checks.slips(1 / x**2)["x for x**2"] == 1 / x
    assert x**2 / 2 + y not in found.values()


def test_a_check_must_catch_every_slip():
    verdict = checks.catches("square", square, x**2 + 2 * x + 1)
    assert "10 slips caught" in verdict.how and verdict.passed
    blind = lambda name, form: checks.close(name, float(form.subs(x, 0)), 1.0, tolerance=1e-9)  # noqa: E731
    with pytest.raises(CheckFailed, match="was to fail and does not"):
        checks.catches("blind", blind, x**2 + 2 * x + 1)


# ----------------------------------------------------------------------------------- checks by name

MODULE = """
    from vsclib.checks import claim, close, correction, fails, overflow, symbolic
    import torch

    @claim("Eq. 1", "E99")
    def corrected():
        yield correction("E99", lambda name, value: close(name, value, 3, tolerance=0.1), printed=4, right=3)

    @claim("Eq. 2")
    def verified():
        return close("Eq. 2", 1, 1, tolerance=0)

    @claim("Eq. 3")
    def swept():
        yield [overflow("Eq. 3", {"square": torch.square}, lambda z: z * z, z=(0, 1), safe=["square"])]

    @claim("Eq. 4")
    def refuted_only():
        yield fails(close, "Eq. 4", 1, 2, tolerance=0)

    @claim("Eq. 5")
    def failing():
        yield close("Eq. 5", 1, 2, tolerance=0)

    @claim("Eq. 6")
    def empty():
        return []

    @claim("Eq. 7")
    def careless():
        return True

    @claim("Eq. 8")
    def hidden():
        try:
            close("Eq. 8", 1, 2, tolerance=0)
        except ValueError as failure:
            return failure.verdict

    def helper():
        return None
"""


@pytest.fixture(scope="module")
def ledger(tmp_path_factory):
    """A package with one module of checks."""
    folder: Path = tmp_path_factory.mktemp("claims") / "claims_for_the_test"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "paper.py").write_text(textwrap.dedent(MODULE))
    (folder / "other.py").write_text("from claims_for_the_test.paper import verified\n")
    sys.path.insert(0, str(folder.parent))
    yield folder.name
    sys.path.remove(str(folder.parent))


def test_names_lists_marked_functions_where_they_are_defined(ledger):
    listed = [
        "careless",
        "corrected",
        "empty",
        "failing",
        "hidden",
        "refuted_only",
        "swept",
        "verified",
    ]
    assert checks.names(ledger) == tuple(f"paper:{name}" for name in listed)


def test_run_gathers_verdicts(ledger):
    outcome = checks.run("paper:corrected", ledger)
    assert outcome.about == ("Eq. 1", "E99") and outcome.corrects and len(outcome.verdicts) == 2
    assert str(outcome).count("\n") == 1 and outcome.seconds >= 0
    assert not checks.run("paper:verified", ledger).corrects
    assert not checks.run("paper:refuted_only", ledger).corrects
    assert checks.run("paper:swept", ledger).verdicts[0].passed


def test_run_does_not_hide_failures_or_emptiness(ledger):
    with pytest.raises(CheckFailed):
        checks.run("paper:failing", ledger)
    for name, reason in (
        ("empty", "shows nothing"),
        ("careless", "gives bool"),
        ("hidden", "holds back a failure"),
    ):
        with pytest.raises(ConfigurationError, match=reason):
            checks.run(f"paper:{name}", ledger)


@pytest.mark.parametrize(
    "name, remedy",
    [
        ("paper:correctd", "did you mean 'corrected'"),
        ("papper:corrected", "did you mean 'paper'"),
        ("paper:helper", "has no check 'helper'"),
        ("paper", "module:function"),
        ("other:verified", "has no check 'verified'"),
        ("os:system", "no check is called 'os:system'"),
    ],
)
def test_unknown_names_are_refused_with_the_nearest(ledger, name, remedy):
    with pytest.raises(ConfigurationError, match=remedy) as refusal:
        checks.named(name, ledger)
    assert "\n" not in str(refusal.value)


def test_a_claim_names_what_it_settles():
    for arguments in ((), (lambda: None,)):
        with pytest.raises(ConfigurationError, match="what it settles"):
            checks.claim(*arguments)


@pytest.mark.slow
@pytest.mark.parametrize("name", checks.names())
def test_every_check_of_the_library_s_claims_passes(name):
    assert checks.run(name).verdicts
