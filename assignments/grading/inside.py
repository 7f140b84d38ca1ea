"""Runs in the fence: a student's cells, then the questions put to what they left behind.

What comes out is one line of JSON behind a word that only the caller knows: for each thing asked,
its value as plain data or the reason why there is none. No truth is in here.

Called as ``python -m grading.inside``; the work comes over standard input.
"""

import builtins
import importlib.util
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from grading.plain import to_plain


class TooLongError(BaseException):
    """A cell took more time than it has; no ``except Exception`` of a student holds it."""


class MissingError(Exception):
    """A name that a question needs is not there."""


class Names:
    """What a student's cells left behind, by name."""

    def __init__(self, names: dict[str, Any]) -> None:
        self._names = names

    def __getitem__(self, name: str) -> Any:
        if name not in self._names:
            raise MissingError(f"there is no {name}")
        return self._names[name]

    def __contains__(self, name: str) -> bool:
        return name in self._names


class Ask:
    """Collects what is asked: ``ask(key, function)`` keeps the function's value or its failure."""

    def __init__(self, seconds: float) -> None:
        self.answers: dict[str, dict] = {}
        self._seconds = seconds

    def __call__(self, key: str, function: Callable[[], Any]) -> None:
        """Keep ``function()`` as plain data under ``key``; what it raises is kept in words."""
        try:
            with at_most(self._seconds):
                self.answers[key] = {"value": to_plain(function())}
        except BaseException as error:  # whatever an answer raises, the next thing is asked
            self.answers[key] = {"error": in_words(error)}

    def watched(self, key: str, places: tuple[str, ...], function: Callable[[], Any]) -> None:
        """Keep the value under ``key`` and, under ``key + " borrowed"``, which of ``places`` ran.

        Args:
            key: name of what is asked.
            places: parts of file names whose code the answer must not run.
            function: what is asked.
        """
        files: set[str] = set()

        def note(frame: Any, event: str, argument: Any) -> None:
            files.add(frame.f_code.co_filename.replace("\\", "/"))

        _SETPROFILE(note)
        try:
            self(key, function)
            _canary()
        finally:
            _SETPROFILE(None)
        # The canary is code of this file: where it was not seen, the answer switched the watch off.
        found = [place for place in places if any(place in file for file in files)]
        watching = any(file.endswith("grading/inside.py") for file in files)
        self.answers[f"{key} borrowed"] = {"value": found if watching else ["(unwatched)"]}


_SETPROFILE = sys.setprofile


def _canary() -> None:
    """Something for the watch to see."""


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Raise :class:`TooLongError` in what runs longer; Windows has no such alarm."""

    def stop(number: int, frame: Any) -> None:
        raise TooLongError

    if sys.platform == "win32":
        yield
        return
    signal.signal(signal.SIGALRM, stop)
    # Again and again: one that is swallowed is followed by another.
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.001), 0.5)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)


def in_words(error: BaseException) -> str:
    """An error's kind and the line of the student's cell, never its own words: they could hold
    what was asked.
    """
    if isinstance(error, TooLongError):
        return "took too long"
    if isinstance(error, MissingError):
        return str(error)
    if isinstance(error, NotImplementedError):
        return "unanswered"
    kind = type(error).__name__[:60]
    if type(error) is ValueError and traceback.extract_tb(error.__traceback__)[-1].filename == (
        to_plain.__code__.co_filename
    ):
        return f"no answer's data: {error}"
    named = str(getattr(error, "name", "") or "")
    if isinstance(error, (NameError, AttributeError)) and named.isidentifier() and len(named) < 40:
        kind = f"{kind} ({named})"
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if "ipython-input" in frame.filename or "ipykernel" in frame.filename
    ]
    return f"{kind} in line {lines[-1]}" if lines else kind


def run_cells(work: dict) -> tuple[dict[str, Any], list[dict]]:
    """Run the cells in order; the names they leave, and what went wrong in which."""
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell.instance(colors="NoColor", history_length=0)
    shell.history_manager.enabled = False  # type: ignore[union-attr]
    shell.showtraceback = lambda *args, **kwargs: None  # type: ignore[method-assign]
    names, kept, trouble = shell.user_ns, {}, []
    probes = load(Path(work["probes"]))
    given = getattr(probes, "GIVEN", {}).get(work["question"], {})
    for cell in work["cells"]:
        if cell["role"] == "answer" and cell["name"] in work["answers"]:
            freshen(names, kept)
            names.update(given)
        before = dict(names) if cell["role"] == "locked" else {}
        try:
            with at_most(cell["seconds"]):
                result = shell.run_cell(cell["source"], silent=True, store_history=False)
            error = result.error_before_exec or result.error_in_exec
        except BaseException as caught:  # a cell may raise anything, also between its lines
            error = caught
        if cell["role"] == "locked":
            kept |= {name: value for name, value in names.items() if before.get(name) is not value}
        if error is not None:
            trouble.append({"index": cell["index"], "words": in_words(error)})
    return names, trouble


def freshen(names: dict[str, Any], kept: dict[str, Any]) -> None:
    """Put back what locked cells defined, and take away numbers and lists named like builtins."""
    names.update(kept)
    for name in dir(builtins):
        if name in names and not callable(names[name]) and not name.startswith("_"):
            del names[name]


def load(path: Path) -> ModuleType:
    """An assignment's probes as a module."""
    specification = importlib.util.spec_from_file_location("probes", path)
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def main() -> None:
    """Read the work, do it, say what came of it."""
    work = json.loads(sys.stdin.buffer.read())
    # What a student's code prints goes nowhere; the answers have a way of their own.
    out = os.dup(1)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    names, trouble = run_cells(work)
    ask = Ask(work["seconds"])
    try:
        with at_most(work["seconds"] * 4):
            getattr(load(Path(work["probes"])), work["question"])(Names(names), ask)
    except BaseException as error:  # what a question needs may be missing; the rest is kept
        ask.answers["(question)"] = {"error": in_words(error)}
    said = json.dumps({"answers": ask.answers, "trouble": trouble})
    with os.fdopen(out, "wb") as file:
        file.write(f"\n{work['token']}{said}\n".encode())
    # Threads and exit handlers of a student's have nothing more to say.
    os._exit(0)


if __name__ == "__main__":
    main()
