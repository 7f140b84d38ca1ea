"""The book as its readers get it: no warning, no link into the void, no page without what it
promises.
"""

import importlib
import json
import re
import subprocess
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlparse

import pytest
import yaml
from bs4 import BeautifulSoup
from conftest import JUPYTER_BOOK, REPOSITORY
from sphinx.util.matching import patfilter
from sphinx_external_toc.api import FileItem, GlobItem
from sphinx_external_toc.parsing import parse_toc_yaml

BOOK = REPOSITORY / "book"
WIDGET = "application/vnd.jupyter.widget-view+json"
DRAWING = "application/vnd.vsclib.drawing"
IMAGE_TYPES = {"image/png", "image/svg+xml", "image/jpeg", DRAWING}
HIDDEN = {"remove-cell", "remove-output", "remove_cell", "remove_output"}


def chapter_files() -> list[Path]:
    """Every chapter's notebook; experiments are no chapters."""
    notebooks = REPOSITORY / "notebooks"
    return sorted([*notebooks.glob("[0-9]*.ipynb"), *notebooks.glob("derivations/[0-9]*.ipynb")])


def documents() -> list[str]:
    """Every page that the table of contents names or matches, local runs left out."""
    sources = [path for path in BOOK.rglob("*") if path.suffix in (".md", ".ipynb")]
    notebooks = REPOSITORY / "notebooks"
    sources += [BOOK / "notebooks" / path.relative_to(notebooks) for path in chapter_files()]
    available = {path.relative_to(BOOK).with_suffix("").as_posix() for path in sources}
    site = parse_toc_yaml(REPOSITORY / "_toc.yml")
    found = [site.root.docname]
    for document in site.values():
        for tree in document.subtrees:
            for item in tree.items:
                if isinstance(item, GlobItem):
                    found += sorted(patfilter(available, str(item)))
                elif isinstance(item, FileItem):
                    found.append(str(item))
    return [name for name in dict.fromkeys(found) if not name.startswith("runs/local/")]


def notebook_pages() -> list[str]:
    """The pages among them that are notebooks."""
    return [name for name in documents() if (BOOK / f"{name}.ipynb").is_file()]


def read(name: str) -> dict:
    """A page's notebook."""
    return json.loads((BOOK / f"{name}.ipynb").read_text(encoding="utf-8"))


def tags(cell: dict) -> set[str]:
    """A cell's tags."""
    return set(cell["metadata"].get("tags", []))


def unpublishable(notebook: dict) -> str | None:
    """Why a notebook must not become a page, or None."""
    code = [
        cell
        for cell in notebook["cells"]
        if cell["cell_type"] == "code" and "".join(cell["source"]).strip()
    ]
    for number, cell in enumerate(code, start=1):
        if cell["execution_count"] is None:
            return f"code cell {number} was not executed"
        if "raises-exception" not in tags(cell) and any(
            o["output_type"] == "error" for o in cell["outputs"]
        ):
            return f"code cell {number} holds an error"
    if notebook["metadata"].get("papermill", {}).get("exception"):
        return "papermill stopped at an error"
    if code and not any(cell["outputs"] for cell in code):
        return "no cell holds an output"
    return None


@cache
def page(path: Path) -> BeautifulSoup:
    """A built page, parsed."""
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


@cache
def anchors(path: Path) -> set[str]:
    """Every place in a built page that a link can point to."""
    return {element["id"] for element in page(path).select("[id]")}


def built_pages(html: Path) -> list[Path]:
    """Every built page with content of the book."""
    return [html / f"{name}.html" for name in documents()]


# -------------------------------------------------------------------------------------- the sources


@pytest.mark.parametrize(
    "link, target", [("_config.yml", "."), ("_toc.yml", "."), ("notebooks", ".")]
)
def test_links_in_book_lead_to_the_top_level(link: str, target: str) -> None:
    path = BOOK / link
    assert path.is_symlink(), f"book/{link} is no link: README.md says how to restore it on Windows"
    assert path.resolve(strict=True) == (REPOSITORY / target / link).resolve()


def test_configuration_publishes_only_listed_pages_and_runs_nothing() -> None:
    configuration = yaml.safe_load((REPOSITORY / "_config.yml").read_text(encoding="utf-8"))
    assert configuration["only_build_toc_files"] is True
    assert configuration["execute"]["execute_notebooks"] == "off"
    assert not (BOOK / "_static").exists(), (
        "Jupyter Book would add everything in book/_static to every page twice"
    )


def test_every_chapter_is_in_the_contents() -> None:
    folder = REPOSITORY / "notebooks"
    chapters = {
        f"notebooks/{path.relative_to(folder).with_suffix('').as_posix()}"
        for path in chapter_files()
    }
    assert chapters and chapters == {name for name in documents() if name.startswith("notebooks/")}


