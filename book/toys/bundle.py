"""Toys as scripts that a page loads from anywhere, ``file://`` too, where browsers refuse modules.

A toy and what it imports are plain ES modules. :func:`bundle` makes one classic script of them:
every module becomes a function that is run once, by the name of its file.
"""

import re
from pathlib import Path

from vsclib.errors import ConfigurationError, nearest

FOLDER = Path(__file__).parent
BASE = "base/mount.js"
SHARED = (BASE, "base/plot.js")
"""What every page with a toy loads once."""
IMPORT = re.compile(r'^import \{([^}]*)\} from "(\.[^"]+)";$', re.MULTILINE)
EXPORT = re.compile(r"^export (?=(?:const|function|class) (\w+))", re.MULTILINE)
TITLE = re.compile(r'^export const title = "([^"]+)";$', re.MULTILINE)
LOADER = """\
window.vsclibToys ??= { sources: {}, modules: {} };
window.vsclibToys.take ??= function (name) {
  const { sources, modules } = window.vsclibToys;
  return (modules[name] ??= sources[name]());
};
"""


def names() -> list[str]:
    """The toys that there are."""
    return sorted(path.stem for path in FOLDER.glob("*.js"))


def checked(name: str) -> str:
    """The name of a toy, as it is.

    Raises:
        ConfigurationError: there is no such toy.
    """
    if name not in names():
        raise ConfigurationError(f"there is no toy {name!r}: {nearest(name, names())}")
    return name


def title(name: str) -> str:
    """A toy's title, from its file."""
    return TITLE.findall((FOLDER / f"{name}.js").read_text(encoding="utf-8"))[0]


def needed(place: str, known: tuple[str, ...] = ()) -> list[str]:
    """Files that a module needs, its own last, by their places below the folder of toys."""
    found: list[str] = []
    path = FOLDER / place
    for _, source in IMPORT.findall(path.read_text(encoding="utf-8")):
        inner = (path.parent / source).resolve().relative_to(FOLDER.resolve()).as_posix()
        found += [other for other in needed(inner, known) if other not in found]
    return [other for other in [*found, place] if other not in known]


def as_function(place: str) -> str:
    """A module as a function that gives its exports, under its name.

    Raises:
        ConfigurationError: the module imports or exports in another form than this reads.
    """
    path = FOLDER / place
    text = path.read_text(encoding="utf-8")

    def taken(found: re.Match[str]) -> str:
        inner = (path.parent / found[2]).resolve().relative_to(FOLDER.resolve()).as_posix()
        names_ = found[1].strip().rstrip(",").replace(" as ", ": ")
        return f'const {{ {names_} }} = window.vsclibToys.take("{inner}");'

    exported = EXPORT.findall(text)
    body = EXPORT.sub("", IMPORT.sub(taken, text))
    if left := re.search(r"^(?:import|export)\b.*", body, re.MULTILINE):
        raise ConfigurationError(
            f"book/toys/{place} has the line {left[0]!r}: choose import {{ a }} from "
            '"./file.js"; and export before const, function or class'
        )
    gives = f"return {{ {', '.join(exported)} }};"
    return f'window.vsclibToys.sources["{place}"] ??= function () {{\n{body}\n{gives}\n}};\n'


def bundle(*places: str, known: tuple[str, ...] = ()) -> str:
    """One script that defines modules and all that they need, without what a page knows already."""
    wanted = dict.fromkeys(other for place in places for other in needed(place, known))
    return "".join(["(function () {\n", LOADER, *map(as_function, wanted), "})();\n"])


def scripts() -> dict[str, str]:
    """The scripts of a site by file name: the base, and one for each toy that brings it to life."""
    known = tuple(other for place in SHARED for other in needed(place))
    made = {"base.js": bundle(*SHARED)}
    for name in names():
        start = f'vsclibToys.take("{BASE}").mount("{name}", vsclibToys.take("{name}.js"));\n'
        made[f"{name}.js"] = bundle(f"{name}.js", known=known) + start
    return made
