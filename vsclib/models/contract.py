"""What every model is: the promises that training, metrics, figures and the widget rely on.

Shapes: batch B, latents J, images (B, C, H, W) of float32 in [0, 1].
"""

import functools
import operator
from collections.abc import Callable
from typing import Annotated, Any, ClassVar, NamedTuple, Self

import torch
from pydantic import Field
from torch import Tensor, nn

from vsclib.configuration import Count, Positive, configuration, configure
from vsclib.data.dataset import check_images
from vsclib.errors import ConfigurationError
from vsclib.networks import Decoder, Encoder, Likelihood, LikelihoodName, Network


class Code(NamedTuple):
    """A batch of codes. Only ``z`` and ``active`` are always there.

    Attributes:
        z: (B, J), what the decoder gets.
        active: (B, J) bool, which latents are on.
        mu: (B, J), mean of the slab; None where the family has no slab.
        logvar: (B, J), log-variance of the slab; None where the family has no slab.
        gamma: (B, J), probability that a latent is on; None where the family has no gates.
        weights: (B, K), of the pseudo-inputs in the prior of each image; None with a fixed prior.
    """

    z: Tensor
    active: Tensor
    mu: Tensor | None = None
    logvar: Tensor | None = None
    gamma: Tensor | None = None
    weights: Tensor | None = None

    @property
    def slab(self) -> tuple[Tensor, Tensor]:
        """``mu`` and ``logvar``; a ConfigurationError where the family has no slab."""
        return _present(self.mu, "mu"), _present(self.logvar, "logvar")

    @property
    def spike(self) -> Tensor:
        """``gamma``; a ConfigurationError where the family has no gates."""
        return _present(self.gamma, "gamma")

    @property
    def spike_and_slab(self) -> tuple[Tensor, Tensor, Tensor]:
        """``gamma``, ``mu`` and ``logvar``; a ConfigurationError where one of them is absent."""
        return self.spike, *self.slab

    @property
    def choice(self) -> Tensor:
        """``weights``; a ConfigurationError where the prior is fixed."""
        return _present(self.weights, "weights")


def _refuse(network: str, run: Callable[[], Tensor], wanted: tuple[int, ...]) -> None:
    try:
        found = str(tuple(run().shape))
    except RuntimeError as error:
        found = str(error).splitlines()[0]
    if found != str(tuple(wanted)):
        raise ConfigurationError(
            f"the {network} gives {found}, wanted shape {tuple(wanted)}: change its last layer, or "
            "create the model with latents and image_shape that fit"
        )


def _present(field: Tensor | None, name: str) -> Tensor:
    if field is None:
        raise ConfigurationError(
            f"{name} = None: this model's codes have no {name}; choose a family that has it, "
            "or look at code.z and code.active"
        )
    return field


class TrainingStep(NamedTuple):
    """What a step of a training is about.

    Attributes:
        images: (B, C, H, W), the batch.
        generator: source of every draw, on the images' device.
        number: of the step, from 0; schedules take their values from it.
        rows: (B,), places of the images in the training set; None for images from elsewhere.
    """

    images: Tensor
    generator: torch.Generator
    number: int = 0
    rows: Tensor | None = None


class Loss(NamedTuple):
    """What training minimises.

    Attributes:
        total: (), nats per image.
        terms: the parts by name, weights included; they sum to ``total``.
        state: what the step leaves for the next one, by name; :meth:`Trainable.remember` keeps it.
    """

    total: Tensor
    terms: dict[str, Tensor]
    state: dict[str, Tensor] = {}

    @classmethod
    def of(cls, state: dict[str, Tensor] | None = None, **terms: Tensor) -> Self:
        """The loss that these terms sum to."""
        return cls(functools.reduce(operator.add, terms.values()), terms, state or {})


