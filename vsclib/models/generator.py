"""What all generators share: no encoder, codes found by gradient on the decoder."""

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any, ClassVar, NamedTuple, get_args

import torch
from torch import Tensor

from vsclib import inference, randomness, spike_slab
from vsclib.configuration import Positive, Steps, configuration
from vsclib.decoder_gradient import is_plain_mlp, mlp_gradient
from vsclib.errors import warn_caller
from vsclib.inference_precision import AskedPrecision, Precision, chosen_precision
from vsclib.models.contract import Code, Loss, Model, ModelConfig, TrainingStep
from vsclib.networks import LikelihoodName

_PRECISIONS: tuple[Precision, ...] = get_args(Precision)


@configuration
class GeneratorConfig(ModelConfig):
    """The options that all generators share."""

    likelihood: LikelihoodName = "gaussian"
    """What the decoder's outputs stand for; the papers fix sigma = 0.3."""
    inference_steps: Steps = 30
    """Gradient steps from the cold start to the code."""
    step_size: Positive = 0.1
    """s: a step moves the code by s^2 / 2 times the gradient."""
    inference_precision: AskedPrecision = "auto"
    """Precision of the decoder's products in the inference; ``auto`` takes the device's faster one,
    bfloat16 moves codes of a trained model by about 0.2 %.
    """
    langevin_noise: bool = False
    """Add Langevin noise in training and to sampled codes; ``encode`` takes no noise."""

    def idle(self) -> dict[str, str]:
        """Options without effect: a generator has no encoder."""
        return super().idle() | {"encoder": "has no effect: a generator has no encoder"}


class StandardNormal(NamedTuple):
    """The dense prior of a latent."""

    def score(self, z: Tensor) -> Tensor:
        """Derivative of the log-prior, shaped like z."""
        return -z

    def score_like(self, z: Tensor) -> Callable[[Tensor], Tensor]:
        """The score as a function of codes like z, checked once for many calls."""
        return torch.neg

    def log_prob(self, z: Tensor) -> Tensor:
        """The log-prior of each latent, shaped like z, in nats."""
        return spike_slab.gaussian_log_prob(z, torch.zeros_like(z), torch.zeros_like(z))

    def sample(self, shape: tuple[int, int], generator: torch.Generator) -> Tensor:
        """Codes of a shape."""
        return randomness.normal(shape, generator, generator.device)


class TwoGaussians(NamedTuple):
    """The sparse prior of a latent: a wide and a narrow Gaussian about zero.

    Attributes:
        alpha: (), weight of the wide component.
        sigma1: standard deviation of the wide component.
        sigma2: standard deviation of the narrow component.
    """

    alpha: Tensor
    sigma1: float
    sigma2: float

    def score(self, z: Tensor) -> Tensor:
        """Derivative of the log-prior, shaped like z."""
        return spike_slab.mixture_score_posterior(z, *self)

    def score_like(self, z: Tensor) -> Callable[[Tensor], Tensor]:
        """The score as a function of codes like z, checked once for many calls."""
        return spike_slab.mixture_pull(z, *self)

    def log_prob(self, z: Tensor) -> Tensor:
        """The log-prior of each latent, shaped like z, in nats."""
        return spike_slab.mixture_log_prob(z, *self)

    def responsibility(self, z: Tensor) -> Tensor:
        """Probability of the wide component given z, shaped like z."""
        return spike_slab.mixture_responsibility(z, *self)

    def sample(self, shape: tuple[int, int], generator: torch.Generator) -> Tensor:
        """Codes of a shape."""
        return spike_slab.mixture_sample(shape, *self, generator=generator)


Prior = StandardNormal | TwoGaussians


