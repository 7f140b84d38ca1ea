"""A run that trains a refiner: its checked parameters, and how it differs from a model's run."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import Field

from vsclib import checkpoints, data
from vsclib.configuration import Count, Positive, configuration, configure
from vsclib.errors import CheckpointError, ConfigurationError
from vsclib.metrics import Evaluation
from vsclib.models import Model
from vsclib.refiner.measure import REFINEMENT_DEFINITIONS, evaluate
from vsclib.refiner.model import STEPS, Refiner, RefinerConfig, create
from vsclib.refiner.saving import save
from vsclib.runs import Experiment, check_name, register
from vsclib.training import fit


@register
@configuration
class Refinement(Experiment):
    """Everything that decides what a run does. Make one with :meth:`of`.

    Example:
        >>> Refinement.of(dataset="digits", channels=8).options
        {'channels': 8}
    """

    kind: ClassVar[str] = "refine"
    called: ClassVar[str] = "a refinement"
    explained_in: ClassVar[str] = "vsclib.refiner.Refinement"
    options_note: ClassVar[str] = "The refiner's options: None keeps the default."
    left_open: ClassVar[tuple[str, ...]] = ("steps",)
    open_note: ClassVar[str] = "Steps of None are 200, unless epochs are given."
    beside: ClassVar[tuple[str, ...]] = (*Experiment.beside, "refiner_steps", "test_images")
    in_stem: ClassVar[tuple[str, ...]] = (*Experiment.in_stem, "base")
    definitions: ClassVar[Mapping[str, str]] = REFINEMENT_DEFINITIONS
    taste: ClassVar[Mapping[str, Any]] = {}

    model: str = "refiner"
    """Always ``refiner``."""
    learning_rate: Positive = 1e-3
    """Step size of Adam."""
    batch_size: Count = 50
    """Images in one update."""
    base: str | None = None
    """Name of the finished run whose model is refined; it lies beside this run. None trains a small
    VSC first.
    """
    base_steps: Count = 1000
    """Updates of that small VSC."""
    refiner_steps: list[Count] = dataclasses.field(default_factory=lambda: [2, STEPS])
    """Numbers of steps to compare; the last one gives the record's numbers."""
    test_images: Annotated[int, Field(ge=4)] | None = None
    """Test images that are measured, from the first on; None takes all."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.base is not None:
            check_name(self.base, "base")

    @classmethod
    def run_parameters(cls) -> dict[str, Any]:
        """The parameters that every refinement has, with their defaults."""
        without = (
            "preset",
            "measures",
            "noise",
            "binarise",
            "importance_draws",
            "importance_images",
        )
        return {name: v for name, v in super().run_parameters().items() if name not in without}

    @classmethod
    def option_names(cls, model: str | None = None) -> list[str]:
        """The refiner's options."""
        return sorted(field.name for field in dataclasses.fields(RefinerConfig))

    @classmethod
    def unfold(cls, parameters: dict[str, Any]) -> dict[str, Any]:
        """The parameters as they are: a refinement has no presets."""
        return parameters

    def configured(self) -> Any:
        """The checked configuration of the refiner, its defaults filled in."""
        return configure(RefinerConfig, "a refiner", self.options)

    def check(self) -> None:
        """Refuse what could only fail later, after work is done."""
        if self.model != "refiner":
            raise ConfigurationError(
                f"model = {self.model!r} is not allowed: a refinement trains a 'refiner'"
            )
        self.check_batch(data.about(self.dataset).train)
        config = self.configured()
        for steps in self.refiner_steps or [0]:
            if not steps or config.timesteps % steps:
                raise ConfigurationError(
                    f"refiner_steps = {self.refiner_steps!r} is not allowed: "
                    f"choose divisors of {config.timesteps}"
                )

    @property
    def stem(self) -> str:
        """What the default name begins with."""
        return f"refiner-{self.base or 'vsc-' + self.dataset}"

    @property
    def base_file(self) -> Path:
        """Where the named run has left its model."""
        return self.path.parent / str(self.base) / "model.safetensors"

    def make_base(self) -> Model:
        """The model to refine: the named run's, or a small VSC that is trained here.

        Raises:
            CheckpointError: the named run has left no model beside this one.
            ConfigurationError: its model is for other images.
        """
        if self.base is None:
            return self._train_base()
        if not self.base_file.is_file():
            raise CheckpointError(
                f"there is no run {self.base!r} beside {self.title!r}: "
                "repeat it first with results/reproduce.py"
            )
        base = checkpoints.load(self.base_file)
        if base.image_shape != data.about(self.dataset).image_shape:
            raise ConfigurationError(
                f"base = {self.base!r} is for images shaped {base.image_shape}: "
                f"choose a run on {self.dataset!r}"
            )
        return base

    def _train_base(self) -> Model:
        small = {"learning_rate": 5e-3, "alpha": 0.3, "latents": 16, "hidden": 64}
        experiment = Experiment.of(
            model="vsc", dataset=self.dataset, seed=self.seed, steps=self.base_steps, **small
        )
        base, images = experiment.make_model(), data.load(self.dataset, self.data_root)
        training = experiment.training(len(images.train.images))
        training.checkpoint, training.progress = None, False
        fit(base, images, training)
        return base

    def make_model(self) -> Refiner:
        """The untrained refiner of its base."""
        return create(self.make_base(), seed=self.seed, **self.options)

    def save(self, model: Any, path: Path) -> None:
        """Write the trained refiner, its base with it."""
        assert isinstance(model, Refiner)
        save(model, path)

    def measure(self, model: Any, images: data.DataSet) -> tuple[Evaluation, dict[str, Any]]:
        """The numbers of the record, and the same by number of steps."""
        assert isinstance(model, Refiner)
        numbers, by_steps = evaluate(model, images, self.refiner_steps, self.test_images, self.seed)
        return Evaluation.of(numbers, {}), {"by_steps": by_steps}
