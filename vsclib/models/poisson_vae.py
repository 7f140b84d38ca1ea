"""The Poisson VAE: codes are counts, most of them zero where rates are low."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vsclib import randomness, spike_slab
from vsclib.configuration import Count, Positive, configuration
from vsclib.models.contract import Code, TrainingStep
from vsclib.models.vae import VAE, VAEConfig
from vsclib.schedules import Linear


@configuration
class PoissonVAEConfig(VAEConfig):
    """Options of the Poisson VAE."""

    rate_start: Positive = 0.5
    """Rate of every latent under the prior when training starts, below half of ``arrivals``."""
    arrivals: Count = 20
    """K, the largest count of a training draw; rates stay below half of it."""
    temperature_start: Positive = 1.0
    """Temperature T of the training's counts when it starts."""
    temperature_end: Positive = 0.05
    """Temperature when training ends; evaluation draws whole counts."""


class PoissonVAE(VAE):
    r"""Counts whose rates multiply those of a learned prior.

    .. math:: q(z_j\mid x) = \mathrm{Poisson}(r_j\,\delta_j(x)), \qquad
        p(z_j) = \mathrm{Poisson}(r_j), \qquad
        \mathcal L = -\mathbb E_q\log p(x\mid z)
        + \beta\sum_j r_j\,(1 - \delta_j + \delta_j\log\delta_j)

    The price of a rate makes codes sparse; no term is added for it. A training draws softened
    counts (:func:`~vsclib.spike_slab.arrival_count`); every evaluation draws whole ones. A latent
    is on where its count is above zero. The mean code is the rate rounded to a whole count, so a
    latent is on in it where its rate exceeds 1/2. ``mu`` and ``logvar`` are mean and log-variance
    of the counts: the rate and its logarithm. Rates are held smoothly below half of ``arrivals``.

    Source:
        Vafaii, Galor & Yates (2024, NeurIPS), Poisson Variational Autoencoder; the limit of the
        rates is this library's.
    """

    Config = PoissonVAEConfig
    heads = 1
    sparse = True

    def __init__(self, config: PoissonVAEConfig, name: str) -> None:
        super().__init__(config, name)
        self.log_prior = nn.Parameter(torch.full((config.latents,), math.log(config.rate_start)))

    def plan(self, steps: int, steps_per_epoch: int) -> None:
        """The KL's weight as of the VAE; the temperature falls over the whole training."""
        super().plan(steps, steps_per_epoch)
        start, end = self.config.temperature_start, self.config.temperature_end
        self.temperature = Linear(start, end, until=max(steps - 1, 0))

    def resting(self) -> None:
        """None: the rates of the prior learn."""
        return None

    def limited(self, log_rate: Tensor) -> Tensor:
        """Log-rates below log(arrivals / 2), hardly changed where they are far below."""
        most = math.log(self.config.arrivals / 2.0)
        return most - F.softplus(most - log_rate)

    def posterior(self, x: Tensor, number: int | None = None) -> Code:
        """The rates of q(z|x), and as the code the rates rounded to whole counts."""
        (change,) = self.encoder(x)
        log_rate = self.limited(self.log_prior + change)  # (B, J)
        return self.counted(log_rate, log_rate.exp().round())

    @staticmethod
    def counted(log_rate: Tensor, count: Tensor) -> Code:
        """The code of a count, with mean and log-variance of its distribution."""
        return Code(count, count > 0, log_rate.exp(), log_rate)

    def draw(self, code: Code, generator: torch.Generator) -> Code:
        """Whole counts drawn from q(z|x)."""
        rate, log_rate = code.slab
        return self.counted(log_rate, torch.poisson(rate, generator=generator))

    def draw_for_training(self, code: Code, step: TrainingStep) -> Tensor:
        """Softened counts (B, J) with a gradient in the rates."""
        _, log_rate = code.slab
        shape = (*log_rate.shape, self.config.arrivals)
        noise = randomness.uniform(shape, step.generator, log_rate.device)
        return spike_slab.arrival_count(noise, log_rate, self.temperature(step.number))

    def divergences(self, code: Code) -> dict[str, Tensor]:
        """KL(q || p), (B, J) in nats."""
        return {"kl": spike_slab.poisson_kl(code.slab[1], self.limited(self.log_prior))}

    def log_ratio(self, code: Code) -> Tensor:
        """log q(z|x) - log p(z) of drawn counts, (B,), float64, in nats; the factorials cancel."""
        log_rate, log_prior = code.slab[1].double(), self.limited(self.log_prior).double()
        change = code.z.double() * (log_rate - log_prior) - log_rate.exp() + log_prior.exp()
        return change.sum(1)

    def prior_slab(self, code: Code) -> tuple[Tensor, Tensor]:
        """Mean and sigma, each (B, J), of a count of the prior that is not zero."""
        rate = self.limited(self.log_prior).exp()
        mean = rate / -torch.expm1(-rate)
        variance = (mean * (1.0 + rate - mean)).clamp_min(torch.finfo(rate.dtype).tiny)
        return mean.expand_as(code.z), variance.sqrt().expand_as(code.z)

    def sample_prior(self, n: int, generator: torch.Generator) -> Tensor:
        """Codes (n, J): counts at the rates of the prior."""
        rate = self.limited(self.log_prior).exp().expand(n, -1)
        return torch.poisson(rate, generator=generator)
