"""The records in an assignment: the same for students and judge, and made by the script beside it."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest
import tiny_course  # noqa: F401 - it makes the course's modules known
from conftest import REPOSITORY

from grading import reading  # isort: skip
from grading.assignment import read  # isort: skip
from release import release  # isort: skip

CLAIM = REPOSITORY / "assignments" / "source" / "claim"


def module(name: str) -> ModuleType:
    specification = importlib.util.spec_from_file_location(f"claim_{name}", CLAIM / f"{name}.py")
    assert specification is not None and specification.loader is not None
    loaded = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(loaded)
    return loaded


def cell(path: Path, name: str) -> str:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    (found,) = (one for one in cells if one["id"] == name)
    return "".join(found["source"])


def test_students_and_judge_see_the_same_numbers() -> None:
    space: dict = {}
    exec(cell(CLAIM / "claim.ipynb", "records"), space)
    assert space["CLAIMS"] == module("probes").CLAIMS
    assert list(space["CLAIMS"]) == list(module("extract").CLAIMS)


def test_every_claim_can_be_taken_from_todays_records() -> None:
    extract = module("extract")
    for name, asked in extract.CLAIMS.items():
        found = extract.extracted(asked)
        assert found["first"].keys() == found["second"].keys(), name
        assert set(found) == set(module("probes").CLAIMS[name]), name
        # What is written is Python that gives the same back.
        assert eval(extract.written(found)) == found


def test_a_claim_without_enough_seeds_is_refused() -> None:
    extract = module("extract")
    asked = extract.CLAIMS["sparse-above-vsc"]
    with pytest.raises(SystemExit, match="holds too little"):
        extract.extracted(asked._replace(second=extract.Side("no such case")))


@pytest.mark.slow
def test_the_model_answer_is_not_handed_out(tmp_path: Path) -> None:
    path = release(read("claim"), tmp_path)
    assert cell(path, "answer-7") == reading.STUB
    model = cell(CLAIM / "claim.ipynb", "answer-7")
    assert len(model.split()) > 200 and model[:60] not in path.read_text(encoding="utf-8")
