"""The checked configuration of a run."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

import torch
from pydantic import Field

from vsclib import checkpoints, data, metrics, models, records
from vsclib.configuration import Count, NonNegative, Positive, Seed, Steps, configuration, configure
from vsclib.errors import CheckpointError, ConfigurationError, DataError, VsclibError, nearest
from vsclib.networks import quartered
from vsclib.runs.namespace import TASTE, parameters_of
from vsclib.runs.naming import check_name, default_name
from vsclib.training import TrainingConfig
from vsclib.training.config import chosen_device

LEFT_OPEN = ("steps", "batch_size", "learning_rate_switch")
"""Parameters that None leaves at their default; a number would overrule every preset."""

UNASKED = "no number was asked for: measures = 'none'"
Threads = Annotated[int, Field(ge=1, le=1024)]
_PASSED_ON = (
    *("batch_size", "learning_rate_end", "learning_rate_switch", "seed", "checkpoint_every"),
    *("optimizer", "optimizer_options", "scheduler", "scheduler_options", "clip_norm"),
    *("compile", "precision"),
)
"""Parameters that the training takes as they are."""


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
    open_note: ClassVar[str] = "Steps and batch size of None are the preset's, or 200 and 100."
    """What the parameter cell says of them."""
    beside: ClassVar[tuple[str, ...]] = (
        *("name", "preset", "device", "threads", "data_root", "folder", "compile"),
        *("checkpoint_every", "measures", "noise", "importance_draws", "importance_images"),
        "options",
    )
    """Parameters that do not decide the weights, and the options, which stand for themselves."""
    in_stem: ClassVar[tuple[str, ...]] = ("model", "dataset", "seed")
    """Parameters that every default name holds."""
    definitions: ClassVar[Mapping[str, str]] = metrics.DEFINITIONS
    """What each number of the record means, by name."""
    taste: ClassVar[Mapping[str, Any]] = TASTE
    """What runs when nothing is asked for: a small model whose code comes alive within seconds."""

    model: str = "vsc"
    """Name of the model, of ``vsclib.models.names()``; or a preset, ``vsclib.models.presets()``; or
    a class of your own, ``my_package:MyVSC``.
    """
    preset: str | None = None
    """The preset that options and training came from; ask for one with ``model``."""
    dataset: str = "digits"
    """Name of the data set, one of ``vsclib.data.names()``; or ``my_package.module:load``."""
    binarise: data.Binarise | None = None
    """Draw the pixels black or white, as :func:`vsclib.data.binarised` does: ``static``, once;
    ``dynamic``, training images afresh at every step. The test images are the same of both.
    """
    name: str | None = None
    """Name of the run; by default model or preset, data set, what is not the default, and seed."""
    steps: Steps = 200
    """Updates of the weights; give these or ``epochs``."""
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
    optimizer: str = "adam"
    """An optimiser of ``torch.optim`` by name."""
    optimizer_options: dict[str, Any] = dataclasses.field(default_factory=dict)
    """What it takes beside the learning rate."""
    scheduler: str | None = None
    """A schedule of ``torch.optim.lr_scheduler`` by name."""
    scheduler_options: dict[str, Any] = dataclasses.field(default_factory=dict)
    """What it takes."""
    clip_norm: Positive | None = None
    """Largest norm of the gradient; a longer one is shortened to it."""
    compile: Literal["auto", "on", "off"] = "auto"
    """Compile the step: ``auto`` does so for long trainings."""
    precision: Literal["float32", "tf32", "bfloat16"] = "float32"
    """Of the training's matrix products."""
    seed: Seed = 0
    """Of the weights, the order of the images and every draw."""
    device: str = "auto"
    """``auto`` takes a GPU when there is one; ``cpu``, ``cuda``, ``mps``."""
    threads: Threads | None = None
    """CPU threads of a run; by default as many as PyTorch takes."""
    data_root: str | None = None
    """Folder of the data; by default VSCLIB_DATA, then the user's cache."""
    folder: str | None = None
    """Where the run writes; by default ``runs/`` and its name."""
    checkpoint_every: Count = 1000
    """Steps between two checkpoints; a killed run resumes from the last."""
    measures: Literal["full", "quick", "none"] = "full"
    """Which numbers the record holds: all; those that take seconds; none."""
    noise: list[NonNegative] = dataclasses.field(default_factory=list)
    """Standard deviations of noise on the test images, for the record's ``by_noise``."""
    importance_draws: Steps = 0
    """Draws an image of the importance-weighted bound; 0 leaves it out."""
    importance_images: Count | None = None
    """Test images of that bound, from the first on; by default all."""
    options: dict[str, Any] = dataclasses.field(default_factory=dict)
    """The model's own options."""

    def __post_init__(self) -> None:
        if self.name is not None:
            check_name(self.name)
        if self.folder == "":
            raise ConfigurationError("folder = '' is not allowed: give a path, or None for runs/")

    # ------------------------------------------------------------------------------- parameters

    @classmethod
    def run_parameters(cls) -> dict[str, Any]:
        """The parameters that every run has, with the defaults that a notebook gives them."""
        fields = cls().as_dict() | dict.fromkeys(cls.left_open)
        return {name: value for name, value in fields.items() if name != "options"}

    @classmethod
    def option_names(cls, model: str | None = None) -> list[str]:
        """The options of all models together, and those of ``model`` if it is an import path."""
        named = [name for name in models.names() if ":" not in name]
        own = [model] if model is not None and ":" in model else []
        configs = [models.family(name).Config for name in named + own]
        return sorted({field.name for config in configs for field in dataclasses.fields(config)})

    @classmethod
    def of(cls, **parameters: Any) -> Self:
        """Check flat parameters: those of the run, and those of what it trains.

        An option of None keeps its default. A preset stands for its model, options and training,
        each of which may be given otherwise.

        Raises:
            ConfigurationError: an unknown name, another model's option, a value out of range, steps
                beside epochs, or an image shape that the data set does not have.
            DataError: an unknown data set, or one of fewer images than a batch.

        Example:
            >>> Experiment.of(model="vsc", dataset="digits", alpha=0.05).options
            {'alpha': 0.05}
            >>> paper = Experiment.of(model="li_han_mnist", dataset="mnist", epochs=2)
            >>> paper.model, paper.preset, paper.epochs, paper.learning_rate
            ('sparse_generator', 'li_han_mnist', 2, 0.0001)
        """
        if parameters.get("steps") is not None and parameters.get("epochs") is not None:
            both = f"steps = {parameters['steps']!r} and epochs = {parameters['epochs']!r}"
            raise ConfigurationError(f"{both} say the same twice: give one of them")
        parameters = cls.unfold(parameters)
        run = cls.run_parameters()
        options = cls.option_names(parameters.get("model"))
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
        # Steps that are asked for win over epochs that are not, and the other way round.
        for asked, other in (("steps", "epochs"), ("epochs", "steps")):
            if asked in given:
                training.pop(other, None)
        chosen = {"model": found.model, "preset": name}
        return parameters | found.options | training | given | chosen

    def configured(self) -> Any:
        """The checked configuration of what is trained, its defaults filled in."""
        owner, config = f"model {self.model!r}", models.family(self.model).Config
        return configure(config, owner, self.model_options())

    def check(self) -> None:
        """Refuse what could only fail later, after work is done."""
        about, configured = data.about(self.dataset), self.configured()
        shape, owner = tuple(configured.image_shape), f"model {self.model!r} on {self.dataset!r}"
        try:
            if configured.network != "mlp":
                quartered(shape, configured.network)
        except ConfigurationError as error:
            raise ConfigurationError(f"{owner}: {error}") from None
        if shape != tuple(about.image_shape):
            remedy = f"leave it out, the data set says {tuple(about.image_shape)}"
            raise ConfigurationError(f"{owner}: image_shape = {shape} is not allowed: {remedy}")
        if self.noise and not about.classes:
            remedy = "leave noise empty, or choose a data set with labels"
            raise ConfigurationError(f"noise = {self.noise} on {self.dataset!r}: {remedy}")
        if self.binarise and about.real_valued:
            found = f"binarise = {self.binarise!r} takes grey levels, {self.dataset!r} is real"
            raise DataError(f"{found}: leave it out")
        self.check_batch(about.train)

    def check_batch(self, images: int) -> None:
        """Refuse a batch that is larger than so many training images."""
        if self.batch_size > images:
            found = f"batch_size = {self.batch_size} exceeds the {images} training images"
            raise DataError(f"{found} of {self.dataset!r}: choose 1 <= batch_size <= {images}")

    # ---------------------------------------------------------------------------- what a run is

    @property
    def title(self) -> str:
        """Name of the run."""
        return self.name or default_name(self.stem, self.changed(), self.seed)

    @property
    def stem(self) -> str:
        """What the default name begins with."""
        return f"{self.preset or self.model}-{self.dataset}"

    def require_same(self, path: Path) -> None:
        """Refuse to go on where a record tells of another run.

        Args:
            path: of the record, if there is one yet.

        Raises:
            CheckpointError: something that decides the weights was another.
        """
        try:
            asked = records.load(path)["experiment"]
            options = asked.pop("options")
            former = self.of(**asked, **options).deciding()
        except VsclibError:
            # There is none, or none of today: the checkpoint knows whether it fits.
            return
        for name, value in self.deciding().items():
            if former[name] != value:
                found = f"{self.path} holds the run with {name} = {former[name]!r}, not {value!r}"
                raise CheckpointError(f"{found}: choose another name, or delete that folder")

    @property
    def path(self) -> Path:
        """Folder of the run."""
        return Path(self.folder).expanduser() if self.folder else Path("runs") / self.title

    def as_dict(self) -> dict[str, Any]:
        """Every field by name, as :meth:`of` takes them: no steps beside epochs."""
        fields: dict[str, Any] = dataclasses.asdict(self)
        return fields | {"steps": None} if self.epochs else fields

    def deciding(self) -> dict[str, Any]:
        """Everything that decides the weights, by name: the options with their defaults."""
        fields = {name: v for name, v in self.as_dict().items() if name not in self.beside}
        return fields | dataclasses.asdict(self.configured()) | {"learning_rate": self.rate}

    def changed(self) -> dict[str, Any]:
        """What differs from the defaults, or from the preset's, beside what every name holds."""
        shared = {name: getattr(self, name) for name in self.in_stem}
        usual = self.of(**shared | {"model": self.preset or self.model}).deciding()
        # None is the one of steps and epochs that is not asked for.
        return {name: v for name, v in self.deciding().items() if v not in (usual[name], None)}

    @property
    def rate(self) -> float:
        """Step size of Adam at the start."""
        return self.learning_rate or models.family(self.model).learning_rate

    def model_options(self) -> dict[str, Any]:
        """The model's options, with the image shape of the data set unless another is asked for."""
        return {"image_shape": data.about(self.dataset).image_shape} | self.options

    def make_model(self) -> Any:
        """The untrained model."""
        return models.create(self.model, seed=self.seed, **self.model_options())

    def training(self, images: int) -> TrainingConfig:
        """How to train on so many images."""
        self.check_batch(images)
        given: dict[str, Any] = {
            "steps": self.epochs * (images // self.batch_size) if self.epochs else self.steps,
            "learning_rate": self.rate,
            "draw_pixels": self.binarise == "dynamic",
            "device": str(chosen_device(self.device)),
            "checkpoint": str(self.path / "training.safetensors"),
        }
        given |= {name: getattr(self, name) for name in _PASSED_ON}
        return configure(TrainingConfig, "training", given)

    def save(self, model: Any, path: Path) -> None:
        """Write the trained model."""
        checkpoints.save(model, path)

    def measure(
        self, model: Any, images: data.DataSet
    ) -> tuple[metrics.Evaluation, dict[str, Any]]:
        """The numbers of the record, and further sections of it by name."""
        draws = torch.Generator(next(model.parameters()).device)
        found = metrics.Evaluation({}, dict.fromkeys(self.definitions, UNASKED))
        if self.measures != "none":
            drawn = draws.manual_seed(self.seed)
            found = metrics.evaluate(model, images, drawn, measures=self.measures)
        if self.importance_draws:
            few, drawn = images.test.images[: self.importance_images], draws.manual_seed(self.seed)
            more = metrics.importance_numbers(model, few, drawn, self.importance_draws)
            found = metrics.Evaluation.of(found.numbers | more, found.not_measured)
        rows = metrics.under_noise(model, images, self.noise) if self.noise else []
        return found, {"by_noise": rows} if rows else {}
