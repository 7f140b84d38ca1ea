"""The beta-TCVAE: a VAE that pays extra only for latents that depend on one another."""

import torch
from torch import Tensor

from vsclib.configuration import NonNegative, configuration
from vsclib.errors import ConfigurationError
from vsclib.models.contract import Code
from vsclib.models.vae import VAE, VAEConfig
from vsclib.schedules import Linear
from vsclib.spike_slab import Estimator, split_kl


@configuration
class BetaTCVAEConfig(VAEConfig):
    """Options: ``kl_warm_up`` is about the whole KL, ``beta`` about its middle part."""

    beta: NonNegative = 6.0
    """Weight of the total correlation: 1 gives the VAE; 6 is a common choice."""
    estimator: Estimator = "stratified"
    """How a batch stands for all: ``stratified``, unbiased; ``weighted``, the paper's weight."""


class BetaTCVAE(VAE):
    r"""A VAE whose total correlation weighs ``beta`` times.

    .. math:: \mathcal L = -\mathbb E_q\log p(x\mid z) + I(x; z)
        + \beta\,\mathrm{KL}\Bigl(q(z)\,\Big\|\,\prod_j q(z_j)\Bigr)
        + \sum_j\mathrm{KL}\bigl(q(z_j)\,\|\,p(z_j)\bigr), \qquad q(z) = \frac1N\sum_n q(z\mid x_n)

    ``kl`` and the evidence lower bound stay the VAE's. Pairs of images take B^2 J numbers.

    Source:
        Chen et al. (2018), the objective of the beta-TCVAE.
    """

    Config = BetaTCVAEConfig
    images: int = 0

    def prepare(self, images: Tensor, generator: torch.Generator) -> None:
        """Count the images that the aggregate posterior averages over; untold, those of a batch."""
        self.images = len(images)

    def resting(self) -> None:
        """None: the total correlation is of all latents."""
        return None

    def plan(self, steps: int, steps_per_epoch: int) -> None:
        """The weight of the whole KL rises to 1 over ``kl_warm_up`` steps."""
        self.kl_weight = Linear(0.0, 1.0, until=self.config.kl_warm_up)

    def charges(self, code: Code) -> dict[str, Tensor]:
        """The three parts of the KL, the total correlation weighted; each (B,) in nats."""
        if len(code.z) == 1 and self.images <= 1:
            raise ConfigurationError(
                "batch_size = 1 shows no latents that depend on one another: choose batch_size >= 2"
            )
        images = self.images or len(code.z)
        parts = split_kl(code.z, *code.slab, images, self.config.estimator)
        return parts._asdict() | {"total_correlation": self.config.beta * parts.total_correlation}
