"""The fence's scratch folders do not hide what it is told to show."""

import sys
import tempfile
from pathlib import Path

import pytest
from grading import fence


def test_what_lies_below_the_folder_for_scratch_files_is_seen() -> None:
    try:
        fenced = fence.require_fence(unfenced=False)
    except fence.CourseError as error:
        pytest.skip(str(error))
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        shown, hidden = Path(folder, "shown.txt"), Path(folder, "hidden.txt")
        shown.write_text("seen", encoding="utf-8")
        hidden.write_text("not seen", encoding="utf-8")
        ask = f"import os; print(open({str(shown)!r}).read(), os.listdir({folder!r}))"
        outcome = fence.run([sys.executable, "-c", ask], read_only=[shown], fenced=fenced)
    assert outcome.output == b"seen ['shown.txt']\n"
