"""What a person reads: each student's written answers on one page, beside the rubric.

A written answer is a Markdown cell. It is shown as the text that it is: nothing of it is rendered
or run, and signs that hide or turn text around are made visible.
"""

import unicodedata
from pathlib import Path

from jinja2 import Environment

from grading.assignment import Assignment
from grading.feedback import file_name
from grading.notebook import UnreadableError, read
from grading.submissions import Submission
from vsclib.files import write_text

# What stands in a written answer's cell as it is handed out: nbgrader_config.py puts it there.
STUB = "*Your answer.*"
LONGEST = 20_000
# Format signs that scripts need: the two joiners.
JOINERS = "\u200c\u200d"
PAGE = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(
    """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{{ assignment.title }}: {{ student }}</title>
<style>
 :root { color-scheme: light dark; }
 body { font: 1rem/1.5 system-ui, sans-serif; }
 body { max-width: 44rem; margin: 2rem auto; padding: 0 1rem; }
 h2 { font-size: 1.15rem; margin: 1.6rem 0 .4rem; }
 pre { font: inherit; white-space: pre-wrap; overflow-wrap: anywhere; }
 pre { border-left: 3px solid; padding-left: 1rem; }
 dd { margin: 0 0 .6rem 1rem; }
</style></head><body>
<h1>{{ assignment.title }}</h1>
<p>{{ student }}</p>
{% for text, words in texts %}
<h2>Written answer{% if texts|length > 1 %} {{ loop.index }}{% endif %}
{% if words %} ({{ words }} words){% endif %}</h2>
<pre>{{ text }}</pre>
{% endfor %}
<h2>Points, and what all of them ask for</h2>
<dl>
{% for criterion in assignment.rubric %}
<dt><strong>{{ criterion.name }}</strong>: {{ "%g"|format(criterion.points) }}</dt>
<dd>{{ criterion.text }}</dd>
{% endfor %}
</dl>
</body></html>
"""
)


def write(assignment: Assignment, submissions: list[Submission], folder: Path) -> list[Path]:
    """A page for each student, in the order of the submissions; without a rubric there is none.

    Args:
        assignment: what was asked; its Markdown answer cells are what is read.
        submissions: what was handed in.
        folder: where the pages go.
    """
    pages = []
    for submission in submissions if assignment.rubric else ():
        texts = [(text, len(text.split())) for text in written(assignment, submission)]
        missing = [("(nothing was written)", 0)]
        page = PAGE.render(
            assignment=assignment, student=visible(submission.student), texts=texts or missing
        )
        path = folder / f"{file_name(submission.student)}.html"
        write_text(path, page)
        pages.append(path)
    return pages


def written(assignment: Assignment, submission: Submission) -> list[str]:
    """A student's written answers as plain text; those left as handed out are left out."""
    asked = {cell.name for cell in assignment.cells if cell.role == "answer"}
    asked &= {cell.name for cell in assignment.cells if cell.kind == "markdown"}
    if submission.path is None:
        return []
    try:
        cells = read(submission.path)
    except UnreadableError:
        return []
    texts = [cell["source"].strip() for cell in cells if cell["name"] in asked]
    return [visible(text) for text in texts if text not in ("", STUB)]


def visible(text: str) -> str:
    """A text whose control and direction signs are shown as U+FFFD, cut where it is endless."""

    def shows(letter: str) -> bool:
        return letter in f"\n\t{JOINERS}" or unicodedata.category(letter) not in ("Cc", "Cf", "Cs")

    shown = "".join(letter if shows(letter) else "\ufffd" for letter in text[:LONGEST])
    rest = len(text) - LONGEST
    return f"{shown}\n(and {rest} letters more)" if rest > 0 else shown
