"""Checks that show that something is wrong: printed forms, corrections, slips."""

import pytest
import sympy

from vsclib import checks
from vsclib.checks import CheckFailed, CheckRefused

x, y = sympy.symbols("x y")


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
    with pytest.raises(CheckRefused, match="missing a required argument: 'tolerance'"):
        checks.fails(checks.close, "tolerance is missing", 1.0, 2.0)

    def broken(name):
        raise KeyError(name)

    with pytest.raises(KeyError):
        checks.fails(broken, "a slip in the check itself")


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

    def blind(name, form):
        return checks.close(name, float(form.subs(x, 0)), 1.0, tolerance=1e-9)

    with pytest.raises(CheckFailed, match="was to fail and does not"):
        checks.catches("blind", blind, x**2 + 2 * x + 1)
