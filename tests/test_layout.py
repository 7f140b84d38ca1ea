"""What is wider than a page scrolls in its own place, shows it, and is reached by the Tab key."""

import json
from pathlib import Path

import pytest
from published_page import build_small_book, served, visited

CELLS = "| " + " | ".join(f"a long heading {column}" for column in range(12)) + " |"
PAGE = f"""# Wide parts

$a$ stands in a line.

$$
{" + ".join(f"x_{{{index}}}^2" for index in range(60))}
$$

{CELLS}
{"|---" * 12}|
{CELLS.replace("a long heading", "value")}

| a | b |
|---|---|
| 1 | 2 |
"""
# Wider than a phone, narrower than a desktop's column of text.
PRINTED = f"name{' ' * 34}value{' ' * 30}more\none{' ' * 35}1{' ' * 34}2\n"
CUT = """() => [...document.querySelectorAll(".bd-article *")].filter((part) =>
    part.scrollWidth > part.clientWidth + 1 && /auto|scroll/.test(getComputedStyle(part).overflowX))
    .map((part) => [part.tagName.toLowerCase(), part.tabIndex, part.matches(".cut-right, .cut-right *"),
                    part.getAttribute("aria-label")])"""


@pytest.fixture(scope="module")
def wide_book(tmp_path_factory) -> Path:
    """A page with a wide formula, a wide table, a narrow one, and a printed table."""
    folder = tmp_path_factory.mktemp("wide")
    output = {"output_type": "stream", "name": "stdout", "text": PRINTED}
    cells = [
        {"cell_type": "markdown", "metadata": {}, "source": PAGE},
        {
            "cell_type": "code",
            "metadata": {},
            "source": "print(table)",
            "execution_count": 1,
            "outputs": [output],
        },
    ]
    notebook = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 4}
    (folder / "page.ipynb").write_text(json.dumps(notebook), "utf-8")
    return build_small_book(folder, ["page"], extensions=("light_head", "own_server", "wide_parts"))


@pytest.mark.slow
@pytest.mark.parametrize("width, parts", [(390, 3), (768, 2)])
def test_what_is_wide_scrolls_with_a_cue_and_by_keys(browser, wide_book, width, parts):
    with served(wide_book) as address, visited(browser, address, "page.html", width=width) as visit:
        page = visit.page
        page.wait_for_function(f"document.querySelectorAll('.cut-right').length >= {parts}")
        cut = page.evaluate(CUT)
        assert len(cut) >= parts and all(
            tab == 0 and cue and label for _, tab, cue, label in cut
        ), cut
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        # A formula in a line of text is no stop of the Tab key, and neither is a table that fits.
        assert page.evaluate("document.querySelectorAll('p mjx-container[tabindex]').length") == 0
        tables = page.locator(".pst-scrollable-table-container")
        assert tables.first.get_attribute("tabindex") == "0"
        assert tables.last.get_attribute("tabindex") != "0"
        tables.first.focus()
        page.keyboard.press("ArrowRight")
        page.locator(".pst-scrollable-table-container.cut-left").wait_for()
        assert visit.errors == [] and visit.missing == []


@pytest.mark.slow
def test_the_cue_goes_where_the_page_grows(browser, wide_book):
    with served(wide_book) as address, visited(browser, address, "page.html", width=390) as visit:
        visit.page.locator("div.columns pre.cut-right").wait_for()
        visit.page.set_viewport_size({"width": 1280, "height": 1000})
        visit.page.wait_for_function(
            "!document.querySelector('.columns pre').matches('.cut-right')"
        )
