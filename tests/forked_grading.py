"""Grades without a fence and without starting Python anew: what tests need for trusted answers.

Each question runs in a fork of a process that has everything imported, through the same code as in
the fence.
"""

import atexit
import base64
import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

from conftest import REPOSITORY
from grading import fence, student

PLACES = (REPOSITORY / "assignments", REPOSITORY)
DONE: dict[str, bytes] = {}


@cache
def server() -> subprocess.Popen:
    """The process that forks, started when it is first asked."""
    script = Path(__file__).with_name("fork_server.py")
    process = subprocess.Popen(
        [sys.executable, str(script)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, PLACES)), "OMP_NUM_THREADS": "1"},
    )
    atexit.register(process.kill)
    return process


def ask(module: str, arguments: list[str], stdin: bytes, seconds: float) -> fence.Outcome:
    """What a module says to its input, in a fork."""
    process = server()
    assert process.stdin is not None and process.stdout is not None
    text = base64.b64encode(stdin).decode()
    job = {"module": module, "arguments": arguments, "stdin": text, "seconds": seconds}
    process.stdin.write(json.dumps(job) + "\n")
    process.stdin.flush()
    said = json.loads(process.stdout.readline())
    return fence.Outcome(base64.b64decode(said["output"]), said["stopped"], said["status"])


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
                outcome = ask(module, arguments, one, limits.seconds)
                if outcome.status or outcome.stopped:
                    return outcome
                DONE[key] = outcome.output
            parts |= json.loads(DONE[key])
        return fence.Outcome(json.dumps(parts).encode(), "", 0)
    token = work.pop("token")
    key = f"{module} {json.dumps(work, sort_keys=True)}"
    if key not in DONE:
        outcome = ask(module, arguments, stdin, limits.seconds)
        if outcome.status or outcome.stopped:
            return outcome
        DONE[key] = outcome.output.replace(token.encode(), b"TOKEN")
    return fence.Outcome(DONE[key].replace(b"TOKEN", token.encode()), "", 0)


def grade(assignment: Any, submission: Any, monkeypatch: Any) -> student.Graded:
    """One submission's result, by forks."""
    monkeypatch.setattr(student, "run_module", run_module)
    return student.grade(assignment, submission, fenced=True)


def visible_failures(content: dict, first: bool = False) -> list[str]:
    """Names of visible tests that fail from top to bottom; only the ``first``, where that is all."""
    work = json.dumps({"content": content, "first": first}).encode()
    return json.loads(ask("visible", [], work, 600.0).output)
