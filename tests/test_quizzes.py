"""The quizzes: fair files, one line for a bad one, and a page that works by keyboard or unscripted."""

from pathlib import Path

import nbformat
import pytest
import yaml
from conftest import load_script
from playwright.sync_api import Browser, Page
from published_page import REPOSITORY, build_small_book, served, visited
from test_book import chapter_files

FOLDER = REPOSITORY / "book" / "quizzes"
quizzes = load_script("book/_extensions/quizzes.py")
NAMES = quizzes.names(FOLDER)
ALL = {name: quizzes.read(FOLDER / f"{name}.yml") for name in NAMES}
QUESTIONS = [(name, question) for name, quiz in ALL.items() for question in quiz]


# --------------------------------------------------------------------------------------- the files


def test_every_chapter_has_a_quiz() -> None:
    notebooks = REPOSITORY / "notebooks"
    chapters = [path.relative_to(notebooks).with_suffix("").as_posix() for path in chapter_files()]
    assert sorted(chapters) == NAMES and len(NAMES) == 20
    assert all(len(quiz) == 5 for quiz in ALL.values())


def test_no_question_is_asked_twice() -> None:
    texts = [question.text for _, question in QUESTIONS]
    assert len(set(texts)) == len(texts)


def test_every_choice_is_explained_by_a_text_of_its_own() -> None:
    reasons = [choice.because for _, question in QUESTIONS for choice in question.choices]
    assert len(set(reasons)) == len(reasons)
    assert [reason for reason in reasons if len(reason) < 40 or not reason.endswith(".")] == []


@pytest.mark.parametrize("count", quizzes.CHOICES)
def test_right_choices_are_spread_over_the_positions(count: int) -> None:
    places = [
        [choice.right for choice in question.choices].index(True)
        for _, question in QUESTIONS
        if len(question.choices) == count
    ]
    share = len(places) / count
    found = [places.count(place) for place in range(count)]
    assert all(abs(number - share) <= max(2, 0.25 * share) for number in found), found


def lengths(question: quizzes.Question) -> tuple[int, int]:
    """Characters of the right choice, and of the longest wrong one."""
    wrong = max(len(choice.text) for choice in question.choices if not choice.right)
    return next(len(choice.text) for choice in question.choices if choice.right), wrong


def test_the_right_choice_is_not_known_by_its_length() -> None:
    longest = [name for name, question in QUESTIONS if lengths(question)[0] > lengths(question)[1]]
    assert len(longest) <= len(QUESTIONS) / 4, longest
    much = [(name, question.text[:40], lengths(question)) for name, question in QUESTIONS
            if lengths(question)[0] > 1.25 * lengths(question)[1]]  # fmt: skip
    assert much == []
    shortest = sum(
        len(choice.text) == min(len(other.text) for other in question.choices)
        for _, question in QUESTIONS
        for choice in question.choices
        if choice.right
    )
    assert shortest <= len(QUESTIONS) / 2


def test_formulas_are_closed() -> None:
    texts = [question.text for _, question in QUESTIONS]
    for _, question in QUESTIONS:
        texts += [part for choice in question.choices for part in (choice.text, choice.because)]
    assert [text for text in texts if text.count("$") % 2 or text.count("`") % 2] == []


# ------------------------------------------------------------------------------------ a bad file


def a_question(**changes: object) -> dict:
    choices = [
        {"text": f"choice {letter}", "because": f"of {letter}"}
        | ({"right": True} if letter == "b" else {})
        for letter in "abc"
    ]
    return {"question": "Which?", "choices": choices} | changes


def a_quiz(*, second: dict | None = None, count: int = 5) -> list[dict]:
    quiz = [a_question(question=f"Which, {number}?") for number in range(count)]
    if second is not None:
        quiz[1] = second
    return quiz


def choices_with(place: int, **changes: object) -> list[dict]:
    choices = a_question()["choices"]
    choices[place] |= changes
    return choices