@configuration
class ModelConfig:
    """The options that every model shares."""

    image_shape: tuple[Count, Count, Count] = (1, 28, 28)
    """Channels, height and width of an image."""
    latents: Count = 200
    """J, the number of latents."""
    network: Network = "mlp"
    """Kind of network, of encoder and decoder alike."""
    hidden: Count = 400
    """Units of a hidden layer."""
    hidden_layers: Annotated[int, Field(ge=0, le=8)] = 1
    """Hidden layers of the encoder and of the decoder; without any an ``mlp`` is linear."""
    likelihood: LikelihoodName = "bernoulli"
    """What the decoder's outputs stand for."""
    sigma: Positive = 0.3
    """Standard deviation of a pixel under the Gaussian likelihood."""


class Trainable(nn.Module):
    """What ``fit`` asks of anything that it trains.

    Attributes:
        learning_rate: step size of Adam that suits the family.
        unit: what the loss is counted in.
        trained: steps and epochs that ``fit`` has trained it for; schedules go on from there.
        name: what it is called in messages and checkpoints.
        config: its checked options.
        image_shape: channels, height and width of an image.
    """

    learning_rate: ClassVar[float] = 1e-3
    unit: ClassVar[str] = "nats per image"
    trained: tuple[int, int] = (0, 0)
    name: str
    config: Any
    image_shape: tuple[int, int, int]

    def objective(self, step: TrainingStep) -> Loss:
        """What training minimises, of images that are known to fit. A family defines it.

        It changes nothing: what a step leaves for the next one goes into ``Loss.state``.
        """
        raise TypeError(f"{type(self).__name__} defines no objective")

    def loss(self, step: TrainingStep) -> Loss:
        """What training minimises at a step; looking at it changes nothing.

        Raises:
            DataError: the images are no float32 (B, C, H, W) in [0, 1].
        """
        self.check(step.images)
        return self.objective(step)

    def remember(self, step: TrainingStep, state: dict[str, Tensor]) -> None:
        """Keep what a step left behind in the buffers of the same names; ``fit`` calls it."""
        for name, value in state.items():
            getattr(self, name).copy_(value)

    def prepare(self, images: Tensor, generator: torch.Generator) -> None:
        """Take from all training images, uint8 (N, C, H, W), what the weights start from."""

    def plan(self, steps: int, steps_per_epoch: int) -> None:
        """Lay out the schedules over a training; one of no steps holds them at their ends."""

    def memory(self) -> dict[str, Tensor]:
        """What a resumed training needs beside the weights, kept in its checkpoint only."""
        return {}

    def check(self, x: Tensor) -> Tensor:
        """Give images back, or raise DataError when they are no float32 (B, C, H, W) in [0, 1]."""
        check_images(x, self.image_shape)
        return x


