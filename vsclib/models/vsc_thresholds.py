"""Variational Sparse Coding by learned thresholds: noise that stays small switches a latent off."""

from typing import Literal

import torch
from torch import Tensor

from vsclib import randomness, spike_slab
from vsclib.configuration import LogOdds, OpenUnit, configuration
from vsclib.models.contract import Code, TrainingStep
from vsclib.models.vae import VAE, VAEConfig
from vsclib.spike_slab import gates, ranges

SLOPE = 10.0
"""Slope c of the sigmoid whose gradient stands in for the gate's step."""


@configuration
class VSCThresholdsConfig(VAEConfig):
    """Options of VSC with learned thresholds."""

    alpha: OpenUnit = 0.05
    """Prior probability that a latent is on; the prior's own threshold is -log(alpha) / sqrt(2)."""
    gamma_bias: LogOdds = -2.0
    """Initial bias of the thresholds' head: -2 lets 12 % of the latents start on."""
    gradient: Literal["jump", "identity"] = "jump"
    """Backward: the thresholded draw's derivative and its jump, or the paper's straight-through."""
    charge: Literal["code", "base"] = "code"
    """What training charges: the codes' KL, or the paper's: the noise's KL and a Gamma prior."""
    threshold: OpenUnit = 0.5
    """A latent is on in the code when gamma exceeds this; no threshold of the noise."""


class VSCThresholds(VAE):
    r"""Codes that are draws of Laplace noise, thresholded around their mean.

    .. math:: z_j = \begin{cases}0 & |\varepsilon_j| \le \tau_j\\
        \mu_j + \operatorname{sign}(\varepsilon_j)\,(|\varepsilon_j| - \tau_j)
        & \text{otherwise}\end{cases},
        \qquad \varepsilon_j \sim \mathrm{Laplace}(0, b_j)

    Laplace noise forgets its threshold, so this is a spike-and-slab with :math:`\gamma_j =
    e^{-\tau_j/b_j}` and a Laplace slab, and ``kl`` is that of the codes: a true bound, whatever the
    training charges. The encoder gives :math:`\tau_j/b_j = \log(1 + e^{-v_j})`, so that gamma is
    the VSC's sigmoid of v; the paper's own units tie an open gate to large noise. Thresholds are
    numbers here, not draws of a Gamma.

    Source:
        Fallah & Rozell (2022): the shifted soft-threshold, Laplace noise and the Gamma prior, as in
        their released code. Gate and bound as derived in the chapter on modern neighbours.
    """

    Config = VSCThresholdsConfig
    heads = 3
    sparse = True
    slab_log_prob = staticmethod(spike_slab.laplace_log_prob)

    def __init__(self, config: VSCThresholdsConfig, name: str) -> None:
        super().__init__(config, name)
        with torch.no_grad():
            self.encoder.head.bias[2 * self.latents :] = config.gamma_bias

    def resting(self) -> None:
        """None: a threshold costs, wherever it lies."""
        return None

    @property
    def threshold(self) -> float:
        """What gamma must exceed for a latent to be on."""
        return self.config.threshold

    @property
    def prior_rate(self) -> float:
        """Alpha, the prior probability that a latent is on."""
        return self.config.alpha

    def posterior(self, x: Tensor, number: int | None = None) -> Code:
        """Parameters of q(z|x), logvar that of the noise, and mu where a latent is on."""
        mu, logvar, v = self.encoder(x)
        gamma = gates.probability(v, "sigmoid")
        active = gamma > self.config.threshold
        return Code(mu * active, active, mu, logvar, gamma)

    def draw(self, code: Code, generator: torch.Generator) -> Code:
        """One thresholded draw from q(z|x)."""
        gamma, mu, logvar = code.spike_and_slab
        noise = spike_slab.laplace_noise(self.draw_noise(code, generator))
        deviation = (0.5 * logvar).exp() * noise
        threshold = spike_slab.gamma_threshold(gamma, logvar)
        z = spike_slab.shifted_soft_threshold(deviation, mu, threshold)
        return code._replace(z=z, active=deviation.abs() > threshold)

    def draw_for_training(self, code: Code, step: TrainingStep) -> Tensor:
        """A draw (B, J); its gradient reaches the thresholds or, with ``identity``, passes them."""
        gamma, mu, logvar = code.spike_and_slab
        noise = self.draw_noise(code, step.generator)
        deviation = (0.5 * logvar).exp() * spike_slab.laplace_noise(noise)
        # What survives forgot its threshold: the derivative, noise of mean zero, is left out.
        threshold = spike_slab.gamma_threshold(gamma.detach(), logvar)
        z = spike_slab.shifted_soft_threshold(deviation, mu, threshold)
        if self.config.gradient == "identity":
            base = mu + deviation
            return z.detach() + (base - base.detach())
        # Where noise crosses its threshold z jumps from 0 to mu: no derivative sees that.
        gate = spike_slab.relaxed_gate(2.0 * (noise - 0.5).abs(), gamma, SLOPE)
        return z + mu.detach() * (gate - gate.detach())

    def draw_noise(self, code: Code, generator: torch.Generator) -> Tensor:
        """Uniform noise (B, J) in [0, 1)."""
        return randomness.uniform(code.z.shape, generator, code.z.device)

    def divergences(self, code: Code) -> dict[str, Tensor]:
        """What the value costs when a latent is on, and what being on costs; (B, J) in nats."""
        return {
            "kl_slab": code.spike * spike_slab.laplace_kl(*code.slab),
            "kl_spike": spike_slab.bernoulli_kl(code.spike, self.config.alpha),
        }

    def charges(self, code: Code) -> dict[str, Tensor]:
        """What training charges, each (B,) in nats: the KL, or the noise's and the thresholds'."""
        if self.config.charge == "code":
            return super().charges(code)
        gamma, mu, logvar = code.spike_and_slab
        thresholds = spike_slab.gamma_threshold(gamma, logvar)
        prior = -ranges.like(self.config.alpha, gamma).log() / spike_slab.ROOT_TWO  # ()
        price = spike_slab.threshold_price(thresholds, prior).sum(1)
        return {"kl_base": spike_slab.laplace_kl(mu, logvar).sum(1), "thresholds": price}

    def sample_prior(self, n: int, generator: torch.Generator) -> Tensor:
        """Codes (n, J): Laplace noise of variance 1, on with probability alpha."""
        zero = torch.zeros(n, self.latents, device=generator.device)
        code = Code(zero, self.all_active(zero), zero, zero, zero + self.config.alpha)
        return self.draw(code, generator).z
