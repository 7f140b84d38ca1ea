"""What all generators share: no encoder, codes found by gradient on the decoder, under a standard
normal prior.
"""

from typing import ClassVar, Literal

import torch
from torch import Tensor

from vsclib import inference, spike_slab
from vsclib.configuration import Positive, Steps, configuration
from vsclib.models.contract import Code, Loss, Model, ModelConfig
from vsclib.networks import LikelihoodName


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
    """Precision of the decoder's products inside the inference; bfloat16 is faster and moves codes
    by about 0.2 %.
    """
    langevin_noise: bool = False
    """Add Langevin noise while training and to sampled codes; ``encode`` takes the same steps
    without it.
    """


class Generator(Model):
    """Base of the models without an encoder: a code starts somewhere and follows the gradient of
    the log-joint.

    A family says with ``infer`` where codes start; one with another prior overrides
    ``prior_score``, ``prior_log_prob``, ``describe`` and ``sample_prior``.
    """

    Config: ClassVar[type] = GeneratorConfig
    heads = 0
    learning_rate = 1e-4

    def infer(self, x: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Codes (B, J) of images (B, C, H, W), from a cold start; without a generator there is no
        noise.
        """
        raise TypeError(f"{type(self).__name__} defines no infer")

    def prior_score(self, z: Tensor) -> Tensor:
        """Derivative of the log-prior, shaped like z."""
        return -z

    def prior_log_prob(self, z: Tensor) -> Tensor:
        """The log-prior of each latent, shaped like z, in nats."""
        return spike_slab.gaussian_log_prob(z, torch.zeros_like(z), torch.zeros_like(z))

    def describe(self, z: Tensor) -> Code:
        """The code that holds z (B, J)."""
        return Code(z, self.all_active(z))

    def training_codes(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """Codes (B, J) that the decoder learns from."""
        return self.infer(x, generator)

    # --------------------------------------------------------------------- shared by all generators

    def run(self, x: Tensor, z: Tensor, steps: int, generator: torch.Generator | None) -> Tensor:
        """Codes (B, J) a few steps on, with Langevin noise if that is on and has a source."""
        with torch.autocast(
            x.device.type, torch.bfloat16, enabled=self.config.inference_precision == "bfloat16"
        ):
            return inference.follow_gradient(
                lambda z: self.decode(z).log_prob(x),
                self.prior_score,
                z,
                steps,
                self.config.step_size,
                generator if self.config.langevin_noise else None,
            )

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
