"""The autoencoder: compress and rebuild, no probability on the code."""

import torch
from torch import Tensor

from vsclib.models.contract import Code, Loss, Model


class AutoEncoder(Model):
    """A dense code and the image rebuilt from it. It has no prior: ``sample`` decodes normal noise,
    to show just that.
    """

    def encode(self, x: Tensor) -> Code:
        """The code of images (B, C, H, W)."""
        (z,) = self.encoder(self.check(x))
        return Code(z, self.all_active(z))

    def loss(self, x: Tensor, step: int, generator: torch.Generator) -> Loss:
        """Minus the log-likelihood of the image under its own reconstruction."""
        return Loss.of(reconstruction=-self.decode(self.encode(x).z).log_prob(x).mean())
