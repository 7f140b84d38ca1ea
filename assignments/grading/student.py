"""Grades one submission: each question in a fence of its own, then all of them judged at once."""

import json
import secrets
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

from grading import fence
from grading.assignment import Assignment, Question
from grading.notebook import UnreadableError, in_order, read
from grading.scoring import Part
from grading.submissions import Submission

ROOM = Path(__file__).resolve().parents[1]
# A judge's process, for all questions of one student.
JUDGING = fence.Limits(seconds=300.0)


class Graded(NamedTuple):
    """One student's result.

    Attributes:
        student: the name in the table.
        parts: by question.
        reasons: one line for each question that lost points, and ``""`` for the whole file.
        remarks: what the teacher should know besides.
        fenced: whether it ran in the fence.
        seconds: what grading took.
    """

    student: str
    parts: dict[str, list[Part]]
    reasons: dict[str, str]
    remarks: tuple[str, ...]
    fenced: bool
    seconds: float

    def points(self, question: str) -> float:
        """What the student earned for a question."""
        return sum(part.points for part in self.parts.get(question, []) if part.earned)


def grade(assignment: Assignment, submission: Submission, fenced: bool) -> Graded:
    """Run and judge one submission; whatever it does, this returns.

    Args:
        assignment: what is asked.
        submission: what was handed in.
        fenced: whether to run it in the fence.
    """
    began = time.monotonic()
    empty = Graded(submission.student, {}, {}, submission.remarks, fenced, 0.0)
    if submission.path is None:
        return empty._replace(reasons={"": submission.remarks[0]}, remarks=())
    try:
        cells = read(submission.path)
    except UnreadableError as error:
        return empty._replace(reasons={"": str(error)})
    answers, reasons, endless = _ask_all(assignment, cells, fenced)
    parts = _judge(assignment, answers, fenced)
    for question in assignment.questions:
        earned = sum(part.points for part in parts.get(question.name, []) if part.earned)
        if earned < question.points and question.name not in reasons:
            lost = [part.why for part in parts.get(question.name, []) if not part.earned]
            reasons[question.name] = next(iter(lost), "could not be judged")
        elif earned == question.points:
            reasons.pop(question.name, None)
    names = {name for question in assignment.questions for name in question.answers}
    own = sum(cells[index]["name"] not in names for index in endless)
    slow = (f"{own} of the student's own cells took too long",) if own else ()
    seconds = time.monotonic() - began
    remarks = (*submission.remarks, *slow)
    return empty._replace(parts=parts, reasons=reasons, remarks=remarks, seconds=seconds)


def _ask_all(
    assignment: Assignment, cells: list[dict[str, Any]], fenced: bool
) -> tuple[dict[str, dict], dict[str, str], set[int]]:
    """Every question's answers, where running failed the reason, and cells out of time."""
    answers: dict[str, dict] = {}
    reasons: dict[str, str] = {}
    endless: set[int] = set()
    left = assignment.notebook_seconds
    for question in assignment.questions:
        if left <= 0.0:
            most = assignment.notebook_seconds
            reasons[question.name] = f"not reached: the notebook took more than {most:.0f} seconds"
            answers[question.name] = {}
            continue
        began = time.monotonic()
        limits = assignment.limits._replace(seconds=min(left, assignment.question_seconds))
        kept, trouble, stopped = _ask(assignment, question, cells, endless, limits, fenced)
        left -= time.monotonic() - began
        answers[question.name] = kept
        reason = stopped or _reason(question, cells, trouble)
        if reason:
            reasons[question.name] = reason
        # A cell that ran out of time once is left out where another question comes after it.
        endless |= {line["index"] for line in trouble if line["words"] == "took too long"}
    return answers, reasons, endless - {-1}