@pytest.mark.parametrize("name", notebook_pages())
def test_page_is_executed_and_without_error(name: str) -> None:
    assert unpublishable(read(name)) is None


def a_notebook(*cells: dict, **metadata: dict) -> dict:
    blank = {
        "cell_type": "code",
        "metadata": {},
        "source": "1 + 1",
        "execution_count": 1,
        "outputs": [{}],
    }
    cells = [blank | cell for cell in cells]
    for cell in cells:
        cell["outputs"] = [{"output_type": "stream"} | output for output in cell["outputs"]]
    return {"cells": cells, "metadata": metadata}


@pytest.mark.parametrize(
    "notebook, reason",
    [
        (a_notebook({}), None),
        (a_notebook({"outputs": []}, {}), None),
        (a_notebook({"outputs": []}), "no cell holds an output"),
        (a_notebook({}, {"execution_count": None}), "code cell 2 was not executed"),
        (a_notebook({}, {"source": "", "execution_count": None}), None),
        (a_notebook({"outputs": [{"output_type": "error"}]}), "code cell 1 holds an error"),
        (
            a_notebook(
                {"outputs": [{"output_type": "error"}], "metadata": {"tags": ["raises-exception"]}}
            ),
            None,
        ),
        (a_notebook({}, papermill={"exception": True}), "papermill stopped at an error"),
    ],
)
def test_what_is_refused_as_a_page(notebook: dict, reason: str | None) -> None:
    assert unpublishable(notebook) == reason


# ---------------------------------------------------------------------------------- the built pages


def test_every_page_of_the_contents_is_built(built_book: Path) -> None:
    assert [path.name for path in built_pages(built_book) if not path.is_file()] == []
    assert (built_book / "index.html").is_file()


@pytest.mark.parametrize("name", notebook_pages())
def test_built_page_holds_its_figures(built_book: Path, name: str) -> None:
    stored = [
        output
        for cell in read(name)["cells"]
        if cell["cell_type"] == "code" and not tags(cell) & HIDDEN
        for output in cell["outputs"]
        # A widget stands for itself; the image that is stored with it is for pages that cannot show
        # it.
        if IMAGE_TYPES & set(output.get("data", {})) and WIDGET not in output["data"]
    ]
    path = built_book / f"{name}.html"
    images = [image["src"] for image in page(path).select(".cell img")]
    drawings = page(path).select(".cell svg[role=img]")
    files = [path.parent / unquote(source) for source in images if not source.startswith("data:")]
    assert len(images) + len(drawings) >= len(stored)
    assert [
        drawing.title.text for drawing in drawings if not drawing.select("path, image, rect")
    ] == []
    assert [file.name for file in files if not file.is_file() or file.stat().st_size == 0] == []


def test_every_image_says_what_it_shows(built_book: Path) -> None:
    silent = []
    for path in built_pages(built_book):
        for image in page(path).select("article img"):
            text = image.get("alt", "").strip()
            # Sphinx writes the file's address where there is no text.
            if not text or text == image["src"] or re.search(r"\.(png|svg|jpe?g)$", text):
                silent.append(f"{path.relative_to(built_book)}: {image['src'][:60]}")
        for drawing in page(path).select("article svg[role=img]"):
            if not drawing.find("title"):
                silent.append(f"{path.relative_to(built_book)}: a drawing without a title")
    assert silent == []


def test_every_link_inside_the_book_leads_somewhere(built_book: Path) -> None:
    broken = []
    for path in built_pages(built_book):
        for anchor in page(path).select("article a[href]"):
            address, fragment = urldefrag(anchor["href"])
            if urlparse(address).scheme:
                continue
            target = (path.parent / unquote(address)).resolve() if address else path
            exists = target.is_file() and (
                not fragment or target.suffix != ".html" or unquote(fragment) in anchors(target)
            )
            if not exists:
                broken.append(f"{path.relative_to(built_book)} -> {anchor['href']}")
    assert broken == []


LOADED = {
    "script": "src",
    "img": "src",
    "source": "src",
    "iframe": "src",
    "video": "src",
    "audio": "src",
    "embed": "src",
    "object": "data",
}
LOADING_RELATIONS = {
    "stylesheet",
    "preload",
    "prefetch",
    "modulepreload",
    "preconnect",
    "icon",
    "shortcut",
    "manifest",
}


