"""Variational Sparse Coding: a VAE whose code is a spike-and-slab, with a fixed prior."""

import math

import torch
from torch import Tensor

from vsclib import randomness, spike_slab
from vsclib.configuration import LogOdds, OpenUnit, Positive, Steps, configuration
from vsclib.errors import ConfigurationError, warn_caller
from vsclib.models.contract import Code, TrainingStep
from vsclib.models.vae import VAE, VAEConfig
from vsclib.schedules import Linear
from vsclib.spike_slab import gates, ranges


@configuration
class VSCConfig(VAEConfig):
    """Options of Variational Sparse Coding. ``None`` takes what suits ``gamma_form``."""

    alpha: OpenUnit = 0.01
    """Prior probability that a latent is on."""
    gamma_form: gates.GammaForm = "sigmoid"
    """How gamma comes from the encoder: a sigmoid, or log gamma = -relu(-v) as at ICLR 2019."""
    gamma_bias: LogOdds | None = None
    """Initial bias of gamma's head: -2 for the sigmoid (few latents start on), 0 for relu."""
    gate: gates.GateName | None = None
    """How a gradient reaches gamma: straight-through for the sigmoid, relaxed for relu.

    ``straight_through`` is hard forward, ``relaxed`` and ``concrete`` are soft; ``reinmax`` and
    ``gapped_straight_through`` are hard forward, with less bias or less variance backward."""
    slope_start: Positive | None = None
    """Slope c of the gate when training starts: 10 straight-through, 50 relaxed."""
    slope_end: Positive | None = None
    """Slope c when training ends: 10 straight-through, 200 relaxed."""
    temperature: Positive = 0.67
    """Temperature of the gates ``concrete`` and ``gapped_straight_through``."""
    gate_gap: Positive = 1.0
    """Log-odds by which what was drawn leads in the gradient of ``gapped_straight_through``."""
    lam_begin: Steps = 0
    """Last step at which the slab is pure noise (lam = 0)."""
    lam_until: Steps = 0
    """First step at which the slab is the encoder's (lam = 1); 0 leaves the warm-up out."""
    lam_form: spike_slab.WarmUp = "variance_linear"
    """How lam goes from noise to the encoder's slab: the paper's variance, or as released code."""
    threshold: OpenUnit = 0.5
    """A latent is on in the code when gamma exceeds this; 2 alpha reads out more."""

    def __post_init__(self) -> None:
        if self.lam_until < self.lam_begin:
            order = f"lam_until = {self.lam_until} comes before lam_begin = {self.lam_begin}"
            raise ConfigurationError(f"{order}: choose lam_until >= lam_begin")

    def idle(self) -> dict[str, str]:
        """Options without effect on the gate, and a slope that falls."""
        found, gate = super().idle(), self.gate or gates.SUITED[self.gamma_form]
        none = f"has no effect with gate = {gate!r}"
        if gate not in gates.TEMPERED:
            found["temperature"] = none
        if gate != "gapped_straight_through":
            found["gate_gap"] = none
        if gate not in gates.SLOPED:
            found |= {"slope_start": none, "slope_end": none}
        start, end = gates.slopes(gate, self.slope_start, self.slope_end)
        if end < start and gate in gates.SLOPED:
            falls = f"lets the gate grow softer, from slope {start:g} to {end:g}"
            found |= {"slope_start": falls, "slope_end": falls}
        return found


