"""The roles of a chapter as links, which read as text wherever a notebook is opened.

JupyterLab, Colab and GitHub resolve no role of Sphinx. A chapter therefore holds links into the
repository, and its bound numbers hold comments, which nobody shows::

    [Notation](../book/notation.md)                                {doc}`Notation </notation>`
    [(Kingma et al., 2014)](../book/references.bib#kingma2014)     {cite}`kingma2014`
    [`kl`](../vsclib/spike_slab/divergence.py#kl)                  {py:func}`kl <vsclib. ... .kl>`
    [An autoencoder](01-autoencoder.ipynb#eq-psnr)                 {eq}`eq-psnr`
    [Sets of images](../book/data.md#grey-pixels)                  {ref}`grey-pixels`
    [the figure](#fig-shrinkage)                                   {numref}`fig-shrinkage`
    10,000<!-- measured: vae-mnist.test_images -->                 {measured}`10,000 <...>`

A toy, which only the book can show, is a box of words in a notebook; its class names the toy.

The book reads the roles again: :func:`as_roles` stands between a chapter and its page. An equation
of the same chapter keeps its role, which JupyterLab resolves. ``python chapter_links.py`` writes
links for the roles in all chapters.
"""

import json
import os
import re
import sys
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
ROLE = re.compile(r"\{(?P<role>[a-z:]+)\}`(?P<text>[^`]+)`")
TITLED = re.compile(r"(?P<title>[^<]+?) <(?P<target>[^<>]+)>")
LINK = re.compile(r"\[(?P<text>[^\[\]]*)\]\((?P<path>[\w./-]*)(?:#(?P<name>[\w.,-]+))?\)")
BOUND = r"(?P<text>[-+\w.,]+(?: %)?)<!-- (?P<role>measured|printed|constant): (?P<target>.+?) -->"

BOX = ":::{admonition} A picture to move, in the built book\n:class: toy "


def chapters() -> list[Path]:
    """Every chapter, those of the derivations too."""
    folders = (ROOT / "notebooks", ROOT / "notebooks" / "derivations")
    return [path for folder in folders for path in sorted(folder.glob("[0-9]*.ipynb"))]


def as_links(markdown: str, chapter: Path) -> str:
    """A chapter's Markdown with links for its roles; what has no link stays as it is."""

    def link(found: re.Match) -> str:
        role, whole = found["role"], " ".join(found["text"].split())
        titled = TITLED.fullmatch(whole)
        title, target = (titled["title"], titled["target"]) if titled else ("", whole)
        if role in ("measured", "printed", "constant"):
            return f"{title}<!-- {role}: {target} -->"
        if role.startswith("py:"):
            place, name = source_of(target)
            return f"[`{title or target}`]({_relative(place, chapter)}{name and '#'}{name})"
        if role == "doc":
            place = page_of(target, chapter)
            return f"[{title or title_of(place)}]({_relative(place, chapter)})"
        if role == "cite":
            place = ROOT / "book" / "references.bib"
            names = "; ".join(authors(key) for key in target.split(","))
            return f"[({names})]({_relative(place, chapter)}#{target})"
        if role == "numref":
            return f"[the figure](#{target})"
        if role in ("eq", "ref") and target not in labels(chapter):
            place = next(page for page in _pages() if target in labels(page))
            return f"[{title_of(place)}]({_relative(place, chapter)}#{target})"
        return found[0]

    def named(found: re.Match) -> str:
        path = found["path"]
        if found["text"] or found["name"] or not path.endswith((".md", ".ipynb")):
            return found[0]
        return f"[{title_of(chapter.parent / path)}]({path})"

    boxed = re.sub(r"^:::\{toy\} ", lambda _: BOX, markdown, flags=re.MULTILINE)
    return LINK.sub(named, ROLE.sub(link, boxed))


def as_roles(markdown: str, chapter: Path) -> str:
    """A chapter's Markdown with roles for its links into the repository: :func:`as_links` back."""

    def role(found: re.Match) -> str:
        text, path, name = found["text"], found["path"], found["name"]
        place = Path(os.path.normpath(chapter.parent / path)) if path else chapter
        if name and name.startswith("fig-"):
            return f"{{numref}}`{name}`"
        if not path or not place.is_relative_to(ROOT):
            return found[0]
        if place.suffix == ".py":
            return _object(text.strip("`"), place, name)
        if place.suffix == ".bib":
            return f"{{cite}}`{name}`"
        if place.suffix not in (".md", ".ipynb"):
            return found[0]
        if name:
            return f"{{{'eq' if name.startswith('eq-') else 'ref'}}}`{name}`"
        page = place.relative_to(ROOT).with_suffix("").as_posix().removeprefix("book/")
        return f"{{doc}}`{' '.join(text.split())} </{page}>`"

    bound = re.sub(BOUND, r"{\g<role>}`\g<text> <\g<target>>`", markdown.replace(BOX, ":::{toy} "))
    return LINK.sub(role, bound)


