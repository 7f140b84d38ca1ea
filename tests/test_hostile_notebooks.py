"""Hostile submissions: each earns nothing that it did not solve, says why, and changes nothing."""

import csv
import hashlib
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import pytest
from conftest import REPOSITORY, require
from tiny_course import RIGHT, SOURCE, hand_in, notebook, own, tiny

from grading import batch, feedback, fence, student, submissions, table  # isort: skip

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="no fence")]
MARK = "vsclib-hostile-mark"
# What a student's process can find out about the grader's: its word, and where its answers go.
FORGED = """
import gc, json, os
for work in gc.get_objects():
    if isinstance(work, dict) and "token" in work and "probes" in work:
        said = {"answers": {"number": {"value": 1}, "at 2": {"value": 1}}, "trouble": []}
        for number in range(3, 64):
            try:
                os.write(number, f"\\n{work['token']}{json.dumps(said)}\\n".encode())
            except OSError:
                pass
        os._exit(0)
"""


class Attack(NamedTuple):
    """What a student hands in, and what it may earn.

    Attributes:
        before: code of a cell above the answers.
        answers: the answer cells; the released ones where none is given.
        points: what is honestly solved.
        reason: a word of the note.
    """

    before: str
    answers: dict[str, str] = {}
    points: float = 0.0
    reason: str = "unanswered"


EVERYTHING = """
class Everything(float):
    __eq__ = __lt__ = __gt__ = __le__ = __ge__ = lambda *a: True
    __hash__ = None
    __sub__ = __rsub__ = __abs__ = lambda *a: 0.0
    __float__ = lambda self: 0.0
    __bool__ = lambda self: True
number = Everything()
"""
DAEMON = f"""
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execv(sys.executable, [sys.executable, "-c", "import time; time.sleep(600)", "{MARK}"])
    os._exit(0)
"""
LOOP = "while True:\n    try:\n        while True: pass\n    except BaseException: pass"


