"""Five questions at the end of each chapter that has a file ``book/quizzes/NAME.yml``.

``NAME`` is the chapter's path under ``notebooks``, such as ``03-vsc`` or ``derivations/01-elbo``.
The notebook itself is left as it is: the section *Test yourself* is put behind its last cell while
the page is read. A file is a list of five questions, whose texts are the book's Markdown::

    - question: What does $\\alpha$ weigh?
      choices:
        - text: The slab.
          right: true
          because: It is the probability that a latent is on.
        - text: The spike.
          because: That is what $1 - \\alpha$ weighs.
        - text: The likelihood.
          because: ...

Without JavaScript, and in print, the questions stand with their answers folded.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from docutils import nodes
from docutils.parsers.rst import Directive
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

from vsclib.errors import nearest

QUESTIONS = 5
CHOICES = (3, 4)
LETTERS = "ABCD"
MARKS = ("{measured}`", "{printed}`", "{constant}`")
INTRODUCTION = (
    "Five questions about what the chapter says and what follows from it. Choose, check, and read "
    "why. Your answers stay in this page."
)
SECTION = "## Test yourself\n\n```{{quiz}} {name}\n```\n"


class Choice(NamedTuple):
    """What may be chosen, whether it is right, and why."""

    text: str
    right: bool
    because: str


class Question(NamedTuple):
    """A question and its choices, one of which is right."""

    text: str
    choices: tuple[Choice, ...]


class BadQuiz(ExtensionError):
    """A quiz file that cannot be shown; one line with the file, the question and the remedy."""

    def __init__(self, path: Path, number: int | None, problem: str):
        place = "" if number is None else f", question {number}"
        super().__init__(f"{path.name}{place}: {problem}")


# -------------------------------------------------------------------------------------- the files


def read(path: Path) -> tuple[Question, ...]:
    """The questions of a file.

    Raises:
        BadQuiz: the file is no YAML, or a question lacks something or has too much of it.
    """
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        line = "" if mark is None else f" at line {mark.line + 1}"
        problem = getattr(error, "problem", None) or "unreadable"
        raise BadQuiz(
            path, None, f"no YAML{line} ({problem}): put a text with ': ' or a quote after '>-'"
        ) from None
    if not isinstance(found, list) or len(found) != QUESTIONS:
        count = f"{len(found)} questions" if isinstance(found, list) else type(found).__name__
        raise BadQuiz(path, None, f"holds {count}, not a list of {QUESTIONS}: begin each with '- '")
    return tuple(_question(path, number, entry) for number, entry in enumerate(found, start=1))


def _question(path: Path, number: int, entry: Any) -> Question:
    _keys(path, number, "the question", entry, {"question", "choices"}, set())
    text = _text(path, number, "question", entry["question"])
    listed = entry["choices"]
    if not isinstance(listed, list) or not CHOICES[0] <= len(listed) <= CHOICES[1]:
        count = f"{len(listed)} choices" if isinstance(listed, list) else "no list of choices"
        raise BadQuiz(path, number, f"has {count}, not {CHOICES[0]} or {CHOICES[1]}: list as many")
    choices = tuple(
        _choice(path, number, f"choice {letter}", each)
        for letter, each in zip(LETTERS, listed, strict=False)
    )
    right = [letter for letter, choice in zip(LETTERS, choices, strict=False) if choice.right]
    if len(right) != 1:
        shown = " and ".join(right) or "none"
        raise BadQuiz(path, number, f"right is {shown}: write 'right: true' at exactly one choice")
    texts = [choice.text for choice in choices]
    if len(set(texts)) < len(texts):
        raise BadQuiz(path, number, "two choices have the same text: change or drop one")
    return Question(text, choices)


def _choice(path: Path, number: int, what: str, entry: Any) -> Choice:
    _keys(path, number, what, entry, {"text", "because"}, {"right"})
    right = entry.get("right", False)
    if not isinstance(right, bool):
        raise BadQuiz(
            path, number, f"{what} says right: {right!r}, not true: write true, or drop it"
        )
    text = _text(path, number, f"text of {what}", entry["text"])
    because = _text(path, number, f"because of {what}", entry["because"])
    return Choice(text, right, because)


def _keys(
    path: Path, number: int, what: str, entry: Any, needed: set[str], allowed: set[str]
) -> None:
    if not isinstance(entry, dict):
        raise BadQuiz(path, number, f"{what} is no mapping: give it {', '.join(sorted(needed))}")
    if missing := sorted(needed - set(entry)):
        raise BadQuiz(path, number, f"{what} has no {missing[0]!r}: add it")
    if unknown := sorted(map(str, set(entry) - needed - allowed)):
        raise BadQuiz(
            path, number, f"{what} has {unknown[0]!r}: {nearest(unknown[0], needed | allowed)}"
        )


def _text(path: Path, number: int, what: str, value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise BadQuiz(path, number, f"{what} is {value!r}, no text: write it in quotes")
    return value.strip()


def names(folder: Path) -> list[str]:
    """The chapters that have a quiz, as paths under ``notebooks``."""
    return sorted(
        path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob("*.yml")
    )


def check_files(app: Sphinx) -> None:
    """Read every file before any page, so that a bad one stops the build by itself.

    Raises:
        BadQuiz: one of the files cannot be shown, or there is no chapter of its name.
    """
    folder, chapters = Path(app.srcdir) / "quizzes", Path(app.srcdir) / "notebooks"
    for name in names(folder):
        read(folder / f"{name}.yml")
        if not (chapters / f"{name}.ipynb").is_file():
            known = [
                path.relative_to(chapters).with_suffix("").as_posix()
                for path in chapters.rglob("[0-9]*.ipynb")
            ]
            raise BadQuiz(
                folder / f"{name}.yml", None, f"no chapter {name}: {nearest(name, known)}"
            )


# ------------------------------------------------------------------------------------- the section


def file_of(app: Sphinx, page: str) -> Path | None:
    """The quiz file of a page, or None."""
    if not page.startswith("notebooks/"):
        return None
    path = Path(app.srcdir) / "quizzes" / f"{page.removeprefix('notebooks/')}.yml"
    return path if path.is_file() else None


def append_section(app: Sphinx, page: str, source: list[str]) -> None:
    """Put the section behind the last cell of a chapter's notebook."""
    if file_of(app, page) is None:
        return
    notebook = json.loads(source[0])
    text = SECTION.format(name=page.removeprefix("notebooks/"))
    cell = {"cell_type": "markdown", "metadata": {}, "source": text}
    if (notebook["nbformat"], notebook["nbformat_minor"]) >= (4, 5):
        cell["id"] = "test-yourself"
    notebook["cells"].append(cell)
    source[0] = json.dumps(notebook)


