"""The batch-top-k autoencoder: an image may use more latents where another one uses fewer."""

import torch
from torch import Tensor

from vsclib.models.contract import Code
from vsclib.models.top_k import TopK, TopKConfig

LEAST_RATE = 0.01
"""Weight of the last batch in the running threshold once a hundred batches are behind it."""


class BatchTopK(TopK):
    r"""A code of the k B largest positive values of a batch of B images: k latents on average.

    .. math:: z_{bj} = e_{bj}\,\mathbb 1[e_{bj}\text{ is among the }kB\text{ largest}]
        \text{ in training}, \qquad z_j = e_j\,\mathbb 1[e_j > \theta]\text{ later}

    The threshold :math:`\theta` is the running average, over the batches of the training, of the
    smallest value that was kept: an image's code does not depend on others then. The loss is that
    of :class:`~vsclib.models.top_k.TopK`.

    Source:
        Bussmann, Leask & Nanda (2024), BatchTopK and its threshold at inference.
    """

    Config = TopKConfig
    level: Tensor
    batches: Tensor

    def __init__(self, config: TopKConfig, name: str) -> None:
        super().__init__(config, name)
        self.register_buffer("level", torch.zeros(()))
        self.register_buffer("batches", torch.zeros(()))

    def gate(self, values: Tensor) -> Code:
        """What exceeds the threshold."""
        active = values > self.level
        return Code(values * active, active)

    def gate_batch(self, values: Tensor) -> tuple[Code, dict[str, Tensor]]:
        """The k B largest, if positive, and the threshold with this batch in its average."""
        flat = values.detach().flatten()
        largest = flat.topk(self.k * len(values)).indices
        kept = torch.zeros_like(flat, dtype=torch.bool).scatter(0, largest, True) & (flat > 0)
        smallest = torch.where(kept, flat, torch.inf).amin()
        smallest = torch.where(smallest.isfinite(), smallest, self.level)
        rate = (1.0 / (self.batches + 1.0)).clamp_min(LEAST_RATE)
        level = self.level + rate * (smallest - self.level)
        active = kept.view_as(values)
        return Code(values * active, active), {"level": level, "batches": self.batches + 1.0}
