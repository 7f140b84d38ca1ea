"""Writes the API reference: one section for each public module of `vsclib`, from its docstrings.

The page `api` holds the line ``% api-reference: MODULE ...``. It is replaced by a section for each
module, those that the line names first and in its order, every other public one after them, so that
a new module needs no edit.
"""

import inspect
import pkgutil
import re
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

PACKAGE = "vsclib"
MARKER = re.compile(r"^% api-reference:(?P<first>.*)$", re.MULTILINE)


def public_modules(package: str = PACKAGE) -> list[str]:
    """Full names of the package and of every module in it whose path holds no underscore-private
    part.
    """
    found = [package]
    search = find_spec(package).submodule_search_locations
    for module in pkgutil.walk_packages(search, prefix=f"{package}."):
        if not any(part.startswith("_") for part in module.name.split(".")):
            found.append(module.name)
    return found


def ordered(modules: list[str], first: list[str]) -> list[str]:
    """The package, then the named modules with what lies in them, then the others."""
    unknown = sorted({f"{PACKAGE}.{name}" for name in first} - set(modules))
    if unknown:
        raise ExtensionError(f"api.md names modules that do not exist: {', '.join(unknown)}")
    rank = {name: position for position, name in enumerate(["", *first])}
    return sorted(modules, key=lambda module: rank.get(".".join(module.split(".")[1:2]), len(rank)))


def reexported(module: str) -> str:
    """A line that says what a package also offers although a module in it defines it."""
    package = import_module(module)
    members = [(name, getattr(package, name)) for name in getattr(package, "__all__", [])]
    roles = [
        f"{{py:obj}}`{name} <{member.__module__}.{member.__qualname__}>`"
        for name, member in members
        if hasattr(member, "__qualname__")
        and getattr(member, "__module__", module) not in (module, None)
    ]
    return f"Also available from here: {', '.join(roles)}." if roles else ""


def sections(first: list[str]) -> str:
    """The page's MyST text: for each public module a heading, its `automodule` and what it passes
    on.
    """
    automodule = ".. automodule:: {}\n   :members:\n   :ignore-module-all:\n   :show-inheritance:"
    return "\n\n".join(
        f"## `{module}`\n\n```{{eval-rst}}\n{automodule.format(module)}\n```\n\n"
        f"{reexported(module)}"
        for module in ordered(public_modules(), first)
    )


def insert_reference(app: Sphinx, docname: str, source: list[str]) -> None:
    """Put the sections where the page asks for them."""
    source[0] = MARKER.sub(lambda match: sections(match["first"].split()), source[0])


def skip_noise(
    app: Sphinx, what: str, name: str, obj: Any, skip: bool, options: Any
) -> bool | None:
    """Leave out what carries no meaning of ours: untold fields of named tuples, members that other
    packages put in.
    """
    told = not (getattr(obj, "__doc__", None) or "").startswith("Alias for field number")
    ours = (
        not inspect.isroutine(obj)
        or (getattr(obj, "__module__", None) or PACKAGE).split(".")[0] == PACKAGE
    )
    return None if told and ours and name != "model_config" else True


def keep_bars(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Let |z| in a docstring be an absolute value: reStructuredText would look for a substitution
    called z.
    """
    directive = (
        None  # indentation of the directive or literal block that we are in: it stays as it is
    )
    for index, line in enumerate(lines):
        text = line.lstrip()
        indentation = len(line) - len(text)
        if directive is not None and text and indentation <= directive:
            directive = None
        if directive is None and (text.startswith(".. ") or text.endswith("::")):
            directive = indentation
        elif directive is None and not text.startswith(">>>"):
            parts = re.split(r"(`+[^`]*`+)", line)
            lines[index] = "".join(
                part if part.startswith("`") else part.replace("|", r"\|") for part in parts
            )


def reread_reference(app: Sphinx, env: Any, added: set, changed: set, removed: set) -> list[str]:
    """The page depends on the library's sources, which Sphinx does not watch: read it at every
    build.
    """
    return [name for name in ("api",) if name in env.found_docs]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("source-read", insert_reference)
    app.connect("autodoc-skip-member", skip_noise)
    app.connect("autodoc-process-docstring", keep_bars, priority=900)  # after napoleon
    app.connect("env-get-outdated", reread_reference)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
