"""Variational families whose prior is made of the codes of pseudo-inputs, dense or sparse."""

import math
from collections.abc import Callable
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from vsclib import spike_slab
from vsclib.configuration import Count, OpenUnit, configuration
from vsclib.errors import warn_caller
from vsclib.models.contract import Code, scaled
from vsclib.models.vae import VAE, VAEConfig
from vsclib.models.vsc import VSC, VSCConfig
from vsclib.spike_slab import learned_prior


@configuration
class PseudoInputsConfig(VAEConfig):
    """Options that the models with a learned prior share."""

    pseudo_inputs: Count = 20
    """K, the number of made-up images whose codes are the prior."""
    pseudo_start: Literal["data", "noise"] = "data"
    """What the pseudo-inputs start from: training images, which ``fit`` gives, or uniform noise."""


@configuration
class SparsePseudoInputsConfig(PseudoInputsConfig, VSCConfig):
    """Options that the sparse models with a learned prior share."""

    alpha: OpenUnit = 0.05
    """Share of latents that a pseudo-input shall have on: alpha * latents is the number wanted."""


class PseudoInputs(VAE):
    """Base of the models with a learned prior; a family weighs pseudo-inputs for each image.

    ``kl`` takes the prior as it is weighed, which no code could be drawn from; ``log_ratio`` the
    plain average of the pseudo-inputs' codes, so that the choice of one is paid for.
    """

    Config: ClassVar[type[VAEConfig]] = PseudoInputsConfig
    chooses_prior = True
    prepared: Tensor

    def __init__(self, config: PseudoInputsConfig, name: str) -> None:
        super().__init__(config, name)
        self.pseudo_inputs = nn.Parameter(torch.rand(config.pseudo_inputs, *self.image_shape))
        self.register_buffer("prepared", torch.tensor(float(config.pseudo_start == "noise")))

    @torch.no_grad()
    def prepare(self, images: Tensor, generator: torch.Generator) -> None:
        """Start the pseudo-inputs from training images, the first time only."""
        if self.prepared:
            return
        if self.config.pseudo_inputs > len(images):
            found = f"pseudo_inputs = {self.config.pseudo_inputs} of {len(images)} images"
            warn_caller(f"{found} start several from one image: choose at most {len(images)}")
        order = torch.randperm(len(images), generator=generator, device=generator.device)
        count = torch.arange(self.config.pseudo_inputs, device=order.device)
        self.pseudo_inputs.copy_(scaled(images[order[count % len(order)]]))
        self.prepared.fill_(1.0)

    def resting(self) -> None:
        """None: the prior has no latent in common with a model of other latents."""
        return None

    def prior(self, number: int | None = None) -> Code:
        """The codes of the pseudo-inputs, (K, J), at a training step or as training left them."""
        return super().posterior(self.pseudo_inputs, number)

    def recognise(self, x: Tensor, generator: torch.Generator | None = None) -> Code:
        """The mean code of images or one draw from q(z|x), with the weights of its prior."""
        return self.weigh(super().recognise(x, generator), self.prior)

    def weigh(self, code: Code, prior: Callable[[], Code]) -> Code:
        """The code with the weights of the pseudo-inputs, unless ``posterior`` gave them."""
        return code

    def costs(self, code: Code, number: int) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Charges and penalties against the same prior: a step encodes the pseudo-inputs once."""
        prior = self.prior(number)
        code = self.weigh(code, lambda: prior)
        return self.charges(code, prior), self.penalties(code, prior)

    # Each of these takes the prior if it is at hand, and encodes the pseudo-inputs otherwise.

    def charges(self, code: Code, prior: Code | None = None) -> dict[str, Tensor]:
        """The KL to the prior as it is weighed, each part (B,) in nats."""
        return {name: part.sum(1) for name, part in self.divergences(code, prior).items()}

    def penalties(self, code: Code, prior: Code | None = None) -> dict[str, Tensor]:
        """None of a dense code."""
        return {}

    def divergences(self, code: Code, prior: Code | None = None) -> dict[str, Tensor]:
        """The average of the KLs to the pseudo-inputs' codes, (B, J) in nats."""
        pooled = learned_prior.pool_slabs(self.shares(code), *(prior or self.prior()).slab)
        return {"kl": spike_slab.gaussian_kl(*code.slab, pooled.mu, pooled.logvar) + pooled.gap}

    def kl_to_each(self, code: Code, prior: Code) -> Tensor:
        """The KL of every image's code to every pseudo-input's, (B, K) in nats."""
        return learned_prior.slab_kl_to_each(torch.ones_like(code.z), code.slab, prior.slab)

    def shares(self, code: Code) -> Tensor:
        """Weights of the pseudo-inputs that sum to one, (B, K)."""
        return learned_prior.unit_sum(code.choice)

    def log_ratio(self, code: Code) -> Tensor:
        """log q(z|x) - log p(z) of drawn codes, (B,) in nats; p averages all pseudo-inputs."""
        prior, density = self.prior(), learned_prior.log_density
        z, active = code.z.unsqueeze(1), code.active.unsqueeze(1)  # (B, 1, J)
        # A Gaussian code is a spike-and-slab whose latents are on for sure.
        one = torch.ones(())
        gamma, prior_gamma = (one if c.gamma is None else c.gamma for c in (code, prior))
        posterior = density(code.z, code.active, gamma, *code.slab).sum(1)  # (B,)
        each = density(z, active, prior_gamma, *prior.slab).sum(2)  # (B, K)
        return posterior - each.logsumexp(1) + math.log(self.config.pseudo_inputs)

    def prior_slab(self, code: Code) -> tuple[Tensor, Tensor]:
        """Mean and sigma, each (B, J), that the image's weighted pseudo-inputs amount to."""
        pooled = learned_prior.pool_slabs(self.shares(code), *self.prior().slab)
        return pooled.mu, (0.5 * pooled.logvar).exp()

    @torch.no_grad()
    def sample_prior(self, n: int, generator: torch.Generator) -> Tensor:
        """Codes (n, J): each draws one of the pseudo-inputs, then a code of it."""
        count, device = self.config.pseudo_inputs, generator.device
        chosen = torch.randint(count, (n,), generator=generator, device=device)
        fields = (None if field is None else field[chosen] for field in self.prior())
        return self.draw(Code._make(fields), generator).z


class SparsePseudoInputs(PseudoInputs, VSC):
    """Base of the models with spikes and a learned prior."""

    Config = SparsePseudoInputsConfig

    def divergences(self, code: Code, prior: Code | None = None) -> dict[str, Tensor]:
        """The average of the KLs to the pseudo-inputs' codes, each part (B, J) in nats."""
        fields = (prior or self.prior()).spike_and_slab
        slab, spike = learned_prior.averaged_kl(code.choice, code.spike_and_slab, fields)
        return {"kl_slab": slab, "kl_spike": spike}

    def kl_to_each(self, code: Code, prior: Code) -> Tensor:
        """The KL of every image's code to every pseudo-input's, (B, K) in nats."""
        return learned_prior.kl_to_each(code.spike_and_slab, prior.spike_and_slab)

    def penalties(self, code: Code, prior: Code | None = None) -> dict[str, Tensor]:
        """What the prior's mean gamma pays for differing from alpha, (B,) in nats."""
        spike = (prior or self.prior()).spike  # (K, J)
        gamma = self.shares(code) @ spike.mean(1)  # (B,)
        return {"sparsity": self.latents * spike_slab.bernoulli_kl(gamma, self.config.alpha)}