def foreign(html: str) -> list[str]:
    """Addresses on other hosts that a page's scripts, styles, fonts or images are loaded from."""
    soup = BeautifulSoup(html, "html.parser")
    addresses = [
        element.get(attribute, "")
        for name, attribute in LOADED.items()
        for element in soup.select(name)
    ]
    addresses += [
        element.get("href", "")
        for element in soup.select("link")
        if LOADING_RELATIONS & set(element.get("rel", []))
    ]
    addresses += re.findall(
        r"url\(\s*['\"]?([^'\")]+)", " ".join(style.text for style in soup.select("style"))
    )
    addresses += re.findall(
        r"unpkg\.com|jsdelivr\.net|cdnjs\.cloudflare\.com|googleapis\.com", html
    )
    return [
        address
        for address in addresses
        if re.match(r"(https?:)?//|unpkg|jsdelivr|cdnjs|googleapis", address)
    ]


def test_foreign_addresses_are_seen() -> None:
    assert foreign('<link rel="stylesheet" href="https://example.org/a.css">') == [
        "https://example.org/a.css"
    ]
    assert foreign('<img src="//example.org/a.png">') == ["//example.org/a.png"]
    assert foreign("<style>@font-face {src: url(https://example.org/a.woff2)}</style>")
    assert foreign('<script>const THEBE = "https://unpkg.com/thebe"</script>')
    assert (
        foreign('<a href="https://example.org">a link to follow</a><img src="_images/a.png">') == []
    )


def test_no_page_loads_anything_from_another_host(built_book: Path) -> None:
    loaded = {
        str(path.relative_to(built_book)): found
        for path in built_book.rglob("*.html")
        if "_static" not in path.parts and (found := foreign(path.read_text(encoding="utf-8")))
    }
    assert loaded == {}


def test_no_style_sheet_loads_anything_from_another_host(built_book: Path) -> None:
    pattern = re.compile(r"(?:url\(|@import\s+)\s*['\"]?((?:https?:)?//[^'\")\s]+)")
    loaded = {
        path.name: pattern.findall(path.read_text(encoding="utf-8"))
        for path in built_book.rglob("*.css")
    }
    assert {name: addresses for name, addresses in loaded.items() if addresses} == {}


# ---------------------------------------------------------------------------------- generated pages


def public_modules() -> set[str]:
    """Module names from the files of the package, none of whose parts begins with an underscore."""
    package = REPOSITORY / "vsclib"
    names = set()
    for path in package.rglob("*.py"):
        parts = path.relative_to(REPOSITORY).with_suffix("").parts
        parts = parts[:-1] if parts[-1] == "__init__" else parts
        if not any(part.startswith("_") for part in parts):
            names.add(".".join(parts))
    return names


def test_api_reference_covers_every_public_module(built_book: Path) -> None:
    pages = sorted((built_book / "api").glob("*.html"))
    ids = [
        element["id"].removeprefix("module-")
        for path in pages
        for element in page(path).select("[id^=module-]")
    ]
    assert public_modules() <= set(ids)
    assert len(ids) == len(set(ids))
    assert all(path.stat().st_size < 300_000 for path in pages)


def test_a_signature_is_no_list_of_definitions_without_terms(built_book: Path) -> None:
    for path in (built_book / "api").glob("*.html"):
        halves = [part for part in page(path).select("dl") if not part.find("dt", recursive=False)]
        assert not halves, (path.name, str(halves[0])[:200])


def test_a_module_stands_on_the_page_that_names_it_most_closely(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(str(BOOK / "_extensions"))
    api = importlib.import_module("api_reference")
    modules = ["vsclib", "vsclib.a", "vsclib.a.b", "vsclib.a.c", "vsclib.ab", "vsclib.d"]
    pages = {"one": ["d", "*"], "two": ["a"], "three": ["a.c"]}
    assert api.shared_out(modules, pages) == {
        "one": ["vsclib.d", "vsclib", "vsclib.ab"],
        "two": ["vsclib.a", "vsclib.a.b"],
        "three": ["vsclib.a.c"],
    }
    with pytest.raises(api.ExtensionError, match=r"does not exist: vsclib\.z"):
        api.shared_out(modules, {"one": ["z", "*"]})
    with pytest.raises(api.ExtensionError, match="let one name"):
        api.shared_out(modules, {"one": ["a"]})


def test_api_reference_shows_docstrings_and_typeset_formulas(built_book: Path) -> None:
    entry = (
        page(built_book / "api" / "mathematics.html")
        .find(id="vsclib.spike_slab.divergence.gaussian_kl")
        .parent
    )
    assert "Kullback-Leibler divergence between two Gaussians" in entry.text
    assert entry.select(".math") and "Source" in entry.text


def test_bars_in_docstrings_are_absolute_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BOOK / "_extensions"))
    keep_bars = importlib.import_module("api_reference").keep_bars
    lines = [
        "Largest |z| of ``a | b`` and :math:`|x|`.",
        "",
        ".. math:: |z|",
        "    + |z|",
        "",
        "int | None",
        ">>> a | b",
    ]
    keep_bars(None, "function", "f", None, None, lines)
    assert lines == [
        r"Largest \|z\| of ``a | b`` and :math:`|x|`.",
        "",
        *lines[2:5],
        r"int \| None",
        ">>> a | b",
    ]
    assert lines[2:5] == [".. math:: |z|", "    + |z|", ""]


