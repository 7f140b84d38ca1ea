"""The JumpReLU autoencoder: each latent learns the threshold above which it is on."""

import math

import torch
from torch import Tensor, nn

from vsclib.configuration import NonNegative, Positive, configuration
from vsclib.models.contract import Code, Loss, TrainingStep
from vsclib.models.sparse_autoencoder import SparseAutoEncoder, SparseAutoEncoderConfig


@configuration
class JumpReLUConfig(SparseAutoEncoderConfig):
    """Options of the JumpReLU autoencoder."""

    l0: NonNegative = 1.0
    """Price in nats of each latent that is on."""
    jump_start: Positive = 0.1
    """Every latent's threshold when training starts, in standard deviations of its value."""
    bandwidth: Positive = 0.1
    """Width of the window around a threshold in which values give it a gradient."""


class JumpReLU(SparseAutoEncoder):
    r"""A code of values above learned thresholds, that each cost the same whatever their size.

    .. math:: \mathcal L = -\log p(x\mid z) + \ell_0\sum_j H(e_j(x) - \theta_j), \qquad
        z_j = e_j(x)\,H(e_j(x) - \theta_j)

    The step H has no gradient, so a rectangle of width :math:`\varepsilon` and area one stands for
    its derivative: a threshold gets

    .. math:: \frac{\partial z_j}{\partial\theta_j} = -\theta_j\,K, \qquad
        \frac{\partial H}{\partial\theta_j} = -K, \qquad
        K = \frac{\mathbb 1[|e_j - \theta_j| < \varepsilon/2]}{\varepsilon}

    and the encoder that of the values that are on. The paper takes a window and a start of 0.001
    for large batches; the defaults here suit values of spread one in small ones.

    Source:
        Rajamanoharan et al. (2024), JumpReLU sparse autoencoders: loss and pseudo-derivatives.
    """

    Config = JumpReLUConfig

    def __init__(self, config: JumpReLUConfig, name: str) -> None:
        super().__init__(config, name)
        start = torch.full((config.latents,), math.log(config.jump_start))
        self.log_theta = nn.Parameter(start)

    def gate(self, values: Tensor) -> Code:
        """What exceeds its threshold."""
        active = values > self.log_theta.exp()
        return Code(values * active, active)

    def penalties(self, code: Code) -> dict[str, Tensor]:
        """The price of the latents that are on, (B,) in nats."""
        return {"l0": self.config.l0 * code.active.to(code.z.dtype).sum(1)}

    def objective(self, step: TrainingStep) -> Loss:
        """Minus the log-likelihood of the image, and the price of its latents."""
        (values,) = self.encoder(step.images)
        code, theta = self.gate(values), self.log_theta.exp()  # theta: (J,)
        fixed = theta.detach()
        inside = (values.detach() - fixed).abs() < 0.5 * self.config.bandwidth
        # Zero in value, with the rectangle's gradient.
        passed = -(theta - fixed) * inside / self.config.bandwidth  # (B, J)
        reconstruction = -self.decoder(code.z + fixed * passed).log_prob(step.images).mean()
        price = self.config.l0 * (code.active.to(values.dtype) + passed).sum(1)
        return Loss.of(reconstruction=reconstruction, l0=price.mean())
