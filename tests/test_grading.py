"""Grading: fair to odd submissions, clear in its notes, and safe against being killed."""

import csv
import json
import os
import random
import signal
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

import pytest
from conftest import REPOSITORY, require
from forked_grading import grade as grade_by_fork
from tiny_course import RIGHT, SOURCE, hand_in, notebook, own, tiny

from grading import batch, feedback, fence, plain, scoring, submissions, table  # isort: skip
from grading.errors import CourseError  # isort: skip
from grading.student import Graded  # isort: skip

GRADE = [sys.executable, str(REPOSITORY / "assignments" / "grade.py")]


@pytest.fixture
def graded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Grades a notebook (or a file's text) of the tiny assignment."""

    def run(content: dict | str, student: str = "ada") -> Graded:
        path = hand_in(tmp_path, student, content)
        return grade_by_fork(tiny(), submissions.Submission(student, path, ()), monkeypatch)

    return run


def points(result: Graded) -> list[float]:
    return [result.points("question_1"), result.points("question_2")]


# --------------------------------------------------------------------------------------------- fair

FAIR = {
    "prints to standard error": {"before": "import sys, warnings\nprint('x', file=sys.stderr)"},
    "warns": {"before": "import warnings\nwarnings.warn('careful')"},
    "leaves names behind": {"before": "math = 3; sum = 5; abs = 2; float = [1]"},
    "an error in a cell of one's own": {"before": "1 / 0"},
    "exits a cell": {"before": "raise SystemExit"},
    "asks for input": {"before": "name = input()"},
    "uses magics": {"before": "%matplotlib inline\n%time 1 + 1\n!echo hello"},
    "displays": {"before": "from IPython.display import display\ndisplay({'a': 1})\n1 + 1"},
    "waits": {"before": "import asyncio\nawait asyncio.sleep(0)"},
    "breaks what came before": {"after": "del math, number\ndef area(r): return 0"},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", FAIR)
def test_right_answers_beside_odd_cells_keep_all_points(graded, name: str) -> None:
    result = graded(notebook(RIGHT, **FAIR[name]))
    assert points(result) == [1, 2] and result.reasons == {}


def without(*names: str) -> dict:
    content = notebook(RIGHT)
    content["cells"] = [cell for cell in content["cells"] if cell["id"] not in names]
    return content


@pytest.mark.slow
def test_lost_locked_and_test_cells_are_put_back(graded) -> None:
    result = graded(without("setup", "question-1", "question-2", "title"))
    assert points(result) == [1, 2] and result.reasons == {}


@pytest.mark.slow
def test_a_lost_answer_costs_its_question_alone_and_is_named(graded) -> None:
    result = graded(without("answer-1"))
    assert points(result) == [0, 2]
    assert result.reasons == {"question_1": "the cell answer-1 is missing"}


@pytest.mark.slow
def test_an_answer_in_a_cell_of_ones_own_counts_where_its_cell_is_gone(graded) -> None:
    content = without("answer-1")
    content["cells"].append(own("mine", "number = 271"))
    assert points(graded(content)) == [1, 2]


@pytest.mark.slow
def test_cells_are_known_by_their_ids_where_metadata_is_lost(graded) -> None:
    content = notebook(RIGHT)
    for cell in content["cells"]:
        cell["metadata"] = {}
    assert points(graded(content)) == [1, 2]


@pytest.mark.slow
def test_a_copied_answer_runs_where_it_stands(graded) -> None:
    content = notebook({**RIGHT, "answer-1": "number = 1"})
    places = [cell["id"] for cell in content["cells"]]
    copied = {**content["cells"][places.index("answer-1")], "source": "number = 271", "id": "copy"}
    content["cells"].insert(places.index("answer-1") + 1, copied)
    assert points(graded(content)) == [1, 2]


@pytest.mark.slow
@pytest.mark.parametrize(
    "answers, earned, reason",
    [
        ({}, [0, 0], "unanswered"),
        ({"answer-1": "1 / 0"}, [0, 0], "its answer: ZeroDivisionError in line 1"),
        ({"answer-1": "number = nimber"}, [0, 0], "its answer: NameError (nimber) in line 1"),
        ({"answer-1": "number = 'many'"}, [0, 0], "one number is asked for"),
        ({"answer-1": "number = print"}, [0, 0], "an object of class builtin"),
        ({"answer-1": "number = (" + "}"}, [0, 0], "its answer: SyntaxError"),
        ({"answer-1": "while True: pass"}, [0, 0], "its answer: took too long"),
        ({"answer-2": "def area(r): return 12.566370614359172"}, [0, 1], ""),
    ],
)
def test_no_point_is_lost_without_its_reason(graded, answers, earned, reason) -> None:
    result = graded(notebook(answers))
    assert points(result) == earned
    assert reason in result.reasons["question_1"]
    assert set(result.reasons) == {"question_1", "question_2"}


@pytest.mark.parametrize(
    "text, reason",
    [
        ('{"cells": [', "the file is no notebook"),
        ("[]", "the file is no notebook"),
        ('{"cells": [{"cell_type": "code"}]}', "the file is no notebook"),
        ("", "the file is no notebook"),
        ("[" * 100_000, "the file is no notebook"),
        (" " * 50_000_000, "the file has 50 MB, at most 20"),
    ],
)
def test_a_file_that_is_no_notebook_is_said_in_one_line(graded, text: str, reason: str) -> None:
    result = graded(text)
    assert points(result) == [0, 0]
    assert reason in result.reasons[""] and len(table.note(result).splitlines()) == 1


# --------------------------------------------------------------------------------------- what comes


def test_every_way_of_collecting_files_is_understood(tmp_path: Path) -> None:
    text = json.dumps(notebook(RIGHT))
    for place in (
        "ada/tiny/tiny.ipynb",
        "grace/tiny (1).ipynb",
        "alan.ipynb",
        "Conor O'Brien/tiny/tiny.ipynb",
        "李雷/tiny.ipynb",
        "edsger_4711_assignsubmission_file_/tiny.ipynb",
        "hopperg_LATE_123_4567_tiny.ipynb",
        "barbara (2).ipynb",
        "deep/a/b/mine.IPYNB",
        ".hidden/tiny.ipynb",
        "__MACOSX/tiny.ipynb",
    ):
        path = tmp_path / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (tmp_path / "absent").mkdir()
    found = {one.student: one for one in submissions.find(tmp_path, "tiny")}
    expected = "ada grace alan 李雷 edsger hopperg barbara deep absent".split()
    assert set(found) == {*expected, "Conor O'Brien"}
    assert [name for name, one in found.items() if one.path is None] == ["absent"]
    assert found["grace"].remarks == ("handed in as tiny (1).ipynb",)
    assert "hand in tiny.ipynb" in found["absent"].remarks[0]


def test_of_several_files_the_newest_counts_and_late_ones_are_marked(tmp_path: Path) -> None:
    old = hand_in(tmp_path, "ada", notebook({}))
    new = hand_in(tmp_path, "ada", notebook(RIGHT), "tiny (1)")
    noon = datetime(2026, 3, 1, 12).astimezone()
    os.utime(old, (noon.timestamp() - 60,) * 2)
    os.utime(new, (noon.timestamp() + 3660,) * 2)
    (one,) = submissions.find(tmp_path, "tiny", noon)
    assert one.path == new
    assert one.remarks == (
        "2 files, the newest counts: tiny (1).ipynb",
        "late by 0 d 1 h 1 min",
    )


@pytest.mark.parametrize("name", ["", "nowhere"])
def test_a_folder_without_submissions_is_said_in_one_line(tmp_path: Path, name: str) -> None:
    with pytest.raises(CourseError, match=r"holds no submission|there is no folder"):
        submissions.find(tmp_path / name, "tiny")


# -------------------------------------------------------------------------------------- plain data


def test_values_cross_as_they_are() -> None:
    import sympy
    import torch

    x, s = sympy.Symbol("x", real=True), sympy.Symbol("sigma", positive=True)
    for value in (1, 2.5, "text", None, True, [1, [2.0]], 10**20):
        assert plain.from_plain(json.loads(json.dumps(plain.to_plain(value)))) == value
    for expression in (
        sympy.log(s / 2) + x**2 / s - sympy.Rational(1, 3),
        sympy.exp(-(x**2)) * sympy.pi,
        sympy.Piecewise((x, x > 0), (0, True)),
        sympy.Float("0.1", 30) * x,
        sympy.oo,
        sympy.sqrt(2) * sympy.erf(x),
    ):
        assert plain.from_plain(json.loads(json.dumps(plain.to_plain(expression)))) == expression
    for dtype in (torch.float32, torch.float64, torch.int64, torch.bool):
        tensor = torch.tensor([[1, 0], [1, 1]]).to(dtype)
        back = plain.from_plain(json.loads(json.dumps(plain.to_plain(tensor))))
        assert back.dtype == dtype and torch.equal(back, tensor)


@pytest.mark.parametrize(
    "data",
    [
        {"sympy": ["__import__", ["Symbol", "os", {}]]},
        {"sympy": ["Pow", ["Rational", "9", "1"], ["Rational", "9" * 50, "1"]]},
        {"sympy": ["lambdify"]},
        {"sympy": "x"},
        {"tensor": "|O8", "shape": [1], "bytes": "AAAAAAAAAAA="},
        {"tensor": "<f8", "shape": [10**9], "bytes": ""},
        {"what": 1},
    ],
)
def test_forged_data_is_no_answer(data: dict) -> None:
    with pytest.raises(scoring.LostError):
        scoring.Answer({"key": {"value": data}})["key"]


# ------------------------------------------------------------------------------------------- tables


def test_tables_for_people_moodle_and_canvas(tmp_path: Path) -> None:
    won = {"question_1": [scoring.Part(1, True, "a", "")], "question_2": []}
    results = [
        Graded("=cmd()", won, {"question_2": "unanswered"}, ("late by 1 d",), True, 1.0),
        Graded("李雷", {}, {"": "no notebook"}, (), False, 1.0),
    ]
    lines = table.records(tiny(), results, {})
    assert lines[0] == ["student", "q1", "q2", "total", "note"]
    assert lines[1][1:] == ["1", "0", "1", "late by 1 d; q2: unanswered"]
    assert lines[2][-1] == "no notebook; graded without a fence"
    table.write_csv(tmp_path / "grades.csv", lines)
    assert "\n'=cmd(),1,0" in (tmp_path / "grades.csv").read_text(encoding="utf-8")
    assert table.moodle(tiny(), lines)[1] == ["=cmd()", "1", "late by 1 d; q2: unanswered"]
    assert table.canvas(tiny(), lines)[1][-1] == "3"
    page = feedback.page(tiny(), results[0], {})
    assert "=cmd()" in page and "1 of 3" in page.replace("\n", " ")
    paths = feedback.write(tiny(), results, {}, tmp_path)
    assert len({path.name for path in paths}) == 2


def test_a_rubric_is_read_and_kept(tmp_path: Path) -> None:
    from grading.assignment import Criterion

    one = tiny()._replace(rubric=(Criterion("argument", 4.0, "a reason for each step"),))
    results = [Graded("ada", {}, {}, (), True, 1.0)]
    assert table.read_marks(one, results, tmp_path) == {"ada": {"argument": None}}
    assert table.records(one, results, {"ada": {"argument": None}})[1][-3:-1] == ["?", "0"]
    path = table.rubric_file(tmp_path)
    path.write_text("student,argument\nada,3.5\n", encoding="utf-8")
    assert table.read_marks(one, results, tmp_path) == {"ada": {"argument": 3.5}}
    assert table.read_marks(one, results, tmp_path) == {"ada": {"argument": 3.5}}
    path.write_text("student,argument\nada,5\n", encoding="utf-8")
    with pytest.raises(CourseError, match="from 0 to 4"):
        table.read_marks(one, results, tmp_path)


# --------------------------------------------------------------------------------------- the command


def command(folder: Path, work: Path, *more: str) -> list[str]:
    options = ["--source", str(SOURCE), "--work", str(work), "--output", str(work / "grades.csv")]
    return [*GRADE, "tiny", str(folder), *options, "--feedback", str(work / "pages"), *more]


def ran(*line: str) -> subprocess.CompletedProcess:
    return subprocess.run(line, capture_output=True, text=True)


def grades(work: Path) -> list[list[str]]:
    with (work / "grades.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def class_of(folder: Path, size: int) -> None:
    for number in range(size):
        answers = RIGHT if number % 2 else {"answer-1": RIGHT["answer-1"]}
        hand_in(folder, f"student-{number:02}", notebook(answers))


@pytest.mark.slow
def test_killed_at_random_moments_it_goes_on_and_loses_nothing(tmp_path: Path) -> None:
    require(fence.program() is not None, "bubblewrap is not installed")
    folder, work = tmp_path / "handed-in", tmp_path / "work"
    class_of(folder, 6)
    whole = ran(*command(folder, tmp_path / "whole"))
    assert whole.returncode == 0, whole.stderr
    assert "6/6 " in whole.stderr and "to go" in whole.stderr
    chance = random.Random(5)
    for _ in range(5):
        process = subprocess.Popen(
            command(folder, work, "--at-once", "1"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        time.sleep(chance.uniform(0.5, 6.0))
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    kept = len(list((work / "tiny" / "results").glob("*.json")))
    last = ran(*command(folder, work))
    assert last.returncode == 0, last.stderr
    assert grades(work) == grades(tmp_path / "whole")
    if kept:
        assert f"{6 - kept} to grade, {kept} kept" in last.stderr
    alive = ran("ps", "-eo", "args").stdout
    assert str(SOURCE) not in [line for line in alive.splitlines() if "grading.inside" in line]


@pytest.mark.slow
def test_one_student_is_graded_anew_and_the_others_keep_theirs(tmp_path: Path) -> None:
    require(fence.program() is not None, "bubblewrap is not installed")
    folder, work = tmp_path / "handed-in", tmp_path / "work"
    class_of(folder, 2)
    ran(*command(folder, work))
    files = sorted((work / "tiny" / "results").glob("*.json"))
    before = {path: path.read_bytes() for path in files}
    again = ran(*command(folder, work, "--only", "student-01"))
    assert again.returncode == 0 and "1 to grade, 1 kept" in again.stderr
    changed = [path for path in files if path.read_bytes() != before[path]]
    assert [json.loads(p.read_text("utf-8"))["student"] for p in changed] in (["student-01"], [])
    hand_in(folder, "student-00", notebook(RIGHT))
    assert "1 to grade, 1 kept" in ran(*command(folder, work)).stderr
    assert [line[-2] for line in grades(work)[1:]] == ["3", "3"]


@pytest.mark.parametrize(
    "line, said",
    [
        ([], "there is no assignment ''"),
        (["gatse"], "do you mean gates?"),
        (["spike-and-slab-kl"], "say what to grade"),
        (["spike-and-slab-kl", "/nowhere/at/all"], "there is no folder"),
        (["spike-and-slab-kl", ".", "--deadline", "soon"], "is no time: write 2026-12-01T12:00"),
    ],
)
@pytest.mark.slow
def test_what_cannot_be_graded_is_said_in_one_line(line: list[str], said: str) -> None:
    outcome = ran(*GRADE, *line)
    assert outcome.returncode == 1
    assert said in outcome.stderr and len(outcome.stderr.splitlines()) == 1


def test_without_a_fence_grading_refuses_unless_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fence, "program", lambda: None)
    hand_in(tmp_path, "ada", notebook({}))
    found = submissions.find(tmp_path, "tiny")
    with pytest.raises(CourseError, match=r"no fence here .* UNFENCED=1"):
        batch.grade_all(tiny(), found, tmp_path / "work")
    said: list[str] = []
    (result,) = batch.grade_all(tiny(), found, tmp_path / "work", unfenced=True, say=said.append)
    assert "graded without a fence" in table.note(result)
    assert any("WITHOUT A FENCE" in line for line in said)
