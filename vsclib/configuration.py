"""Validated configuration: dataclasses that refuse a mistake by name, in one line."""

import functools
import numbers
import typing
from collections.abc import Mapping
from dataclasses import fields
from typing import Annotated, Any, TypeVar

from pydantic import BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from vsclib.errors import ConfigurationError, nearest


def _whole(value: Any) -> Any:
    """NumPy's whole numbers as Python's, anything else unchanged."""
    is_whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    return int(value) if is_whole else value


OpenUnit = Annotated[float, Field(gt=0, lt=1)]
"""A probability that is neither 0 nor 1."""
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1), BeforeValidator(_whole)]
"""A whole number of at least one."""
Steps = Annotated[int, Field(ge=0), BeforeValidator(_whole)]
"""A number of training steps; 0 is allowed."""
Seed = Annotated[int, Field(ge=0, lt=2**31), BeforeValidator(_whole)]

T = TypeVar("T")

_WORDS = {
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "string": "a text",
    "null": "None",
    "path": "a path",
    "array": "a list",
    "object": "a dictionary",
}


@typing.dataclass_transform()
def configuration(cls: type[T]) -> type[T]:
    """Make a class a dataclass that is checked when made.

    Unknown names are refused and no type is converted silently. A mistake raises
    ConfigurationError in one line, where pydantic alone would take four.
    """
    checks = ConfigDict(extra="forbid", strict=True, use_attribute_docstrings=True)
    made: Any = dataclass(config=checks)(cls)
    check = made.__init__

    @functools.wraps(check)
    def __init__(self: Any, *values: Any, **options: Any) -> None:
        try:
            check(self, *values, **options)
        except ValidationError as error:
            raise ConfigurationError(_one_line(made, error.errors()[0])) from None

    made.__init__ = __init__
    return made


def configure(cls: type[T], owner: str, options: Mapping[str, Any]) -> T:
    """Build a configuration dataclass.

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
    known = _names(cls)
    for name in options:
        if name not in known:
            raise ConfigurationError(f"{owner} has no option {name!r}: {nearest(name, known)}")
    try:
        return cls(**options)
    except ConfigurationError as error:
        raise ConfigurationError(f"{owner}: {error}") from None


def allowed(cls: Any, name: str) -> str:
    """The values that a field takes, in words: "0 < alpha < 1 (a number)"."""
    return _in_words(name, TypeAdapter(cls).json_schema()["properties"][name])


def _names(cls: Any) -> list[str]:
    return [field.name for field in fields(cls)]


def _one_line(cls: type, mistake: Any) -> str:
    if not mistake["loc"]:
        return mistake["msg"].removeprefix("Value error, ")
    known = _names(cls)
    place = mistake["loc"][0]
    # A value given without a name is known by its position.
    name = known[place] if isinstance(place, int) and place < len(known) else str(place)
    if name not in known:
        return f"{cls.__name__} has no field {name!r}: {nearest(name, known)}"
    return f"{name} = {mistake['input']!r} is not allowed: choose {allowed(cls, name)}"


def _in_words(name: str, schema: Mapping[str, Any]) -> str:
    """What pydantic's JSON schema of a field allows."""
    if "anyOf" in schema:
        return " or ".join(_in_words(name, part) for part in schema["anyOf"])
    if "enum" in schema:
        return "one of " + ", ".join(map(repr, schema["enum"]))
    if "prefixItems" in schema:
        items = schema["prefixItems"]
        return f"{len(items)} values, each {_in_words(name, items[0])}"
    kind = schema.get("format") or schema.get("type", "a value of its class")
    words = _WORDS.get(kind, kind)
    bounds = _range(name, schema)
    return f"{bounds} ({words})" if bounds else words


def _range(name: str, schema: Mapping[str, Any]) -> str:
    """The field's name between its bounds; empty without bounds."""
    low, high = (
        next(((sign, f"{schema[key]:.15g}") for key, sign in keys if key in schema), None)
        for keys in (
            (("exclusiveMinimum", "<"), ("minimum", "<=")),
            (("exclusiveMaximum", "<"), ("maximum", "<=")),
        )
    )
    if low and not high:
        return f"{name} {low[0].replace('<', '>')} {low[1]}"
    return " ".join([*(low[::-1] if low else ()), name, *high]) if high else ""