class Generator(Model):
    """Base of the models without an encoder: a code follows the gradient of the log-joint.

    A family says with ``infer`` where codes start; one with another prior overrides ``prior`` and
    ``describe``.

    Attributes:
        trained_precision: of the decoder's products in the inference of the last training. One that
            is resumed keeps to that which it began with, on a machine that would choose another,
            too.
    """

    Config: ClassVar[type] = GeneratorConfig
    heads = 0
    learning_rate = 1e-4
    trained_precision: Precision | None = None

    def __init__(self, config: Any, name: str) -> None:
        super().__init__(config, name)
        self._choice = torch.tensor(-1)  # of this training, among _PRECISIONS; stays on the CPU

    def infer(
        self, x: Tensor, generator: torch.Generator | None = None, prior: Prior | None = None
    ) -> Tensor:
        """Codes (B, J) of images (B, C, H, W) from a cold start; noise needs a generator."""
        raise TypeError(f"{type(self).__name__} defines no infer")

    def prior(self, number: int | None = None) -> Prior:
        """The prior of a latent at training step ``number``, or the one that training left."""
        return StandardNormal()

    def sample_prior(self, n: int, generator: torch.Generator) -> Tensor:
        """Codes (n, J) drawn from the prior."""
        return self.prior().sample((n, self.latents), generator)

    def describe(self, z: Tensor) -> Code:
        """The code that holds z (B, J)."""
        return Code(z, self.all_active(z))

    def training_codes(self, step: TrainingStep, prior: Prior) -> tuple[Tensor, dict[str, Tensor]]:
        """Codes (B, J) that the decoder learns from, and what the step leaves for the next."""
        return self.infer(step.images, step.generator, prior), {}

    def resting(self) -> tuple[float, ...] | None:
        """No heads: a latent that starts at zero without noise stays there."""
        return ()

    # ------------------------------------------------------------- shared by all generators

    @property
    def inference_precision(self) -> Precision:
        """The precision of the decoder's products in an inference, with ``auto`` decided."""
        if self.training and self.trained_precision:
            return self.trained_precision
        asked, device = self.config.inference_precision, self.decoder.logvar.device
        return chosen_precision(asked, self.decoder, device)

    def prepare(self, images: Tensor, generator: torch.Generator) -> None:
        """Decide the precision of this training."""
        self.trained_precision = None
        self._choice.fill_(_PRECISIONS.index(self.inference_precision))

    def memory(self) -> dict[str, Tensor]:
        """Which precision it is."""
        return {"precision": self._choice}

    def plan(self, steps: int, steps_per_epoch: int) -> None:
        """Take the precision that was decided, be it on another machine."""
        choice = int(vars(self).get("_choice", -1))
        if choice >= 0:
            self.trained_precision, here = None, self.inference_precision
            self.trained_precision = _PRECISIONS[choice]
            if here != _PRECISIONS[choice]:
                warn_caller(
                    f"this training began with products in {_PRECISIONS[choice]} and goes on so, "
                    f"though {here} is faster here: delete its checkpoint to start afresh"
                )

    def run(
        self,
        x: Tensor,
        z: Tensor,
        steps: int,
        generator: torch.Generator | None,
        prior: Prior | None = None,
    ) -> Tensor:
        """Codes (B, J) a few steps on, with Langevin noise if that is on and has a source."""
        score = (prior or self.prior()).score_like(z)
        size, noise = self.config.step_size, generator if self.config.langevin_noise else None
        low = self.inference_precision == "bfloat16"
        if is_plain_mlp(self.decoder):
            gradient = mlp_gradient(self.decoder, x, torch.bfloat16 if low else None)
            uphill = lambda z: gradient(z) + score(z)  # noqa: E731
            return inference.follow_score(uphill, z, steps, size, noise)
        with torch.autocast(x.device.type, torch.bfloat16) if low else nullcontext():
            likelihood = lambda z: self.decoder(z).log_prob(x)  # noqa: E731
            return inference.follow_gradient(likelihood, score, z, steps, size, noise)

    def recognise(self, x: Tensor, generator: torch.Generator | None = None) -> Code:
        """The inferred code of images; with a generator, by the noise and starts asked for."""
        return self.describe(self.infer(x, generator))

    def objective(self, step: TrainingStep) -> Loss:
        """Minus the log-likelihood of the images given their inferred codes, which stay fixed."""
        z, state = self.training_codes(step, self.prior(step.number))
        return Loss.of(state, reconstruction=-self.decoder(z).log_prob(step.images).mean())
