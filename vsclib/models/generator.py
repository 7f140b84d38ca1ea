"""Generators without an encoder: codes are found by gradient, under a dense or a sparse prior."""

from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from vsclib import inference, spike_slab
from vsclib.configuration import Count, OpenUnit, Positive, Steps, configuration
from vsclib.errors import ConfigurationError
from vsclib.models.contract import Code, Loss, Model, ModelConfig
from vsclib.networks import LikelihoodName
from vsclib.schedules import Staircase


@configuration
class GeneratorConfig(ModelConfig):
    """The options that all generators share."""

    likelihood: LikelihoodName = "gaussian"
    """What the decoder's outputs stand for; the papers fix sigma = 0.3."""
    inference_steps: Steps = 30
    """Gradient steps from the cold start to the code."""
    step_size: Positive = 0.1
    """s: a step moves the code by s^2 / 2 times the gradient."""
    inference_precision: Literal["float32", "bfloat16"] = "float32"
    """Precision of the decoder's products inside the inference; bfloat16 is faster and moves codes by about 0.2 %."""
    langevin_noise: bool = False
    """Add Langevin noise while training and to sampled codes; ``encode`` takes the same steps without it."""


@configuration
class ShortRunConfig(GeneratorConfig):
    """Options of the short-run generator."""

    chains: Count = 1
    """C, independent chains for each image: the first starts at zero, the others at draws from the prior."""
    kept: Count = 1
    """States kept of each chain: the one after ``inference_steps``, and one after every further ``skip`` steps."""
    skip: Count = 10
    """Steps between two kept states."""
    pick: Literal["best", "mean"] = "best"
    """What becomes of all kept states: the one of highest log-joint, or their mean."""


@configuration
class SparseGeneratorConfig(ShortRunConfig):
    """Options of the sparse generator. ``alpha`` weighs the wide component of the prior."""

    alpha: OpenUnit = 0.01
    """Weight of the wide component when the decay has ended."""
    alpha_start: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Weight of the wide component in the first epoch; 1 is the dense prior, ``alpha`` itself holds it constant."""
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

    More chains, or more states of one chain, give more candidates for a code. The supplement of Li & Han calls this
    "maximum sampling" and compares K chains with "a single chain with K skip steps", without a formula. Read here as: the
    candidate of highest log-joint is the code; K chains are ``chains = K``, the single chain is ``kept = K``. One chain
    always starts at zero, for thirty steps do not forget where they came from: a start drawn from the prior stays in the code.

    Source:
        Nijkamp et al. (2020); Li & Han (2022), Algorithm 1 with alpha = 1, and the supplement, section B.2.
    """

    Config: ClassVar[type] = ShortRunConfig
    heads = 0
    learning_rate = 1e-4

    def prior_score(self, z: Tensor) -> Tensor:
        """Derivative of the log-prior, shaped like z."""
        return -z

    def prior_log_prob(self, z: Tensor) -> Tensor:
        """The log-prior of each latent, shaped like z, in nats."""
        return spike_slab.gaussian_log_prob(z, torch.zeros_like(z), torch.zeros_like(z))

    def describe(self, z: Tensor) -> Code:
        """The code that holds z (B, J)."""
        return Code(z, self.all_active(z))

    def infer(self, x: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Codes (B, J) of images (B, C, H, W), from a cold start.

        Without a generator there is no noise, and several chains start from the same few draws for every image.
        """
        z = self.starts(len(x), generator, x.device)  # (C B, J)
        images = x.repeat(self.config.chains, 1, 1, 1)
        kept = [z := self.run(images, z, self.config.inference_steps, generator)]
        kept += [z := self.run(images, z, self.config.skip, generator) for _ in range(self.config.kept - 1)]
        return self.choose(x, torch.cat(kept).view(-1, len(x), self.latents))

    def training_codes(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """Codes (B, J) that the decoder learns from."""
        return self.infer(x, generator)

    # ------------------------------------------------------------------------------------ shared by all generators

    def starts(self, n: int, generator: torch.Generator | None, device: torch.device) -> Tensor:
        """Where the chains of n images start, (C n, J), one chain of every image after the other."""
        zeros, others = torch.zeros(n, self.latents, device=device), self.config.chains - 1
        if not others:
            return zeros
        if generator is not None:
            return torch.cat([zeros, self.sample_prior(others * n, generator)])
        fixed = torch.Generator(device).manual_seed(0)
        return torch.cat([zeros, self.sample_prior(others, fixed).repeat_interleave(n, 0)])

    def run(self, x: Tensor, z: Tensor, steps: int, generator: torch.Generator | None) -> Tensor:
        """Codes (B, J) a few steps on, with Langevin noise if that is on and has a source."""
        with torch.autocast(x.device.type, torch.bfloat16, enabled=self.config.inference_precision == "bfloat16"):
            return inference.follow_gradient(
                lambda z: self.decode(z).log_prob(x),
                self.prior_score,
                z,
                steps,
                self.config.step_size,
                generator if self.config.langevin_noise else None,
            )

    @torch.no_grad()
    def choose(self, x: Tensor, z: Tensor) -> Tensor:
        """One code (B, J) for each image out of candidates (M, B, J)."""
        if len(z) == 1:
            return z[0]
        if self.config.pick == "mean":
            return z.mean(0)
        joint = torch.stack([self.decode(one).log_prob(x) + self.prior_log_prob(one).sum(1) for one in z])  # (M, B)
        return z[joint.argmax(0), torch.arange(len(x), device=z.device)]

    def encode(self, x: Tensor) -> Code:
        """The inferred code of images (B, C, H, W)."""
        return self.describe(self.infer(self.check(x)))

    def sample_code(self, x: Tensor, generator: torch.Generator) -> Code:
        """A code inferred with the noise and the random starts that the options ask for."""
        return self.describe(self.infer(self.check(x), generator))

    def loss(self, x: Tensor, step: int, generator: torch.Generator) -> Loss:
        """Minus the log-likelihood of the images given their inferred codes, which stay fixed."""
        z = self.training_codes(self.check(x), generator)
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

    def prior_log_prob(self, z: Tensor) -> Tensor:
        """The log-prior of each latent at the present alpha, shaped like z, in nats."""
        return spike_slab.mixture_log_prob(z, self.alpha, self.config.sigma1, self.config.sigma2)

    def describe(self, z: Tensor) -> Code:
        """The code that holds z (B, J); a latent is on where the wide component is the likelier one."""
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
