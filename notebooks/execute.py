"""Execute chapters in place and store what they were made with.

    python notebooks/execute.py                               every chapter
    python notebooks/execute.py 03-vsc derivations/01-elbo    these

A chapter that fails keeps its old outputs; the error is shown and the exit code is 1.
"""

import json
import sys
import tempfile
from pathlib import Path

import papermill

from vsclib.files import write_text
from vsclib.runs import provenance
from vsclib.traversal.stored import keep_data_only

HERE = Path(__file__).parent


def execute(chapter: Path) -> None:
    """Run one chapter from its folder and put outputs, timings and versions into it."""
    with tempfile.TemporaryDirectory() as folder:
        executed = Path(folder) / chapter.name
        papermill.execute_notebook(
            str(chapter), str(executed), cwd=str(chapter.parent), progress_bar=True
        )
        notebook = json.loads(executed.read_text(encoding="utf-8"))
    origin = provenance("cpu")
    notebook["metadata"]["vsclib"] = {
        "versions": {
            "PyTorch": origin["torch"].split("+")[0],
            "vsclib": origin["vsclib"],
        }
    }
    # Where the file lay on this machine is nobody's business.
    for name in (
        "input_path",
        "output_path",
        "environment_variables",
        "parameters",
        "default_parameters",
    ):
        notebook["metadata"]["papermill"].pop(name, None)
    keep_data_only(notebook)
    fold_answers(notebook)
    write_text(chapter, json.dumps(notebook, indent=1, ensure_ascii=False) + "\n")


def fold_answers(notebook: dict) -> None:
    """Fold in JupyterLab, too, what the book folds: cells of code with the tag hide-cell."""
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code" and "hide-cell" in cell["metadata"].get(
            "tags", []
        ):
            folded = {"source_hidden": True}
            if cell["outputs"]:
                folded["outputs_hidden"] = True
            cell["metadata"]["jupyter"] = folded


def main(names: list[str]) -> int:
    """Execute the chapters that are named, or all."""
    chapters = {
        path.relative_to(HERE).with_suffix("").as_posix(): path
        for folder in ("", "derivations/")
        for path in sorted(HERE.glob(f"{folder}[0-9]*.ipynb"))
    }
    unknown = set(names) - set(chapters)
    if unknown:
        print(
            f"execute.py: there is no chapter {', '.join(sorted(unknown))}",
            file=sys.stderr,
        )
        return 1
    for name, chapter in chapters.items():
        if not names or name in names:
            try:
                execute(chapter)
            except papermill.PapermillExecutionError as error:
                print(f"{name}: {error}", file=sys.stderr)
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
