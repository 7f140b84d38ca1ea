"""A chapter reads as text in JupyterLab: links for roles, which the book turns back into roles."""

import ast
import json
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest import REPOSITORY, load_script

from results import bound

links = load_script("book/_extensions/chapter_links.py")
execute = load_script("notebooks/execute.py")
CHAPTERS = links.chapters()
HERE = REPOSITORY / "notebooks" / "02-vae.ipynb"
KNOWN = {"admonition", "warning", "note", "tip"}
REMEDY = "python book/_extensions/chapter_links.py writes links for roles"


def cells(chapter: Path, kind: str) -> list[dict]:
    notebook = json.loads(chapter.read_text(encoding="utf-8"))
    return [cell for cell in notebook["cells"] if cell["cell_type"] == kind]


def unresolved(markdown: str, chapter: Path) -> list[str]:
    """The roles that JupyterLab does not resolve; it knows the equations of the same notebook."""
    return [
        found[0]
        for found in links.ROLE.finditer(markdown)
        if found["role"] != "eq" or found["text"] not in links.labels(chapter)
    ]


def dangling(markdown: str, chapter: Path) -> list[str]:
    """The links of a chapter that lead nowhere in the repository."""
    wrong = []
    for found in links.LINK.finditer(markdown):
        path, name = found["path"], found["name"]
        place = chapter.parent / path if path else chapter
        if not path and (name is None or name.startswith("fig-")):
            continue
        if not place.exists():
            wrong.append(f"{found[0]}: there is no such file")
        elif place.suffix == ".py" and name and name.split(".")[0] not in defined(place):
            wrong.append(f"{found[0]}: the file does not define it")
        elif place.suffix == ".bib" and not set(name.split(",")) <= set(links._bibliography()):
            wrong.append(f"{found[0]}: the bibliography does not hold it")
        elif place.suffix in (".md", ".ipynb") and name and name not in links.labels(place):
            wrong.append(f"{found[0]}: the page does not mark such a place")
    return wrong


def defined(place: Path) -> set[str]:
    """The names that a module defines or imports."""
    found = set()
    for node in ast.walk(ast.parse(place.read_text(encoding="utf-8"))):
        found.add(getattr(node, "name", None))
        found |= {alias.asname or alias.name for alias in getattr(node, "names", []) if node}
    return {name for name in found if isinstance(name, str)}


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_has_no_role_that_jupyterlab_cannot_resolve(chapter: Path) -> None:
    for cell in cells(chapter, "markdown"):
        text = "".join(cell["source"])
        assert unresolved(text, chapter) == [], f"{chapter.name}: {REMEDY}"
        directives = set(re.findall(r"^:::+\{(\w+)\}", text, re.MULTILINE))
        assert directives <= KNOWN, f"{chapter.name}: {directives - KNOWN}; {REMEDY}"
        assert "[](" not in text, f"{chapter.name}: a link without text; {REMEDY}"
        assert dangling(text, chapter) == []


ROLES = {
    "{doc}`Notation </notation>`": "[Notation](../book/notation.md)",
    "{doc}`The ELBO </notebooks/derivations/01-elbo>`": "[The ELBO](derivations/01-elbo.ipynb)",
    "{cite}`kingma2014`": "[(Kingma and Welling, 2014)](../book/references.bib#kingma2014)",
    "{cite}`makhzani2014,gao2025`": "[(Makhzani and Frey, 2014; Gao et al., 2025)]"
    "(../book/references.bib#makhzani2014,gao2025)",
    "{py:func}`kl <vsclib.spike_slab.divergence.kl>`": "[`kl`]"
    "(../vsclib/spike_slab/divergence.py#kl)",
    "{py:func}`vsclib.data.from_array`": "[`vsclib.data.from_array`]"
    "(../vsclib/data/__init__.py#from_array)",
    "{py:class}`vsclib.networks.Gaussian`": "[`vsclib.networks.Gaussian`]"
    "(../vsclib/networks.py#Gaussian)",
    "{py:meth}`refine <vsclib.refiner.model.Refiner.refine>`": "[`refine`]"
    "(../vsclib/refiner/model.py#Refiner.refine)",
    "{py:mod}`vsclib.checks`": "[`vsclib.checks`](../vsclib/checks/__init__.py)",
    "{eq}`eq-grey-mass`": "[An autoencoder and its code](01-autoencoder.ipynb#eq-grey-mass)",
    "{ref}`grey-pixels`": "[Notation](../book/notation.md#grey-pixels)",
    "{numref}`fig-gen-shrinkage`": "[the figure](#fig-gen-shrinkage)",
    "{measured}`51 % <1 - (a.b - c.d) / e[f=g h].i(sd)>`": "51 %<!-- measured: "
    "1 - (a.b - c.d) / e[f=g h].i(sd) -->",
    "{printed}`-0.1 <printed:li-han[VSC MNIST]>`": "-0.1<!-- printed: printed:li-han[VSC MNIST] -->",
    "{constant}`three <kinds of start>`": "three<!-- constant: kinds of start -->",
}


@pytest.mark.parametrize("role", ROLES)
def test_a_role_becomes_a_link_and_a_link_that_role(role: str) -> None:
    text = f"Before ({role}), and **{role}**."
    written = links.as_links(text, HERE)
    assert written == text.replace(role, ROLES[role])
    assert links.as_roles(written, HERE) == text
    assert dangling(written, HERE) == [] and unresolved(written, HERE) == []


