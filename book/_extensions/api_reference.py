"""Writes the API reference: one section for each public module of `vsclib`, from its docstrings.

A page in ``book/api`` holds the line ``% api-reference: NAME ...``. It is replaced by a section
for each module of these names, in their order, and for what lies in them. A module goes to the page
that names it most closely; the page that names ``*`` takes those that none names, so that a new
module needs no edit.
"""

import inspect
import pkgutil
import re
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

PACKAGE = "vsclib"
MARKER = re.compile(r"^% api-reference:(?P<names>.*)$", re.MULTILINE)
REST = "*"
# A signature of several lines: docutils writes its parameters as a list of definitions of nothing.
PARAMETERS = re.compile(r"<dl>\s*((?:<dd><em class=\"sig-param\">.*?</dd>\s*)+)</dl>", re.DOTALL)


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


def page_names(folder: Path) -> dict[str, list[str]]:
    """What each page of the reference names, by the stem of its file."""
    markers = {path.stem: MARKER.search(path.read_text("utf-8")) for path in folder.glob("*.md")}
    return {stem: found["names"].split() for stem, found in sorted(markers.items()) if found}


def shared_out(modules: list[str], pages: dict[str, list[str]]) -> dict[str, list[str]]:
    """The modules of each page, in the order of its names.

    Raises:
        ExtensionError: a page names a module that does not exist, or none takes the others.
    """
    place = {name: page for page, names in pages.items() for name in names}
    unknown = sorted({f"{PACKAGE}.{name}" for name in set(place) - {REST}} - set(modules))
    if unknown:
        raise ExtensionError(f"pages of book/api name what does not exist: {', '.join(unknown)}")
    if REST not in place:
        raise ExtensionError("no page of book/api takes the other modules: let one name *")
    named: dict[str, list[str]] = {name: [] for name in place}
    for module in modules:
        parts = module.split(".")[1:]
        above = [".".join(parts[:count]) for count in range(len(parts), 0, -1)]
        named[next((name for name in above if name in place), REST)].append(module)
    # The package itself comes first.
    named[REST].sort(key=lambda module: module != PACKAGE)
    return {
        page: [module for name in names for module in named[name]] for page, names in pages.items()
    }


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


def sections(modules: list[str]) -> str:
    """The page's MyST text: for each public module a heading, its `automodule` and what it passes
    on.
    """
    automodule = ".. automodule:: {}\n   :members:\n   :ignore-module-all:\n   :show-inheritance:"
    return "\n\n".join(
        f"## `{module}`\n\n```{{eval-rst}}\n{automodule.format(module)}\n```\n\n"
        f"{reexported(module)}"
        for module in modules
    )


def insert_reference(app: Sphinx, docname: str, source: list[str]) -> None:
    """Put the sections where the page asks for them."""
    if MARKER.search(source[0]):
        pages = shared_out(public_modules(), page_names(Path(app.srcdir) / "api"))
        source[0] = MARKER.sub(lambda _: sections(pages[Path(docname).name]), source[0])


def plain_parameters(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any
) -> None:
    """Make the parameters of a long signature lines of their own instead of half a list."""

    def lines(found: re.Match) -> str:
        rows = found[1].replace("<dd>", '<span class="sig-line">').replace("</dd>", "</span>")
        return f'<span class="sig-lines">{rows}</span>'

    if page.startswith("api/"):
        context["body"] = PARAMETERS.sub(lines, context["body"])


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
    """The pages depend on the library's sources, which Sphinx does not watch: read them at every
    build.
    """
    return [name for name in env.found_docs if name.startswith("api/")]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("source-read", insert_reference)
    app.connect("html-page-context", plain_parameters)
    app.connect("autodoc-skip-member", skip_noise)
    app.connect("autodoc-process-docstring", keep_bars, priority=900)  # after napoleon
    app.connect("env-get-outdated", reread_reference)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
