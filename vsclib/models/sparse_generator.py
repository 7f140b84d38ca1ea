"""The sparse generator: the short run under a two-Gaussian prior that grows sparser from epoch to
epoch.
"""

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from vsclib import spike_slab
from vsclib.configuration import OpenUnit, Positive, configuration
from vsclib.errors import ConfigurationError
from vsclib.models.contract import Code, Loss
from vsclib.models.short_run import ShortRun, ShortRunConfig
from vsclib.schedules import Staircase


@configuration
class SparseGeneratorConfig(ShortRunConfig):
    """Options of the sparse generator. ``alpha`` weighs the wide component of the prior."""

    alpha: OpenUnit = 0.01
    """Weight of the wide component when the decay has ended."""
    alpha_start: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Weight of the wide component in the first epoch; 1 is the dense prior, ``alpha`` itself holds
    it constant.
    """
    alpha_decay: Positive = 0.033
    """What every epoch takes off alpha."""
    sigma1: Positive = 1.0
    """Standard deviation of the wide component."""
    sigma2: Positive = 0.1
    """Standard deviation of the narrow component. The paper calls 0.1 a variance; its released code
    squares it (E25).
    """

    def __post_init__(self) -> None:
        if self.sigma2 > self.sigma1:
            raise ConfigurationError(
                f"sigma2 = {self.sigma2:g} exceeds sigma1 = {self.sigma1:g}: choose 0 < sigma2 <= sigma1"
            )
        if self.alpha_start < self.alpha:
            raise ConfigurationError(
                f"alpha_start = {self.alpha_start:g} lies below alpha = {self.alpha:g}: choose alpha <= alpha_start <= 1"
            )


class SparseGenerator(ShortRun):
    r"""The short-run generator under the two-Gaussian prior, which pulls small values to zero.

    ``alpha`` starts at the dense prior and falls every epoch to its target, so that every latent
    can learn something before the pull sets in. The present alpha stays with the weights, and
    evaluation uses it.

    Source:
        Li & Han (2022), Eq. 1 and 6-10, Algorithm 1.
    """

    Config = SparseGeneratorConfig
    alpha: Tensor

    def __init__(self, config: SparseGeneratorConfig, name: str) -> None:
        super().__init__(config, name)
        self.register_buffer("alpha", torch.tensor(config.alpha))

    def plan(self, steps: int, steps_per_epoch: int) -> None:
        """Alpha falls once an epoch."""
        config = self.config
        self.alpha_schedule = Staircase(
            config.alpha_start, config.alpha, config.alpha_decay, every=steps_per_epoch
        )

    def prior_score(self, z: Tensor) -> Tensor:
        """Derivative of the log-prior at the present alpha, shaped like z."""
        return spike_slab.mixture_score_posterior(
            z, self.alpha, self.config.sigma1, self.config.sigma2
        )

    def prior_log_prob(self, z: Tensor) -> Tensor:
        """The log-prior of each latent at the present alpha, shaped like z, in nats."""
        return spike_slab.mixture_log_prob(z, self.alpha, self.config.sigma1, self.config.sigma2)

    def describe(self, z: Tensor) -> Code:
        """The code that holds z (B, J); a latent is on where the wide component is the likelier
        one.
        """
        wide = spike_slab.mixture_responsibility(
            z, self.alpha, self.config.sigma1, self.config.sigma2
        )
        return Code(z, wide > 0.5, gamma=wide)

    def loss(self, x: Tensor, step: int, generator: torch.Generator) -> Loss:
        """The short-run loss at the step's alpha."""
        self.alpha.fill_(self.alpha_schedule(step))
        return super().loss(x, step, generator)

    def sample_prior(self, n: int, generator: torch.Generator) -> Tensor:
        """Codes (n, J) from the mixture at the present alpha."""
        shape = (n, self.latents)
        return spike_slab.mixture_sample(
            shape, float(self.alpha), self.config.sigma1, self.config.sigma2, generator=generator
        )
