"""Holds answers against the truth, in a process that no student's code has touched.

Called as ``python -m grading.scoring JUDGE``: the answers come over standard input, the points go
out as JSON. It runs in a fence of its own, so that an answer made to be slow costs its own points.
"""

import importlib.util
import json
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from grading.plain import Other, from_plain

SECONDS = 60.0


class Part(NamedTuple):
    """A part of a question.

    Attributes:
        points: what it is worth.
        earned: whether it was earned.
        what: what is asked for, in words that do not hold the answer.
        why: what is wrong; empty where nothing is.
    """

    points: float
    earned: bool
    what: str
    why: str


class LostError(Exception):
    """Why a part is lost, in a line for the student."""


class Answer:
    """What a student's code answered to one question."""

    def __init__(self, plain: dict[str, dict]) -> None:
        self._plain = plain

    def __getitem__(self, key: str) -> Any:
        """The value asked for as ``key``.

        Raises:
            LostError: there is none; it says why.
        """
        kept = self._plain.get(key) or self._plain.get("(question)") or {}
        if "value" not in kept:
            raise LostError(str(kept.get("error", "it was never reached")))
        try:
            value = from_plain(kept["value"])
        except (ValueError, TypeError, LookupError, OverflowError, RecursionError) as error:
            raise LostError(f"no answer: {str(error)[:120]}") from None
        if isinstance(value, Other):
            raise LostError(f"{value!r} is no answer: give a number, a tensor or an expression")
        return value

    def number(self, key: str) -> float:
        """The value as one number.

        Raises:
            LostError: it is none.
        """
        value = self[key]
        try:
            return float(value)
        except (TypeError, ValueError, RuntimeError):
            raise LostError("one number is asked for") from None

    def borrowed(self, key: str) -> None:
        """Refuse an answer that ran code of a library which has it ready-made.

        Raises:
            LostError: it did.
        """
        places = self[f"{key} borrowed"]
        if places:
            raise LostError(f"it runs {places[0]}: write it yourself")


class Mark:
    """Collects the parts: ``mark(points, what, check)`` gives them where ``check()`` holds."""

    def __init__(self) -> None:
        self.parts: list[Part] = []

    def __call__(self, points: float, what: str, check: Callable[[], Any]) -> None:
        """One part; a check that raises loses it, with the reason where it is a student's."""
        why = "not so yet"
        try:
            earned = bool(check())
        except LostError as error:
            earned, why = False, str(error)
        except TimeoutError:
            raise
        except Exception as error:
            # A shape or a kind that the check did not expect is a wrong answer, not a fault here.
            earned, why = False, f"the answer has another form ({type(error).__name__})"
        self.parts.append(Part(float(points), earned, what, "" if earned else why))


def judge(judges: ModuleType, question: str, plain: dict[str, dict]) -> list[Part]:
    """The parts of one question.

    Args:
        judges: an assignment's ``judge.py``.
        question: name of its function there.
        plain: the answers as they came out of the fence.
    """
    mark = Mark()
    _alarm(SECONDS)
    try:
        getattr(judges, question)(Answer(plain), mark)
    except TimeoutError:
        mark.parts.append(Part(0.0, False, "", "the answer takes too long to judge"))
    finally:
        _alarm(0.0)
    return mark.parts


def _alarm(seconds: float) -> None:
    """Raise TimeoutError after so many seconds; 0 takes it back, and Windows has none."""
    if sys.platform != "win32":
        signal.signal(signal.SIGALRM, _too_slow)
        signal.setitimer(signal.ITIMER_REAL, seconds)


def _too_slow(number: int, frame: Any) -> None:
    raise TimeoutError


def load(path: Path) -> ModuleType:
    """An assignment's judge as a module; it may import the ``probes`` beside it."""
    sys.path.insert(0, str(path.parent))
    specification = importlib.util.spec_from_file_location("judge", path)
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def main() -> None:
    """Judge every question that comes in."""
    judges = load(Path(sys.argv[1]))
    answers = json.loads(sys.stdin.buffer.read())
    parts = {question: judge(judges, question, plain) for question, plain in answers.items()}
    print(json.dumps(parts))


if __name__ == "__main__":
    main()
