"""Executing the notebook of a run through papermill."""

import json
import os
from pathlib import Path
from typing import Any

from vsclib.errors import ConfigurationError, nearest
from vsclib.files import write_text
from vsclib.runs.experiment import Experiment
from vsclib.traversal.stored import keep_data_only


def execute(
    experiment: Experiment,
    notebook: str | Path,
    page: str | Path | None = None,
    *,
    progress: bool = True,
) -> Path:
    """Execute the notebook of an experiment, which runs it, and give the page's path back.

    Args:
        experiment: what to run.
        notebook: the parametrised notebook, ``notebooks/experiments/train.ipynb``.
        page: the executed notebook, named so only when every cell has succeeded; by default
            ``run.ipynb`` in the run's folder.
        progress: show papermill's progress and what the cells print.

    Raises:
        ConfigurationError: the notebook is missing or does not take one of the parameters.
        papermill.PapermillExecutionError: a cell failed; the run's ``failed.ipynb`` shows where.
    """
    import papermill

    notebook, folder = Path(notebook), experiment.path.resolve()
    if not notebook.is_file():
        raise ConfigurationError(
            f"there is no notebook {notebook}: give the path of notebooks/experiments/train.ipynb"
        )
    parameters = _flat(experiment, notebook)
    accepted = papermill.inspect_notebook(str(notebook))
    for name in parameters:
        if name not in accepted:
            close = nearest(name, accepted)
            raise ConfigurationError(f"{notebook.name} takes no parameter {name!r}: {close}")
    page = Path(page) if page else folder / "run.ipynb"
    folder.mkdir(parents=True, exist_ok=True)
    failed, executing = folder / "failed.ipynb", folder / ".executing.ipynb"
    for leftover in (folder / "done.json", failed):
        leftover.unlink(missing_ok=True)
    shown = {"progress_bar": progress, "log_output": progress, "cwd": str(notebook.parent)}
    try:
        papermill.execute_notebook(str(notebook), str(executing), parameters=parameters, **shown)
        write_text(page, _without_places(executing, notebook, page))
    except papermill.PapermillExecutionError:
        # The failed notebook is the best description of what went wrong.
        os.replace(executing, failed)
        raise
    finally:
        executing.unlink(missing_ok=True)
    return page


def _flat(experiment: Experiment, notebook: Path) -> dict[str, Any]:
    """The experiment as the notebook takes it."""
    unused = ("options",) if experiment.preset else ("options", "preset")
    fields = experiment.as_dict()
    parameters = {name: value for name, value in fields.items() if name not in unused}
    # The notebook runs in its own folder, and its page must not tell this machine's places.
    for name, place in (("folder", experiment.path), ("data_root", experiment.data_root)):
        parameters[name] = place and os.path.relpath(place, notebook.parent)
    parameters |= experiment.options
    # Papermill knows no tuples.
    return {name: list(one) if isinstance(one, tuple) else one for name, one in parameters.items()}


def _without_places(executed: Path, notebook: Path, page: Path) -> str:
    """An executed notebook without this machine's folders and the widget's script."""
    content = json.loads(executed.read_text(encoding="utf-8"))
    content["metadata"]["papermill"] |= {"input_path": notebook.name, "output_path": page.name}
    keep_data_only(content)
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"
