"""The slides: an idea a screen, figures that chapters store, keys that move, a page for each on paper."""

import re
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from conftest import load_script
from playwright.sync_api import Browser, Page
from published_page import REPOSITORY, build_small_book, served, visited
from test_book import documents

FOLDER = REPOSITORY / "book" / "slides"
WEEKS = sorted(FOLDER.glob("week-*.md"))
slides = load_script("book/_extensions/slides.py")
FIGURE = re.compile(r"^```\{chapter-figure\} (\S+) (\S+)\n```$", re.MULTILINE)


def screens(path: Path) -> list[str]:
    """The text of each screen, its heading first."""
    _, *found = re.split(r"^## ", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return found


# ------------------------------------------------------------------------------------- the sources


def test_there_are_four_weeks_and_the_contents_name_them() -> None:
    assert [path.stem for path in WEEKS] == [f"week-{number}" for number in (1, 2, 3, 4)]
    wanted = ["slides/index", *(f"slides/{path.stem}" for path in WEEKS)]
    assert [name for name in documents() if name.startswith("slides/")] == wanted


@pytest.mark.parametrize("week", WEEKS, ids=lambda path: path.stem)
def test_a_week_has_a_dozen_screens_of_one_idea(week: Path) -> None:
    found = screens(week)
    assert 12 <= len(found) <= 18
    assert len({text.split("\n")[0] for text in found}) == len(found)
    for text in found:
        assert len(FIGURE.findall(text)) <= 1, text
        prose = FIGURE.sub("", re.sub(r"\$\$.*?\$\$", "", text, flags=re.DOTALL))
        prose = re.sub(r"\{\w+\}`[^`]*`|^\|.*$", "", prose, flags=re.MULTILINE)
        assert len(prose.split()) <= 75, (text.split("\n")[0], len(prose.split()))


@pytest.mark.parametrize("week", WEEKS, ids=lambda path: path.stem)
def test_figures_are_those_that_the_chapters_store(week: Path) -> None:
    text = week.read_text(encoding="utf-8")
    found = FIGURE.findall(text)
    assert len(found) >= 4 and len(found) == text.count("{chapter-figure}")
    for chapter, label in found:
        drawing = slides.drawings(REPOSITORY / "notebooks" / f"{chapter}.ipynb")[label]
        assert BeautifulSoup(drawing, "html.parser").svg.title.text


def test_the_last_screen_names_what_to_read() -> None:
    for week in WEEKS:
        last = screens(week)[-1]
        assert last.startswith("Your turn\n") and last.count("{doc}`/notebooks/") >= 3


# ------------------------------------------------------------------------------------- on the page


SMALL = """# Week 1: small

:::{div} slides-opening
An opening.
:::

## One

$$ a^2 $$

## Two

{chapter}

## Three

A last sentence.
"""
FIGURED = "```{chapter-figure} 01-autoencoder fig-ae-pca\n```"
PAGES = ["index", "slides/week-1", "notebooks/01-autoencoder"]
EXTENSIONS = ("slides", "own_server")


def small_sources(folder: Path, figure: str = FIGURED) -> Path:
    """A book of a page, a week and the chapter that its figure is from."""
    (folder / "slides").mkdir(parents=True)
    (folder / "notebooks").mkdir()
    (folder / "index.md").write_text("# A book\n", encoding="utf-8")
    text = SMALL.replace("{chapter}", figure)
    (folder / "slides" / "week-1.md").write_text(text, encoding="utf-8")
    chapter = folder / "notebooks" / "01-autoencoder.ipynb"
    chapter.write_bytes((REPOSITORY / "notebooks" / chapter.name).read_bytes())
    return folder


@pytest.fixture(scope="module")
def small_book(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Path:
    sources = small_sources(tmp_path_factory.mktemp("slides") / "book")
    return build_small_book(sources, PAGES, extensions=EXTENSIONS)


def at_top(page: Page) -> str:
    """The heading of the screen that begins at the top of the window."""
    return page.evaluate(
        """() => [...document.querySelectorAll(".bd-article h1, .bd-article h2")]
          .filter((heading) => heading.closest("section").getBoundingClientRect().top < innerHeight / 3
            && (heading.tagName === "H2" || scrollY < 10))
          .at(-1).firstChild.textContent"""
    )


def test_keys_move_from_screen_to_screen(browser: Browser, small_book: Path) -> None:
    with served(small_book) as address, visited(browser, address, f"{PAGES[1]}.html") as visit:
        page = visit.page
        page.locator("mjx-container").first.wait_for()
        heights = [
            section.bounding_box()["height"]
            for section in page.locator(".bd-article > section > section").all()
        ]
        assert len(heights) == 3 and min(heights) > 0.9 * page.viewport_size["height"]
        assert at_top(page) == "Week 1: small"
        for key, heading in [
            ("ArrowRight", "One"), ("PageDown", "Two"), ("PageUp", "One"), ("Space", "Two"),
            ("ArrowDown", "Three"), ("ArrowRight", "Three"), ("ArrowUp", "Two"),
            ("Home", "Week 1: small"), ("End", "Three"), ("ArrowLeft", "Two"),
        ]:  # fmt: skip
            page.keyboard.press(key)
            assert at_top(page) == heading, key
        assert page.url.endswith("#two")
        assert page.locator(".chapter-figure svg title").count() == 1
        assert (visit.foreign, visit.missing, visit.errors) == ([], [], [])


def test_each_screen_is_a_landscape_page_on_paper(browser: Browser, small_book: Path) -> None:
    with served(small_book) as address, visited(browser, address, f"{PAGES[1]}.html") as visit:
        visit.page.locator("mjx-container").first.wait_for()
        document = visit.page.pdf(prefer_css_page_size=True)
    pages = re.findall(rb"/MediaBox ?\[ ?0 0 ([\d.]+) ([\d.]+) ?\]", document)
    assert len(pages) == 4
    assert all(float(width) > float(height) for width, height in pages)


def test_only_slides_load_their_script(small_book: Path) -> None:
    texts = [(small_book / f"{name}.html").read_text(encoding="utf-8") for name in PAGES]
    assert ["slides.js" in text for text in texts] == [False, True, False]


@pytest.mark.book
@pytest.mark.parametrize(
    "figure, said",
    [
        ("01-autoencoder fig-ae-pcs", "stores no fig-ae-pcs: did you mean 'fig-ae-pca'?"),
        ("01-autoencodr fig-ae-pca", "no chapter 01-autoencodr: did you mean '01-autoencoder'?"),
    ],
)
def test_a_figure_that_is_not_there_stops_the_build(tmp_path: Path, figure: str, said: str) -> None:
    sources = small_sources(tmp_path / "book", f"```{{chapter-figure}} {figure}\n```")
    with pytest.raises(AssertionError, match=re.escape(said)):
        build_small_book(sources, PAGES, extensions=EXTENSIONS)