def reread_pages(app: Sphinx, env: Any, added: set, changed: set, removed: set) -> list[str]:
    """Pages whose quiz is new, and those whose quiz quotes numbers, which Sphinx does not watch."""
    found = []
    for page in env.found_docs:
        path = file_of(app, page)
        if path is None:
            continue
        watched = {Path(app.srcdir, name).resolve() for name in env.dependencies.get(page, ())}
        marked = any(mark in path.read_text(encoding="utf-8") for mark in MARKS)
        if marked or path.resolve() not in watched:
            found.append(page)
    return found


def add_files(app: Sphinx, page: str, template: str, context: dict[str, Any], tree: Any) -> None:
    """Load script and style on the pages that hold a quiz."""
    if tree is not None and next(iter(tree.findall(Quiz)), None) is not None:
        app.add_js_file("quiz.js", loading_method="defer")
        app.add_css_file("quiz.css", priority=900)  # after the theme's


# --------------------------------------------------------------------------------------- the nodes


class Quiz(nodes.General, nodes.Element):
    """All questions of a page."""


class Asked(nodes.General, nodes.Element):
    """One question: a form with a group of radio buttons."""


class Legend(nodes.General, nodes.Element):
    """What is asked, the name of the group; ``number`` counts from 1."""


class Offered(nodes.General, nodes.Element):
    """One choice: a radio button with its label, ``letter`` and the ``group``."""


class Answers(nodes.General, nodes.Element):
    """The choices' explanations, folded."""


class Explained(nodes.General, nodes.Element):
    """Why one choice is right or wrong."""


