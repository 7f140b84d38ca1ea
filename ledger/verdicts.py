"""Verdicts: what follows from the records, by the rule that stands beside each result."""

from collections.abc import Mapping
from typing import Literal, NamedTuple

import numpy as np

from ledger.evidence import Trained, chosen, strata, value
from ledger.results import Claim, Result
from vsclib.records import Comparison, corrected, exact_test

Standing = Literal["holds", "fails", "undecided", "not run"]
Verdict = Literal["reproduced", "partly", "refuted", "undecided", "not run"]
LEVEL = 0.05
"""A ranking is decided when its corrected p-value lies below this."""
FEWEST = 3
"""Trainings from which a number is held against another."""
STRATA = ("dataset", "latents")
"""What two groups must have in common to be compared: unless the sentence is about it."""


class Judged(NamedTuple):
    """A claim beside what the records say.

    Attributes:
        claim: the sentence.
        standing: whether it holds.
        comparison: of the two groups, for a sentence that compares; its p is not corrected.
        p: corrected for all comparisons of the document; None where nothing is ranked.
        mean: of the first group, times the claim's scale; None where there is no training.
        against: mean of the other group, the printed value or the threshold.
        trainings: of the first group and of the other.
    """

    claim: Claim
    standing: Standing
    comparison: Comparison | None
    p: float | None
    mean: float | None
    against: float | None
    trainings: tuple[int, int]


class Finding(NamedTuple):
    """A result with its verdict.

    Attributes:
        result: the entry.
        verdict: reproduced when every claim holds, refuted when none does and at least one fails,
            partly between, undecided when the trainings cannot tell.
        judged: claim by claim.
        trained: every training that answers it.
    """

    result: Result
    verdict: Verdict
    judged: tuple[Judged, ...]
    trained: tuple[Trained, ...]


def judge(results: Mapping[str, Result]) -> dict[str, Finding]:
    """The verdicts of all results, each document's comparisons corrected together."""
    found: dict[str, Finding] = {}
    for document in dict.fromkeys(result.document for result in results.values()):
        mine = [result for result in results.values() if result.document == document]
        first = {
            result.id: [_measured(result, claim) for claim in result.claims] for result in mine
        }
        ranked = [one for judged in first.values() for one in judged if one.p is not None]
        values = iter(corrected([one.p for one in ranked if one.p is not None]))
        for result in mine:
            judged = tuple(
                _decided(one if one.p is None else one._replace(p=next(values)))
                for one in first[result.id]
            )
            asked = [one for claim in result.claims for one in _selections(claim)]
            trained = tuple(one for selection in asked for one in _trained(result, selection))
            unique = tuple({id(one): one for one in trained}.values())
            found[result.id] = Finding(result, _verdict(judged), judged, unique)
    return {id: found[id] for id in results}


def _selections(claim: Claim) -> list[dict]:
    """The trainings that a claim is about, and those that it compares them with."""
    other = claim.above or claim.below
    return [claim.of, {**claim.of, **other}] if other else [claim.of]


def _trained(result: Result, selection: Mapping) -> list[Trained]:
    return chosen({"sweeps": result.sweeps, "runs": result.runs}, selection)


def _measured(result: Result, claim: Claim) -> Judged:
    """The numbers of a claim, before it is known how many others are compared."""
    ours = _trained(result, claim.of)
    numbers = [value(one, claim.measure) for one in ours]
    values = [number * claim.scale for number in numbers if number is not None]
    mean = float(np.mean(values)) if values else None
    other = claim.above or claim.below
    if not other:
        against = claim.at_least if claim.at_least is not None else claim.at_most
        against = result.printed[claim.printed] if claim.printed else against
        return Judged(claim, "undecided", None, None, mean, against, (len(values), 0))
    theirs = _trained(result, {**claim.of, **other})
    by = tuple(name for name in STRATA if name not in other)
    a, b = strata(ours, theirs, claim.measure, by)
    if not a:
        return Judged(claim, "not run", None, None, mean, None, (len(values), 0))
    first, second = ([[x * claim.scale for x in one] for one in group] for group in (a, b))
    found = exact_test(first, second)
    here, there = (float(np.mean([np.mean(one) for one in group])) for group in (first, second))
    p = None if claim.within is not None else found.p
    return Judged(claim, "undecided", found, p, here, there, found.trainings)


def _decided(judged: Judged) -> Judged:
    """What the numbers make of the sentence."""
    claim, found = judged.claim, judged.comparison
    if judged.mean is None or judged.standing == "not run":
        return judged._replace(standing="not run")
    few = judged.trainings[0] if found is None else min(judged.trainings)
    if judged.p is None and few < FEWEST:
        return judged._replace(standing="undecided")
    if found is not None and claim.within is not None:
        return judged._replace(
            standing="holds" if abs(found.difference) <= claim.within else "fails"
        )
    if found is not None:
        return judged._replace(standing=_ranked(claim, found, judged.p))
    if claim.printed:
        assert judged.against is not None and claim.within is not None
        held = abs(judged.mean - judged.against) <= claim.within
    elif claim.at_least is not None:
        held = judged.mean >= claim.at_least
    else:
        assert claim.at_most is not None
        held = judged.mean <= claim.at_most
    return judged._replace(standing="holds" if held else "fails")


def _ranked(claim: Claim, found: Comparison, p: float | None) -> Standing:
    ahead = found.difference if claim.above else -found.difference
    if p is None or p >= LEVEL:
        return "undecided"
    return "holds" if ahead > 0.0 and ahead >= claim.by else "fails"


def _verdict(judged: tuple[Judged, ...]) -> Verdict:
    standings = {one.standing for one in judged} or {"not run"}
    if standings == {"not run"}:
        return "not run"
    if standings == {"holds"}:
        return "reproduced"
    if "holds" in standings:
        return "partly"
    return "refuted" if "fails" in standings else "undecided"
