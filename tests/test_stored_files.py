"""The files that git keeps: small, about no machine, and none that runs code when it is read."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from conftest import REPOSITORY, require

MEGABYTE = 2**20
STAND_IN = 500
WIDGET_STATE = "application/vnd.jupyter.widget-state+json"
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


def tracked(*suffixes: str) -> list[Path]:
    """Every file of the repository that git knows, or those of some kinds; links left out."""
    require(
        (REPOSITORY / ".git").exists() and shutil.which("git") is not None, "this is no git clone"
    )
    command = ["git", "ls-files", "-z"]
    names = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True).stdout
    paths = [REPOSITORY / name for name in names.split("\0") if name]
    return [
        path
        for path in paths
        if path.is_file() and not path.is_symlink() and (not suffixes or path.suffix in suffixes)
    ]


def stored_widgets(notebook: dict) -> dict[str, dict]:
    """The state of every widget that a notebook stores, by model."""
    return notebook["metadata"].get("widgets", {}).get(WIDGET_STATE, {}).get("state", {})


def test_files_are_small() -> None:
    limits = {".ipynb": 2 * MEGABYTE}
    wrong = [
        f"{path.relative_to(REPOSITORY)}: {path.stat().st_size / MEGABYTE:.1f} MB"
        for path in tracked()
        if path.stat().st_size > limits.get(path.suffix, 4 * MEGABYTE)
    ]
    assert wrong == [], "\n".join([*wrong, "notebooks may have 2 MB, other files 4: store less"])


def test_no_notebook_says_where_it_lay_on_somebodys_machine() -> None:
    absolute = re.compile(r"[\s\"'(]/(?:[\w.-]+/)+(?:vsclib|ledger|notebooks|site-packages)/")
    paths = tracked(".ipynb")
    wrong = [
        f"{path.relative_to(REPOSITORY)}: {found[0].strip()}"
        for path in paths
        if (found := absolute.search(path.read_text(encoding="utf-8")))
    ]
    assert paths and wrong == [], "\n".join(
        [*wrong, "execute it with make chapters ONLY=..., which leaves such paths out"]
    )


def test_notebooks_store_a_widgets_data_and_not_its_script() -> None:
    # What stands in for the script fetches it from the page.
    wrong = [
        f"{path.relative_to(REPOSITORY)}: {len(text)} characters in {part}"
        for path in tracked(".ipynb")
        for widget in stored_widgets(json.loads(path.read_text(encoding="utf-8"))).values()
        for part, text in widget.get("state", {}).items()
        if part in ("_esm", "_css") and len(text) > STAND_IN
    ]
    assert wrong == [], "\n".join(
        [*wrong, "pages get it from the book: python -m vsclib.traversal.stored"]
    )


def test_notebooks_are_valid_and_their_widgets_complete() -> None:
    for path in tracked(".ipynb"):
        notebook = json.loads(path.read_text(encoding="utf-8"))
        views = [
            output["data"][WIDGET_VIEW]["model_id"]
            for cell in notebook["cells"]
            for output in cell.get("outputs", [])
            if WIDGET_VIEW in output.get("data", {})
        ]
        assert set(views) <= set(stored_widgets(notebook)), (
            f"{path.name} shows a widget whose state is not stored"
        )


FORBIDDEN = {
    " torch" + ".load(": "checkpoints are safetensors, which cannot run code",
    "pick" + "le": "reading it runs code that a file brings along",
}


@pytest.mark.parametrize("word", FORBIDDEN)
def test_nothing_is_loaded_that_could_run_code(word: str) -> None:
    # The tests may write such a file, to see it refused.
    paths = [
        path
        for path in tracked(".py", ".ipynb", ".md", ".toml", ".yml")
        if REPOSITORY / "tests" not in path.parents
    ]
    texts = {path: path.read_text(encoding="utf-8") for path in paths}
    assert [path.name for path, text in texts.items() if word in text] == [], FORBIDDEN[word]
