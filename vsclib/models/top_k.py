"""The top-k autoencoder: a dictionary of which every image uses exactly k columns."""

import torch
from torch import Tensor

from vsclib.configuration import Count, NonNegative, configuration
from vsclib.errors import ConfigurationError
from vsclib.models.contract import Code, Loss, TrainingStep
from vsclib.models.sparse_autoencoder import SparseAutoEncoder, SparseAutoEncoderConfig
from vsclib.spike_slab import ranges


@configuration
class TopKConfig(SparseAutoEncoderConfig):
    """Options of the top-k autoencoder."""

    k: Count | None = None
    """Latents on for every image, at most ``latents``; None takes a twentieth, at least one."""
    dead_after: Count = 1000
    """Steps without an image after which a latent counts as dead."""
    revival: NonNegative = 1 / 32
    """Weight of what draws dead latents back; 0 leaves them dead."""

    def __post_init__(self) -> None:
        if self.k is not None and self.k > self.latents:
            found = f"k = {self.k} of {self.latents} latents"
            raise ConfigurationError(f"{found}: choose 1 <= k <= {self.latents}")


class TopK(SparseAutoEncoder):
    r"""A code of the k largest values, so that exactly k latents are on for every image.

    .. math:: \mathcal L = -\log p(x\mid z) - r\,\log p(x\mid \bar z + d),
        \qquad z = \mathrm{top}_k\,e(x)

    A value may be negative where fewer than k are positive. A latent that no image has used for
    ``dead_after`` steps is dead: the second term, zero while none is, lets the largest dead ones,
    d, at most half as many as pixels, add to the fixed code :math:`\bar z`; under a Gaussian
    likelihood it is the squared error of what the code left over.

    Source:
        Gao et al. (2025), sections 2.3 and A.2; Makhzani & Frey (2014).
    """

    Config = TopKConfig
    alone = "a step of it looks at which latents are dead"
    idle: Tensor

    def __init__(self, config: TopKConfig, name: str) -> None:
        super().__init__(config, name)
        self.k = config.k or max(1, config.latents // 20)
        self.register_buffer("idle", torch.zeros(config.latents))

    def gate(self, values: Tensor) -> Code:
        """The k largest."""
        largest = values.topk(self.k).indices
        active = torch.zeros_like(values, dtype=torch.bool).scatter(1, largest, True)
        return Code(values * active, active)

    def gate_batch(self, values: Tensor) -> tuple[Code, dict[str, Tensor]]:
        """The code of a training batch's values (B, J), and what the gate keeps for later."""
        return self.gate(values), {}

    def objective(self, step: TrainingStep) -> Loss:
        """Minus the log-likelihood of the image, and what draws dead latents back."""
        x, (values,) = step.images, self.encoder(step.images)
        code, state = self.gate_batch(values)
        idle = torch.where(code.active.any(0), 0.0, self.idle + 1.0)
        reconstruction = -self.decoder(code.z).log_prob(x).mean()
        # A training looks at no value as long as no latent can be dead.
        young = not ranges.looking() and step.number < self.config.dead_after
        dead = None if young else idle > self.config.dead_after
        revival = self.revive(x, values, code.z.detach(), dead)
        return Loss.of(state | {"idle": idle}, reconstruction=reconstruction, revival=revival)

    def revive(self, x: Tensor, values: Tensor, fixed: Tensor, dead: Tensor | None) -> Tensor:
        """Minus the weighted log-likelihood of images when dead latents add to fixed codes; ()."""
        if dead is None or not self.config.revival or (x.device.type == "cpu" and not dead.any()):
            return torch.zeros((), device=x.device)
        # An accelerator is not asked whether any is dead, which would wait: it adds zeros then.
        count = min(x[0].numel() // 2, self.latents)
        largest = values.masked_fill(~dead, -torch.inf).topk(count).indices
        added = torch.zeros_like(values).scatter(1, largest, (values * dead).gather(1, largest))
        weight = self.config.revival * dead.any()
        return -weight * self.decoder(fixed + added).log_prob(x).mean()  # added: (B, J)
