"""Active units, latent by latent: by what they tell and by how often they are on."""

from typing import NamedTuple

import torch
from torch import Tensor

from vsclib.metrics.collapse import divergences
from vsclib.metrics.sparsity import EVER, on
from vsclib.models import Code, Model


class ActiveUnits(NamedTuple):
    """Which latents a model uses, by two definitions that need not agree.

    Attributes:
        by_kl: (J,) bool, mean KL above the threshold; None for models without a bound.
        by_use: (J,) bool, on for more than 0.1 % of the images.
    """

    by_kl: Tensor | None
    by_use: Tensor

    @property
    def counts(self) -> tuple[int | None, int]:
        """Number of active units by KL and by use."""
        return None if self.by_kl is None else int(self.by_kl.sum()), int(self.by_use.sum())

    @property
    def told_but_off(self) -> int:
        """Latents that pay for information while the hard gate keeps them off: they cost and do
        nothing.
        """
        return 0 if self.by_kl is None else int((self.by_kl & ~self.by_use).sum())

    @property
    def on_but_silent(self) -> int:
        """Latents that are on and tell nothing: noise for the decoder, as all idle latents of a VAE
        are.
        """
        return 0 if self.by_kl is None else int((~self.by_kl & self.by_use).sum())


def active_units(
    model: Model, code: Code, nats: float = 0.01, threshold: float = 0.5
) -> ActiveUnits:
    r"""Finds the latents in use.

    .. math:: \text{by KL: } \frac1N\sum_i\mathrm{KL}_{ij} > 0.01 \text{ nat}, \qquad
        \text{by use: } \frac1N\sum_i\mathbf 1[\gamma_{ij} > t] > 0.001

    Args:
        model: the model that gave the code.
        code: codes (N, J) of a whole set.
        nats: smallest mean KL of an active unit.
        threshold: t, in [0, 1): what gamma must exceed. Codes without a gamma are judged by
            ``active``.

    Returns:
        Two masks over the latents.

    Raises:
        ConfigurationError: t lies outside [0, 1).

    Source:
        Sønderby et al. (2016) for the KL; the papers of this book for the use.
    """
    found = divergences(model, code)
    return ActiveUnits(
        by_kl=None if found is None else found.mean(0) > nats,
        by_use=on(code, threshold).to(torch.float64).mean(0).cpu() > EVER,
    )
