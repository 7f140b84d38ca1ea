"""What the checks found: run all of them, store it beside the entries, read it for the pages."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from ledger.entries import FOLDER, read
from ledger.registry import Outcome, names, require_match, run
from vsclib.errors import ConfigurationError, VsclibError
from vsclib.files import write_text

OUTCOMES = "outcomes.json"


class Found(NamedTuple):
    """What a check found when the checks were last run.

    Attributes:
        verdicts: a line each.
        seconds: how long it took.
    """

    verdicts: tuple[str, ...]
    seconds: float


def can_fail(outcome: Outcome) -> bool:
    """Whether a check was seen to fail on something wrong: a printed form, a slip, another form."""
    return outcome.refutes or any("slips caught" in verdict.how for verdict in outcome.verdicts)


def run_all(report: Callable[[str], None] = print) -> tuple[list[Outcome], list[str]]:
    """Run every check; one that fails does not hold up the others.

    Args:
        report: takes what each check settles and finds, as it comes.

    Returns:
        The outcomes of those that passed, and the names of those that did not.

    Raises:
        ConfigurationError: entries and checks do not match.
    """
    ledger = read()
    require_match(ledger)
    settled = ledger.checks
    outcomes: list[Outcome] = []
    failed: list[str] = []
    for name in names():
        report(f"{name} ({', '.join(settled[name])})")
        try:
            outcomes.append(run(name))
            report(f"{outcomes[-1]}\n")
        except VsclibError as error:
            failed.append(name)
            report(f"{error}\n")
    return outcomes, failed


def store(outcomes: Iterable[Outcome], folder: Path = FOLDER) -> Path:
    """Write what the checks found to ``outcomes.json``.

    Args:
        outcomes: from :func:`run_all`.
        folder: where the ledger lies.

    Returns:
        The file.
    """
    found = {
        outcome.name: {
            "verdicts": [str(verdict) for verdict in outcome.verdicts],
            "seconds": round(outcome.seconds, 2),
        }
        for outcome in outcomes
    }
    path = folder / OUTCOMES
    write_text(path, json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    return path


def stored(folder: Path = FOLDER) -> dict[str, Found]:
    """What the checks found, by name.

    Args:
        folder: where the ledger lies.

    Raises:
        ConfigurationError: nothing was stored.
    """
    path = folder / OUTCOMES
    if not path.is_file():
        raise ConfigurationError(f"{path} is missing: run 'make checks'")
    found = json.loads(path.read_text(encoding="utf-8"))
    return {
        name: Found(tuple(entry["verdicts"]), entry["seconds"]) for name, entry in found.items()
    }
