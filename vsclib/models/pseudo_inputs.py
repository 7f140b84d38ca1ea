"""Variational Sparse Coding whose prior is made of the codes of pseudo-inputs."""

import math
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn

from vsclib import spike_slab
from vsclib.configuration import Count, OpenUnit, configuration
from vsclib.errors import warn_caller
from vsclib.models.contract import Code, scaled
from vsclib.models.vsc import VSC, VSCConfig
from vsclib.spike_slab import learned_prior


@configuration
class PseudoInputsConfig(VSCConfig):
    """Options that the models with a learned prior share."""

    alpha: OpenUnit = 0.05
    """Share of latents that a pseudo-input shall have on: alpha * latents is the number wanted."""
    pseudo_inputs: Count = 20
    """K, the number of made-up images whose codes are the prior."""
    pseudo_start: Literal["data", "noise"] = "data"
    """What the pseudo-inputs start from: training images, which ``fit`` gives, or uniform noise."""


class PseudoInputs(VSC):
    """Base of the models with a learned prior; a family weighs pseudo-inputs for each image.

    ``kl`` takes the prior as it is weighed, which no code could be drawn from; ``log_ratio`` the
    plain average of the pseudo-inputs' codes, so that the choice of one is paid for.
    """

    Config = PseudoInputsConfig
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
        """None: the sparsity of the prior is counted over all latents."""
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

    def divergences(self, code: Code, prior: Code | None = None) -> dict[str, Tensor]:
        """The average of the KLs to the pseudo-inputs' codes, each part (B, J) in nats."""
        fields = (prior or self.prior()).spike_and_slab
        slab, spike = learned_prior.averaged_kl(code.choice, code.spike_and_slab, fields)
        return {"kl_slab": slab, "kl_spike": spike}

    def penalties(self, code: Code, prior: Code | None = None) -> dict[str, Tensor]:
        """What the prior's mean gamma pays for differing from alpha, (B,) in nats."""
        spike = (prior or self.prior()).spike  # (K, J)
        gamma = learned_prior.unit_sum(code.choice) @ spike.mean(1)  # (B,)
        return {"sparsity": self.latents * spike_slab.bernoulli_kl(gamma, self.config.alpha)}

    def log_ratio(self, code: Code) -> Tensor:
        """log q(z|x) - log p(z) of drawn codes, (B,) in nats; p averages all pseudo-inputs."""
        prior, density = self.prior(), learned_prior.log_density
        z, active = code.z.unsqueeze(1), code.active.unsqueeze(1)  # (B, 1, J)
        posterior = density(code.z, code.active, *code.spike_and_slab).sum(1)  # (B,)
        each = density(z, active, *prior.spike_and_slab).sum(2)  # (B, K)
        return posterior - each.logsumexp(1) + math.log(self.config.pseudo_inputs)

    def prior_slab(self, code: Code) -> tuple[Tensor, Tensor]:
        """Mean and sigma, each (B, J), that the image's weighted pseudo-inputs amount to."""
        weights = learned_prior.unit_sum(code.choice)
        pooled = learned_prior.pool(weights, *self.prior().spike_and_slab)
        return pooled.mu, (0.5 * pooled.logvar).exp()

    @torch.no_grad()
    def sample_prior(self, n: int, generator: torch.Generator) -> Tensor:
        """Codes (n, J): each draws one of the pseudo-inputs, then a code of it."""
        count, device = self.config.pseudo_inputs, generator.device
        chosen = torch.randint(count, (n,), generator=generator, device=device)
        fields = (None if field is None else field[chosen] for field in self.prior())
        return self.draw(Code._make(fields), generator).z