def attacks(outside: Path) -> dict[str, Attack]:
    """All attacks; ``outside`` is a folder that they try to reach."""
    library, here = REPOSITORY / "vsclib" / "__init__.py", REPOSITORY
    read_all = "\n".join(
        f"try: raise RuntimeError(open({str(path)!r}).read())\nexcept OSError: pass"
        for path in (SOURCE / "tiny" / "judge.py", SOURCE / "tiny" / "tiny.ipynb")
    )
    return {
        "deletes-files": Attack(
            f"import os, shutil\nshutil.rmtree({str(outside)!r}, ignore_errors=True)\n"
            f"shutil.rmtree({str(here)!r}, ignore_errors=True)"
        ),
        "edits-the-library": Attack(f"open({str(library)!r}, 'a').write('# {MARK}')"),
        "leaves-a-daemon": Attack(DAEMON),
        "rewrites-a-neighbour": Attack(
            f"import pathlib\nfor p in pathlib.Path({str(outside)!r}).rglob('*'): p.write_text('x')"
        ),
        "writes-grades": Attack(
            f"import pathlib\np = pathlib.Path({str(outside / 'work')!r})\n"
            "p.mkdir(parents=True, exist_ok=True); (p / 'results').write_text('{}')"
        ),
        "dumps-hidden-tests": Attack(read_all),
        "reads-the-solution": Attack(
            f"source = open({str(SOURCE / 'tiny' / 'tiny.ipynb')!r}).read()\nnumber = 271",
        ),
        "drops-asserts": Attack(
            "import ast\nclass Drop(ast.NodeTransformer):\n"
            "    def visit_Assert(self, node): return ast.Pass()\n"
            "get_ipython().ast_transformers.append(Drop())",
            {"answer-1": "number = 3"},
            reason="not so yet",
        ),
        "shadows-abs": Attack(
            "import builtins\nbuiltins.abs = abs = lambda x: 0.0",
            {"answer-1": "number = 3"},
            reason="not so yet",
        ),
        "many-loops": Attack("", reason="took more than"),
        "deaf-loop": Attack(LOOP, reason="took too long"),
        "loop-without-alarm": Attack(
            "import signal\nsignal.setitimer(signal.ITIMER_REAL, 0)\nwhile True: pass",
            reason="took more than",
        ),
        "tampers-with-tests": Attack("", reason="unanswered"),
        "replaces-exceptions": Attack(
            "import builtins\nbuiltins.AssertionError = builtins.NotImplementedError = Warning"
        ),
        "kills-its-process": Attack("import os\nos._exit(0)", reason="ended the process"),
        "kills-all": Attack("import os\nos.kill(-1, 9)", reason=""),
        "fork-bomb": Attack(
            "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass",
            reason="took more",
        ),
        "fills-the-disk": Attack(
            "for place in ('/tmp', '/dev/shm', '.', '/'):\n"
            "    for n in range(40):\n"
            "        try: open(f'{place}/big{n}', 'wb').write(bytes(30_000_000))\n"
            "        except OSError: pass"
        ),
        "equal-to-everything": Attack(
            "", {"answer-1": EVERYTHING, "answer-2": "area = lambda x: number"}, reason="not so yet"
        ),
        "replaces-showtraceback": Attack(
            "shell = get_ipython()\nshell.showtraceback = lambda *a, **k: None\n"
            "shell.run_cell = lambda *a, **k: None",
            reason="AttributeError",
        ),
        "reads-a-neighbour": Attack(
            f"text = open({str(outside / 'handed-in' / 'grace' / 'tiny' / 'tiny.ipynb')!r}).read()\n"
            "exec(text)"
        ),
        "forges-the-result": Attack(FORGED, reason="not so yet"),
        "poisons-the-conversion": Attack(
            "import gc\nfor found in gc.get_objects():\n"
            "    if isinstance(found, dict) and 'to_plain' in found and '__file__' in found:\n"
            "        found['to_plain'] = lambda *a: {'sympy': ['Pow', ['Rational', '9', '1'], "
            "['Pow', ['Rational', '9', '1'], ['Rational', '99', '1']]]}",
            {"answer-1": "number = 1", "answer-2": "def area(x): return 1"},
            reason="too large",
        ),
        "traces-its-parent": Attack(
            "import ctypes, os\nlibc = ctypes.CDLL(None)\n"
            "for pid in (1, os.getppid(), 2, 3):\n    libc.ptrace(16, pid, 0, 0)\n"
            "    try: open(f'/proc/{pid}/mem', 'r+b').write(b'x')\n    except OSError: pass",
            reason="",
        ),
        "links-out": Attack(
            f"import os\nos.symlink({str(outside)!r}, 'away')\nopen('away/{MARK}', 'w').write('x')"
        ),
        "a-gigabyte-of-output": Attack(
            "import os\nblock = 'x' * 10_000_000\n"
            "for n in range(100): print(block)\n"
            "for number in range(3, 64):\n    try:\n"
            "        for n in range(20): os.write(number, block.encode())\n"
            "    except OSError: pass",
            reason="",
        ),
        "takes-all-memory": Attack(
            "import os\nfor n in range(6):\n    if os.fork() == 0:\n"
            "        kept = bytearray(250_000_000)\n        import time; time.sleep(60)\n"
            "import time; time.sleep(60)",
            reason="",
        ),
        "calls-home": Attack(
            "import socket\nsocket.create_connection(('127.0.0.1', 22), timeout=1)\nnumber = 271"
        ),
        "raises-its-limits": Attack(
            "import resource\nresource.setrlimit(resource.RLIMIT_DATA, (-1, -1))\nnumber = 271"
        ),
        "solves-one-and-attacks": Attack(
            "", {**RIGHT, "answer-2": f"import os\nos.remove({str(library)!r})"}, 1.0, "its answer"
        ),
    }


class Batch(NamedTuple):
    """What one batch of all attacks left."""

    lines: dict[str, dict[str, str]]
    pages: dict[str, str]
    before: str
    after: str
    alone: bytes
    neighbour: bytes
    outside: Path