BAD = {
    "four": (a_quiz(count=4), "holds 4 questions, not a list of 5"),
    "mapping": ({"question": "Which?"}, "holds dict, not a list of 5"),
    "no mapping": (a_quiz(second="Which?"), "question 2: the question is no mapping"),
    "no choices": (
        a_quiz(second={"question": "Which?"}),
        "question 2: the question has no 'choices'",
    ),
    "two choices": (
        a_quiz(second=a_question(choices=choices_with(1)[:2])),
        "question 2: has 2 choices, not 3 or 4",
    ),
    "misspelt": (
        a_quiz(second=a_question(choices=choices_with(0, becuase="of a"))),
        "question 2: choice A has 'becuase': did you mean 'because'?",
    ),
    "unexplained": (
        a_quiz(second=a_question(choices=[{"text": "a"}, *choices_with(1)[1:]])),
        "question 2: choice A has no 'because'",
    ),
    "none right": (
        a_quiz(second=a_question(choices=choices_with(1, right=False))),
        "question 2: right is none: write 'right: true' at exactly one choice",
    ),
    "two right": (
        a_quiz(second=a_question(choices=choices_with(0, right=True))),
        "question 2: right is A and B",
    ),
    "right is text": (
        a_quiz(second=a_question(choices=choices_with(2, right="yes"))),
        "question 2: choice C says right: 'yes', not true",
    ),
    "a number": (
        a_quiz(second=a_question(choices=choices_with(2, text=0.05))),
        "question 2: text of choice C is 0.05, no text: write it in quotes",
    ),
    "empty": (a_quiz(second=a_question(question=" ")), "question 2: question is ' ', no text"),
    "twice": (
        a_quiz(second=a_question(choices=choices_with(0, text="choice b"))),
        "question 2: two choices have the same text",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_said_in_one_line(name: str, tmp_path: Path) -> None:
    document, said = BAD[name]
    path = tmp_path / "03-vsc.yml"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    with pytest.raises(quizzes.BadQuiz) as error:
        quizzes.read(path)
    assert str(error.value).startswith("03-vsc.yml") and said in str(error.value)
    assert "\n" not in str(error.value)


def test_what_is_no_yaml_is_said_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "03-vsc.yml"
    path.write_text("- question: Which: this or that?\n", encoding="utf-8")
    with pytest.raises(quizzes.BadQuiz, match=r"^03-vsc\.yml: no YAML at line 1 \(") as error:
        quizzes.read(path)
    assert "\n" not in str(error.value)


# ------------------------------------------------------------------------------------- on the page


def small_sources(folder: Path) -> Path:
    """A book of one page and two chapters, the first of which has a quiz."""
    (folder / "notebooks").mkdir(parents=True)
    (folder / "quizzes").mkdir()
    (folder / "index.md").write_text("# A book\n", encoding="utf-8")
    for name in ("01-one", "02-two"):
        notebook = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_markdown_cell(f"# Chapter {name}\n\nText.\n")]
        )
        nbformat.write(notebook, folder / "notebooks" / f"{name}.ipynb")
    quiz = a_quiz(
        second=a_question(
            question="What is\n\n$$\n\\frac ab\n$$\n\nat $a = 0$?",
            choices=choices_with(1, text=r"$0$, if $b \ne 0$", because=r"As $\frac0b = 0$."),
        )
    )
    (folder / "quizzes" / "01-one.yml").write_text(yaml.safe_dump(quiz), encoding="utf-8")
    return folder


PAGES = ["index", "notebooks/01-one", "notebooks/02-two"]
EXTENSIONS = ("quizzes", "own_server")


