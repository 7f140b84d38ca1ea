"""The kernel that a run's notebook is executed in, and how a signal stops it without loss."""

import asyncio
import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

ENGINE = "vsclib"
"""Name of this way to execute, for ``papermill.execute_notebook``."""


class Stopped(KeyboardInterrupt):
    """A run was stopped by Ctrl-C or by SIGTERM; ``code`` is the exit code that says so."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


class Stop:
    """What the first Ctrl-C or SIGTERM does: it interrupts the cell at work, and is noted.

    Between two cells, and at the second signal, it is a KeyboardInterrupt here.

    Attributes:
        signal: the number of the signal; None as long as none came.
    """

    def __init__(self) -> None:
        self.signal: int | None = None
        self.client: Any = None
        self.busy = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Take a signal."""
        first, self.signal = self.signal is None, number
        if not (first and self.busy):
            raise KeyboardInterrupt
        loop = asyncio.get_running_loop()
        loop.call_soon_threadsafe(lambda: asyncio.ensure_future(self.client.km.interrupt_kernel()))

    @property
    def code(self) -> int | None:
        """The exit code of a process that such a signal ended."""
        return None if self.signal is None else 128 + self.signal

    def mark(self, busy: bool) -> Any:
        """A hook that notes whether a cell is at work."""

        def hook(**_: Any) -> None:
            self.busy = busy

        return hook


@contextlib.contextmanager
def stopping() -> Iterator[Stop]:
    """Let Ctrl-C and SIGTERM stop what runs in the block, as :class:`Stop` says."""
    stop, numbers = Stop(), (signal.SIGINT, signal.SIGTERM)
    if threading.current_thread() is not threading.main_thread():
        # Python gives signals to the main thread only.
        numbers = ()  # type: ignore[assignment]
    former = {number: signal.signal(number, stop) for number in numbers}
    _register(stop)
    try:
        yield stop
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def _register(stop: Stop) -> None:
    """Make papermill's own way to execute, with hooks for a stop, known as :data:`ENGINE`."""
    from papermill.clientwrap import PapermillNotebookClient
    from papermill.engines import NBClientEngine, papermill_engines

    here = str(Path.cwd())

    class Engine(NBClientEngine):
        @classmethod
        def execute_managed_notebook(
            cls, nb_man: Any, kernel_name: str, log_output: bool = False, **options: Any
        ) -> None:
            names = ("stdout_file", "stderr_file")
            stop.client = PapermillNotebookClient(
                nb_man,
                kernel_name=kernel_name,
                log_output=log_output,
                startup_timeout=options.get("start_timeout", 60),
                on_cell_execute=stop.mark(True),
                on_cell_executed=stop.mark(False),
                on_cell_error=stop.mark(False),
                **{name: options[name] for name in names if options.get(name)},
            )
            # A model or data set of one's own is looked for where the run is started.
            known = [here, *filter(None, [os.environ.get("PYTHONPATH")])]
            stop.client.execute(env=os.environ | {"PYTHONPATH": os.pathsep.join(known)})

    papermill_engines.register(ENGINE, Engine)