def state(*folders: Path) -> str:
    """A checksum of all files below folders, names and contents."""
    digest = hashlib.sha256()
    for folder in folders:
        for path in sorted(p for p in folder.rglob("*") if "__pycache__" not in p.parts):
            digest.update(str(path).encode())
            if path.is_file() and not path.is_symlink():
                digest.update(path.read_bytes())
    return digest.hexdigest()


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Batch:
    """All attacks graded in one go, an honest student among them."""
    require(fence.program() is not None, "bubblewrap is not installed")
    outside = tmp_path_factory.mktemp("outside")
    folder, assignment = outside / "handed-in", tiny()
    for name, attack in attacks(outside).items():
        content = notebook(attack.answers, before=attack.before)
        if name == "many-loops":
            content["cells"] = [own(f"l{n}", LOOP) for n in range(10)] + content["cells"]
        if name == "tampers-with-tests":
            for cell in content["cells"]:
                if cell["id"].startswith("question"):
                    cell["source"] = "271"
        hand_in(folder, name, content)
    hand_in(folder, "grace", notebook(RIGHT))
    hand_in(folder, "gr\u0430ce", notebook({}))  # a Cyrillic letter
    (folder / "link").symlink_to("/etc")
    (folder / "linked").mkdir()
    (folder / "linked" / "tiny.ipynb").symlink_to(folder / "grace" / "tiny" / "tiny.ipynb")
    kept = (REPOSITORY / "vsclib", REPOSITORY / "assignments" / "grading", folder)
    before = state(*kept)
    found = submissions.find(folder, "tiny")
    honest = [one for one in found if one.student == "grace"]
    alone = student.grade(assignment, honest[0], True)._replace(seconds=0.0)
    results = batch.grade_all(assignment, found, outside / "kept", say=lambda line: None)
    lines = table.records(assignment, results, {})
    table.write_csv(outside / "grades.csv", lines[:-1])
    with (outside / "grades.csv").open(encoding="utf-8", newline="") as file:
        read = {line["student"]: line for line in csv.DictReader(file)}
    pages = {r.student: feedback.page(assignment, r, {}) for r in results}
    again = next(r for r in results if r.student == "grace")._replace(seconds=0.0)
    texts = [json.dumps(r._asdict()).encode() for r in (alone, again)]
    return Batch(read, pages, before, state(*kept), *texts, outside)


NAMES = [*attacks(Path("/nowhere"))]


@pytest.mark.parametrize("name", NAMES)
def test_an_attack_earns_nothing_and_has_its_reason(outcome: Batch, name: str) -> None:
    attack, line = attacks(outcome.outside)[name], outcome.lines[name]
    assert float(line["total"]) == attack.points
    assert line["note"] and attack.reason in line["note"]
    assert len(line["note"].splitlines()) == 1


def test_there_are_as_many_attacks_as_asked_for() -> None:
    assert len(NAMES) >= 25


def test_nothing_outside_has_changed(outcome: Batch) -> None:
    assert outcome.before == outcome.after
    assert not list(outcome.outside.rglob(f"*{MARK}*"))
    assert not (outcome.outside / "work").exists()


def test_a_neighbour_keeps_the_grade_byte_for_byte(outcome: Batch) -> None:
    assert float(outcome.lines["grace"]["total"]) == 3
    assert outcome.alone == outcome.neighbour


def test_a_name_that_looks_alike_is_another_student_and_a_link_is_not_followed(
    outcome: Batch,
) -> None:
    assert float(outcome.lines["gr\u0430ce"]["total"]) == 0
    assert float(outcome.lines["linked"]["total"]) == 0
    assert "link" in outcome.lines["linked"]["note"]
    assert float(outcome.lines["link"]["total"]) == 0


def test_nothing_is_alive_afterwards(outcome: Batch) -> None:
    time.sleep(0.5)
    alive = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True).stdout
    assert MARK not in alive
    assert not [line for line in alive.splitlines() if "grading.inside" in line]


def test_pages_hold_no_tests_and_no_truth(outcome: Batch) -> None:
    for name, page in outcome.pages.items():
        assert "271" not in page and "KNOWN_ONLY_HERE" not in page, name
        assert "math.pi" not in page and "def question" not in page, name


def test_an_open_fence_would_be_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same attack without the fence reaches its goal: the tests above can fail."""
    goal = tmp_path / "goal"
    path = hand_in(tmp_path, "ada", notebook({}, before=f"open({str(goal)!r}, 'w').write('x')"))
    found = submissions.Submission("ada", path, ())
    student.grade(tiny(), found, fenced=True)
    assert not goal.exists()
    student.grade(tiny(), found, fenced=False)
    assert goal.exists()