def _object(text: str, place: Path, name: str | None) -> str:
    """The role of a module, or of what it defines."""
    parts = place.relative_to(ROOT).with_suffix("").parts
    module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    target = f"{module}.{name}" if name else module
    kind = "func" if name else "mod"
    if name and (name[0].isupper() or "." in name):
        kind = "meth" if "." in name else "class"
    return f"{{py:{kind}}}`{text if text == target else f'{text} <{target}>'}`"


def source_of(target: str) -> tuple[Path, str]:
    """The file of a dotted name, and what remains of the name within it."""
    parts = target.split(".")
    for count in range(len(parts), 0, -1):
        base = ROOT.joinpath(*parts[:count])
        for place in (base.with_suffix(".py"), base / "__init__.py"):
            if place.exists():
                return place, ".".join(parts[count:])
    raise ValueError(f"{target} is in no file of the repository: name a module of vsclib")


def page_of(target: str, chapter: Path) -> Path:
    """The source of a page that a chapter names, as Sphinx finds it."""
    base = ROOT / "book" / target[1:] if target.startswith("/") else chapter.parent / target
    for place in (base.with_name(f"{base.name}.md"), base.with_name(f"{base.name}.ipynb")):
        if place.exists():
            # book/notebooks is a link to the chapters.
            return place.resolve()
    raise ValueError(f"{chapter.name}: there is no page {target}")


def title_of(page: Path) -> str:
    """The first heading of a page."""
    return re.findall(r"^# (.+)$", _markdown(page), re.MULTILINE)[0].strip()


@cache
def labels(page: Path) -> frozenset[str]:
    """What a page can be asked for: its equations and its marked places."""
    text = _markdown(page)
    equations = re.findall(r"\$\$ *\(([\w-]+)\)", text)
    return frozenset(equations + re.findall(r"^\(([\w-]+)\)=$", text, re.MULTILINE))


def authors(key: str) -> str:
    """Authors and year of an entry of the bibliography."""
    entry = _bibliography()[key]
    people = entry.persons["author"]
    names = [" ".join([*each.prelast_names, *each.last_names]).strip("{}") for each in people]
    first = f"{names[0]} et al." if len(names) > 2 else " and ".join(names)
    return f"{first}, {entry.fields['year']}"


@cache
def _bibliography() -> Any:
    from pybtex.database import parse_file

    return parse_file(ROOT / "book" / "references.bib").entries


@cache
def _markdown(page: Path) -> str:
    """The Markdown of a page, all cells of a chapter together."""
    text = page.read_text(encoding="utf-8")
    if page.suffix != ".ipynb":
        return text
    cells = json.loads(text)["cells"]
    return "\n\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")


def _pages() -> list[Path]:
    return [*chapters(), *sorted((ROOT / "book").glob("*.md"))]


def _relative(place: Path, chapter: Path) -> str:
    return Path(os.path.relpath(place, chapter.parent)).as_posix()


def _lines(text: str) -> list[str]:
    """A cell's source as a notebook stores it."""
    return text.splitlines(keepends=True)


def read_roles(app: Any, docname: str, source: list[str]) -> None:
    """Give Sphinx a chapter with roles for its links."""
    chapter = Path(app.env.doc2path(docname)).resolve()
    if chapter in chapters():
        notebook = json.loads(source[0])
        for cell in notebook["cells"]:
            if cell["cell_type"] == "markdown":
                cell["source"] = as_roles("".join(cell["source"]), chapter)
        source[0] = json.dumps(notebook)


def write_links() -> None:
    """Write links for the roles in all chapters; a chapter without any is left alone."""
    for chapter in chapters():
        before = chapter.read_text(encoding="utf-8")
        notebook = json.loads(before)
        for cell in notebook["cells"]:
            if cell["cell_type"] == "markdown":
                cell["source"] = _lines(as_links("".join(cell["source"]), chapter))
        after = json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
        if after != before:
            chapter.write_text(after, encoding="utf-8")
            print(f"{chapter.relative_to(ROOT)}: its roles are links")


def setup(app: Any) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("source-read", read_roles)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


if __name__ == "__main__":
    sys.exit(write_links())
