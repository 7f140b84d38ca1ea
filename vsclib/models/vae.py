"""The variational autoencoder and the beta-VAE."""

import torch
from torch import Tensor

from vsclib import randomness, spike_slab
from vsclib.configuration import NonNegative, Steps, configuration
from vsclib.models.contract import Code, Loss, Model, ModelConfig, TrainingStep
from vsclib.schedules import Linear
from vsclib.spike_slab import learned_prior


@configuration
class VAEConfig(ModelConfig):
    """Options of the VAE."""

    beta: NonNegative = 1.0
    """Weight of the KL: 1 gives the evidence lower bound, 0 an autoencoder with a noisy code."""
    kl_warm_up: Steps = 0
    """Steps over which the KL's weight rises from 0 to beta."""


@configuration
class BetaVAEConfig(VAEConfig):
    """Options of the beta-VAE: the VAE's, with a KL that weighs more."""

    beta: NonNegative = 4.0
    """Weight of the KL; 4 is what Li & Han (2022) compare with."""


class VAE(Model):
    r"""Gaussian codes with a standard normal prior.

    .. math:: \mathcal L = -\mathbb E_{q(z|x)}\log p(x\mid z)
        + \beta\,\mathrm{KL}\bigl(q(z\mid x)\,\|\,\mathcal N(0, I)\bigr)

    Families override what differs: ``posterior``, ``draw``, ``draw_for_training``, ``divergences``.

    Source:
        Kingma & Welling (2014), Eq. 10; Higgins et al. (2017), Eq. 4.
    """

    Config = VAEConfig
    heads = 2
    has_bound = True
    slab_log_prob = staticmethod(spike_slab.gaussian_log_prob)

    def plan(self, steps: int, steps_per_epoch: int) -> None:
        """The KL's weight rises over ``kl_warm_up`` steps."""
        self.kl_weight = Linear(0.0, self.config.beta, until=self.config.kl_warm_up)

    def posterior(self, x: Tensor, number: int | None = None) -> Code:
        """Parameters of q(z|x) and the mean code, at step ``number`` or as training left them."""
        mu, logvar = self.encoder(x)
        return Code(mu, self.all_active(mu), mu, logvar)

    def draw(self, code: Code, generator: torch.Generator) -> Code:
        """One draw from q(z|x)."""
        return code._replace(z=self.draw_slab(code, generator))

    def draw_for_training(self, code: Code, step: TrainingStep) -> Tensor:
        """A draw (B, J) through which the gradient reaches the encoder."""
        return self.draw_slab(code, step.generator)

    def divergences(self, code: Code) -> dict[str, Tensor]:
        """The parts of KL(q || p), each (B, J) in nats."""
        return {"kl": spike_slab.gaussian_kl(*code.slab)}

    def charges(self, code: Code) -> dict[str, Tensor]:
        """What training charges for drawn codes, each (B,) in nats: the KL, part by part."""
        return {name: part.sum(1) for name, part in self.divergences(code).items()}

    def costs(self, code: Code, number: int) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Charges, which the KL's weight multiplies, and penalties, at a training step."""
        return self.charges(code), self.penalties(code)

    def present(self, number: int) -> dict[str, Tensor]:
        """Values of schedules at a training step that evaluation needs, by their buffers' names."""
        return {}

    def resting(self) -> tuple[float, ...] | None:
        """The slab of the prior."""
        return 0.0, 0.0

    # ---------------------------------------------------- shared by all variational families

    def recognise(self, x: Tensor, generator: torch.Generator | None = None) -> Code:
        """The mean code of images, or one draw from q(z|x)."""
        code = self.posterior(x)
        return code if generator is None else self.draw(code, generator)

    def draw_slab(self, code: Code, generator: torch.Generator) -> Tensor:
        """A draw (B, J) from N(mu, sigma^2)."""
        mu, logvar = code.slab
        noise = randomness.normal(mu.shape, generator, mu.device)
        return mu + (0.5 * logvar).exp() * noise  # (B, J)

    def kl(self, code: Code) -> Tensor:
        """KL from posterior to prior, (B, J) in nats."""
        return torch.stack(list(self.divergences(code).values())).sum(0)

    def log_ratio(self, code: Code) -> Tensor:
        """log q(z|x) - log p(z) of drawn codes, (B,), float64, in nats; its mean is the KL."""
        z, zero = code.z.double(), torch.zeros_like(code.z, dtype=torch.float64)
        mu, logvar = (field.double() for field in code.slab)
        # A Gaussian code is a spike-and-slab whose latents are on for sure.
        gamma = torch.ones_like(z) if code.gamma is None else code.gamma.double()
        alpha = torch.full_like(z, 1.0 if self.prior_rate is None else self.prior_rate)
        log_density, slab = learned_prior.log_density, self.slab_log_prob
        posterior = log_density(z, code.active, gamma, mu, logvar, slab)  # (B, J)
        return (posterior - log_density(z, code.active, alpha, zero, zero, slab)).sum(1)

    def objective(self, step: TrainingStep) -> Loss:
        """Reconstruction, weighted charges and penalties."""
        code = self.posterior(step.images, step.number)
        code = code._replace(z=self.draw_for_training(code, step))
        reconstruction = -self.decoder(code.z).log_prob(step.images).mean()
        weight, (charges, penalties) = self.kl_weight(step.number), self.costs(code, step.number)
        terms = {name: weight * part.mean() for name, part in charges.items()}
        terms |= {name: part.mean() for name, part in penalties.items()}
        return Loss.of(self.present(step.number), reconstruction=reconstruction, **terms)


class BetaVAE(VAE):
    """A VAE whose KL weighs ``beta`` times."""

    Config = BetaVAEConfig
