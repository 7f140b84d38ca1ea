"""The loss of images that a training does not learn from."""

import torch
from torch import Tensor

from vsclib.models import Trainable, TrainingStep
from vsclib.models.contract import scaled
from vsclib.training.config import stream


class Validation:
    """Held-out images, measured with the same draws each time.

    Args:
        images: uint8, or float32 of a real-valued set, (N, C, H, W), on the model's device.
        checksum: of their values.
        batch_size: images that are measured at once, at most.
        seed: of the training.
    """

    def __init__(self, images: Tensor, checksum: str, batch_size: int, seed: int) -> None:
        self.images, self.checksum = images, checksum
        # Parts of nearly one size: a last part of one image has no statistics of a batch.
        self.parts = torch.tensor_split(images, -(-len(images) // batch_size))
        self.seed = stream(seed, "validation")

    @torch.no_grad()
    def loss(self, model: Trainable, number: int) -> dict[str, float]:
        """Every term and ``total`` as means over the images, in eval mode.

        Args:
            model: in training mode, and so it is left.
            number: of the step whose place in the schedules counts.
        """
        generator = torch.Generator(self.images.device).manual_seed(self.seed)
        sums: dict[str, Tensor] = {}
        model.eval()
        try:
            for part in self.parts:
                loss = model.objective(TrainingStep(scaled(part), generator, number))
                for name, value in (loss.terms | {"total": loss.total}).items():
                    sums[name] = sums.get(name, torch.zeros(())) + len(part) * value.cpu()
        finally:
            model.train()
        return {name: value.item() / len(self.images) for name, value in sums.items()}
