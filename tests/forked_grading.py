"""Grades without a fence and without starting Python anew: what tests need for trusted answers.

Each question runs in a fork of the test's process, through the same code as in the fence.
"""

import json
import os
import select
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

# What answers and judges import is imported here, once for all forks.
import grading.truth  # noqa: F401
import IPython.core.interactiveshell  # noqa: F401
import mpmath  # noqa: F401
import scipy.stats  # noqa: F401
import sympy  # noqa: F401
import torch  # noqa: F401
from grading import fence, inside, scoring, student

import vsclib.checks
import vsclib.data
import vsclib.models  # noqa: F401

MAINS: dict[str, Callable[[], None]] = {
    "grading.inside": inside.main,
    "grading.scoring": scoring.main,
}


DONE: dict[str, bytes] = {}


def run_module(
    module: str,
    arguments: list[str],
    stdin: bytes,
    limits: fence.Limits,
    fenced: bool,
    read_only: list[Path],
) -> fence.Outcome:
    """What :func:`grading.student.run_module` does, in a fork; the same work is done once.

    A slip changes some answers; questions above it run the same cells as the solution's.
    """
    work = json.loads(stdin)
    if module == "grading.scoring":
        parts = {}
        for question, plain in work.items():
            one = json.dumps({question: plain}).encode()
            key = f"{module} {arguments} {one!r}"
            if key not in DONE:
                outcome = _in_fork(module, arguments, one, limits)
                if outcome.status or outcome.stopped:
                    return outcome
                DONE[key] = outcome.output
            parts |= json.loads(DONE[key])
        return fence.Outcome(json.dumps(parts).encode(), "", 0)
    token = work.pop("token")
    key = f"{module} {json.dumps(work, sort_keys=True)}"
    if key not in DONE:
        outcome = _in_fork(module, arguments, stdin, limits)
        if outcome.status or outcome.stopped:
            return outcome
        DONE[key] = outcome.output.replace(token.encode(), b"TOKEN")
    return fence.Outcome(DONE[key].replace(b"TOKEN", token.encode()), "", 0)


def _in_fork(
    module: str, arguments: list[str], stdin: bytes, limits: fence.Limits
) -> fence.Outcome:
    """A module's ``main`` with its input, in a fork that is killed when its time is over."""
    read_end, write_end = os.pipe()
    work_read, work_write = os.pipe()
    child = os.fork()
    if child == 0:
        _child(module, arguments, work_read, work_write, read_end, write_end)
    os.close(write_end)
    os.close(work_read)
    with os.fdopen(work_write, "wb") as file:
        file.write(stdin)
    output, end = bytearray(), time.monotonic() + limits.seconds
    while time.monotonic() < end:
        ready, _, _ = select.select([read_end], [], [], 0.5)
        if ready:
            piece = os.read(read_end, 65536)
            if not piece:
                break
            output += piece
    stopped = "" if time.monotonic() < end else f"took more than {limits.seconds:.0f} seconds"
    if stopped:
        os.kill(child, 9)
    os.close(read_end)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return fence.Outcome(bytes(output), stopped, status)


def _child(module: str, arguments: list[str], *ends: int) -> None:
    """The fork: does its work and never comes back."""
    work_read, work_write, read_end, write_end = ends
    try:
        os.close(work_write)
        os.close(read_end)
        os.dup2(work_read, 0)
        os.dup2(write_end, 1)
        os.close(write_end)
        sys.stdin, sys.stdout = os.fdopen(0, "r"), os.fdopen(1, "w")
        sys.argv = [module, *arguments]
        MAINS[module]()
        sys.stdout.flush()
    except BaseException:  # as a process of its own would end
        os._exit(1)
    os._exit(0)


def forked(function: Callable[[], Any]) -> Any:
    """What a function returns (JSON's kind), computed in a fork.

    A process that has computed gradients cannot be forked for more of them, so the tests' own does
    none.
    """
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(read_end)
            with os.fdopen(write_end, "w") as file:
                json.dump(function(), file)
        finally:
            os._exit(0)
    os.close(write_end)
    with os.fdopen(read_end) as file:
        said = file.read()
    os.waitpid(child, 0)
    return json.loads(said)


def grade(assignment: Any, submission: Any, monkeypatch: Any) -> student.Graded:
    """One submission's result, by forks."""
    monkeypatch.setattr(student, "run_module", run_module)
    return student.grade(assignment, submission, fenced=True)
