"""axe-core finds no violation on the book's pages, light and dark: rules A, AA and best practice.

A sample holds every kind of page; `VSCLIB_EVERY_PAGE=1` asks for all of them. axe-core 4.10.3 lies in
`tests/vendor/axe-core` as npm delivers it, under the MPL 2.0.
"""

import hashlib
import os
from pathlib import Path

import pytest
from playwright.sync_api import Page
from published_page import served, visited

AXE = Path(__file__).parent / "vendor" / "axe-core" / "axe.min.js"
SHA256 = "880970c081707360e64f34cea25ff91892f5bc95675b0776925b9709dd8a68bb"
SAMPLE = (
    "api/mathematics",
    "bibliography",
    "claims",
    "notation",
    "notebooks/01-autoencoder",
    "results/controls",
    "status",
)
RUN = """async () => {
  const values = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
  const { violations } = await axe.run(document, { runOnly: { type: "tag", values }, resultTypes: ["violations"] });
  return violations.map(({ id, nodes }) => `${id}, ${nodes.length} times: ${nodes[0].html.slice(0, 150)}`);
}"""


def violations(page: Page) -> list[str]:
    """What axe-core finds on an open page."""
    page.evaluate(AXE.read_text("utf-8") + ";0")
    return page.evaluate(RUN)


def test_axe_core_is_the_file_of_its_package():
    assert hashlib.sha256(AXE.read_bytes()).hexdigest() == SHA256


def test_axe_sees_a_picture_without_a_text(browser):
    page = browser.new_page()
    page.set_content("<html lang=en><title>a</title><main><h1>a</h1><img src='data:,'></main>")
    assert [found.split(",")[0] for found in violations(page)] == ["image-alt"]
    page.close()


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_of_the_book_breaks_a_rule(browser, built_book, scheme):
    every = sorted(path.relative_to(built_book) for path in built_book.rglob("*.html"))
    pages = [str(path.with_suffix("")) for path in every if path.name != "index.html"]
    found = {}
    with served(built_book) as address:
        for name in pages if os.environ.get("VSCLIB_EVERY_PAGE") == "1" else SAMPLE:
            with visited(browser, address, f"{name}.html") as visit:
                page = visit.page
                page.evaluate("() => globalThis.MathJax?.startup?.promise")
                page.evaluate(
                    "(theme) => { document.documentElement.dataset.theme = theme; }", scheme
                )
                # The theme's colours move there within a fifth of a second.
                page.wait_for_timeout(500)
                found[name] = violations(page)
    assert not {name: broken for name, broken in found.items() if broken}