def _ask(
    assignment: Assignment,
    question: Question,
    cells: list[dict[str, Any]],
    endless: set[int],
    limits: fence.Limits,
    fenced: bool,
) -> tuple[dict[str, dict], list[dict], str]:
    """One question's answers, what went wrong in which cell, and what stopped it."""
    order = in_order(cells, assignment.cells, question.answers, assignment.cell_seconds)
    work = {
        "token": secrets.token_hex(16),
        "question": question.name,
        "answers": list(question.answers),
        "probes": str(assignment.folder / "probes.py"),
        "seconds": assignment.cell_seconds,
        "cells": [cell for cell in order if cell["index"] not in endless],
    }
    outcome = run_module(
        "grading.inside", [], json.dumps(work).encode(), limits, fenced, [Path(work["probes"])]
    )
    said = read_answer(outcome.output, work["token"])
    if said is None:
        ended = f"its code ended the process ({_status(outcome.status)})"
        return {}, [], outcome.stopped or ended
    return said["answers"], said["trouble"], outcome.stopped


def run_module(
    module: str,
    arguments: list[str],
    stdin: bytes,
    limits: fence.Limits,
    fenced: bool,
    read_only: list[Path],
) -> fence.Outcome:
    """Run one of the grading's own modules behind the fence, which holds no other file of it."""
    files = [ROOM / "grading" / f"{name}.py" for name in ("__init__", *_needs(module))]
    start = (
        f"import runpy, sys; sys.path[:0] = [{str(ROOM)!r}]; "
        f"sys.path.append({str(fence.REPOSITORY)!r}); "
        "runpy.run_module(sys.argv.pop(1), run_name='__main__', alter_sys=True)"
    )
    command = [sys.executable, "-c", start, module, *arguments]
    return fence.run(
        command, stdin=stdin, read_only=[*files, *read_only], limits=limits, fenced=fenced
    )


def _needs(module: str) -> tuple[str, ...]:
    name = module.rpartition(".")[2]
    return ("plain", name, "truth") if name == "scoring" else ("plain", name)


def read_answer(output: bytes, token: str) -> dict[str, Any] | None:
    """What the process said behind its word; None where it said nothing that can be read."""
    lines = [line for line in output.split(b"\n") if line.startswith(token.encode())]
    if not lines:
        return None
    try:
        said = json.loads(lines[-1][len(token) :])
        answers = {
            str(key): {
                str(k): str(v)[:200] if k == "error" else v
                for k, v in kept.items()
                if k in ("value", "error")
            }
            for key, kept in said["answers"].items()
        }
        trouble = [
            {"index": int(line["index"]), "words": str(line["words"])[:120]}
            for line in said["trouble"]
        ]
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None
    return {"answers": answers, "trouble": trouble}


def _reason(question: Question, cells: list[dict[str, Any]], trouble: list[dict]) -> str:
    """Why a question may have lost points, seen from the cells that ran for it."""
    at = {n: cell["name"] for n, cell in enumerate(cells)}
    own = [line for line in trouble if at.get(line["index"]) in question.answers]
    if own:
        words = own[-1]["words"]
        return words if words == "unanswered" else f"its answer: {words}"
    missing = [name for name in question.answers if name not in at.values()]
    return f"the cell {missing[0]} is missing" if missing else ""


def _status(status: int) -> str:
    return f"signal {-status}" if status < 0 else f"exit status {status}"


def _judge(assignment: Assignment, answers: dict[str, dict], fenced: bool) -> dict[str, list[Part]]:
    """The parts of every question; where judging all at once fails, one question at a time."""
    path = assignment.folder / "judge.py"
    files = [path, path.with_name("probes.py")]
    asked = {name: plain for name, plain in answers.items() if plain}
    groups = [asked] if asked else []
    parts: dict[str, list[Part]] = {}
    while groups:
        group = groups.pop()
        text = json.dumps(group).encode()
        outcome = run_module("grading.scoring", [str(path)], text, JUDGING, fenced, files)
        try:
            said = json.loads(outcome.output)
            parts |= {name: [Part(*part) for part in lines] for name, lines in said.items()}
        except (ValueError, TypeError, AttributeError):
            if len(group) > 1:
                groups += [{name: plain} for name, plain in group.items()]
            else:
                why = outcome.stopped or "it cannot be judged"
                parts |= {name: [Part(0.0, False, "", why)] for name in group}
    return parts
