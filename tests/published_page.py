"""A page as its reader gets it: served from a folder, every other host out of reach, and what the
browser said to it.
"""

import contextlib
import functools
import http.server
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import nbformat
import yaml
from nbclient import NotebookClient
from playwright.sync_api import Browser, ConsoleMessage, Page, Playwright, Route

from vsclib.traversal.stored import keep_data_only

REPOSITORY = Path(__file__).parent.parent
BROWSER_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# Jupyter Book and its theme both add sphinx-thebe, whose script declares this name; nothing on our
# pages uses it.
KNOWN_ERROR = "Identifier 'THEBE_JS_URL' has already been declared"
# The part of the book's configuration that brings widgets and mathematics to a page.
PAGE_SETTINGS = (
    "html_static_path",
    "templates_path",
    "html_context",
    "html_theme_options",
    "mathjax_path",
    "mathjax3_config",
    "nb_ipywidgets_js",
)
# What the templates of every page ask for.
PAGE_EXTENSIONS = ("light_head", "own_server")


class Visit(NamedTuple):
    """An open page and what happened on it so far."""

    page: Page
    foreign: list[str]  # addresses on other hosts that the page asked for (none was answered)
    missing: list[str]  # addresses in the folder that do not exist
    errors: list[str]  # console errors and exceptions, without the known one


def chromium() -> str | None:
    """Path of a Chromium, or None."""
    named = os.environ.get("VSCLIB_CHROMIUM")
    found = (shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome"))
    return named or next((path for path in found if path), None)


def launch(playwright: Playwright) -> Browser | None:
    """A headless Chromium: the system's, or Playwright's own; None where there is neither."""
    path = chromium() or playwright.chromium.executable_path
    if not Path(path).exists():
        return None
    return playwright.chromium.launch(executable_path=path, args=BROWSER_ARGUMENTS)


class _QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        """Nothing on the terminal."""


@contextlib.contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serves a folder on this machine and gives its address, with a slash at the end."""
    handler = functools.partial(_QuietHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/"
        finally:
            server.shutdown()


@contextlib.contextmanager
def visited(
    browser: Browser, address: str, path: str, *, color_scheme: str = "light", width: int = 1280
) -> Iterator[Visit]:
    """Opens address + path with every other host out of reach."""
    context = browser.new_context(
        viewport={"width": width, "height": 1000},
        color_scheme=color_scheme,  # type: ignore[arg-type]
        device_scale_factor=1,
    )
    page = context.new_page()
    visit = Visit(page, [], [], [])

    def guard(route: Route) -> None:
        if route.request.url.startswith((address, "data:", "blob:")):
            route.continue_()
        else:
            visit.foreign.append(route.request.url)
            route.abort()

    def heard(message: ConsoleMessage) -> None:
        if message.type == "error":
            visit.errors.append(message.text)

    page.route("**/*", guard)
    page.on("console", heard)
    page.on(
        "pageerror",
        lambda error: visit.errors.append(error.message) if error.message != KNOWN_ERROR else None,
    )
    page.on(
        "response",
        lambda answer: visit.missing.append(answer.url) if answer.status >= 400 else None,
    )
    try:
        page.goto(address + path, wait_until="load")
        yield visit
    finally:
        context.close()


def executed_notebook(path: Path, cells: list[str]) -> None:
    """Writes a notebook of code cells, run and stored as the book's: outputs and widgets' data."""
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(source) for source in cells]
    )
    notebook.metadata["kernelspec"] = {
        "name": "python3",
        "display_name": "Python 3",
        "language": "python",
    }
    NotebookClient(
        notebook,
        timeout=120,
        kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
    ).execute()
    keep_data_only(notebook)
    nbformat.write(notebook, path)


def build_small_book(
    folder: Path,
    pages: list[str],
    settings: Path = REPOSITORY / "_config.yml",
    extensions: tuple[str, ...] = ("widget_script",),
) -> Path:
    """Builds a book of the given pages with the scripts, settings and some extensions of the real.

    Returns:
        The folder of its HTML.
    """
    for part in ("_assets", "_templates"):
        shutil.copytree(REPOSITORY / "book" / part, folder / part)
    real = yaml.safe_load(settings.read_text("utf-8"))["sphinx"]["config"]
    config = {
        "title": "A small book",
        "only_build_toc_files": True,
        "parse": {"myst_enable_extensions": ["colon_fence", "dollarmath"]},
        "execute": {"execute_notebooks": "off"},
        "sphinx": {
            "recursive_update": True,
            "local_extensions": {
                name: str(REPOSITORY / "book" / "_extensions")
                for name in {*PAGE_EXTENSIONS, *extensions}
            },
            "config": {name: real[name] for name in PAGE_SETTINGS},
        },
    }
    (folder / "_config.yml").write_text(yaml.safe_dump(config, sort_keys=False), "utf-8")
    contents: dict = {"format": "jb-book", "root": pages[0]}
    if pages[1:]:
        contents["chapters"] = [{"file": page} for page in pages[1:]]
    (folder / "_toc.yml").write_text(yaml.safe_dump(contents), "utf-8")
    return build(folder)


def build(folder: Path, **environment: str) -> Path:
    """Builds the book in a folder, again where it is built; returns the folder of its HTML."""
    program = "from jupyter_book.cli.main import main; main()"
    command = [sys.executable, "-c", program, "build", str(folder)]
    run = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, env={**os.environ, **environment}
    )
    assert run.returncode == 0, (run.stdout + run.stderr)[-3000:]
    return folder / "_build" / "html"
