"""Contestants in processes of their own: they are told when to take a turn, line by line."""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.turns import Turn

REPOSITORY = Path(__file__).parent.parent
HERE = Path(__file__).parent


class ProcessFailed(RuntimeError):
    """A process ended before it answered."""


class Elsewhere:
    """A contestant in another process, which prints ``ready`` and then a line of JSON a turn.

    Args:
        command: Python and what it runs.
        specification: becomes the last argument, as JSON.
    """

    def __init__(self, command: Sequence[str], specification: dict[str, Any]) -> None:
        self.process = subprocess.Popen(
            [*command, json.dumps(specification)],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.last: dict[str, Any] = {}
        self.waiting = True

    def heard(self, wanted: str) -> str:
        """The next line that begins like this; what a library prints in between is left out."""
        assert self.process.stdout is not None and self.process.stderr is not None
        for line in self.process.stdout:
            if line.startswith(wanted):
                return line.removeprefix(wanted)
        self.process.wait()
        reasons = self.process.stderr.read().strip().splitlines() or ["it said nothing"]
        raise ProcessFailed(reasons[-1])

    def ready(self) -> None:
        """Wait until all is imported and read.

        Raises:
            ProcessFailed: it ended before, with the last line of its error.
        """
        if self.waiting:
            self.heard("ready")
            self.waiting = False

    def begin(self) -> None:
        """Let a turn begin."""
        self.ready()
        assert self.process.stdin is not None
        self.process.stdin.write("turn\n")
        self.process.stdin.flush()

    def end(self) -> Turn:
        """Wait for its end."""
        self.last = json.loads(self.heard("turn "))
        return Turn(*(self.last[field] for field in Turn._fields))

    def turn(self) -> Turn:
        """Take a turn."""
        self.begin()
        return self.end()

    def close(self) -> None:
        """End the process."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            self.process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self.process.kill()
        for pipe in (self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()


class Team:
    """Processes that take their turns at the same time."""

    def __init__(self, members: Sequence[Elsewhere]) -> None:
        self.members = members

    def turn(self) -> Turn:
        """All members' steps, from the first one's start to the last one's end."""
        for member in self.members:
            member.ready()
        clock = time.perf_counter()
        for member in self.members:
            member.begin()
        turns = [member.end() for member in self.members]
        seconds, loss = time.perf_counter() - clock, turns[0].loss
        return Turn(
            sum(turn.steps for turn in turns),
            seconds,
            sum(turn.cpu_seconds for turn in turns),
            loss,
        )

    def close(self) -> None:
        """End all."""
        for member in self.members:
            member.close()


def training_process(specification: dict[str, Any]) -> Elsewhere:
    """A training of the library in a process of its own; see ``benchmarks/worker.py``."""
    return Elsewhere([sys.executable, "-m", "benchmarks.worker"], specification)
