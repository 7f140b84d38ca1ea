"""The sparse generator: the short run under a two-Gaussian prior that grows sparser."""

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from vsclib.configuration import OpenUnit, Positive, configuration
from vsclib.errors import ConfigurationError
from vsclib.models.contract import Code, TrainingStep
from vsclib.models.generator import Prior, TwoGaussians
from vsclib.models.short_run import ShortRun, ShortRunConfig
from vsclib.schedules import Staircase
from vsclib.spike_slab import ranges


@configuration
class SparseGeneratorConfig(ShortRunConfig):
    """Options of the sparse generator. ``alpha`` weighs the wide component of the prior."""

    alpha: OpenUnit = 0.01
    """Weight of the wide component when the decay has ended."""
    alpha_start: Annotated[float, Field(gt=0, le=1)] = 1.0
    """The same in the first epoch: 1 is the dense prior, ``alpha`` holds it constant."""
    alpha_decay: Positive = 0.033
    """What every epoch takes off alpha."""
    sigma1: Positive = 1.0
    """Standard deviation of the wide component."""
    sigma2: Positive = 0.1
    """Standard deviation of the narrow one; the paper calls 0.1 a variance (E25)."""

    def __post_init__(self) -> None:
        if self.sigma2 > self.sigma1:
            values = f"sigma2 = {self.sigma2:g} exceeds sigma1 = {self.sigma1:g}"
            raise ConfigurationError(f"{values}: choose 0 < sigma2 <= sigma1")
        if self.alpha_start < self.alpha:
            values = f"alpha_start = {self.alpha_start:g} lies below alpha = {self.alpha:g}"
            raise ConfigurationError(f"{values}: choose alpha <= alpha_start <= 1")


class SparseGenerator(ShortRun):
    r"""The short-run generator under the two-Gaussian prior, which pulls small values to zero.

    ``alpha`` falls every epoch from the dense prior to its target, so that every latent learns
    before the pull sets in. The present alpha stays with the weights, for evaluation.

    Source:
        Li & Han (2022), Eq. 1 and 6-10, Algorithm 1.
    """

    Config = SparseGeneratorConfig
    sparse = True
    alpha: Tensor

    def __init__(self, config: SparseGeneratorConfig, name: str) -> None:
        super().__init__(config, name)
        self.register_buffer("alpha", torch.tensor(config.alpha))

    def plan(self, steps: int, steps_per_epoch: int) -> None:
        """Alpha falls once an epoch."""
        super().plan(steps, steps_per_epoch)
        levels = self.config.alpha_start, self.config.alpha, self.config.alpha_decay
        self.alpha_schedule = Staircase(*levels, every=steps_per_epoch)

    def prior(self, number: int | None = None) -> TwoGaussians:
        """The mixture at training step ``number``, or at the alpha that training left."""
        alpha = self.alpha
        if number is not None:
            alpha = ranges.like(self.alpha_schedule(number), alpha)
        return TwoGaussians(alpha, self.config.sigma1, self.config.sigma2)

    @property
    def threshold(self) -> float:
        """One half: a latent is on where the wide component is the likelier one."""
        return 0.5

    @property
    def prior_rate(self) -> float:
        """Weight of the wide component when the decay has ended."""
        return self.config.alpha

    def prior_slab(self, code: Code) -> tuple[Tensor, Tensor]:
        """Mean and sigma, each (B, J), of the wide component."""
        return torch.zeros_like(code.z), torch.full_like(code.z, self.config.sigma1)

    def describe(self, z: Tensor) -> Code:
        """The code that holds z (B, J); a latent is on where the wide component is likelier."""
        wide = self.prior().responsibility(z)
        return Code(z, wide > self.threshold, gamma=wide)

    def training_codes(self, step: TrainingStep, prior: Prior) -> tuple[Tensor, dict[str, Tensor]]:
        """Codes (B, J) at the step's alpha, which stays with the weights for evaluation."""
        z, state = super().training_codes(step, prior)
        return z, state | {"alpha": self.prior(step.number).alpha}
