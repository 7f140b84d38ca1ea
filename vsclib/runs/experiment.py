"""The checked configuration of a run."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

import torch

from vsclib import checkpoints, data, metrics, models, records
from vsclib.configuration import Count, Positive, Seed, Steps, configuration, configure
from vsclib.errors import ConfigurationError, nearest
from vsclib.networks import quartered
from vsclib.training import TrainingConfig

LEFT_OPEN = ("steps", "batch_size", "learning_rate_switch")
"""Parameters that None leaves at their default; a number would overrule every preset."""


@configuration
class Experiment:
    """Everything that decides what a run does. Make one with :meth:`of`."""

    kind: ClassVar[str] = "train"
    """Name of the kind of run: of its notebook, and in its records."""
    called: ClassVar[str] = "an experiment"
    """The kind of run in a sentence."""
    explained_in: ClassVar[str] = "vsclib.runs.Experiment"
    """Where a reader finds what each parameter means."""
    options_note: ClassVar[str] = (
        "The model's options: None keeps the default; an option of another model is refused."
    )
    """What a notebook's parameter cell says above the options."""
    left_open: ClassVar[tuple[str, ...]] = LEFT_OPEN
    """Parameters that are None in the parameter cell, so that a preset may have a say."""
    definitions: ClassVar[Mapping[str, str]] = metrics.DEFINITIONS
    """What each number of the record means, by name."""
    taste: ClassVar[Mapping[str, Any]] = {
        "name": "a-taste",
        "alpha": 0.1,
        "latents": 20,
        "hidden": 128,
        "likelihood": "gaussian",
        "sigma": 0.15,
        "steps": 500,
        "learning_rate": 3e-3,
    }
    """What runs when nothing is asked for: a small model whose code comes alive within seconds."""

    model: str = "vsc"
    """Name of the model, of ``vsclib.models.names()``; or a preset, ``vsclib.models.presets()``."""
    preset: str | None = None
    """The preset that options and training came from; ask for one with ``model``."""
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

    # ------------------------------------------------------------------------------- parameters

    @classmethod
    def run_parameters(cls) -> dict[str, Any]:
        """The parameters that every run has, with the defaults that a notebook gives them."""
        fields = cls().as_dict() | dict.fromkeys(cls.left_open)
        return {name: value for name, value in fields.items() if name != "options"}

    @classmethod
    def option_names(cls) -> list[str]:
        """The options of all models together."""
        configs = [models.family(name).Config for name in models.names()]
        return sorted({field.name for config in configs for field in dataclasses.fields(config)})

    @classmethod
    def of(cls, **parameters: Any) -> Self:
        """Check flat parameters: those of the run, and those of what it trains.

        An option of None keeps its default. A preset stands for its model, options and training,
        each of which may be given otherwise.

        Raises:
            ConfigurationError: an unknown name, another model's option, or a value out of range.
            DataError: an unknown data set.

        Example:
            >>> Experiment.of(model="vsc", dataset="digits", alpha=0.05).options
            {'alpha': 0.05}
            >>> paper = Experiment.of(model="li_han_mnist", dataset="mnist", epochs=2)
            >>> paper.model, paper.preset, paper.epochs, paper.learning_rate
            ('sparse_generator', 'li_han_mnist', 2, 0.0001)
        """
        parameters = cls.unfold(parameters)
        run, options = cls.run_parameters(), cls.option_names()
        given: dict[str, Any] = {}
        chosen: dict[str, Any] = {}
        for name, value in parameters.items():
            if name in options and value is not None:
                # Papermill passes lists only.
                chosen[name] = tuple(value) if isinstance(value, list) else value
            if name in run and not (value is None and name in cls.left_open):
                given[name] = value
            if name not in run and name not in options:
                close = nearest(name, {*run, *options})
                raise ConfigurationError(f"{cls.called} has no parameter {name!r}: {close}")
        experiment = configure(cls, cls.called.split()[1], given | {"options": chosen})
        experiment.check()
        return experiment

    @classmethod
    def asked_for(cls, namespace: Mapping[str, Any]) -> Self:
        """What a notebook's parameters ask for; with nothing given, :attr:`taste`.

        Args:
            namespace: the notebook's ``globals()``, before anything else is defined; it is refused
                as by :meth:`of`.
        """
        asked = cls.of(**parameters_of(namespace))
        return cls.of(**cls.taste) if asked == cls.of() else asked

    @classmethod
    def unfold(cls, parameters: dict[str, Any]) -> dict[str, Any]:
        """The parameters with a preset's model, options and training in the place of its name."""
        given = {name: value for name, value in parameters.items() if value is not None}
        name = given.get("preset") or given.get("model")
        if name not in models.presets() and "preset" not in given:
            return parameters
        found = models.preset(str(name))
        if given.get("model", found.model) not in (found.model, name):
            remedy = f"give model = {name!r}, and leave preset to the run"
            raise ConfigurationError(f"preset = {name!r} is no {given['model']!r}: {remedy}")
        training = dict(found.training)
        if "steps" in given:
            # Steps that are asked for win over epochs that are not.
            training.pop("epochs", None)
        chosen = {"model": found.model, "preset": name}
        return parameters | found.options | training | given | chosen

    def check(self) -> None:
        """Refuse what could only fail later, after work is done."""
        data.about(self.dataset)
        owner, config = f"model {self.model!r}", models.family(self.model).Config
        configured: Any = configure(config, owner, self.model_options())
        if configured.network == "mlp":
            return
        try:
            quartered(configured.image_shape, configured.network)
        except ConfigurationError as error:
            raise ConfigurationError(f"{owner} on {self.dataset!r}: {error}") from None

    # ---------------------------------------------------------------------------- what a run is

    @property
    def title(self) -> str:
        """Name of the run."""
        return self.name or f"{self.preset or self.model}-{self.dataset}-seed{self.seed}"

    @property
    def path(self) -> Path:
        """Folder of the run."""
        return Path(self.folder or Path("runs") / self.title)

    def as_dict(self) -> dict[str, Any]:
        """Every field by name."""
        return dataclasses.asdict(self)

    def model_options(self) -> dict[str, Any]:
        """The model's options, with the image shape of the data set unless another is asked for."""
        return {"image_shape": data.about(self.dataset).image_shape} | self.options

    def make_model(self) -> Any:
        """The untrained model."""
        return models.create(self.model, seed=self.seed, **self.model_options())

    def training(self, images: int) -> TrainingConfig:
        """How to train on so many images."""
        shared = ("batch_size", "learning_rate_end", "learning_rate_switch", "seed")
        given = {name: getattr(self, name) for name in (*shared, "checkpoint_every")}
        given |= {
            "steps": self.epochs * (images // self.batch_size) if self.epochs else self.steps,
            "learning_rate": self.learning_rate or models.family(self.model).learning_rate,
            "device": _device(self.device),
            "checkpoint": str(self.path / "training.safetensors"),
        }
        return configure(TrainingConfig, "training", given)

    def save(self, model: Any, path: Path) -> None:
        """Write the trained model."""
        checkpoints.save(model, path)

    def measure(
        self, model: Any, images: data.DataSet
    ) -> tuple[metrics.Evaluation, dict[str, Any]]:
        """The numbers of the record, and further sections of it by name."""
        device = next(model.parameters()).device
        draws = torch.Generator(device).manual_seed(self.seed)
        return metrics.evaluate(model, images, draws), {}


def parameters_of(namespace: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters that a notebook holds: every public name with a plain value.

    Papermill accepts a misspelt name without a word; given to :meth:`Experiment.of`, it is refused.
    """
    plain = (type(None), bool, int, float, str, list, dict)
    return {
        name: value
        for name, value in namespace.items()
        if type(value) in plain and not name.startswith("_") and name not in ("In", "Out")
    }


Kind = TypeVar("Kind", bound=type[Experiment])

_KINDS: dict[str, type[Experiment]] = {Experiment.kind: Experiment}


def register(kind: Kind) -> Kind:
    """Make a kind of run known by name, as a decorator of its class."""
    _KINDS[kind.kind] = kind
    records.register(kind.kind, kind.definitions)
    return kind


def kinds() -> dict[str, type[Experiment]]:
    """The kinds of runs by name; a kind is known once its module is imported."""
    return dict(_KINDS)


def _device(name: str) -> str:
    """The device behind a name; ``auto`` takes a GPU when there is one."""
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError) as error:
        problem = f"device = {name!r} is not available ({str(error).splitlines()[0]})"
        raise ConfigurationError(f"{problem}: choose 'auto' or 'cpu'") from None
    return name
