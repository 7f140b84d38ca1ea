"""Generators without an encoder: codes are found by gradient, under a dense or a sparse prior."""

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from vsclib import inference, spike_slab
from vsclib.configuration import OpenUnit, Positive, Steps, configuration
from vsclib.errors import ConfigurationError
from vsclib.models.contract import Code, Loss, Model, ModelConfig
from vsclib.networks import LikelihoodName
from vsclib.schedules import Staircase


@configuration
class GeneratorConfig(ModelConfig):
    """Options of the short-run generator."""

    likelihood: LikelihoodName = "gaussian"
    """What the decoder's outputs stand for; the papers fix sigma = 0.3."""
    inference_steps: Steps = 30
    """Gradient steps from the cold start to the code."""
    step_size: Positive = 0.1
    """s: a step moves the code by s^2 / 2 times the gradient."""
    inference_precision: Literal["float32", "bfloat16"] = "float32"
    """Precision of the decoder's products inside the inference; bfloat16 is faster and moves codes by about 0.2 %."""


@configuration
class SparseGeneratorConfig(GeneratorConfig):
    """Options of the sparse generator. ``alpha`` weighs the wide component of the prior."""

    alpha: OpenUnit = 0.01
    """Weight of the wide component when the decay has ended."""
    alpha_start: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Weight of the wide component in the first epoch; 1 is the dense prior."""
    alpha_decay: Positive = 0.033
    """What every epoch takes off alpha."""
    sigma1: Positive = 1.0
    """Standard deviation of the wide component."""
    sigma2: Positive = 0.1
    """Standard deviation of the narrow component. The paper calls 0.1 a variance; its released code squares it (E25)."""

    def __post_init__(self) -> None:
        if self.sigma2 > self.sigma1:
            raise ConfigurationError(
                f"sigma2 = {self.sigma2:g} exceeds sigma1 = {self.sigma1:g}: choose 0 < sigma2 <= sigma1"
            )
        if self.alpha_start < self.alpha:
            raise ConfigurationError(
                f"alpha_start = {self.alpha_start:g} lies below alpha = {self.alpha:g}: choose alpha <= alpha_start <= 1"
            )


class ShortRun(Model):
    """Codes by a short run of gradient steps from zero under a standard normal prior: the dense generator.

    Source:
        Nijkamp et al. (2020); Li & Han (2022), Algorithm 1 with alpha = 1.
    """

    Config = GeneratorConfig
    heads = 0
    learning_rate = 1e-4

    def prior_score(self, z: Tensor) -> Tensor:
        """Derivative of the log-prior, shaped like z."""
        return -z

    def infer(self, x: Tensor) -> Tensor:
        """Codes (B, J) of images (B, C, H, W), from a cold start at zero."""
        start = torch.zeros(len(x), self.latents, device=x.device)
        with torch.autocast(x.device.type, torch.bfloat16, enabled=self.config.inference_precision == "bfloat16"):
            return inference.follow_gradient(
                lambda z: self.decode(z).log_prob(x),
                self.prior_score,
                start,
                self.config.inference_steps,
                self.config.step_size,
            )

    def encode(self, x: Tensor) -> Code:
        """The inferred code of images (B, C, H, W)."""
        z = self.infer(self.check(x))
        return Code(z, self.all_active(z))

    def loss(self, x: Tensor, step: int, generator: torch.Generator) -> Loss:
        """Minus the log-likelihood of the images given their inferred codes, which stay fixed."""
        z = self.infer(self.check(x))
        return Loss.of(reconstruction=-self.decode(z).log_prob(x).mean())


class SparseGenerator(ShortRun):
    r"""The short-run generator under the two-Gaussian prior, which pulls small values to zero.

    ``alpha`` starts at the dense prior and falls every epoch to its target, so that every latent can learn something
    before the pull sets in. The present alpha stays with the weights, and evaluation uses it.

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
        self.alpha_schedule = Staircase(config.alpha_start, config.alpha, config.alpha_decay, every=steps_per_epoch)

    def prior_score(self, z: Tensor) -> Tensor:
        """Derivative of the log-prior at the present alpha, shaped like z."""
        return spike_slab.mixture_score_posterior(z, self.alpha, self.config.sigma1, self.config.sigma2)

    def encode(self, x: Tensor) -> Code:
        """The inferred code; a latent is on where the wide component is the likelier one."""
        z = self.infer(self.check(x))
        wide = spike_slab.mixture_responsibility(z, self.alpha, self.config.sigma1, self.config.sigma2)
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
