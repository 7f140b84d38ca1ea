"""Checks by name: what counts as a check, what runs it, and how entries and checks must match."""

import sys
import textwrap
from pathlib import Path

import pytest

from ledger import registry
from ledger.entries import Ledger, Slip
from vsclib.checks import CheckFailed
from vsclib.errors import ConfigurationError

MODULE = """
    from vsclib.checks import close, correction, fails, overflow, symbolic
    import torch

    def is_three(name, value):
        return close(name, value, 3, tolerance=0.1)

    def corrected():
        yield correction("E99", is_three, printed=4, right=3)

    def verified():
        return close("Eq. 2", 1, 1, tolerance=0)

    def swept():
        ways = {"square": torch.square}
        yield [overflow("Eq. 3", ways, lambda z: z * z, z=(0, 1), safe=["square"])]

    def refuted_only():
        yield fails(close, "Eq. 4", 1, 2, tolerance=0)

    def failing():
        yield close("Eq. 5", 1, 2, tolerance=0)

    def empty():
        return []

    def careless():
        return True

    def hidden():
        try:
            close("Eq. 8", 1, 2, tolerance=0)
        except ValueError as failure:
            return failure.verdict

    def _helper():
        return None
"""
NAMES = tuple(
    f"paper:{function}"
    for function in (
        "careless",
        "corrected",
        "empty",
        "failing",
        "hidden",
        "refuted_only",
        "swept",
        "verified",
    )
)


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """A package with one module of checks, and one that imports from it."""
    folder: Path = tmp_path_factory.mktemp("checks") / "checks_for_the_test"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "paper.py").write_text(textwrap.dedent(MODULE))
    (folder / "other.py").write_text("from checks_for_the_test.paper import verified\n")
    sys.path.insert(0, str(folder.parent))
    yield folder.name
    sys.path.remove(str(folder.parent))


def naming(*checks):
    """A ledger whose entries name these checks."""
    slips = {check: Slip(title=f"about {check}", check=check) for check in checks}
    return Ledger({}, {}, {}, {slip.id: slip for slip in slips.values()})


def test_checks_are_public_functions_without_parameters_where_they_are_defined(package):
    assert registry.names(package) == NAMES


def test_run_gathers_verdicts(package):
    outcome = registry.run("paper:corrected", package)
    assert outcome.corrects and len(outcome.verdicts) == 2
    assert str(outcome).count("\n") == 1 and outcome.seconds >= 0
    verified = registry.run("paper:verified", package)
    assert not verified.corrects and not verified.refutes
    refuted = registry.run("paper:refuted_only", package)
    assert not refuted.corrects and refuted.refutes
    assert registry.run("paper:swept", package).verdicts[0].passed


def test_run_does_not_hide_failures_or_emptiness(package):
    with pytest.raises(CheckFailed):
        registry.run("paper:failing", package)
    for name, reason in (
        ("empty", "shows nothing"),
        ("careless", "gives bool"),
        ("hidden", "holds back a failure"),
    ):
        with pytest.raises(ConfigurationError, match=reason):
            registry.run(f"paper:{name}", package)


@pytest.mark.parametrize(
    "name, remedy",
    [
        ("paper:correctd", "did you mean 'corrected'"),
        ("papper:corrected", "did you mean 'paper'"),
        ("paper:_helper", "has no check '_helper'"),
        ("paper:is_three", "has no check 'is_three', a public function without parameters"),
        ("paper", "module:function"),
        ("other:verified", "has no check 'verified'"),
        ("os:system", "no check is called 'os:system'"),
    ],
)
def test_unknown_names_are_refused_with_the_nearest(package, name, remedy):
    with pytest.raises(ConfigurationError, match=remedy) as refusal:
        registry.named(name, package)
    assert "\n" not in str(refusal.value)


def test_entries_that_name_every_check_match(package):
    registry.require_match(naming(*NAMES), package)


def test_a_check_that_no_entry_names_is_refused(package):
    with pytest.raises(ConfigurationError, match=r"no entry .* names the check 'paper:verified'"):
        registry.require_match(naming(*NAMES[:-1]), package)


def test_an_entry_that_names_a_missing_check_is_refused_by_name(package):
    with pytest.raises(ConfigurationError, match=r"about paper:verifed: .* mean 'verified'"):
        registry.require_match(naming(*NAMES, "paper:verifed"), package)