class Model(Trainable):
    """Base of all models. A family defines ``recognise`` and ``objective``; the rest is shared.

    What measures ask of a model stands here as well: whether it has a bound and gates, the rate and
    the slab of its prior, what its KL leaves unpaid.

    Attributes:
        Config: the dataclass of the family's options.
        heads: vectors of J numbers that the encoder gives; 0 for a model without an encoder.
        has_bound: whether there is an evidence lower bound, and with it ``kl`` and ``log_ratio``.
        sparse: whether latents can be off.
        chooses_prior: whether ``kl`` takes a prior chosen for each image, that choice unpaid.
    """

    Config: ClassVar[type] = ModelConfig
    heads: ClassVar[int] = 1
    has_bound: ClassVar[bool] = False
    sparse: ClassVar[bool] = False
    chooses_prior: ClassVar[bool] = False

    def __init__(self, config: Any, name: str) -> None:
        super().__init__()
        self.config, self.name = config, name
        channels, height, width = config.image_shape
        self.image_shape = (channels, height, width)
        self.latents: int = config.latents
        options = ("network", "hidden", "hidden_layers")
        network = {option: getattr(config, option) for option in options}
        if self.heads:
            self.encoder = Encoder(self.image_shape, self.latents, self.heads, **network)
        likelihood = (config.likelihood, config.sigma)
        self.decoder = Decoder(self.image_shape, self.latents, *likelihood, **network)
        self.plan(steps=0, steps_per_epoch=1)

    @classmethod
    def build(cls, name: str, options: dict[str, Any]) -> Self:
        """Check the options and make the model."""
        return cls(configure(cls.Config, f"model {name!r}", options), name)

    # ------------------------------------------------------------------- what a family defines

    def recognise(self, x: Tensor, generator: torch.Generator | None = None) -> Code:
        """The code of anything shaped like images, whatever its range.

        Without a generator it is the mean code; with one, a draw from the posterior, gates drawn
        hard. A family defines it.
        """
        raise TypeError(f"{type(self).__name__} defines no recognise")

    @property
    def threshold(self) -> float | None:
        """What gamma must exceed for a latent to be on; None for a model without gamma."""
        return None

    @property
    def prior_rate(self) -> float | None:
        """Probability that a latent is on under the prior; None for a dense model."""
        return None

    def kl(self, code: Code) -> Tensor:
        """KL from posterior to prior, (B, J) in nats, where the model has a bound."""
        raise ConfigurationError(
            f"model {self.name!r} has no evidence lower bound: choose one with has_bound = True"
        )

    def log_ratio(self, code: Code) -> Tensor:
        """log q(z|x) - log p(z) of drawn codes, every choice paid for: (B,) in nats."""
        raise ConfigurationError(
            f"model {self.name!r} has no evidence lower bound: choose one with has_bound = True"
        )

    def penalties(self, code: Code) -> dict[str, Tensor]:
        """What training adds that is no part of the bound, each (B,) in nats."""
        return {}

    def prior_slab(self, code: Code) -> tuple[Tensor, Tensor]:
        """Mean and sigma, each (B, J), of a latent that is on, under the prior of these images."""
        return torch.zeros_like(code.z), torch.ones_like(code.z)

    def sample_prior(self, n: int, generator: torch.Generator) -> Tensor:
        """Codes (n, J) drawn from the prior."""
        return torch.randn(n, self.latents, generator=generator, device=generator.device)

    # ------------------------------------------------------------------------ what is shared

    def encode(self, x: Tensor) -> Code:
        """The mean code of images (B, C, H, W), without randomness.

        Raises:
            DataError: the images are no float32 (B, C, H, W) in [0, 1].
        """
        return self.recognise(self.check(x))

    def sample_code(self, x: Tensor, generator: torch.Generator) -> Code:
        """One draw from the posterior of images (B, C, H, W), gates drawn hard.

        Raises:
            DataError: the images are no float32 (B, C, H, W) in [0, 1].
        """
        return self.recognise(self.check(x), generator)

    def decode(self, z: Tensor) -> Likelihood:
        """The likelihood of images given codes (B, J)."""
        return self.decoder(z)

    @torch.no_grad()
    def check_networks(self) -> None:
        """Refuse an encoder or a decoder whose output has another shape than the options say.

        Raises:
            ConfigurationError: with the shape found and the shape wanted.
        """
        weight = next(self.parameters())
        zero = torch.zeros(1, self.latents, device=weight.device, dtype=weight.dtype)
        image = torch.zeros(1, *self.image_shape, device=weight.device, dtype=weight.dtype)
        _refuse("decoder", lambda: self.decode(zero).mean, image.shape)
        if self.heads:
            outputs = (1, self.heads * self.latents)
            _refuse("encoder", lambda: torch.cat(self.encoder(image), 1), outputs)

    @torch.no_grad()
    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """Mean images (n, C, H, W) of codes drawn from the prior."""
        return self.decode(self.sample_prior(n, generator)).mean

    @staticmethod
    def all_active(z: Tensor) -> Tensor:
        """The mask of a dense code: every latent is on."""
        return torch.ones_like(z, dtype=torch.bool)
