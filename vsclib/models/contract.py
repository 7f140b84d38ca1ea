"""What every model is: the promises that metrics, figures and the widget rely on.

Shapes: batch B, latents J, images (B, C, H, W) of float32 in [0, 1].
"""

from typing import Annotated, Any, ClassVar, NamedTuple, Self

import torch
from pydantic import Field
from torch import Tensor, nn

from vsclib.configuration import Count, Positive, configuration, configure
from vsclib.data.dataset import check_images
from vsclib.networks import Decoder, Encoder, Likelihood, LikelihoodName, Network


class Code(NamedTuple):
    """A batch of codes.

    Attributes:
        z: (B, J), what the decoder gets.
        active: (B, J) bool, which latents are on.
        mu: (B, J), mean of the slab; None where the family has none.
        logvar: (B, J), log-variance of the slab.
        gamma: (B, J), probability of the spike variable being on.
        weights: (B, K), of the pseudo-inputs in the prior of each image; None with a fixed prior.
    """

    z: Tensor
    active: Tensor
    # Typed as tensors all the same: within a family they are always there.
    mu: Tensor = None  # type: ignore[assignment]
    logvar: Tensor = None  # type: ignore[assignment]
    gamma: Tensor = None  # type: ignore[assignment]
    weights: Tensor = None  # type: ignore[assignment]


class Loss(NamedTuple):
    """What training minimises.

    Attributes:
        total: (), nats per image.
        terms: the parts by name, weights included; they sum to ``total``.
    """

    total: Tensor
    terms: dict[str, Tensor]

    @classmethod
    def of(cls, **terms: Tensor) -> Self:
        """The loss that these terms sum to."""
        return cls(sum(terms.values(), start=torch.zeros(())), terms)  # type: ignore[arg-type]


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


class Model(nn.Module):
    """Base of all models. A family defines ``posterior`` terms; everything else is shared.

    Attributes:
        Config: the dataclass of the family's options.
        heads: vectors of J numbers that the encoder gives; 0 for a model without an encoder.
        learning_rate: step size of Adam that suits the family.
        unit: what the loss is counted in.
        name: name under which :func:`vsclib.models.create` made it.
        config: its checked options.
    """

    Config: ClassVar[type] = ModelConfig
    heads: ClassVar[int] = 1
    learning_rate: ClassVar[float] = 1e-3
    unit: ClassVar[str] = "nats per image"

    def __init__(self, config: Any, name: str) -> None:
        super().__init__()
        self.config, self.name = config, name
        self.image_shape: tuple[int, int, int] = tuple(config.image_shape)  # type: ignore[assignment]
        self.latents: int = config.latents
        network = {
            "network": config.network,
            "hidden": config.hidden,
            "hidden_layers": config.hidden_layers,
        }
        if self.heads:
            self.encoder = Encoder(self.image_shape, self.latents, self.heads, **network)
        self.decoder = Decoder(
            self.image_shape, self.latents, config.likelihood, config.sigma, **network
        )
        self.plan(steps=0, steps_per_epoch=1)

    @classmethod
    def build(cls, name: str, options: dict[str, Any]) -> Self:
        """Check the options and make the model."""
        return cls(configure(cls.Config, f"model {name!r}", options), name)

    # ------------------------------------------------------------------ what a family defines

    def encode(self, x: Tensor) -> Code:
        """The code of images (B, C, H, W), without randomness: z (B, J) and which latents are on."""
        raise TypeError(f"{type(self).__name__} defines no encode")

    def sample_code(self, x: Tensor, generator: torch.Generator) -> Code:
        """One draw from the posterior of images (B, C, H, W), spikes drawn by the hard gate."""
        return self.encode(x)

    def kl(self, code: Code) -> Tensor | None:
        """KL from posterior to prior, (B, J) in nats; None for a model without an evidence lower
        bound.
        """
        return None

    def penalties(self, code: Code) -> dict[str, Tensor]:
        """What the training adds that is no part of the bound, each (B,) in nats."""
        return {}

    def log_ratio(self, code: Code) -> Tensor | None:
        """log q(z|x) - log p(z) of drawn codes, (B,) in nats, where ``kl`` leaves a choice of prior
        unpaid; else None.
        """
        return None

    def loss(self, x: Tensor, step: int, generator: torch.Generator) -> Loss:
        """What training minimises on images (B, C, H, W) at a training step."""
        raise TypeError(f"{type(self).__name__} defines no loss")

    def sample_prior(self, n: int, generator: torch.Generator) -> Tensor:
        """Codes (n, J) drawn from the prior."""
        return torch.randn(n, self.latents, generator=generator, device=generator.device)

    def prepare(self, images: Tensor, generator: torch.Generator) -> None:
        """Take from the training images, uint8 (N, C, H, W), what the weights start from. ``fit``
        calls it before it trains.
        """

    def locate(self, indices: Tensor) -> None:
        """Learn which training images (B,) the next loss is about. ``fit`` calls it before every
        loss.
        """

    def memory(self) -> dict[str, Tensor]:
        """What a resumed training needs beside the weights, by name: kept in its checkpoint, not in
        the model's file.
        """
        return {}

    def plan(self, steps: int, steps_per_epoch: int) -> None:
        """Lay out the schedules over a training of ``steps`` steps. ``fit`` calls it; untrained, no
        step is planned.
        """

    # ------------------------------------------------------------------------------ what is shared

    def decode(self, z: Tensor) -> Likelihood:
        """The likelihood of images given codes (B, J)."""
        return self.decoder(z)

    @torch.no_grad()
    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """Mean images (n, C, H, W) of codes drawn from the prior."""
        return self.decode(self.sample_prior(n, generator)).mean

    def check(self, x: Tensor) -> Tensor:
        """Give images back, or raise DataError when they are no float32 (B, C, H, W) in [0, 1]."""
        check_images(x, self.image_shape)
        return x

    @staticmethod
    def all_active(z: Tensor) -> Tensor:
        """The mask of a dense code: every latent is on."""
        return torch.ones_like(z, dtype=torch.bool)
