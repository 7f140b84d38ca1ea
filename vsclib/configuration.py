"""Validated configuration: dataclasses that refuse a mistake by name, in one line."""

import functools
import importlib
import typing
from collections.abc import Mapping
from dataclasses import fields
from typing import Annotated, Any, TypeVar

import numpy as np
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from vsclib.errors import ConfigurationError, nearest

OpenUnit = Annotated[float, Field(gt=0, lt=1)]
"""A probability that is neither 0 nor 1."""
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
LogOdds = Annotated[float, Field(ge=-20, le=20)]
"""Where a sigmoid starts; beyond 20 it is 0 or 1 in float32."""
Count = Annotated[int, Field(ge=1)]
"""A whole number of at least one."""
Steps = Annotated[int, Field(ge=0)]
"""A number of training steps; 0 is allowed."""
Seed = Annotated[int, Field(ge=0, lt=2**31)]

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
    checks = ConfigDict(extra="forbid", strict=True)
    made: Any = dataclass(config=checks)(cls)
    check = made.__init__

    @functools.wraps(check)
    def __init__(self: Any, *values: Any, **options: Any) -> None:
        try:
            check(self, *map(_plain, values), **{key: _plain(v) for key, v in options.items()})
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


def is_import_path(name: str) -> bool:
    """Whether a name has the form ``package.module:name``."""
    module, colon, inside = name.partition(":")
    return bool(colon) and all(map(str.isidentifier, [*module.split("."), inside]))


def import_from(path: str) -> Any:
    """Import what a path ``package.module:name`` names.

    Raises:
        ConfigurationError: the module cannot be imported or lacks the name.
    """
    module, _, inside = path.partition(":")
    try:
        return getattr(importlib.import_module(module), inside)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise ConfigurationError(
            f"{path!r} cannot be imported ({reason}): start Python where {module} lies, or mend it"
        ) from error


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
    if mistake["type"] == "value_error":  # the field's own check knows a better remedy
        return f"{name} = {_short(mistake['input'])} {mistake['ctx']['error']}"
    return f"{name} = {_short(mistake['input'])} is not allowed: choose {allowed(cls, name)}"


def _plain(value: Any) -> Any:
    """NumPy's numbers as Python's, in a tuple too; anything else unchanged."""
    if isinstance(value, tuple):
        return tuple(map(_plain, value))
    return value.item() if isinstance(value, np.number) else value


def _short(value: Any) -> str:
    """A value in one line, however long it prints."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 100 else f"{text[:97]}..."


def _in_words(name: str, schema: Mapping[str, Any]) -> str:
    """What pydantic's JSON schema of a field allows."""
    if "anyOf" in schema:
        return " or ".join(_in_words(name, part) for part in schema["anyOf"])
    if "enum" in schema:
        return "one of " + ", ".join(map(repr, schema["enum"]))
    if "prefixItems" in schema:
        items = schema["prefixItems"]
        return f"{len(items)} values, each {_in_words(name, items[0])}"
    if "minimum" in schema.get("items", {}):
        return f"a list, each {_in_words(name, schema['items'])}"
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
