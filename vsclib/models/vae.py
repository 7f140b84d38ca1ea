"""The variational autoencoder and the beta-VAE."""

import torch
from torch import Tensor

from vsclib import spike_slab
from vsclib.configuration import NonNegative, Steps, configuration
from vsclib.models.contract import Code, Loss, Model, ModelConfig
from vsclib.schedules import Linear


@configuration
class VAEConfig(ModelConfig):
    """Options of the VAE."""

    beta: NonNegative = 1.0
    """Weight of the KL: 1 gives the evidence lower bound, 0 an autoencoder with noise in its code.
    """
    kl_warm_up: Steps = 0
    """Steps over which the KL's weight rises from 0 to beta."""


@configuration
class BetaVAEConfig(VAEConfig):
    """Options of the beta-VAE: the VAE's, with a KL that weighs more."""

    beta: NonNegative = 4.0
    """Weight of the KL; 4 is what Li & Han (2022) compare with."""


class VAE(Model):
    r"""Gaussian codes with a standard normal prior.

    .. math:: \mathcal L = -\mathbb E_{q(z|x)}\log p(x\mid z) + \beta\,\mathrm{KL}\bigl(q(z\mid x)\,\|\,\mathcal N(0, I)\bigr)

    Families with another posterior override what differs: ``recognise``, ``draw``,
    ``draw_for_training``, ``divergences``.

    Source:
        Kingma & Welling (2014), Eq. 10; Higgins et al. (2017), Eq. 4.
    """

    Config = VAEConfig
    heads = 2
    slab_log_prob = staticmethod(spike_slab.gaussian_log_prob)

    def plan(self, steps: int, steps_per_epoch: int) -> None:
        """The KL's weight rises over ``kl_warm_up`` steps."""
        self.kl_weight = Linear(0.0, self.config.beta, until=self.config.kl_warm_up)

    def recognise(self, x: Tensor) -> Code:
        """Parameters of q(z|x) of anything shaped like images, whatever its range, and the mean as
        the code.
        """
        mu, logvar = self.encoder(x)
        return Code(mu, self.all_active(mu), mu, logvar)

    def draw(self, code: Code, generator: torch.Generator) -> Code:
        """One draw from q(z|x)."""
        return code._replace(z=self.draw_slab(code, generator))

    def draw_for_training(self, code: Code, generator: torch.Generator) -> Tensor:
        """A draw (B, J) through which the gradient reaches the encoder."""
        return self.draw_slab(code, generator)

    def divergences(self, code: Code) -> dict[str, Tensor]:
        """The parts of KL(q || p), each (B, J) in nats."""
        return {"kl": spike_slab.gaussian_kl(code.mu, code.logvar)}

    def charges(self, code: Code) -> dict[str, Tensor]:
        """What training charges for drawn codes, each (B,) in nats: the KL, unless a family weighs
        its parts otherwise.
        """
        return {name: part.sum(1) for name, part in self.divergences(code).items()}

    def costs(self, code: Code) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Charges, which the KL's weight multiplies, and penalties. A family overrides it to
        compute once what both need.
        """
        return self.charges(code), self.penalties(code)

    # ----------------------------------------------------------- shared by all variational families

    def draw_slab(self, code: Code, generator: torch.Generator) -> Tensor:
        """A draw (B, J) from N(mu, sigma^2)."""
        noise = torch.randn(code.mu.shape, generator=generator, device=code.mu.device)
        return code.mu + (0.5 * code.logvar).exp() * noise  # (B, J)

    def posterior(self, x: Tensor) -> Code:
        """Parameters of q(z|x), and the mean code."""
        return self.recognise(self.check(x))

    def encode(self, x: Tensor) -> Code:
        """The mean code of images (B, C, H, W)."""
        return self.posterior(x)

    def sample_code(self, x: Tensor, generator: torch.Generator) -> Code:
        """One draw from q(z|x) for each image."""
        return self.draw(self.posterior(x), generator)

    def kl(self, code: Code) -> Tensor:
        """KL from posterior to prior, (B, J) in nats."""
        return torch.stack(list(self.divergences(code).values())).sum(0)

    def loss(self, x: Tensor, step: int, generator: torch.Generator) -> Loss:
        """Reconstruction, weighted divergences and penalties."""
        code = self.posterior(x)
        code = code._replace(z=self.draw_for_training(code, generator))
        reconstruction = -self.decode(code.z).log_prob(x).mean()
        weight, (charges, penalties) = self.kl_weight(step), self.costs(code)
        terms = {name: weight * part.mean() for name, part in charges.items()}
        return Loss.of(
            reconstruction=reconstruction,
            **terms,
            **{name: part.mean() for name, part in penalties.items()},
        )