def test_a_toy_is_a_box_of_words_in_a_notebook() -> None:
    toy = "Before.\n\n:::{toy} coin-price\nLook for the dot.\n:::"
    written = links.as_links(toy, HERE)
    assert written.splitlines()[2:4] == [
        ":::{admonition} A picture to move, in the built book",
        ":class: toy coin-price",
    ]
    assert links.as_roles(written, HERE) == toy


def test_what_is_no_link_into_the_repository_stays() -> None:
    text = "[a page](https://example.org/x.md), $[0, 1)$ and [1](#exercise), an {eq}`eq-evidence`."
    assert links.as_roles(text, HERE) == links.as_links(text, HERE) == text


def test_a_line_may_break_within_a_role() -> None:
    text = "{constant}`784 <pixels of\nan image = 28 * 28>` and {doc}`The run\n</notation>`"
    written = links.as_links(text, HERE)
    assert written.startswith("784<!-- constant: pixels of an image = 28 * 28 --> and [The run]")
    assert [number.written for number in bound.bound_in(written)] == ["784"]


def test_numbers_are_found_alike_in_both_forms() -> None:
    assert bound.COMMENT.pattern == links.BOUND
    role = "{measured}`2.1 <vae-mnist.psnr - vae-mnist.psnr_sampled>`"
    assert list(bound.bound_in(role)) == list(bound.bound_in(links.as_links(role, HERE)))


@pytest.mark.parametrize(
    "link, reason",
    [
        ("[x](../book/no-such-page.md)", "no such file"),
        ("[`x`](../vsclib/networks.py#NoSuchName)", "does not define it"),
        ("[x](../book/references.bib#nobody1900)", "does not hold it"),
        ("[x](01-autoencoder.ipynb#eq-none)", "does not mark such a place"),
    ],
)
def test_a_link_that_leads_nowhere_is_seen(link: str, reason: str) -> None:
    assert reason in dangling(link, HERE)[0]


def test_a_role_that_is_left_is_seen() -> None:
    for role in ("{cite}`kingma2014`", "{term}`gate`", "{eq}`eq-grey-mass`"):
        assert unresolved(f"as in {role}", HERE) == [role]


def test_the_book_reads_roles_and_leaves_other_pages_alone(tmp_path: Path) -> None:
    def read(page: Path, text: str) -> str:
        app = SimpleNamespace(env=SimpleNamespace(doc2path=lambda name: str(page)))
        source = [text]
        links.read_roles(app, page.stem, source)
        return source[0]

    for cell in json.loads(read(HERE, HERE.read_text(encoding="utf-8")))["cells"]:
        if cell["cell_type"] == "markdown":
            assert ".bib#" not in "".join(cell["source"])
            assert "<!-- measured" not in "".join(cell["source"])
    page = "[Kingma](references.bib#kingma2014)"
    assert read(REPOSITORY / "book" / "notation.md", page) == page


def test_links_are_written_for_the_roles_of_every_chapter(tmp_path, monkeypatch, capsys) -> None:
    chapter = tmp_path / "notebooks" / "02-vae.ipynb"
    chapter.parent.mkdir()
    text = json.dumps(
        {
            "cells": [
                {"cell_type": "markdown", "source": ["a\n", "[](02-vae.ipynb) {py:mod}`vsclib`"]}
            ]
        }
    )
    chapter.write_text(text, encoding="utf-8")
    monkeypatch.setattr(links, "chapters", lambda: [chapter])
    monkeypatch.setattr(links, "ROOT", tmp_path)
    monkeypatch.setattr(links, "source_of", lambda target: (tmp_path / "vsclib.py", ""))
    monkeypatch.setattr(links, "title_of", lambda page: "A title")
    links.write_links()
    assert "its roles are links" in capsys.readouterr().out
    written = json.loads(chapter.read_text(encoding="utf-8"))["cells"][0]["source"]
    assert written == ["a\n", "[A title](02-vae.ipynb) [`vsclib`](../vsclib.py)"]
    links.write_links()
    assert capsys.readouterr().out == ""


# ------------------------------------------------------------------------------- folded in JupyterLab


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_what_the_book_folds_is_folded_in_jupyterlab(chapter: Path) -> None:
    for cell in cells(chapter, "code"):
        folded = "hide-cell" in cell["metadata"].get("tags", [])
        state = cell["metadata"].get("jupyter", {})
        assert state.get("source_hidden", False) == folded, f"{chapter.name}, {cell['id']}"
        assert state.get("outputs_hidden", False) == (folded and bool(cell["outputs"]))
        # JupyterLab shows the first line of what it folds.
        assert not folded or cell["source"][0].startswith("# "), f"{chapter.name}, {cell['id']}"


def test_an_executed_chapter_keeps_its_answers_folded() -> None:
    tagged = {"tags": ["hide-cell", "nbval-ignore-output"]}
    notebook = {
        "cells": [
            {"cell_type": "code", "metadata": dict(tagged), "outputs": [1]},
            {"cell_type": "code", "metadata": dict(tagged), "outputs": []},
            {"cell_type": "code", "metadata": {"tags": ["hide-input"]}, "outputs": [1]},
            {"cell_type": "markdown", "metadata": {}},
        ]
    }
    execute.fold_answers(notebook)
    states = [cell["metadata"].get("jupyter") for cell in notebook["cells"]]
    both = {"source_hidden": True, "outputs_hidden": True}
    assert states == [both, {"source_hidden": True}, None, None]


def test_jupyterlab_renders_directives_by_a_package_that_is_installed() -> None:
    for name in ("requirements.txt", "requirements.lock"):
        lines = (REPOSITORY / name).read_text(encoding="utf-8").splitlines()
        assert any(line.startswith("jupyterlab-myst") for line in lines), name
