"""Variational Sparse Coding in its form of UAI 2019: a network selects the prior."""

import math

import torch
from torch import Tensor, nn

from vsclib.configuration import Positive, configuration
from vsclib.models.contract import Code
from vsclib.models.pseudo_inputs import SparsePseudoInputs, SparsePseudoInputsConfig
from vsclib.spike_slab import learned_prior
from vsclib.spike_slab.learned_prior import Selector


@configuration
class VSCUAIConfig(SparsePseudoInputsConfig):
    """Options of Variational Sparse Coding with a learned prior."""

    selector: Selector = "soft"
    """Pseudo-inputs' weights: soft as the authors' code, as printed, or printed but normalised."""
    sharpness: Positive | None = None
    """The prior's gamma becomes S(sharpness (gamma - 1/2)): 10 in authors' code, None leaves it."""


class VSCUAI(SparsePseudoInputs):
    r"""Codes whose prior is the code of a pseudo-input, chosen for each image.

    .. math:: \mathcal L = -\mathbb E_q\log p(x\mid z)
        + \sum_k u^*_k(x)\,\mathrm{KL}\bigl(q(z\mid x)\,\|\,q(z\mid x_k)\bigr)
        + J\,\mathrm{KL}(\bar\gamma\,\|\,\alpha),
        \qquad \bar\gamma = \frac1J\sum_{jk} u^*_k\gamma_{kj}

    The last term, once an image as in the authors' code, holds the prior sparse and is no part of
    the evidence lower bound. ``kl`` takes weights that sum to one, whatever the training does.

    Source:
        Tonolini, Jensen & Murray-Smith (2019, UAI) and its supplement, sections A.3, C and D.1.
    """

    Config = VSCUAIConfig

    def __init__(self, config: VSCUAIConfig, name: str) -> None:
        super().__init__(config, name)
        self.selector = nn.Linear(math.prod(self.image_shape), config.pseudo_inputs)

    def posterior(self, x: Tensor, number: int | None = None) -> Code:
        """Parameters of q(z|x), and how much each pseudo-input weighs in the image's prior."""
        scores = self.selector(x.flatten(1))  # (B, K)
        weights = learned_prior.selection(scores, self.config.selector)
        return super().posterior(x, number)._replace(weights=weights)

    def prior(self, number: int | None = None) -> Code:
        """The codes of the pseudo-inputs, (K, J), their gamma sharpened if asked for."""
        code = super().prior(number)
        if self.config.sharpness is None:
            return code
        return code._replace(gamma=torch.sigmoid(self.config.sharpness * (code.spike - 0.5)))

    def kl(self, code: Code) -> Tensor:
        """KL to the selected prior, (B, J) in nats; its weights are made to sum to one."""
        return super().kl(code._replace(weights=learned_prior.unit_sum(code.choice)))