@pytest.fixture(scope="module")
def small_book(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Path:
    sources = small_sources(tmp_path_factory.mktemp("quizzes") / "book")
    return build_small_book(sources, PAGES, extensions=EXTENSIONS)


def shown(page: Page, selector: str) -> list[str]:
    """The texts of the elements that can be seen."""
    return [each.inner_text() for each in page.locator(selector).all() if each.is_visible()]


def test_a_quiz_works_by_keyboard(browser: Browser, small_book: Path) -> None:
    with served(small_book) as address, visited(browser, address, f"{PAGES[1]}.html") as visit:
        page = visit.page
        page.locator(".quiz-said").first.wait_for(state="attached")
        page.wait_for_function(
            "document.querySelector('label mjx-container')"
            " && !document.querySelector('label mjx-container[tabindex]')"
        )
        assert len(shown(page, "fieldset > legend")) == 5 and shown(page, ".quiz-answers") == []
        # Two tabs: the group of buttons, which the arrows move in, and the check.
        page.locator(".quiz-question").nth(1).locator("input").first.focus()
        page.keyboard.press("Space")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "quiz-check"
        outline = "getComputedStyle(document.activeElement).outlineStyle"
        assert page.evaluate(outline) == "solid"
        page.keyboard.press("Enter")
        assert shown(page, ".quiz-said .quiz-verdict") == ["A. Wrong."]
        assert "of a" in shown(page, ".quiz-said")[0]
        page.keyboard.press("Shift+Tab")
        page.keyboard.press("ArrowDown")
        assert shown(page, ".quiz-said .quiz-verdict") == []  # said of another choice
        page.keyboard.press("Enter")
        assert shown(page, ".quiz-said .quiz-verdict") == ["B. Right."]
        assert page.locator(".quiz-said mjx-container").count() == 1
        assert page.locator(".quiz-said").nth(1).get_attribute("aria-live") == "polite"
        # The first try counts.
        assert shown(page, ".quiz-result output") == [
            "0 of 1 right at the first try, 4 more to answer."
        ]
        for number in (0, 2, 3, 4):
            page.locator(".quiz-question").nth(number).get_by_label("choice b").check()
            page.keyboard.press("Enter")
        assert shown(page, ".quiz-result output") == [
            "Your result: 4 of 5, counted at the first try."
        ]
        page.get_by_role("button", name="Start again").click()
        assert page.locator("input:checked").count() == 0
        assert (visit.foreign, visit.missing, visit.errors) == ([], [], [])


def test_a_quiz_can_be_read_without_a_script_and_on_paper(
    browser: Browser, small_book: Path
) -> None:
    with served(small_book) as address:
        context = browser.new_context(java_script_enabled=False)
        page = context.new_page()
        page.goto(f"{address}{PAGES[1]}.html")
        assert len(shown(page, ".quiz-choice")) == 15 and shown(page, ".quiz button") == []
        assert shown(page, ".quiz-explained") == []
        page.locator(".quiz-answers summary").first.click()
        assert [text.split("\n")[0] for text in shown(page, ".quiz-explained")] == [
            "A. Wrong.", "B. Right.", "C. Wrong."
        ]  # fmt: skip
        context.close()
        with visited(browser, address, f"{PAGES[1]}.html") as visit:
            visit.page.emulate_media(media="print")
            assert len(shown(visit.page, ".quiz-answers summary")) == 5
            assert shown(visit.page, ".quiz button") == []


def test_only_pages_with_a_quiz_load_its_script(small_book: Path) -> None:
    texts = {name: (small_book / f"{name}.html").read_text(encoding="utf-8") for name in PAGES}
    assert ["quiz.js" in text for text in texts.values()] == [False, True, False]
    assert '<script defer="defer" src="../_static/quiz.js' in texts[PAGES[1]]


@pytest.mark.book
@pytest.mark.parametrize(
    "name, said", [("01-one", "01-one.yml, question 2: right is A and B"), ("01-oen", "no chapter")]
)
def test_a_bad_file_stops_the_build(tmp_path: Path, name: str, said: str) -> None:
    sources = small_sources(tmp_path / "book")
    document = BAD["two right"][0] if name == "01-one" else a_quiz()
    (sources / "quizzes" / f"{name}.yml").write_text(yaml.safe_dump(document), encoding="utf-8")
    with pytest.raises(AssertionError) as error:
        build_small_book(sources, PAGES, extensions=EXTENSIONS)
    lines = [line for line in str(error.value).splitlines() if said in line]
    assert lines and all("write 'right: true'" in x or "did you mean '01-one'" in x for x in lines)
