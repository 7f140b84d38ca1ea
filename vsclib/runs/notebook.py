"""Executing the notebook of a run through papermill."""

import json
import os
from pathlib import Path
from typing import Any

from vsclib.errors import ConfigurationError, nearest
from vsclib.files import check_writable, lock, write_text
from vsclib.runs.experiment import Experiment
from vsclib.runs.kernel import ENGINE, Stopped, stopping
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
        CheckpointError: another process is at work in the run's folder, the folder holds another
            run, or it cannot be written.
        ConfigurationError: the notebook is missing or does not take one of the parameters.
        papermill.PapermillExecutionError: a cell failed; the run's ``failed.ipynb`` shows where.
        Stopped: Ctrl-C or SIGTERM came; what was trained is kept for the same call to go on from.
    """

    notebook, folder = Path(notebook), experiment.path.resolve()
    if not notebook.is_file():
        raise ConfigurationError(
            f"there is no notebook {notebook}: give the path of notebooks/experiments/train.ipynb"
        )
    parameters = _accepted(experiment, notebook)
    page = Path(page) if page else folder / "run.ipynb"
    check_writable(page)
    experiment.require_same(folder / "record.json")
    # The run itself holds the lock as long as it works; this is the answer before a kernel starts.
    with lock(folder):
        former = [folder / "done.json", folder / "failed.ipynb"]
        for leftover in [*former, *folder.glob(".executing*.ipynb")]:
            leftover.unlink(missing_ok=True)
    executing = folder / f".executing-{os.getpid()}.ipynb"
    try:
        _execute(experiment, notebook, executing, parameters, progress)
        write_text(page, _without_places(executing, notebook, page))
    finally:
        executing.unlink(missing_ok=True)
    return page


def _execute(
    experiment: Experiment,
    notebook: Path,
    executing: Path,
    parameters: dict[str, Any],
    progress: bool,
) -> None:
    """Execute a notebook into ``executing``, or say how that ended."""
    import papermill

    shown = {"progress_bar": progress, "log_output": progress, "cwd": str(notebook.parent)}
    shown |= {"parameters": parameters, "engine_name": ENGINE}
    with stopping() as stop:
        try:
            papermill.execute_notebook(str(notebook), str(executing), **shown)
        except (KeyboardInterrupt, RuntimeError, papermill.PapermillExecutionError) as error:
            # A kernel that is stopped may answer, or die.
            code = stop.code or _code_of(error)
            if code is not None:
                raise Stopped(_where_to_go_on(experiment), code) from None
            if isinstance(error, papermill.PapermillExecutionError):
                # The failed notebook is the best description of what went wrong.
                os.replace(executing, executing.with_name("failed.ipynb"))
            raise


def _code_of(error: BaseException) -> int | None:
    """The exit code that a stop of the kernel alone stands for; None for another error."""
    name = getattr(error, "ename", type(error).__name__)
    codes = {"KeyboardInterrupt": 130, "TrainingInterrupted": 130, "TrainingTerminated": 143}
    return codes.get(name)


def _where_to_go_on(experiment: Experiment) -> str:
    checkpoint = experiment.path / "training.safetensors"
    if not checkpoint.is_file():
        return "stopped before anything was saved: the same command starts afresh"
    return f"stopped; {checkpoint} holds the training so far: the same command goes on from there"


def _accepted(experiment: Experiment, notebook: Path) -> dict[str, Any]:
    """The parameters of the notebook, all of which it knows."""
    import papermill

    parameters, accepted = _flat(experiment, notebook), papermill.inspect_notebook(str(notebook))
    # The options of a model of one's own are in no notebook's cell.
    own = experiment.options.keys() - set(experiment.option_names())
    for name in parameters:
        if name not in accepted and name not in own:
            close = nearest(name, accepted)
            raise ConfigurationError(f"{notebook.name} takes no parameter {name!r}: {close}")
    return parameters


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
