"""Ctrl-C and SIGTERM as requests: the step at hand is finished and kept, then training ends."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any


class TrainingInterrupted(KeyboardInterrupt):
    """Ctrl-C ended a training after a whole step; ``history`` holds what there was of it."""

    def __init__(self, line: str, history: Any) -> None:
        super().__init__(line)
        self.history = history


class TrainingTerminated(SystemExit):
    """SIGTERM ended a training after a whole step; ``history`` holds what there was of it."""

    def __init__(self, line: str, history: Any) -> None:
        super().__init__(128 + signal.SIGTERM)
        self.history = history
        self.add_note(line)


@contextlib.contextmanager
def noted_signals() -> Iterator[list[int]]:
    """Note Ctrl-C and SIGTERM in a list instead of ending at once.

    A second signal of the kind does what it always did. In a thread, and where somebody else
    handles a signal, nothing changes.
    """
    noted: list[int] = []
    kept: dict[int, Any] = {}

    def note(number: int, frame: FrameType | None) -> None:
        noted.append(number)
        signal.signal(number, kept[number])

    usual = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
    if threading.current_thread() is threading.main_thread():
        for number, handler in usual.items():
            if signal.getsignal(number) == handler:
                kept[number] = handler
                signal.signal(number, note)
    try:
        yield noted
    finally:
        for signal_number, handler in kept.items():
            signal.signal(signal_number, handler)
