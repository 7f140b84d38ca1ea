"""Assignments: slips cost points where they are made and nowhere else, and a right answer that is
written unusually costs none.
"""

from pathlib import Path

import pytest
from handed_in import ASSIGNMENTS, changed, graded, lost, variants


@pytest.mark.slow
@pytest.mark.parametrize("name, slip", variants("slips"))
def test_a_slip_costs_points_where_it_is_made_and_nowhere_else(
    name: str, slip: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assignment = ASSIGNMENTS[name]
    result = graded(assignment, changed(assignment, slip["changes"]), tmp_path, monkeypatch)
    assert lost(assignment, result) == set(slip["lost"])
    assert all(result.reasons[question] for question in slip["lost"])


@pytest.mark.slow
@pytest.mark.parametrize("name, answer", variants("unusual"))
def test_a_right_answer_written_unusually_gets_all_points(
    name: str, answer: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assignment = ASSIGNMENTS[name]
    content = changed(assignment, answer["changes"])
    result = graded(assignment, content, tmp_path, monkeypatch)
    assert result.reasons == {}
    assert lost(assignment, result) == set()