class QuizDirective(Directive):
    """Shows the quiz of a chapter."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """The questions as nodes of the page."""
        env = self.state.document.settings.env
        path = Path(env.srcdir) / "quizzes" / f"{self.arguments[0]}.yml"
        env.note_dependency(str(path))
        quiz = Quiz()
        quiz += self._parsed(INTRODUCTION, path)
        for number, question in enumerate(read(path), start=1):
            quiz += self._question(number, question, path)
        return [quiz]

    def _parsed(self, text: str, path: Path) -> list[nodes.Node]:
        holder = nodes.Element()
        lines = StringList(text.splitlines(), source=str(path))
        self.state.nested_parse(lines, self.content_offset, holder)
        return list(holder.children)

    def _question(self, number: int, question: Question, path: Path) -> Asked:
        asked = Asked(number=number)
        first, *more = self._parsed(question.text, path)
        if not isinstance(first, nodes.paragraph):
            raise BadQuiz(path, number, "begins with no sentence: put what is asked first")
        asked += Legend("", *first.children, number=number)
        asked += more  # a displayed formula is no part of the group's name
        answers = Answers()
        for letter, choice in zip(LETTERS, question.choices, strict=False):
            text, *more = self._parsed(choice.text, path)
            if more or not isinstance(text, nodes.paragraph):
                raise BadQuiz(path, number, f"choice {letter} is no single sentence: shorten it")
            asked += Offered("", *text.children, letter=letter, group=f"quiz-{number}")
            explained = Explained(letter=letter, right=choice.right)
            explained += self._parsed(choice.because, path)
            answers += explained
        asked += answers
        return asked


def open_quiz(self: Any, node: Quiz) -> None:
    """Open the group of all questions."""
    self.body.append(self.starttag(node, "div", CLASS="quiz"))


def close_quiz(self: Any, node: Quiz) -> None:
    """Close it behind the place of the result."""
    self.body.append(
        '<p class="quiz-result" hidden><output aria-live="polite"></output> '
        '<button type="button" class="quiz-again">Start again</button></p></div>\n'
    )


def open_asked(self: Any, node: Asked) -> None:
    """Open a question."""
    self.body.append('<form class="quiz-question" autocomplete="off"><fieldset>\n')


def close_asked(self: Any, node: Asked) -> None:
    """Close it."""
    self.body.append("</fieldset></form>\n")


def open_legend(self: Any, node: Legend) -> None:
    """Open what is asked."""
    self.body.append(f'<legend><span class="quiz-number">{node["number"]}.</span> ')


def close_legend(self: Any, node: Legend) -> None:
    """Close it."""
    self.body.append("</legend>\n")


def open_offered(self: Any, node: Offered) -> None:
    """Open a choice."""
    letter = node["letter"]
    self.body.append(
        f'<label class="quiz-choice"><input type="radio" name="{node["group"]}" value="{letter}">'
        f'<span class="quiz-letter">{letter}</span> <span class="quiz-text">'
    )


def close_offered(self: Any, node: Offered) -> None:
    """Close it."""
    self.body.append("</span></label>\n")


def open_answers(self: Any, node: Answers) -> None:
    """Open the folded answers, behind the button and the place where one of them is shown."""
    self.body.append(
        '<button type="submit" class="quiz-check" hidden>Check</button>\n'
        '<div class="quiz-said" role="status" aria-live="polite"></div>\n'
        '<details class="quiz-answers"><summary>Answers</summary>\n'
    )


def close_answers(self: Any, node: Answers) -> None:
    """Close them."""
    self.body.append("</details>\n")


def open_explained(self: Any, node: Explained) -> None:
    """Open an explanation."""
    kind, word = ("right", "Right") if node["right"] else ("wrong", "Wrong")
    self.body.append(
        f'<div class="quiz-explained quiz-{kind}" data-choice="{node["letter"]}">'
        f'<p class="quiz-verdict">{node["letter"]}. {word}.</p>\n'
    )


def close_explained(self: Any, node: Explained) -> None:
    """Close it."""
    self.body.append("</div>\n")


def ignore(self: Any, node: nodes.Element) -> None:
    """In what is no HTML a quiz is its texts."""


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    for node, visitors in {
        Quiz: (open_quiz, close_quiz),
        Asked: (open_asked, close_asked),
        Legend: (open_legend, close_legend),
        Offered: (open_offered, close_offered),
        Answers: (open_answers, close_answers),
        Explained: (open_explained, close_explained),
    }.items():
        app.add_node(node, html=visitors, latex=(ignore, ignore), text=(ignore, ignore))
    app.add_directive("quiz", QuizDirective)
    app.connect("builder-inited", check_files)
    app.connect("source-read", append_section)
    app.connect("env-get-outdated", reread_pages)
    app.connect("html-page-context", add_files)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
