"""The autoencoder: compress and rebuild, no probability on the code."""

import torch
from torch import Tensor

from vsclib.models.contract import Code, Loss, Model, TrainingStep


class AutoEncoder(Model):
    """A dense code and the image rebuilt from it, without a prior: ``sample`` decodes noise."""

    def recognise(self, x: Tensor, generator: torch.Generator | None = None) -> Code:
        """The code of images (B, C, H, W); nothing is drawn."""
        (z,) = self.encoder(x)
        return Code(z, self.all_active(z))

    def resting(self) -> tuple[float, ...] | None:
        """A value of zero."""
        return (0.0,)

    def objective(self, step: TrainingStep) -> Loss:
        """Minus the log-likelihood of the image under its own reconstruction."""
        code = self.recognise(step.images)
        return Loss.of(reconstruction=-self.decoder(code.z).log_prob(step.images).mean())
