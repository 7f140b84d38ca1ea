"""A run of an experiment: its checked configuration, its folder, its record, and running it through
papermill.
"""

import dataclasses
import json
import os
import platform
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

import vsclib
from vsclib import data, models
from vsclib.configuration import Count, Positive, Seed, Steps, configuration, configure
from vsclib.errors import ConfigurationError, nearest
from vsclib.files import write_atomically, write_text
from vsclib.networks import quartered
from vsclib.training import TrainingConfig


@configuration
class Experiment:
    """Everything that decides what a run does. Make one with :meth:`of`."""

    model: str = "vsc"
    """Name of the model, one of ``vsclib.models.names()``; :meth:`of` also takes a preset,
    ``vsclib.models.presets()``.
    """
    preset: str | None = None
    """The preset that options and training came from, for the record; ask for one with ``model``.
    """
    dataset: str = "digits"
    """Name of the data set, one of ``vsclib.data.names()``."""
    name: str | None = None
    """Name of the run; by default model or preset, data set and seed."""
    steps: Steps = 200
    """Updates of the weights; ignored when ``epochs`` is given."""
    epochs: Count | None = None
    """Passes through the training images instead of steps."""
    batch_size: Count = 100
    """Images in one update."""
    learning_rate: Positive | None = None
    """Step size of Adam; by default the family's own (1e-3, generators 1e-4)."""
    learning_rate_end: Positive | None = None
    """Step size of Adam from step ``learning_rate_switch`` on."""
    learning_rate_switch: Steps = 0
    """First step with ``learning_rate_end``."""
    seed: Seed = 0
    """Of the weights, the order of the images and every draw."""
    device: str = "auto"
    """``auto`` takes a GPU when there is one; ``cpu``, ``cuda``, ``mps``."""
    threads: Count | None = None
    """CPU threads of a run; by default as many as PyTorch takes."""
    data_root: str | None = None
    """Folder of the data; by default VSCLIB_DATA, then the user's cache."""
    folder: str | None = None
    """Where the run writes; by default ``runs/`` and its name."""
    checkpoint_every: Count = 1000
    """Steps between two checkpoints; a killed run resumes from the last."""
    options: dict[str, Any] = dataclasses.field(default_factory=dict)
    """The model's own options."""

    @classmethod
    def of(cls, **parameters: Any) -> "Experiment":
        """Check flat parameters: those of the run, and those of the model. A model option of None
        keeps its default.

        A preset stands for its model, options and training, each of which may be given otherwise;
        None leaves it.

        Raises:
            ConfigurationError: an unknown name, an option of another model, or a value out of
                range.
            DataError: an unknown data set.

        Example:
            >>> Experiment.of(model="vsc", dataset="digits", alpha=0.05).options
            {'alpha': 0.05}
            >>> paper = Experiment.of(model="li_han_mnist", dataset="mnist", epochs=2)
            >>> paper.model, paper.preset, paper.epochs, paper.learning_rate
            ('sparse_generator', 'li_han_mnist', 2, 0.0001)
        """
        parameters = _unfold(parameters)
        run = {name for name in run_parameters()}
        unknown = [
            name for name in parameters if name not in run and name not in model_parameters()
        ]
        if unknown:
            choices = run | set(model_parameters())
            raise ConfigurationError(
                f"an experiment has no parameter {unknown[0]!r}: {nearest(unknown[0], choices)}"
            )
        options = {
            name: value
            for name, value in parameters.items()
            if name not in run and value is not None
        }
        if isinstance(options.get("image_shape"), list):
            # Papermill passes lists only.
            options["image_shape"] = tuple(options["image_shape"])
        given = {
            k: v for k, v in parameters.items() if k in run and not (v is None and k in LEFT_OPEN)
        }
        experiment = configure(cls, "experiment", given | {"options": options})
        experiment.check()
        return experiment

    def check(self) -> None:
        """Refuse what could only fail later, after work is done."""
        data.about(self.dataset)
        configured: Any = configure(
            models.family(self.model).Config, f"model {self.model!r}", self.model_options()
        )
        if configured.network != "mlp":
            try:
                quartered(configured.image_shape, configured.network)
            except ConfigurationError as error:
                raise ConfigurationError(
                    f"model {self.model!r} on {self.dataset!r}: {error}"
                ) from None

    @property
    def title(self) -> str:
        """Name of the run."""
        return self.name or f"{self.preset or self.model}-{self.dataset}-seed{self.seed}"

    @property
    def path(self) -> Path:
        """Folder of the run."""
        return Path(self.folder or Path("runs") / self.title)

    def model_options(self) -> dict[str, Any]:
        """The model's options, with the image shape of the data set unless another is asked for."""
        return {"image_shape": data.about(self.dataset).image_shape} | self.options

    def make_model(self) -> models.Model:
        """The untrained model."""
        return models.create(self.model, seed=self.seed, **self.model_options())

    def training(self, images: int) -> TrainingConfig:
        """How to train on so many images."""
        steps = self.epochs * (images // self.batch_size) if self.epochs else self.steps
        learning_rate = self.learning_rate or models.family(self.model).learning_rate
        return configure(
            TrainingConfig,
            "training",
            {
                "steps": steps,
                "batch_size": self.batch_size,
                "learning_rate": learning_rate,
                "learning_rate_end": self.learning_rate_end,
                "learning_rate_switch": self.learning_rate_switch,
                "seed": self.seed,
                "device": device(self.device),
                "checkpoint": str(self.path / "training.safetensors"),
                "checkpoint_every": self.checkpoint_every,
            },
        )


LEFT_OPEN = ("steps", "batch_size", "learning_rate_switch")
"""Parameters of which None, too, stands for the default: a notebook that gives them a number would
overrule every preset.
"""


def _unfold(parameters: dict[str, Any]) -> dict[str, Any]:
    """The parameters with a preset's model, options and training in the place of its name."""
    given = {name: value for name, value in parameters.items() if value is not None}
    name = given.get("preset") or given.get("model")
    if name not in models.presets() and "preset" not in given:
        return parameters
    found = models.preset(str(name))
    if given.get("model", found.model) not in (found.model, name):
        raise ConfigurationError(
            f"preset = {name!r} is no {given['model']!r}: give model = {name!r}, and leave preset to the run"
        )
    # Steps that are asked for shall not lose to epochs that are not.
    training = {k: v for k, v in found.training.items() if not (k == "epochs" and "steps" in given)}
    return parameters | found.options | training | given | {"model": found.model, "preset": name}


def run_parameters() -> dict[str, Any]:
    """The parameters that every run has, with their defaults; None where a preset may have a say."""
    return {
        field.name: None if field.name in LEFT_OPEN else field.default
        for field in dataclasses.fields(Experiment)  # type: ignore[arg-type]
        if field.name != "options"
    }


def model_parameters() -> list[str]:
    """The options of all models together."""
    configs = [models.family(name).Config for name in models.names()]
    return sorted({field.name for config in configs for field in dataclasses.fields(config)})


def parameters_of(namespace: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters that a notebook holds: every public name with a plain value, IPython's own
    left out.

    Papermill accepts a misspelt name without a word; given to :meth:`Experiment.of`, it is refused.
    """
    plain = (type(None), bool, int, float, str, list, dict)
    return {
        name: value
        for name, value in namespace.items()
        if type(value) in plain and not name.startswith("_") and name not in ("In", "Out")
    }


def device(name: str) -> str:
    """The device behind a name; ``auto`` takes a GPU when there is one.

    Raises:
        ConfigurationError: this machine has no such device.
    """
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigurationError(
            f"device = {name!r} is not to be had here ({reason}): choose 'auto' or 'cpu'"
        ) from None
    return name


def provenance(where: str) -> dict[str, Any]:
    """Where a result comes from: commit, versions, machine, time. Take it when a run starts: the
    code may change under it.
    """
    gpu = torch.cuda.get_device_name(where) if where.startswith("cuda") else None
    return {
        "commit": _commit(),
        "vsclib": vsclib.__version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "device": gpu or where,
        "threads": torch.get_num_threads(),
        "started": _now(),
    }


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _commit() -> str | None:
    here = Path(__file__).parent
    try:
        # An installed copy may lie inside a repository that is not the library's own.
        subprocess.run(
            ["git", "ls-files", "--error-unmatch", __file__],
            cwd=here,
            capture_output=True,
            check=True,
        )
        commit = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=here, capture_output=True, text=True, check=True
        )
        changes = subprocess.run(
            ["git", "status", "--porcelain", "."],
            cwd=here,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return commit.stdout.strip() + (" with changes" if changes.stdout.strip() else "")


def write_record(experiment: Experiment, metrics: Mapping[str, Any], **more: Any) -> Path:
    """Write the record of a finished run to its folder, atomically.

    Args:
        experiment: what was run.
        metrics: name to number.
        **more: further sections, such as ``provenance``.

    Returns:
        The path of ``record.json``.
    """
    configuration = dataclasses.asdict(experiment)  # type: ignore[call-overload]
    # Folders are this machine's own business.
    for name in ("folder", "data_root"):
        configuration.pop(name)
    record = {
        "name": experiment.title,
        "experiment": configuration,
        "metrics": dict(metrics),
        **more,
        "finished": _now(),
    }
    path = experiment.path / "record.json"
    write_text(path, json.dumps(record, indent=1) + "\n")
    return path


def run(
    experiment: Experiment,
    notebook: str | Path,
    page: str | Path | None = None,
    *,
    progress: bool = True,
) -> Path:
    """Run an experiment through papermill: one executed notebook, its checkpoint, its record, and a
    done file last.

    Args:
        experiment: what to run.
        notebook: the parametrised notebook, ``notebooks/experiments/train.ipynb``.
        page: the executed notebook; by default ``run.ipynb`` in the run's folder.
        progress: show papermill's progress and what the cells print.

    Returns:
        The path of the executed notebook.

    Raises:
        ConfigurationError: the notebook is missing or does not take one of the parameters.
        papermill.PapermillExecutionError: a cell failed; ``failed.ipynb`` in the run's folder shows
            where, and no done file is written.
    """
    import papermill

    notebook, folder = Path(notebook), experiment.path.resolve()
    if not notebook.is_file():
        raise ConfigurationError(
            f"there is no notebook {notebook}: give the path of notebooks/experiments/train.ipynb"
        )
    fields = dataclasses.asdict(experiment)  # type: ignore[call-overload]
    unused = ("options",) if experiment.preset else ("options", "preset")
    parameters = {
        name: value for name, value in fields.items() if name not in unused
    } | experiment.options
    # The notebook runs in its own folder, and its page shall not tell where this machine keeps
    # things.
    for name, place in (("folder", folder), ("data_root", experiment.data_root)):
        parameters[name] = place and os.path.relpath(place, notebook.parent)
    # Papermill knows no tuples.
    parameters = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in parameters.items()
    }
    accepted = papermill.inspect_notebook(str(notebook))
    for name in parameters:
        if name not in accepted:
            raise ConfigurationError(
                f"{notebook.name} takes no parameter {name!r}: {nearest(name, accepted)}"
            )
    page = Path(page) if page else folder / "run.ipynb"
    done = folder / "done.json"
    folder.mkdir(parents=True, exist_ok=True)
    for leftover in (done, folder / "failed.ipynb"):
        leftover.unlink(missing_ok=True)

    def execute(temporary: Path) -> None:
        try:
            papermill.execute_notebook(
                str(notebook),
                str(temporary),
                parameters=parameters,
                cwd=str(notebook.parent),
                progress_bar=progress,
                log_output=progress,
            )
        except papermill.PapermillExecutionError:
            # The failed notebook is the best description of what went wrong.
            os.replace(temporary, folder / "failed.ipynb")
            raise
        _forget_places(temporary, notebook, page)

    write_atomically(page, execute)
    write_text(
        done, json.dumps({"page": os.path.relpath(page, folder), "record": "record.json"}) + "\n"
    )
    return page


def _forget_places(executed: Path, notebook: Path, page: Path) -> None:
    """Leave out of an executed notebook where papermill read and wrote it: nobody else has these
    folders.
    """
    content = json.loads(executed.read_text(encoding="utf-8"))
    content["metadata"]["papermill"] |= {"input_path": notebook.name, "output_path": page.name}
    executed.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
