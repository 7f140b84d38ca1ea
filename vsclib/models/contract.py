"""What every model is: the promises that training, metrics, figures and the widget rely on.

Shapes: batch B, latents J, images (B, C, H, W) of float32: in [0, 1], or of any range for a model
of real-valued data.
"""

import functools
import operator
from typing import Any, ClassVar, NamedTuple, Self

import torch
from torch import Tensor, nn

from vsclib.arguments import explained
from vsclib.configuration import configure
from vsclib.data.dataset import check_images
from vsclib.errors import ConfigurationError
from vsclib.models import doors
from vsclib.models.code import Code
from vsclib.models.options import ModelConfig
from vsclib.networks import Decoder, Encoder, Likelihood
from vsclib.own_networks import evaluating


def scaled(images: Tensor) -> Tensor:
    """Images as models take them: bytes over 255 in float32, real-valued data as they are."""
    return images.float() / 255.0 if images.dtype == torch.uint8 else images


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


class Trainable(nn.Module):
    """What ``fit`` asks of anything that it trains.

    Attributes:
        learning_rate: step size of Adam that suits the family.
        unit: what the loss is counted in.
        alone: why its step is no function of tensors alone, which compiling and ensembles take;
            empty where it is one.
        trained: steps and epochs that ``fit`` has trained it for; schedules go on from there.
        name: what it is called in messages and checkpoints.
        config: its checked options.
        image_shape: channels, height and width of an image.
    """

    learning_rate: ClassVar[float] = 1e-3
    unit: ClassVar[str] = "nats per image"
    alone: ClassVar[str] = ""
    trained: tuple[int, int] = (0, 0)
    name: str
    config: Any
    image_shape: tuple[int, int, int]

    @property
    def real_valued(self) -> bool:
        """Whether images are finite numbers of any range; without it they lie in [0, 1]."""
        return False

    def objective(self, step: TrainingStep) -> Loss:
        """What training minimises, of images that are known to fit. A family defines it.

        It changes nothing: what a step leaves for the next one goes into ``Loss.state``.
        """
        raise TypeError(f"{type(self).__name__} defines no objective")

    def loss(self, step: TrainingStep) -> Loss:
        """What training minimises at a step; looking at it changes nothing.

        Raises:
            ConfigurationError: the step has no generator on the images' device, a number below
                zero, or rows for another number of images.
            DataError: the images are no float32 (B, C, H, W) in [0, 1].
        """
        x = self.check(step.images)
        doors.check_generator(step.generator, x.device)
        doors.check_at_least("number", step.number, 0)
        if step.rows is not None and step.rows.shape != x.shape[:1]:
            raise ConfigurationError(
                f"rows = tensor {tuple(step.rows.shape)} for {len(x)} images: give one place in "
                "the training set for each image, or None"
            )
        return self.objective(step)

    def forward(self, step: TrainingStep) -> Loss:
        """The loss of a step, for what wraps a model, such as DistributedDataParallel.

        A wrapper averages gradients over processes, each with its part of the batch. That is the
        gradient of the whole batch where the loss is a mean over images; ``beta_tcvae`` compares
        the images of a batch, ``top_k`` counts in it which latents are idle, ``batch_top_k`` shares
        latents among them, too, and the chains of ``abp`` stay with the process that moved them.
        """
        return self.loss(step)

    def remember(self, step: TrainingStep, state: dict[str, Tensor]) -> None:
        """Keep what a step left behind in the buffers of the same names; ``fit`` calls it."""
        for name, value in state.items():
            getattr(self, name).copy_(value)

    def prepare(self, images: Tensor, generator: torch.Generator) -> None:
        """Take from all training images (N, C, H, W) what the weights start from.

        They are uint8, or float32 where the data are real-valued: :func:`scaled` takes either.
        """

    def plan(self, steps: int, steps_per_epoch: int) -> None:
        """Lay out the schedules over a training; one of no steps holds them at their ends."""

    def memory(self) -> dict[str, Tensor]:
        """What a resumed training needs beside the weights, kept in its checkpoint only."""
        return {}

    def check(self, x: Tensor) -> Tensor:
        """Give images back, or raise DataError when they are no float32 (B, C, H, W) in [0, 1].

        A model of real-valued data takes any finite numbers.
        """
        check_images(x, self.image_shape, self.real_valued)
        doors.check_place(x, next(self.parameters(), None))
        return x


def _without_bound(name: str) -> ConfigurationError:
    remedy = "choose one with has_bound = True"
    return ConfigurationError(f"model {name!r} has no evidence lower bound: {remedy}")


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
        sizes = (self.image_shape, self.latents)
        if self.heads:
            self.encoder = Encoder(*sizes, self.heads, **network, own=config.encoder)
        likelihood = (config.likelihood, config.sigma)
        self.decoder = Decoder(*sizes, *likelihood, **network, own=config.decoder)
        self.plan(steps=0, steps_per_epoch=1)

    @classmethod
    def build(cls, name: str, options: dict[str, Any]) -> Self:
        """Check the options and make the model.

        Raises:
            ConfigurationError: an option is unknown or out of range, or no memory holds the model.
        """
        config: Any = configure(cls.Config, f"model {name!r}", options)
        doors.check_memory(config, cls.heads)
        return cls(config, name)

    @property
    def real_valued(self) -> bool:
        """Whether images are finite numbers of any range: the likelihood decides."""
        return self.config.likelihood == "gaussian_real"

    # ------------------------------------------------------------------- what a family defines

    def recognise(self, x: Tensor, generator: torch.Generator | None = None) -> Code:
        """The code of anything shaped like images, whatever its range.

        Without a generator it is the mean code; with one, a draw from the posterior, gates drawn
        hard. A family defines it.
        """
        raise TypeError(f"{type(self).__name__} defines no recognise")

    def resting(self) -> tuple[float, ...] | None:
        """Encoder outputs at which a latent costs and gives nothing; None without any."""
        return None

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
        raise _without_bound(self.name)

    def log_ratio(self, code: Code) -> Tensor:
        """log q(z|x) - log p(z) of drawn codes, every choice paid for: (B,) in nats."""
        raise _without_bound(self.name)

    def draw(self, code: Code, generator: torch.Generator) -> Code:
        """One draw from q(z|x) for each mean code of ``encode``, where the model has a bound."""
        raise _without_bound(self.name)

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
        x = self.check(x)
        doors.check_generator(generator, x.device)
        return self.recognise(x, generator)

    def decode(self, z: Tensor) -> Likelihood:
        """The likelihood of images given codes (B, J).

        Raises:
            DataError: the codes have another shape, dtype or device, or are not finite.
        """
        doors.check_codes(z, self.latents, next(self.decoder.parameters(), None))
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
        with evaluating(self):
            doors.check_output("decoder", lambda: self.decode(zero).mean, image.shape)
            if self.heads:
                outputs = (1, self.heads * self.latents)
                doors.check_output("encoder", lambda: torch.cat(self.encoder(image), 1), outputs)

    @explained
    @torch.no_grad()
    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """Mean images (n, C, H, W) of codes drawn from the prior.

        Raises:
            ConfigurationError: n is below 1, or the generator draws on another device.
        """
        doors.check_at_least("n", n, 1)
        doors.check_generator(generator, next(self.parameters()).device)
        return self.decode(self.sample_prior(n, generator)).mean

    @staticmethod
    def all_active(z: Tensor) -> Tensor:
        """The mask of a dense code: every latent is on."""
        return torch.ones_like(z, dtype=torch.bool)
