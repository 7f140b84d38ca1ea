"""Wrong arguments, some thousands of them: each is answered in one clear line, or taken."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="a call is interrupted by a Unix signal"),
]


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wrong")
    script = Path(__file__).with_name("wrong_calls.py")
    subprocess.run([sys.executable, str(script)], check=True, cwd=folder, timeout=300)
    return json.loads((folder / "outcomes.json").read_text())


def test_every_public_function_has_a_call_that_works(outcomes):
    assert outcomes["invalid"] == {}


def test_a_wrong_argument_is_never_answered_with_another_error(outcomes):
    unclear = [
        f"{function}({argument} = {label}): {' '.join(message.split())[:200]}"
        for function, argument, label, end, message in outcomes["calls"]
        if end == "unclear"
    ]
    assert not unclear, f"{len(unclear)} of {len(outcomes['calls'])}:\n" + "\n".join(unclear)


def test_the_mistakes_are_many_and_most_are_refused(outcomes):
    counts = outcomes["counts"]
    assert len({row[0] for row in outcomes["calls"]}) > 100
    assert counts["clear"] > 2000 and counts["clear"] > 2 * counts["taken"]
