"""What a person reads: every written answer once, as text, beside the rubric."""

import html
import json
from pathlib import Path

import pytest
from tiny_course import RIGHT, notebook, tiny

from grading import reading  # isort: skip
from grading.assignment import Criterion  # isort: skip
from grading.notebook import Cell  # isort: skip
from grading.submissions import Submission  # isort: skip

RUBRIC = (Criterion("verdict", 2.0, "says < what > holds"), Criterion("limits", 1.0, "and where"))
ASSIGNMENT = tiny()._replace(
    rubric=RUBRIC, cells=[*tiny().cells, Cell("essay", "markdown", "answer", "The model answer.")]
)


def page(folder: Path, *texts: str, name: str = "essay", student: str = "ada") -> str:
    """The page made of a notebook whose written cells hold ``texts``."""
    content = notebook(RIGHT)
    content["cells"] += [
        {
            "cell_type": "markdown",
            "id": f"cell-{number}",
            "metadata": {"nbgrader": {"grade_id": name}},
            "source": text,
        }
        for number, text in enumerate(texts)
    ]
    path = folder / "in.ipynb"
    path.write_text(json.dumps(content), encoding="utf-8")
    (made,) = reading.write(ASSIGNMENT, [Submission(student, path, ())], folder / "to-read")
    return made.read_text(encoding="utf-8")


def test_a_written_answer_is_shown_as_text_with_the_rubric(tmp_path: Path) -> None:
    text = 'It **holds**: p < 0.05.\n\n<script>alert("x")</script> ![x](http://example.org/a.png)'
    shown = page(tmp_path, text)
    assert html.escape(text) in shown.replace("&#34;", "&quot;")
    assert "<script" not in shown and "<img" not in shown and "default-src" in shown
    assert "says &lt; what &gt; holds" in shown and "verdict</strong>: 2<" in shown
    assert "(7 words)" in shown


def test_code_and_the_model_answer_are_not_shown(tmp_path: Path) -> None:
    shown = page(tmp_path, "Mine.")
    assert "Mine." in shown and "The model answer." not in shown
    assert "def area" not in shown


@pytest.mark.parametrize("text", ["", "  \n", reading.STUB])
def test_what_is_left_as_handed_out_is_said(tmp_path: Path, text: str) -> None:
    assert "(nothing was written)" in page(tmp_path, text)


def test_a_copied_cell_is_shown_too_and_a_cell_of_ones_own_is_not(tmp_path: Path) -> None:
    shown = page(tmp_path, "First.", "Second.")
    assert shown.index("First.") < shown.index("Second.") and "Written answer 2" in shown
    assert "(nothing was written)" in page(tmp_path, "A note.", name="notes")


def test_signs_that_hide_or_turn_text_are_made_visible(tmp_path: Path) -> None:
    shown = page(
        tmp_path, "p = 0\u202e50.0\u202c and\x08 \u200b می\u200cخواهم", student="a\u202eda"
    )
    assert "p = 0\ufffd50.0\ufffd and\ufffd \ufffd می\u200cخواهم" in shown
    assert "\u202e" not in shown


def test_an_endless_answer_is_cut_and_says_so(tmp_path: Path) -> None:
    shown = page(tmp_path, "x" * (reading.LONGEST + 7))
    assert "(and 7 letters more)" in shown and len(shown) < reading.LONGEST + 5_000


def test_no_notebook_no_answer_and_no_rubric_no_page(tmp_path: Path) -> None:
    broken = tmp_path / "broken.ipynb"
    broken.write_text("{", encoding="utf-8")
    handed_in = [Submission("ada", broken, ()), Submission("alan/../x", None, ("nothing",))]
    pages = reading.write(ASSIGNMENT, handed_in, tmp_path / "to-read")
    assert [path.parent for path in pages] == [tmp_path / "to-read"] * 2
    for path in pages:
        assert "(nothing was written)" in path.read_text(encoding="utf-8")
    assert reading.write(tiny(), handed_in, tmp_path / "none") == []
