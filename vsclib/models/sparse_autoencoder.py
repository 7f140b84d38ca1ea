"""Sparse autoencoders of interpretability: a dictionary, a gate, and here a price on the code."""

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrize

from vsclib.configuration import NonNegative, configuration
from vsclib.errors import ConfigurationError
from vsclib.models.autoencoder import AutoEncoder
from vsclib.models.contract import Code, Loss, ModelConfig, TrainingStep, scaled

SAMPLE = 2000
"""Training images that the starting point is centred on."""
SMALLEST = 0.001
"""Least grey level and least spread of a latent that the starting point tells from zero."""


@configuration
class SparseAutoEncoderConfig(ModelConfig):
    """Options that all sparse autoencoders share."""

    hidden_layers: Annotated[int, Field(ge=0, le=8)] = 0
    """Hidden layers of encoder and decoder; 0, the custom of the field, makes both linear."""


@configuration
class ReluSAEConfig(SparseAutoEncoderConfig):
    """Options of the ReLU autoencoder."""

    l1: NonNegative = 1.0
    """Price in nats of each unit of a latent's value; what it takes depends on the likelihood."""


class UnitColumns(nn.Module):
    """Weights whose columns have length one, whatever the optimiser does behind them."""

    def forward(self, weight: Tensor) -> Tensor:
        """The columns (outputs, J), each divided by its length."""
        return F.normalize(weight, dim=0)


class SparseAutoEncoder(AutoEncoder):
    """An autoencoder with a gate, whose decoder starts with a dictionary of unit columns.

    A unit column cannot grow to let its value shrink, so a price on values means something; hidden
    layers behind the dictionary are not so bound. ``sample`` decodes noise that passed the gate.
    """

    sparse = True
    prepared: Tensor

    def __init__(self, config: SparseAutoEncoderConfig, name: str) -> None:
        super().__init__(config, name)
        parametrize.register_parametrization(self.first_layer, "weight", UnitColumns())
        self.register_buffer("prepared", torch.zeros(()))

    @torch.no_grad()
    def prepare(self, images: Tensor, generator: torch.Generator) -> None:
        """Once: standardise the encoder's values, and let a zero code give the average image."""
        # Otherwise the few latents that point at the average image win everywhere; others die.
        if self.prepared:
            return
        some, head = scaled(images[:SAMPLE]), self.encoder.head
        features = self.encoder.layers(some)
        head.weight.div_(head(features).std(0, correction=0).clamp_min(SMALLEST).unsqueeze(1))
        head.bias.sub_(head(features).mean(0))
        layers = self.decoder.layers
        last = layers[-1] if isinstance(layers, nn.Sequential) else None
        if isinstance(last, nn.Linear):
            mean = some.mean(0).flatten()
            start = mean if self.real_valued else torch.logit(mean, eps=SMALLEST)
            last.bias[: len(mean)] = start
        self.prepared.fill_(1.0)

    @property
    def first_layer(self) -> nn.Linear:
        """The decoder's first layer: its ``weight``, (outputs, J), is the dictionary."""
        for layer in self.decoder.layers.modules():
            if isinstance(layer, nn.Linear) and layer.in_features == self.latents:
                return layer
        raise ConfigurationError(
            f"decoder = {self.config.decoder!r} has no nn.Linear from {self.latents} latents, "
            f"whose columns are the dictionary of model {self.name!r}: let it begin with one"
        )

    def gate(self, values: Tensor) -> Code:
        """The code that the encoder's values (B, J) give."""
        raise TypeError(f"{type(self).__name__} defines no gate")

    def recognise(self, x: Tensor, generator: torch.Generator | None = None) -> Code:
        """The gated code of images (B, C, H, W); nothing is drawn."""
        return self.gate(super().recognise(x).z)

    def resting(self) -> None:
        """None: the columns of a dictionary have length one."""
        return None

    def sample_prior(self, n: int, generator: torch.Generator) -> Tensor:
        """Codes (n, J) of noise, as sparse as the gate makes them."""
        return self.gate(super().sample_prior(n, generator)).z


class ReluSAE(SparseAutoEncoder):
    r"""A code of positive values that each cost.

    .. math:: \mathcal L = -\log p(x\mid z) + \ell_1\sum_j z_j, \qquad z = \max(0, e(x))

    The price shrinks the values that stay on, too. A latent that is off for every image gets no
    gradient and stays dead; ``metrics.dead_latents`` counts them.

    Source:
        Bricken et al. (2023).
    """

    Config = ReluSAEConfig

    def gate(self, values: Tensor) -> Code:
        """What is positive."""
        return Code(values.relu(), values > 0)

    def penalties(self, code: Code) -> dict[str, Tensor]:
        """The price of the code, (B,) in nats."""
        return {"l1": self.config.l1 * code.z.abs().sum(1)}

    def objective(self, step: TrainingStep) -> Loss:
        """Minus the log-likelihood of the image, and the price of its code."""
        code = self.recognise(step.images)
        reconstruction = -self.decoder(code.z).log_prob(step.images).mean()
        return Loss.of(reconstruction=reconstruction, l1=self.penalties(code)["l1"].mean())
