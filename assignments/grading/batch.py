"""Grades a folder of submissions, several at once, and keeps each result as it comes.

A result is kept with the checksums of the file and of the assignment: what is graded already is not
graded again, and a run that was killed goes on.
"""

import hashlib
import json
import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from grading.assignment import Assignment
from grading.errors import CourseError
from grading.fence import require_fence
from grading.scoring import Part
from grading.student import Graded, grade
from grading.submissions import Submission
from vsclib.files import write_text

Say = Callable[[str], None]


def grade_all(
    assignment: Assignment,
    submissions: list[Submission],
    work: Path,
    *,
    only: str = "",
    unfenced: bool = False,
    at_once: int = 0,
    say: Say = lambda line: print(line, file=sys.stderr, flush=True),
) -> list[Graded]:
    """The results of all submissions, in their order.

    Args:
        assignment: what is asked.
        submissions: what was handed in.
        work: where results are kept.
        only: a student to grade again; the others keep what they have.
        unfenced: grade without a fence where there is none.
        at_once: how many submissions at a time; 0 takes one for each processor core.
        say: gets a line for each submission.

    Raises:
        CourseError: no fence, no such student, or the assignment's own code does not run.
    """
    fenced = require_fence(unfenced)
    known = [submission.student for submission in submissions]
    if only and only not in known:
        raise CourseError(f"{only!r} handed nothing in: ONLY is one of {', '.join(known)}")
    digest = assignment.digest()
    results = {s.student: kept(work, s, digest) for s in submissions if s.student != only}
    ahead = [s for s in submissions if results.get(s.student) is None]
    if only:
        ahead = [s for s in ahead if s.student == only]
    _announce(assignment, len(submissions), len(ahead), fenced, say)
    began = time.monotonic()
    with ThreadPoolExecutor(at_once or os.cpu_count() or 1) as pool:
        futures = {pool.submit(grade, assignment, s, fenced): s for s in ahead}
        try:
            for done, future in enumerate(as_completed(futures), start=1):
                result, submission = future.result(), futures[future]
                keep(work, submission, digest, result)
                results[submission.student] = result
                left = (time.monotonic() - began) / done * (len(ahead) - done)
                say(_line(assignment, result, done, len(ahead), left))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return [results[s.student] for s in submissions if results.get(s.student) is not None]


def _announce(assignment: Assignment, all_: int, ahead: int, fenced: bool, say: Say) -> None:
    kept_ones = f", {all_ - ahead} kept from before" if ahead < all_ else ""
    say(f"{assignment.name}: {ahead} to grade{kept_ones}")
    if not fenced:
        say("WITHOUT A FENCE: students' code runs as you")


def _line(assignment: Assignment, result: Graded, done: int, all_: int, left: float) -> str:
    points = sum(result.points(question.name) for question in assignment.questions)
    worth = sum(question.points for question in assignment.questions)
    ahead = f", about {left / 60:.0f} min to go" if left >= 60 else f", about {left:.0f} s to go"
    return f"{done}/{all_} {result.student}: {points:g} of {worth:g}{ahead if done < all_ else ''}"


def place(work: Path, student: str) -> Path:
    """Where a student's result is kept; names of any script and length have one."""
    return work / "results" / f"{hashlib.sha256(student.encode()).hexdigest()[:24]}.json"


def _fingerprint(submission: Submission) -> str:
    if submission.path is None:
        return "none"
    try:
        return hashlib.sha256(submission.path.read_bytes()).hexdigest()
    except OSError:
        return "unreadable"


def keep(work: Path, submission: Submission, digest: str, result: Graded) -> None:
    """Write a result, whole or not at all."""
    facts = {"file": _fingerprint(submission), "assignment": digest, **result._asdict()}
    write_text(place(work, submission.student), json.dumps(facts, ensure_ascii=False, indent=1))


def all_kept(work: Path) -> list[Graded]:
    """Every result that is kept, by student."""
    found = (_read(path)[0] for path in (work / "results").glob("*.json"))
    return sorted((one for one in found if one is not None), key=lambda one: one.student)


def kept(work: Path, submission: Submission, digest: str) -> Graded | None:
    """A result from before, if neither the file nor the assignment has changed."""
    result, *checksums = _read(place(work, submission.student))
    return result if checksums == [_fingerprint(submission), digest] else None


def _read(path: Path) -> tuple[Graded | None, str, str]:
    """A kept result, and the checksums of the file and of the assignment that it came from."""
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        checksums = facts.pop("file"), facts.pop("assignment")
        parts = {name: [Part(*part) for part in lines] for name, lines in facts["parts"].items()}
        facts |= {"parts": parts, "remarks": tuple(facts["remarks"])}
        return Graded(**facts), *checksums
    except (OSError, ValueError, TypeError, LookupError, AttributeError):
        return None, "", ""
