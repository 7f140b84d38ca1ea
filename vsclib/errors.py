"""The library's errors and warnings: one line each, with value, allowed range and remedy."""

import contextlib
import difflib
import re
import sys
import warnings
from collections.abc import Iterable, Iterator
from typing import Any


class VsclibError(ValueError):
    """Base class of every error that the library raises on purpose."""


class ConfigurationError(VsclibError):
    """An option, a field or a parameter is unknown, mistyped or out of range."""


class DataError(VsclibError):
    """A data set is unknown, missing, damaged, or its images do not fit."""


class CheckpointError(VsclibError):
    """A checkpoint is missing, damaged, or was not written by this library."""


class TrainingError(VsclibError):
    """Training cannot go on: a loss is not finite, or the memory is used up."""


class CheckRefused(VsclibError):
    """A check could not be decided: it neither passed nor failed."""


class CheckFailed(VsclibError):
    """A check measured a disagreement beyond its tolerance; ``verdict`` holds it."""

    def __init__(self, verdict: Any):
        super().__init__(str(verdict))
        self.verdict = verdict


def nearest(name: str, choices: Iterable[str]) -> str:
    """The remedy for a misspelt name: the closest choice, or all of them.

    Args:
        name: what was asked for.
        choices: the names that exist.

    Returns:
        A phrase that ends an error message.
    """
    choices = sorted(choices)
    close = difflib.get_close_matches(name, choices, n=1)
    if close:
        return f"did you mean {close[0]!r}? The choices are {', '.join(choices)}"
    return f"the choices are {', '.join(choices) or '(none)'}"


@contextlib.contextmanager
def fits_memory(what: str, remedy: str) -> Iterator[None]:
    """Turn the error of an allocator, NumPy's or PyTorch's on any device, into one line.

    Args:
        what: does not fit, with its value: ``batch_size = 500 on cuda``.
        remedy: what is smaller: ``choose batch_size = 250 or fewer``.

    Raises:
        TrainingError: memory ran out inside. Any other error goes through as it is.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        # NumPy's is a MemoryError; PyTorch's are RuntimeErrors, of a class of their own on CUDA.
        text = " ".join(str(error).split())
        found = re.search(r"out of memory|allocate memory|Unable to allocate", text, re.I)
        if not found and not isinstance(error, MemoryError):
            raise
        amount = r"\d[\d.,]* (?:[KMGTPE]i?B|bytes)"
        asked = re.search(rf"allocate:? ({amount})", text)
        free = re.search(rf"({amount}) is free", text)
        sizes = [f"{asked[1]} asked"] if asked else []
        sizes += [f"{free[1]} free"] if free else []
        told = f" ({', '.join(sizes)})" if sizes else ""
        raise TrainingError(f"{what} does not fit into the memory{told}: {remedy}") from error


def warn_caller(text: str) -> None:
    """Warn at the line outside this library that led here."""
    frame, level = sys._getframe(), 1
    while frame.f_back and (
        frame.f_globals.get("__name__", "").partition(".")[0] == "vsclib"
        or frame.f_code.co_filename.startswith("<@beartype")  # the checks of arguments
    ):
        frame, level = frame.f_back, level + 1
    warnings.warn(text, stacklevel=level)
