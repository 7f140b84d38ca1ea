"""Contestants that take turns, and what is said of them: medians and ratios over the rounds."""

import random
import statistics
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol


class Turn(NamedTuple):
    """What one turn took.

    Attributes:
        steps: training steps in it, of all members together.
        seconds: by the clock.
        cpu_seconds: processor time of all threads.
        loss: mean over the turn, nats per image; NaN where there is none.
    """

    steps: int
    seconds: float
    cpu_seconds: float
    loss: float = float("nan")


class Contestant(Protocol):
    """Whatever takes turns; a training goes on from one turn to the next."""

    def turn(self) -> Turn:
        """Take the next turn."""

    def close(self) -> None:
        """End."""


class Timed:
    """A function that is called in every turn; it counts as so many steps."""

    def __init__(self, work: Callable[[], float | None], steps: int = 1) -> None:
        self.work, self.steps = work, steps

    def turn(self) -> Turn:
        """Call the function."""
        clock, processor = time.perf_counter(), time.process_time()
        loss = self.work()
        seconds, cpu_seconds = time.perf_counter() - clock, time.process_time() - processor
        return Turn(self.steps, seconds, cpu_seconds, float("nan") if loss is None else loss)

    def close(self) -> None:
        """Nothing runs between two turns."""


class Paused:
    """A training that stops at every point of its history until its next turn.

    So one call of ``fit`` runs through all rounds, compiles once and keeps its optimiser, and the
    turn that begins it warms up. ``train`` is called in a thread with a callback for ``fit``.

    Args:
        train: calls ``fit`` with the callback that it is given.
        steps: training steps between two points, of all members together.
    """

    def __init__(self, train: Callable[["Paused"], Any], steps: int) -> None:
        self.steps = steps
        self.closing, self.error, self.loss = False, None, float("nan")
        self.go, self.arrived = threading.Event(), threading.Event()
        self.times = (0.0, 0.0)
        self.thread = threading.Thread(target=self._run, args=(train,), daemon=True)
        self.thread.start()

    def _run(self, train: Callable[["Paused"], Any]) -> None:
        try:
            self._wait()
            if not self.closing:
                train(self)
                raise RuntimeError("the training ended before its rounds did")
        except BaseException as error:
            self.error = None if self.closing else error
        self.arrived.set()

    def _wait(self) -> None:
        self.go.wait()
        self.go.clear()
        self.times = (time.perf_counter(), time.process_time())

    def record(self, progress: Any) -> bool:
        """Stop at a point of the history; ``fit`` calls it."""
        clock, processor = self.times
        self.times = (time.perf_counter() - clock, time.process_time() - processor)
        self.loss = progress.terms["total"]
        self.arrived.set()
        self._wait()
        return self.closing

    def turn(self) -> Turn:
        """Let it train to the next point."""
        self.arrived.clear()
        self.go.set()
        self.arrived.wait()
        if self.error is not None:
            raise self.error
        return Turn(self.steps, *self.times, self.loss)

    def close(self) -> None:
        """End the training."""
        self.closing = True
        self.go.set()
        self.thread.join(timeout=60)


Rounds = dict[str, list[Turn]]


def alternate(contestants: Mapping[str, Contestant], rounds: int, warm_up: bool = True) -> Rounds:
    """Every contestant's turns, one a round, in an order that changes; a round before warms up."""
    order, shuffle = list(contestants), random.Random(0)
    found: Rounds = {name: [] for name in contestants}
    try:
        for index in range(0 if warm_up else 1, rounds + 1):
            shuffle.shuffle(order)
            for name in order:
                turn = contestants[name].turn()
                if index:
                    found[name].append(turn)
    finally:
        for contestant in contestants.values():
            contestant.close()
    return found


def seconds_per_step(turns: list[Turn], clock: bool = False) -> list[float]:
    """Seconds of a step in every round, of processor time or by the clock."""
    return [(turn.seconds if clock else turn.cpu_seconds) / turn.steps for turn in turns]


def spread(values: list[float], digits: int = 3) -> dict[str, float]:
    """Median, smallest and largest value."""
    found = {"median": statistics.median(values), "lowest": min(values), "highest": max(values)}
    return {name: round(value, digits) for name, value in found.items()}


def times_faster(found: Rounds, ours: str, other: str, clock: bool = False) -> dict[str, float]:
    """How many times as long a step of the other takes as one of ours, round by round."""
    mine, theirs = (seconds_per_step(found[name], clock) for name in (ours, other))
    return spread([their / my for my, their in zip(mine, theirs, strict=True)])


def described(found: Rounds, batch_size: int | None = None, clock: bool = False) -> dict[str, Any]:
    """Every contestant's median seconds of a step, images a second, and loss in its last round."""
    rows: dict[str, Any] = {}
    for name, turns in found.items():
        seconds = statistics.median(seconds_per_step(turns, clock))
        rows[name] = {"seconds_per_step": float(f"{seconds:.4g}")}
        if batch_size is not None:
            rows[name]["images_per_second"] = round(batch_size / seconds)
        if turns[-1].loss == turns[-1].loss:
            rows[name]["last_loss"] = round(turns[-1].loss, 2)
    return rows


def against_goal(ratio: dict[str, float], goal: float) -> dict[str, Any]:
    """A ratio beside what it is to reach."""
    return {**ratio, "goal": goal, "reached": ratio["median"] >= goal}