def test_bibliography_holds_every_reference(built_book: Path) -> None:
    entries = re.findall(
        r"^@\w+\{", (BOOK / "references.bib").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert len(page(built_book / "bibliography.html").select("div.citation")) == len(entries)


def test_status_page_lists_every_executed_page(built_book: Path) -> None:
    rows = page(built_book / "status.html").select("table tbody tr")
    linked = {
        row.find("a")["href"]: [cell.text.strip() for cell in row.find_all("td")] for row in rows
    }
    for name in notebook_pages():
        cells = linked[f"{name}.html"]
        assert cells[1] == "ok", f"{name}: {cells}"
        assert re.search(r"\d", cells[2]), f"{name} does not say how long it took: {cells}"
        assert re.fullmatch(r"\d{4}-\d\d-\d\d", cells[3]), (
            f"{name} does not say when it ran: {cells}"
        )
        assert "Python" in cells[4] and "PyTorch" in cells[4], (
            f"{name} does not say with which versions: {cells}"
        )


def a_figure(label: str) -> dict:
    """A cell that shows a picture, with a caption and a label."""
    pixel = (
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptV"
        "AAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
    )
    return {
        "cell_type": "code",
        "metadata": {
            "mystnb": {
                "figure": {"name": label, "caption": "A pixel."},
                "image": {"alt": "A pixel."},
            }
        },
        "source": "picture",
        "execution_count": 2,
        "outputs": [{"output_type": "display_data", "metadata": {}, "data": {"image/png": pixel}}],
    }


@pytest.mark.book
def test_contents_work_with_and_without_local_runs(tmp_path: Path) -> None:
    """The two globs of the contents match nothing, then one page; both builds are strict."""
    book = tmp_path / "book"
    (book / "runs" / "local").mkdir(parents=True)
    for folder in ("_assets", "_extensions"):
        (book / folder).symlink_to(BOOK / folder)
    configuration = yaml.safe_load((REPOSITORY / "_config.yml").read_text(encoding="utf-8"))
    (book / "_config.yml").write_text(
        yaml.safe_dump(configuration, sort_keys=False), encoding="utf-8"
    )
    contents = yaml.safe_load((REPOSITORY / "_toc.yml").read_text(encoding="utf-8"))
    runs = next(part for part in contents["parts"] if part["caption"] == "Experiments")
    contents = {"format": "jb-book", "root": "preface", "parts": [runs]}
    (book / "_toc.yml").write_text(yaml.safe_dump(contents), encoding="utf-8")
    (book / "references.bib").symlink_to(BOOK / "references.bib")
    (book / "preface.md").write_text("# A book\n", encoding="utf-8")
    (book / "runs" / "index.md").write_text(
        "# Runs\n\n% execution-status: runs/* runs/local/*\n", encoding="utf-8"
    )

    def build() -> Path:
        command = [*JUPYTER_BOOK, "build", str(book), "-W", "--keep-going", "--all"]
        run = subprocess.run(command, capture_output=True, text=True)
        assert run.returncode == 0, run.stdout + run.stderr
        return book / "_build" / "html" / "runs"

    assert "There is none yet" in (build() / "index.html").read_text(encoding="utf-8")

    executed = a_notebook({"outputs": [{"name": "stdout", "text": "a line of the run"}]})
    times = {"duration": 75.4, "end_time": "2026-01-02T03:04:05.678+00:00"}
    executed["metadata"] = {
        "papermill": times,
        "language_info": {"name": "python", "version": "3.11.7"},
    }
    executed["cells"].insert(
        0, {"cell_type": "markdown", "metadata": {}, "source": "# A training run"}
    )
    executed["cells"].append(a_figure("fig-run-history"))
    executed |= {"nbformat": 4, "nbformat_minor": 4}
    for name in ("vsc-mine", "vae-mine"):  # the same title and the same figure label in both
        (book / "runs" / "local" / f"{name}.ipynb").write_text(
            json.dumps(executed), encoding="utf-8"
        )
    html = build()
    assert "a line of the run" in (html / "local" / "vsc-mine.html").read_text(encoding="utf-8")
    first, row = (row.text for row in page(html / "index.html").select("table tbody tr"))
    assert "vae-mine" in first
    assert all(
        text in row for text in ("vsc-mine", "ok", "1 min 15 s", "2026-01-02", "Python 3.11.7")
    )
