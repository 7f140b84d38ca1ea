"""What the checks of the ledger found: run all of them, keep it beside the ledger, read it back for
the book's pages.
"""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from vsclib.checks import Outcome, names, run
from vsclib.claims.ledger import BOOK
from vsclib.errors import ConfigurationError, VsclibError
from vsclib.files import write_text


class Found(NamedTuple):
    """What a check found when the checks were last run.

    Attributes:
        about: what it settles.
        verdicts: a line each.
        seconds: how long it took.
    """

    about: tuple[str, ...]
    verdicts: tuple[str, ...]
    seconds: float


def can_fail(outcome: Outcome) -> bool:
    """Whether a check was seen to fail: on a printed form, on a slip, or on something else that is
    wrong.
    """
    return any(verdict.refutes or "slips caught" in verdict.how for verdict in outcome.verdicts)


def run_all(
    report: Callable[[object], None] = print,
) -> tuple[tuple[Outcome, ...], tuple[str, ...]]:
    """Run every check that the ledger may name; one that fails does not hold up the others.

    Args:
        report: called with each outcome or error as it comes.

    Returns:
        The outcomes of those that passed, and the names of those that did not.
    """
    outcomes, failed = [], []
    for name in names():
        try:
            outcomes.append(run(name))
            report(outcomes[-1])
        except VsclibError as error:
            failed.append(name)
            report(error)
    return tuple(outcomes), tuple(failed)


def keep(outcomes: Iterable[Outcome], book: Path = BOOK) -> Path:
    """Write what the checks found to ``checks.json``.

    Args:
        outcomes: from :func:`run_all`.
        book: the folder of the book's sources.

    Returns:
        The file.
    """
    found = {
        outcome.name: {
            "about": outcome.about,
            "verdicts": [str(verdict) for verdict in outcome.verdicts],
            "seconds": round(outcome.seconds, 2),
        }
        for outcome in outcomes
    }
    path = book / "checks.json"
    write_text(path, json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    return path


def kept(book: Path = BOOK) -> dict[str, Found]:
    """What the checks found, by name.

    Args:
        book: the folder of the book's sources.

    Raises:
        ConfigurationError: nothing was kept.
    """
    path = book / "checks.json"
    if not path.is_file():
        raise ConfigurationError(f"{path} is missing: run 'make checks'")
    found = json.loads(path.read_text(encoding="utf-8"))
    return {
        name: Found(tuple(entry["about"]), tuple(entry["verdicts"]), entry["seconds"])
        for name, entry in found.items()
    }
