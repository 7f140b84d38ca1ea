"""One page of feedback for a student: what was earned, what was lost and why, question by question.

The page holds what parts ask for and what is wrong, and neither tests, nor truths, nor output of
the student's code.
"""

import hashlib
import re
from pathlib import Path

from jinja2 import Environment

from grading.assignment import Assignment
from grading.student import Graded
from grading.table import Marks, short
from vsclib.files import write_text

PAGE = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(
    """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{{ assignment.title }}: {{ result.student }}</title>
<style>
 :root { color-scheme: light dark; }
 body { font: 1rem/1.5 system-ui, sans-serif; max-width: 44rem; margin: 2rem auto; padding: 0 1rem; }
 h2 { font-size: 1.15rem; margin: 1.6rem 0 .4rem; }
 ul { list-style: none; padding: 0; margin: 0; }
 li { padding: .3rem 0 .3rem 4.5rem; position: relative; }
 li span { position: absolute; left: 0; font-variant-numeric: tabular-nums; }
 .lost { border-left: 3px solid; padding-left: 4.3rem; }
 .lost span { left: .7rem; }
</style></head><body>
<h1>{{ assignment.title }}</h1>
<p>{{ result.student }}: <strong>{{ "%g"|format(total) }} of {{ "%g"|format(assignment.points) }} points</strong></p>
{% for remark in remarks %}<p>{{ remark }}</p>
{% endfor %}
{% for question in questions %}
<h2>Question {{ question.number }}: {{ "%g"|format(question.points) }} of {{ "%g"|format(question.worth) }}</h2>
{% if question.reason %}<p>{{ question.reason }}</p>{% endif %}
<ul>
{% for part in question.parts if part.what %}
<li{% if not part.earned %} class="lost"{% endif %}><span>{{ "%g"|format(part.points if part.earned else 0) }} of {{ "%g"|format(part.points) }}</span>
{{- part.what }}{% if not part.earned %}: {{ part.why }}{% endif %}</li>
{% endfor %}
</ul>
{% endfor %}
{% if assignment.rubric %}
<h2>Read by a person</h2>
<ul>
{% for criterion in assignment.rubric %}
<li><span>{{ "?" if marks.get(criterion.name) is none else "%g"|format(marks[criterion.name]) }} of {{ "%g"|format(criterion.points) }}</span>{{ criterion.text }}</li>
{% endfor %}
</ul>
{% endif %}
</body></html>
"""
)


def page(assignment: Assignment, result: Graded, marks: Marks) -> str:
    """A student's page as HTML."""
    given = marks.get(result.student, {c.name: None for c in assignment.rubric})
    questions = [
        {
            "number": short(question.name).removeprefix("q"),
            "points": result.points(question.name),
            "worth": question.points,
            "parts": result.parts.get(question.name, []),
            "reason": result.reasons.get(question.name, ""),
        }
        for question in assignment.questions
    ]
    total = sum(q["points"] for q in questions) + sum(mark or 0.0 for mark in given.values())  # type: ignore[misc]
    whole = [result.reasons[""]] if "" in result.reasons else []
    return PAGE.render(
        assignment=assignment,
        result=result,
        total=total,
        remarks=[*result.remarks, *whole],
        questions=questions,
        marks=given,
    )


def write(assignment: Assignment, results: list[Graded], marks: Marks, folder: Path) -> list[Path]:
    """A page for each student; names that no file can have are spelled plainly."""
    pages = []
    for result in results:
        path = folder / f"{file_name(result.student)}.html"
        write_text(path, page(assignment, result, marks))
        pages.append(path)
    return pages


def file_name(student: str) -> str:
    """A file's name for a student: letters and digits stay, and two students never share one."""
    plain = re.sub(r"[^\w.@-]+", "-", student).strip(".-")[:60]
    if plain == student:
        return plain
    return f"{plain}-{hashlib.sha256(student.encode()).hexdigest()[:8]}"
