"""A run that trains a refiner: its checked parameters, for the notebook and for the list of runs."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

import vsclib
from vsclib import data
from vsclib.configuration import Count, Positive, configuration, configure
from vsclib.errors import CheckpointError, ConfigurationError, nearest
from vsclib.experiment import Experiment
from vsclib.models import Model
from vsclib.refiner.model import STEPS, Refiner, RefinerConfig, create


@configuration
class Refinement(Experiment):
    """Everything that decides what a run does. Make one with :meth:`of`."""

    model: str = "refiner"
    """Always ``refiner``."""
    learning_rate: Positive | None = 1e-3
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

    @classmethod
    def of(cls, **parameters: Any) -> "Refinement":
        """Check flat parameters: those of the run, and those of the refiner. An option of None
        keeps its default.

        Raises:
            ConfigurationError: an unknown name, or a value out of range.
            DataError: an unknown data set.

        Example:
            >>> Refinement.of(dataset="digits", channels=8).options
            {'channels': 8}
        """
        run = {field.name for field in dataclasses.fields(cls)} - {"options", "preset"}
        own = {field.name for field in dataclasses.fields(RefinerConfig)}
        for name in parameters:
            if name not in run | own:
                raise ConfigurationError(
                    f"a refinement has no parameter {name!r}: {nearest(name, run | own)}"
                )
        options = {
            name: value for name, value in parameters.items() if name in own and value is not None
        }
        given = {name: value for name, value in parameters.items() if name in run}
        made = configure(cls, "refinement", given | {"options": options})
        made.check()
        return made

    def check(self) -> None:
        """Refuse what could only fail later, after work is done."""
        if self.model != "refiner":
            raise ConfigurationError(
                f"model = {self.model!r} is not allowed: a refinement trains a 'refiner'"
            )
        data.about(self.dataset)
        config: Any = configure(RefinerConfig, "a refiner", self.options)
        for steps in self.refiner_steps or [0]:
            if not steps or config.timesteps % steps:
                raise ConfigurationError(
                    f"refiner_steps = {self.refiner_steps!r} is not allowed: choose divisors of {config.timesteps}"
                )

    @property
    def title(self) -> str:
        """Name of the run."""
        return self.name or f"refiner-{self.base or 'vsc-' + self.dataset}-seed{self.seed}"

    @property
    def base_file(self) -> Path:
        """Where the named run has left its model."""
        return self.path.parent / str(self.base) / "model.safetensors"

    def make_base(self, images: data.DataSet) -> Model:
        """The model to refine: the named run's, or a small VSC that is trained here.

        Raises:
            CheckpointError: the named run has left no model beside this one.
            ConfigurationError: its model is for other images.
        """
        if self.base is None:
            small = {
                "steps": self.base_steps,
                "learning_rate": 5e-3,
                "alpha": 0.3,
                "latents": 16,
                "hidden": 64,
            }
            experiment = Experiment.of(model="vsc", dataset=self.dataset, seed=self.seed, **small)
            base = experiment.make_model()
            training = dataclasses.replace(
                experiment.training(len(images.train.images)), checkpoint=None, progress=False
            )
            vsclib.fit(base, images, training)
            return base
        if not self.base_file.is_file():
            raise CheckpointError(
                f"there is no run {self.base!r} beside {self.title!r}: repeat it first with results/reproduce.py"
            )
        base = vsclib.load(self.base_file)
        if base.image_shape != data.about(self.dataset).image_shape:
            raise ConfigurationError(
                f"base = {self.base!r} is for images shaped {base.image_shape}: choose a run on {self.dataset!r}"
            )
        return base

    def make_refiner(self, base: Model) -> Refiner:
        """The untrained refiner of a base."""
        return create(base, seed=self.seed, **self.options)


def parameters() -> Mapping[str, Any]:
    """Every parameter of a refinement, with its default."""
    made = dataclasses.asdict(Refinement())  # type: ignore[call-overload]
    for name in ("options", "preset"):
        made.pop(name)
    return made | dict.fromkeys(field.name for field in dataclasses.fields(RefinerConfig))
