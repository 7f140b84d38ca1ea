"""Every argument of every function here is held against its type hint when it is called.

A wrong kind of argument is refused in one line, with the function's name and what it takes, before
anything is computed. ``vsclib`` imports this module first, so that the modules after it are covered
as they load.
"""

import functools
import inspect
import re
from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, TypeVar

import numpy as np
import numpy.typing
import torch
from beartype import BeartypeConf, FrozenDict
from beartype.claw import beartype_package

from vsclib.errors import ConfigurationError, VsclibError
from vsclib.randomness import Given

_P = ParamSpec("_P")
_R = TypeVar("_R")

ArrayLike = numpy.typing.ArrayLike | Sequence[Any]
"""What NumPy makes an array of; its own hint leaves tuples out when it is asked at a call."""

_LONGEST = 60  # characters of a value that a message shows
_VIOLATION = re.compile(
    r"[\w ]+ (?P<place>[\w.]+?)(?:\.__(?:new|init)__)?\(\) parameter "
    r"(?P<name>\w+)=(?P<value>.*?) violates type hint (?P<hint>.*?), (?:as|since|because|after) ",
    re.DOTALL,
)


class ArgumentError(ConfigurationError, TypeError):
    """An argument is of another kind than the function takes."""

    def __init__(self, message: str) -> None:
        super().__init__(_one_line(message))


def explained(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """A function whose arguments are named in one line when PyTorch or NumPy cannot use them.

    They are looked at only after a refusal, such as of shapes that do not broadcast: a call that
    succeeds pays nothing.
    """

    @functools.wraps(function)
    def call(*values: _P.args, **named: _P.kwargs) -> _R:
        try:
            return function(*values, **named)
        except VsclibError:
            raise
        except MemoryError as error:
            reason = f"more memory than there is: {error}"
        except (ValueError, RuntimeError, TypeError, ArithmeticError, IndexError) as error:
            reason = str(error)
        given = inspect.signature(function).bind(*values, **named).arguments
        shown = ", ".join(f"{name} = {_shown(value)}" for name, value in given.items())
        place = f"{function.__module__}.{function.__qualname__}"
        raise ConfigurationError(
            f"{function.__name__}: {shown} do not go together ({' '.join(reason.split())[:200]}); "
            f"see help({place})"
        )

    return call


def _shown(value: object) -> str:
    """An array's type and shape; the beginning of anything else."""
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return f"{str(value.dtype).removeprefix('torch.')} {tuple(value.shape)}"
    text = " ".join(repr(value).split())
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _one_line(message: str) -> str:
    """Beartype's sentence as one line with value, what is allowed, and the remedy."""
    found = _VIOLATION.match(message)
    if found is None:
        return " ".join(message.split())
    value, hint = (" ".join(found[name].split()).strip('"') for name in ("value", "hint"))
    value = value if len(value) <= _LONGEST else f"{value[:_LONGEST]}..."
    # A union of a library's inner classes says less than the name that everybody knows.
    hint = "an array, a tensor or a list of numbers" if "_array_like" in hint else _plain(hint)
    module, _, function = found["place"].rpartition(".")
    # A named tuple is made in a module that exists in memory only.
    place = function if module.startswith("namedtuple") else found["place"]
    return f"{function}: {found['name']} = {value} is not allowed: give {hint}; see help({place})"


def _plain(hint: str) -> str:
    """A type hint without quotation and module names."""
    plain = re.sub(r"<(?:class|protocol) ['\"]([\w.]+)['\"]>", r"\1", hint)
    plain = re.sub(r"\b(?:\w+\.)+(\w+)", r"\1", plain)
    return "Tensor (of uint8 images: vsclib.data.to_tensor)" if plain == "Tensor" else plain


beartype_package(
    "vsclib",
    # Whole numbers pass for real ones, NumPy's for Python's, draws made before for their source.
    # Variables are mypy's affair.
    conf=BeartypeConf(
        violation_param_type=ArgumentError,
        hint_overrides=FrozenDict(
            {
                int: int | np.integer,
                float: float | int | np.integer | np.floating,
                complex: complex | float | int | np.number,
                torch.Generator: torch.Generator | Given,
            }
        ),
        claw_is_pep526=False,
    ),
)
