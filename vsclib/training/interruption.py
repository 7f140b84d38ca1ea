"""Ctrl-C and SIGTERM as requests: the step at hand is finished and kept, then training ends."""

import contextlib
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any


def interruption(number: int, line: str, history: Any) -> BaseException:
    """What a signal is raised as, after its step was kept.

    Args:
        number: of the signal.
        line: how far the training came and where that is kept.
        history: becomes the exception's ``history``.

    Returns:
        A KeyboardInterrupt or a SystemExit, of exactly these classes: Python tells by them, in the
        exit status, what ended the process.
    """
    if number == signal.SIGINT:
        error: BaseException = KeyboardInterrupt(line)
    else:
        # Nothing shows the words of an exit with a status.
        print(line, file=sys.stderr, flush=True)
        error = SystemExit(128 + number)
    vars(error)["history"] = history
    return error


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
