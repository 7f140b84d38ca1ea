"""The short-run generator: thirty steps from zero, one chain or the best of several."""

from typing import Literal

import torch
from torch import Tensor

from vsclib.configuration import Count, configuration
from vsclib.models.generator import Generator, GeneratorConfig, Prior

MOST_PIXELS = 2**23
"""Pixels that candidates may have together when one call decodes them: 32 MB in float32."""


@configuration
class ShortRunConfig(GeneratorConfig):
    """Options of the short-run generator."""

    chains: Count = 1
    """C, chains for each image: the first starts at zero, the others at draws from the prior."""
    kept: Count = 1
    """States kept of a chain: after ``inference_steps``, then after every ``skip`` steps more."""
    skip: Count = 10
    """Steps between two kept states."""
    pick: Literal["best", "mean"] = "best"
    """What becomes of all kept states: the one of highest log-joint, or their mean."""

    def idle(self) -> dict[str, str]:
        """Options without effect on a single chain or state."""
        found = super().idle()
        if self.kept == 1:
            found["skip"] = "has no effect with kept = 1"
        if self.kept == self.chains == 1:
            found["pick"] = "has no effect: chains = 1 and kept = 1 leave nothing to pick from"
        return found


class ShortRun(Generator):
    """The dense generator: codes by a short run of gradient steps under a standard normal prior.

    The supplement of Li & Han compares K chains with "a single chain with K skip steps", without a
    formula. Read here as: ``chains = K``, or ``kept = K``, and the code is the candidate of highest
    log-joint. One chain always starts at zero: thirty steps do not forget a start from the prior.

    Source:
        Nijkamp et al. (2020); Li & Han (2022), Algorithm 1 with alpha = 1, and the supplement,
        section B.2.
    """

    Config = ShortRunConfig

    def infer(
        self, x: Tensor, generator: torch.Generator | None = None, prior: Prior | None = None
    ) -> Tensor:
        """Codes (B, J) of images (B, C, H, W), from a cold start.

        Without a generator there is no noise, and every image gets the same few starts.
        """
        config, prior = self.config, prior or self.prior()
        z = self.starts(len(x), generator, x.device, prior)  # (C B, J)
        images = x.repeat(config.chains, 1, 1, 1)
        kept = [z := self.run(images, z, config.inference_steps, generator, prior)]
        for _ in range(config.kept - 1):
            kept.append(z := self.run(images, z, config.skip, generator, prior))
        return self.choose(x, torch.cat(kept).view(-1, len(x), self.latents), prior)

    def starts(
        self, n: int, generator: torch.Generator | None, device: torch.device, prior: Prior
    ) -> Tensor:
        """Where the chains of n images start, (C n, J): the first of each, then the second, ..."""
        zeros, others = torch.zeros(n, self.latents, device=device), self.config.chains - 1
        if not others:
            return zeros
        if generator is not None:
            return torch.cat([zeros, prior.sample((others * n, self.latents), generator)])
        fixed = torch.Generator(device).manual_seed(0)
        drawn = prior.sample((others, self.latents), fixed)
        return torch.cat([zeros, drawn.repeat_interleave(n, 0)])

    @torch.no_grad()
    def choose(self, x: Tensor, z: Tensor, prior: Prior) -> Tensor:
        """One code (B, J) for each image out of candidates (M, B, J)."""
        if len(z) == 1:
            return z[0]
        if self.config.pick == "mean":
            return z.mean(0)
        # One call decodes many candidates, as long as their pixels take little memory.
        together = max(1, MOST_PIXELS // max(1, x.numel()))
        joint = torch.cat([self.log_joint(x, part, prior) for part in z.split(together)])
        return z[joint.argmax(0), torch.arange(len(x), device=z.device)]

    def log_joint(self, x: Tensor, z: Tensor, prior: Prior) -> Tensor:
        """log p(x, z) of candidates (M, B, J) for images (B, C, H, W): (M, B), in nats."""
        likelihood = self.decoder(z.flatten(0, 1)).log_prob(x.repeat(len(z), 1, 1, 1))  # (M B,)
        return likelihood.view(z.shape[:2]) + prior.log_prob(z).sum(2)
