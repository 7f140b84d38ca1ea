"""Writes the table of models from what the library says about each.

A page holding the line ``% systems`` gets an entry for each of ``vsclib.models.names()``: what it
is, its source, what it stands on, its options with their defaults, its presets, and the tests that
name it.
"""

import dataclasses
import inspect
import re
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

from vsclib import models

MARKER = re.compile(r"^% systems$", re.MULTILINE)
TEX = re.compile(r"``(.+?)``")


def summary(family: type) -> str:
    """The first paragraph of a class's documentation."""
    return TEX.sub(r"`\1`", " ".join(inspect.getdoc(family).split("\n\n")[0].split()))


def source(family: type) -> str:
    """Where a family is from, by its documentation."""
    found = re.search(r"^Source:\n((?:    .*\n?)+)", inspect.getdoc(family), re.MULTILINE)
    return TEX.sub(r"`\1`", " ".join(found[1].split())) if found else ""


def own_options(family: type) -> dict[str, Any]:
    """The options that a family adds to those of the models it stands on, with their defaults.

    A base that is no model by itself, such as that of all generators, has no entry where its
    options could be looked up.
    """
    listed = {models.family(name) for name in models.names()} | {models.Model}
    inherited = {
        field.name for base in family.__mro__[1:] if base in listed for field in _fields(base)
    }
    return {field.name: field.default for field in _fields(family) if field.name not in inherited}


def _fields(family: type) -> tuple[dataclasses.Field, ...]:
    config = getattr(family, "Config", None)
    return dataclasses.fields(config) if dataclasses.is_dataclass(config) else ()


def presets_of(name: str) -> list[str]:
    """The presets that make a model of this name."""
    return [preset for preset in models.presets() if models.preset(preset).model == name]


def described(name: str) -> list[str]:
    """One preset as an item of a list: its name, its options, its training, its source."""
    preset = models.preset(name)
    parts = [
        assignments(preset.options),
        f"trained with {assignments(preset.training)}" if preset.training else "",
    ]
    return [f"- **`{name}`**: {'; '.join(part for part in parts if part)}.", f"  {preset.source}"]


def assignments(values: dict[str, Any]) -> str:
    """Names and values as they would be given, long numbers with their thousands apart."""
    shown = {
        name: f"{value:_}" if type(value) is int else repr(value) for name, value in values.items()
    }
    return ", ".join(f"`{name} = {value}`" for name, value in shown.items())


def tests_of(name: str, repository: Path) -> list[str]:
    """Test files that name the model in quotes; what tests most models alike is left out."""
    texts = {
        path.name: path.read_text(encoding="utf-8")
        for path in sorted((repository / "tests").glob("test_*.py"))
    }
    naming = {
        file: [other for other in models.names() if f'"{other}"' in text]
        for file, text in texts.items()
    }
    return [
        file
        for file, named in naming.items()
        if name in named and len(named) <= len(models.names()) // 2
    ]


def entry(name: str, repository: Path) -> str:
    """One model as a section of the page."""
    family = models.family(name)
    above = family.__mro__[1].__name__
    lines = [f"## `{name}`", "", summary(family), "", ":::{container} claim", ""]
    lines += [
        f"Class\n: {{py:class}}`{family.__name__} <{family.__module__}.{family.__name__}>`, "
        f"a `{above}`",
        "",
    ]
    if source(family):
        lines += [f"Source\n: {source(family)}", ""]
    if options := own_options(family):
        lines += [f"Options\n: {assignments(options)}", ""]
    if presets := presets_of(name):
        items = [line for preset in presets for line in described(preset)]
        lines += ["Presets", f": {items[0]}", *(f"  {line}" for line in items[1:]), ""]
    if tests := tests_of(name, repository):
        lines += [f"Tests\n: {', '.join(f'`{test}`' for test in tests)}", ""]
    return "\n".join([*lines, ":::", ""])


def insert_entries(app: Sphinx, docname: str, text: list[str]) -> None:
    """Put the entries where the page asks for them."""
    repository = Path(app.srcdir).resolve().parent
    text[0] = MARKER.sub(
        lambda match: "\n".join(entry(name, repository) for name in models.names()), text[0]
    )


def reread_page(app: Sphinx, env: Any, added: set, changed: set, removed: set) -> list[str]:
    """The page depends on the library, which Sphinx does not watch: read it at every build."""
    return [name for name in ("systems",) if name in env.found_docs]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("source-read", insert_entries)
    app.connect("env-get-outdated", reread_page)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
