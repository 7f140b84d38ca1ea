"""Variational Sparse Coding in its form of UAI 2019: the prior is learned."""

import math
from typing import Literal

import torch
from torch import Tensor, nn

from vsclib import learned_prior, spike_slab
from vsclib.configuration import Count, OpenUnit, Positive, configuration
from vsclib.learned_prior import Selector
from vsclib.models.contract import Code
from vsclib.models.vsc import VSC, VSCConfig


@configuration
class VSCUAIConfig(VSCConfig):
    """Options of Variational Sparse Coding with a learned prior."""

    alpha: OpenUnit = 0.05
    """Share of latents that a pseudo-input shall have on: alpha * latents is the number wanted."""
    pseudo_inputs: Count = 20
    """K, the number of made-up images whose codes are the prior."""
    pseudo_start: Literal["data", "noise"] = "data"
    """What the pseudo-inputs start from: training images, which ``fit`` gives, or uniform noise."""
    selector: Selector = "soft"
    """Weights of the pseudo-inputs: soft as in the authors' code, as printed, or printed but normalised."""
    sharpness: Positive | None = None
    """Sharpen the pseudo-inputs' gamma to S(sharpness (gamma - 1/2)): 10 in the authors' code, None leaves it."""


class VSCUAI(VSC):
    r"""Codes whose prior is the code of a pseudo-input, chosen for each image.

    .. math:: \mathcal L = -\mathbb E_q\log p(x\mid z) + \sum_k u^*_k(x)\,\mathrm{KL}\bigl(q(z\mid x)\,\|\,q(z\mid x_k)\bigr)
        + J\,\mathrm{KL}(\bar\gamma\,\|\,\alpha), \qquad \bar\gamma = \frac1J\sum_{jk} u^*_k\gamma_{kj}

    The last term holds the prior sparse: it is no part of the evidence lower bound and is reported apart, once an image as
    in the authors' code. ``kl`` always takes weights that sum to one, whatever the training does.

    Source:
        Tonolini, Jensen & Murray-Smith (2019, UAI) and its supplement, sections A.3, C and D.1.
    """

    Config = VSCUAIConfig
    prepared: Tensor

    def __init__(self, config: VSCUAIConfig, name: str) -> None:
        super().__init__(config, name)
        self.pseudo_inputs = nn.Parameter(torch.rand(config.pseudo_inputs, *self.image_shape))
        self.selector = nn.Linear(math.prod(self.image_shape), config.pseudo_inputs)
        self.register_buffer("prepared", torch.tensor(float(config.pseudo_start == "noise")))

    @torch.no_grad()
    def prepare(self, images: Tensor, generator: torch.Generator) -> None:
        """Start the pseudo-inputs from training images, the first time only."""
        if self.prepared:
            return
        order = torch.randperm(len(images), generator=generator, device=generator.device)
        chosen = order[torch.arange(self.config.pseudo_inputs, device=order.device) % len(order)]  # (K,)
        self.pseudo_inputs.copy_(images[chosen].float() / 255.0)
        self.prepared.fill_(1.0)

    def posterior(self, x: Tensor) -> Code:
        """Parameters of q(z|x), and how much each pseudo-input weighs in the image's prior."""
        code = super().posterior(x)
        return code._replace(weights=learned_prior.selection(self.selector(x.flatten(1)), self.config.selector))

    def prior(self) -> Code:
        """The codes of the pseudo-inputs, (K, J)."""
        code = self.recognise(self.pseudo_inputs)
        if not self.config.sharpness:
            return code
        return code._replace(gamma=torch.sigmoid(self.config.sharpness * (code.gamma - 0.5)))

    def costs(self, code: Code) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Charges and penalties against the same prior: a step encodes the pseudo-inputs once."""
        prior = self.prior()
        charges = {name: part.sum(1) for name, part in self.divergences(code, prior).items()}
        return charges, self.penalties(code, prior)

    def divergences(self, code: Code, prior: Code | None = None) -> dict[str, Tensor]:
        """The average of the KLs to the pseudo-inputs' codes, encoded now unless given; each part (B, J) in nats."""
        prior = prior or self.prior()
        slab, spike = learned_prior.averaged_kl(
            code.weights, (code.gamma, code.mu, code.logvar), (prior.gamma, prior.mu, prior.logvar)
        )
        return {"kl_slab": slab, "kl_spike": spike}

    def kl(self, code: Code) -> Tensor:
        """KL from posterior to the selected prior, (B, J) in nats: weights that switch it off are no prior."""
        return super().kl(code._replace(weights=learned_prior.unit_sum(code.weights)))

    def penalties(self, code: Code, prior: Code | None = None) -> dict[str, Tensor]:
        """What the prior's mean gamma pays for differing from alpha, (B,) in nats; the prior is encoded now unless given."""
        prior = prior or self.prior()
        gamma = learned_prior.unit_sum(code.weights) @ prior.gamma.mean(1)  # (B,)
        return {"sparsity": self.latents * spike_slab.bernoulli_kl(gamma, self.config.alpha)}

    def log_ratio(self, code: Code) -> Tensor:
        """log q(z|x) - log p(z) of drawn codes under the prior that chooses no pseudo-input: their plain average; (B,)."""
        prior = self.prior()
        drawn, density = code.z.unsqueeze(1), learned_prior.log_density  # (B, 1, J)
        posterior = density(code.z, code.active, code.gamma, code.mu, code.logvar).sum(1)  # (B,)
        each = density(drawn, code.active.unsqueeze(1), prior.gamma, prior.mu, prior.logvar).sum(2)  # (B, K)
        return posterior - each.logsumexp(1) + math.log(self.config.pseudo_inputs)

    @torch.no_grad()
    def sample_prior(self, n: int, generator: torch.Generator) -> Tensor:
        """Codes (n, J): each draws one of the pseudo-inputs, then a code of it."""
        chosen = torch.randint(self.config.pseudo_inputs, (n,), generator=generator, device=generator.device)
        prior = self.prior()
        return self.draw(Code._make(None if field is None else field[chosen] for field in prior), generator).z