class VSC(VAE):
    r"""Codes that are exactly zero except where the image needs them.

    .. math:: q(z_j\mid x) = \gamma_j\,\mathcal N(\mu_j,\sigma_j^2) + (1-\gamma_j)\,\delta(z_j),
        \qquad p(z_j) = \alpha\,\mathcal N(0,1) + (1-\alpha)\,\delta(z_j)

    The code is ``mu`` where the latent is on; ``mu`` alone is dense and never decoded.

    Source:
        Tonolini, Jensen & Murray-Smith (2019, ICLR submission), Eq. 4, 5 and 11; lambda warm-up
        from the 2019 supplement.
    """

    Config = VSCConfig
    heads = 3
    sparse = True
    warns_of_unfinished_warm_up = True
    lam: Tensor

    def __init__(self, config: VSCConfig, name: str) -> None:
        super().__init__(config, name)
        self.register_buffer("lam", torch.ones(()))
        with torch.no_grad():
            bias = gates.BIAS[config.gamma_form] if config.gamma_bias is None else config.gamma_bias
            self.encoder.head.bias[2 * self.latents :] = bias

    def plan(self, steps: int, steps_per_epoch: int) -> None:
        """Gate and slope over the whole training, lambda over its own window."""
        super().plan(steps, steps_per_epoch)
        config = self.config
        self.gate: gates.GateName = config.gate or gates.SUITED[config.gamma_form]
        start, end = gates.slopes(self.gate, config.slope_start, config.slope_end)
        self.slope = Linear(start, end, until=max(steps - 1, 0))
        self.warm_up = Linear(0.0, 1.0, begin=config.lam_begin, until=config.lam_until)
        if 0 < steps < config.lam_until and self.warns_of_unfinished_warm_up:
            found = f"lam_until = {config.lam_until} of {steps} steps"
            last = f"the slab stays noise with a share of {1.0 - self.warm_up(steps - 1):.2g}"
            warn_caller(f"{found}: {last}; choose lam_until <= {steps}")

    def resting(self) -> tuple[float, ...] | None:
        """The slab and the gate of the prior."""
        alpha, relu = self.config.alpha, self.config.gamma_form == "relu"
        return 0.0, 0.0, math.log(alpha) if relu else math.log(alpha / (1.0 - alpha))

    @property
    def threshold(self) -> float:
        """What gamma must exceed for a latent to be on."""
        return self.config.threshold

    @property
    def prior_rate(self) -> float:
        """Alpha, the prior probability that a latent is on."""
        return self.config.alpha

    def present(self, number: int) -> dict[str, Tensor]:
        """Lambda at a training step; evaluation takes the last one."""
        return {"lam": ranges.like(self.warm_up(number), self.lam)}

    def posterior(self, x: Tensor, number: int | None = None) -> Code:
        """Parameters of q(z|x), and mu where gamma exceeds the threshold as the code."""
        lam = self.lam if number is None else self.present(number)["lam"]
        mu, logvar, v = self.encoder(x)
        mu, logvar = spike_slab.warm_up(mu, logvar, lam, self.config.lam_form)
        gamma = gates.probability(v, self.config.gamma_form)
        active = gamma > self.config.threshold
        return Code(mu * active, active, mu, logvar, gamma)

    def draw(self, code: Code, generator: torch.Generator) -> Code:
        """One draw from q(z|x), with spikes that are exactly 0 or 1."""
        slab, noise = self.draw_slab(code, generator), self.draw_noise(code, generator)
        gate = spike_slab.hard_gate(noise, code.spike)
        return code._replace(z=slab * gate, active=gate.bool())

    def draw_for_training(self, code: Code, step: TrainingStep) -> Tensor:
        """A draw (B, J) whose gate has a gradient in gamma."""
        slab, noise = self.draw_slab(code, step.generator), self.draw_noise(code, step.generator)
        slope, temperature = self.slope(step.number), self.config.temperature
        found = (slope, temperature, self.config.gate_gap)
        return slab * gates.training_gate(self.gate, noise, code.spike, *found)

    def draw_noise(self, code: Code, generator: torch.Generator) -> Tensor:
        """Uniform noise (B, J) in [0, 1) for the gates."""
        return randomness.uniform(code.spike.shape, generator, code.spike.device)

    def divergences(self, code: Code) -> dict[str, Tensor]:
        """What the value costs when a latent is on, and what being on costs; (B, J) in nats."""
        return {
            "kl_slab": code.spike * spike_slab.gaussian_kl(*code.slab),
            "kl_spike": spike_slab.bernoulli_kl(code.spike, self.config.alpha),
        }

    def sample_prior(self, n: int, generator: torch.Generator) -> Tensor:
        """Codes (n, J): each latent is on with probability alpha, then standard normal."""
        values = super().sample_prior(n, generator)
        noise = torch.rand(values.shape, generator=generator, device=generator.device)
        return values * spike_slab.hard_gate(noise, torch.full_like(values, self.config.alpha))
