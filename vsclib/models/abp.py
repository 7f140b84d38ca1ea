"""Alternating back-propagation: a generator whose chains go on from one visit of an image to the
next.
"""

import torch
from torch import Tensor

from vsclib.configuration import Steps, configuration
from vsclib.models.generator import Generator, GeneratorConfig


@configuration
class ABPConfig(GeneratorConfig):
    """Options of alternating back-propagation. ``inference_steps`` is what a chain moves at each
    visit of its image.
    """

    langevin_noise: bool = True
    """Add Langevin noise while training and to sampled codes; ``encode`` takes the same steps
    without it.
    """
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
    chains: Tensor

    def __init__(self, config: ABPConfig, name: str) -> None:
        super().__init__(config, name)
        self.register_buffer("chains", torch.zeros(0, config.latents), persistent=False)
        self.rows: Tensor | None = None

    def prepare(self, images: Tensor, generator: torch.Generator) -> None:
        """Start a chain for every training image."""
        self.chains = self.sample_prior(len(images), generator)  # (N, J)

    def locate(self, indices: Tensor) -> None:
        """Whose chains the next loss moves on."""
        self.rows = indices

    def memory(self) -> dict[str, Tensor]:
        """The chains."""
        return {"chains": self.chains}

    def infer(self, x: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Codes (B, J) of images (B, C, H, W) without a chain, from zero."""
        start = torch.zeros(len(x), self.latents, device=x.device)
        return self.run(x, start, self.config.cold_steps, generator)

    def training_codes(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """The chains of the images, moved on; images that nobody has located get a cold start."""
        rows, self.rows = self.rows, None
        if rows is None:
            return self.infer(x, generator)
        self.chains[rows] = z = self.run(
            x, self.chains[rows], self.config.inference_steps, generator
        )
        return z
