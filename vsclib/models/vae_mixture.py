"""A VAE whose prior is the whole mixture of pseudo-inputs' codes, at its whole price."""

from collections.abc import Callable
from typing import ClassVar

from torch import Tensor

from vsclib.configuration import Count, configuration
from vsclib.models.contract import Code
from vsclib.models.pseudo_inputs import PseudoInputs, PseudoInputsConfig
from vsclib.models.vae import VAEConfig
from vsclib.spike_slab import learned_prior


@configuration
class VAEMixtureConfig(PseudoInputsConfig):
    """Options of the VAE with a mixture prior."""

    pseudo_inputs: Count = 100
    """K, the made-up images whose codes are the prior; a paid choice can be among many."""


class VAEMixture(PseudoInputs):
    r"""Gaussian codes whose prior is a mixture of the codes of K pseudo-inputs.

    .. math:: \mathcal L = -\mathbb E_q\log p(x\mid z)
        + \beta\sum_k u_k\bigl[\mathrm{KL}\bigl(q(z\mid x)\,\|\,q(z\mid x_k)\bigr)
        + \log K u_k\bigr],
        \qquad u_k\propto e^{-\mathrm{KL}(q(z\mid x)\,\|\,q(z\mid x_k))}

    The weights make the sum least, and the sum bounds the KL to the mixture
    :math:`p(z) = \frac1K\sum_k q(z\mid x_k)` from above: with beta = 1 the loss is minus a lower
    bound of :math:`\log p(x)`, looser by at most log K than the one whose KL is drawn, which
    ``metrics.elbo(...).paid`` measures. It is the dense control of ``vsc_mixture``: the same prior,
    objective and start, without spikes and without a sparsity term.

    Source:
        Tomczak & Welling (2018, AISTATS), the mixture prior, trained there on draws; the
        bound of Hershey & Olsen (2007).
    """

    Config: ClassVar[type[VAEConfig]] = VAEMixtureConfig

    def weigh(self, code: Code, prior: Callable[[], Code]) -> Code:
        """The code with what each pseudo-input weighs in its prior."""
        weights = learned_prior.responsibilities(self.kl_to_each(code, prior()))
        return code._replace(weights=weights)

    def charges(self, code: Code, prior: Code | None = None) -> dict[str, Tensor]:
        """The KL to the prior as it is weighed and the price of choosing it, (B,) in nats."""
        return super().charges(code, prior) | {"choice": learned_prior.choice_cost(code.choice)}
