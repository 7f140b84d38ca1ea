"""Alternating back-propagation: a generator whose chains go on at the next visit of an image."""

import torch
from torch import Tensor

from vsclib.configuration import Steps, configuration
from vsclib.errors import ConfigurationError
from vsclib.models.contract import Loss, TrainingStep
from vsclib.models.generator import Generator, GeneratorConfig, Prior


@configuration
class ABPConfig(GeneratorConfig):
    """Options of alternating back-propagation; ``inference_steps`` are those of one visit."""

    langevin_noise: bool = True
    """Add Langevin noise in training and to sampled codes; ``encode`` takes no noise."""
    cold_steps: Steps = 300
    """Steps from zero for an image that has no chain, such as a test image."""


class ABP(Generator):
    """The dense generator with one persistent chain for each training image.

    A chain starts at a draw from the prior when a training starts, and every visit of its image
    moves it on from where the last one left it. The chains belong to the training, not to the
    model: its checkpoint carries them, N x J numbers, and the model's own file does not.

    Source:
        Han et al. (2017), Algorithm 1.
    """

    Config = ABPConfig
    alone = "it keeps a chain for every image"
    chains: Tensor

    def __init__(self, config: ABPConfig, name: str) -> None:
        super().__init__(config, name)
        self.register_buffer("chains", torch.zeros(0, config.latents), persistent=False)

    def prepare(self, images: Tensor, generator: torch.Generator) -> None:
        """Start a chain for every training image."""
        super().prepare(images, generator)
        self.chains = self.sample_prior(len(images), generator)  # (N, J)

    def memory(self) -> dict[str, Tensor]:
        """The chains, too."""
        return super().memory() | {"chains": self.chains}

    def loss(self, step: TrainingStep) -> Loss:
        """What training minimises at a step; ``rows`` are those of images that have a chain.

        Raises:
            ConfigurationError: no chain was started for a row, or the step is no step.
            DataError: the images are no float32 (B, C, H, W) in [0, 1].
        """
        rows, chains = step.rows, len(self.chains)
        if (
            rows is not None
            and rows.shape == step.images.shape[:1]
            and bool(((rows < 0) | (rows >= chains)).any())
        ):
            found = f"rows = {rows.min()}..{rows.max()} of {chains} chains"
            raise ConfigurationError(f"{found}: train with fit first, or leave rows out")
        return super().loss(step)

    def infer(
        self, x: Tensor, generator: torch.Generator | None = None, prior: Prior | None = None
    ) -> Tensor:
        """Codes (B, J) of images (B, C, H, W) without a chain, from zero."""
        start = torch.zeros(len(x), self.latents, device=x.device)
        return self.run(x, start, self.config.cold_steps, generator, prior)

    def training_codes(self, step: TrainingStep, prior: Prior) -> tuple[Tensor, dict[str, Tensor]]:
        """The chains of the images, moved on; images from elsewhere get a cold start."""
        if step.rows is None:
            return super().training_codes(step, prior)
        start, steps = self.chains[step.rows], self.config.inference_steps
        z = self.run(step.images, start, steps, step.generator, prior)
        return z, {"chains": z}

    def remember(self, step: TrainingStep, state: dict[str, Tensor]) -> None:
        """Keep where the chains of the step's images have come to."""
        if step.rows is not None:
            self.chains[step.rows] = state["chains"]
