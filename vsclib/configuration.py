"""Validated configuration: dataclasses whose mistakes are refused by name, in one line, before
anything runs.
"""

import functools
import typing
from collections.abc import Mapping
from dataclasses import fields
from typing import Annotated, Any, TypeVar

from pydantic import ConfigDict, Field, ValidationError
from pydantic.dataclasses import dataclass
from pydantic.fields import FieldInfo

from vsclib.errors import ConfigurationError, nearest

OpenUnit = Annotated[float, Field(gt=0, lt=1)]
"""A probability that is neither 0 nor 1."""
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]
"""A whole number of at least one."""
Steps = Annotated[int, Field(ge=0)]
"""A number of training steps, possibly none."""
Seed = Annotated[int, Field(ge=0, lt=2**31)]

T = TypeVar("T")


@typing.dataclass_transform()
def configuration(cls: type[T]) -> type[T]:
    """Make a class a dataclass that is checked when made: no unknown names, no silent conversion of
    types.

    A mistake raises ConfigurationError in one line, where pydantic alone would take four.
    """
    made = dataclass(config=ConfigDict(extra="forbid", strict=True, use_attribute_docstrings=True))(
        cls
    )
    check = made.__init__

    @functools.wraps(check)
    def __init__(self: Any, *values: Any, **options: Any) -> None:
        try:
            check(self, *values, **options)
        except ValidationError as error:
            raise ConfigurationError(_one_line(made, error.errors()[0])) from None

    made.__init__ = __init__  # type: ignore[method-assign]
    return made  # type: ignore[return-value]


def configure(cls: type[T], owner: str, options: Mapping[str, Any]) -> T:
    """Build a configuration dataclass, or say in one line what is wrong.

    Args:
        cls: a class made with :func:`configuration`.
        owner: who is configured, for the message ("model 'vsc'").
        options: field names and values.

    Returns:
        The checked dataclass.

    Raises:
        ConfigurationError: an unknown name (with the nearest valid one), a wrong type, or a value
            out of range.
    """
    known = [field.name for field in fields(cls)]  # type: ignore[arg-type]
    for name in options:
        if name not in known:
            raise ConfigurationError(f"{owner} has no option {name!r}: {nearest(name, known)}")
    try:
        return cls(**options)
    except ConfigurationError as error:
        raise ConfigurationError(f"{owner}: {error}") from None


def _one_line(cls: type, mistake: Any) -> str:
    if not mistake["loc"]:
        return mistake["msg"].removeprefix("Value error, ")
    known = [field.name for field in fields(cls)]
    place = mistake["loc"][0]
    # A value without a name is known by its place.
    name = known[place] if isinstance(place, int) and place < len(known) else str(place)
    if name not in known:
        return f"{cls.__name__} has no field {name!r}: {nearest(name, known)}"
    return f"{name} = {mistake['input']!r} is not allowed: choose {allowed(cls, name)}"


def allowed(cls: type, name: str) -> str:
    """The values that a field takes, in words: "0 < alpha < 1 (a number)"."""
    return _describe(name, typing.get_type_hints(cls, include_extras=True)[name])


def _describe(name: str, hint: Any) -> str:
    origin = typing.get_origin(hint)
    if origin is Annotated:
        base, *extras = typing.get_args(hint)
        bounds = [bound for extra in extras for bound in _bounds(extra)]
        return (
            f"{_range(name, bounds)} ({_describe(name, base)})" if bounds else _describe(name, base)
        )
    if origin is typing.Literal:
        return "one of " + ", ".join(repr(choice) for choice in typing.get_args(hint))
    if origin is tuple:
        return (
            f"{len(typing.get_args(hint))} values, each {_describe(name, typing.get_args(hint)[0])}"
        )
    if origin is not None and type(None) in typing.get_args(hint):
        return " or ".join(
            "None" if part is type(None) else _describe(name, part)
            for part in typing.get_args(hint)
        )
    names = {float: "a number", int: "a whole number", bool: "true or false", str: "a text"}
    return names.get(hint, getattr(hint, "__name__", str(hint)))


def _bounds(extra: Any) -> list[tuple[str, Any]]:
    metadata = extra.metadata if isinstance(extra, FieldInfo) else [extra]
    return [
        (kind, getattr(item, kind))
        for item in metadata
        for kind in ("gt", "ge", "lt", "le")
        if hasattr(item, kind)
    ]


def _range(name: str, bounds: list[tuple[str, Any]]) -> str:
    sign = {"gt": "<", "ge": "<=", "lt": "<", "le": "<="}
    lower = [(f"{value:.15g}", sign[kind]) for kind, value in bounds if kind in ("gt", "ge")][:1]
    upper = [(sign[kind], f"{value:.15g}") for kind, value in bounds if kind in ("lt", "le")][:1]
    if lower and not upper:
        return f"{name} {lower[0][1].replace('<', '>')} {lower[0][0]}"
    return " ".join([*(lower[0] if lower else ()), name, *(upper[0] if upper else ())])
