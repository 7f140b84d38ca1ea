"""Variational Sparse Coding whose prior is the whole mixture of pseudo-inputs' codes."""

from collections.abc import Callable

from torch import Tensor

from vsclib.configuration import Count, configuration
from vsclib.models.contract import Code
from vsclib.models.pseudo_inputs import PseudoInputs, PseudoInputsConfig
from vsclib.spike_slab import learned_prior


@configuration
class VSCMixtureConfig(PseudoInputsConfig):
    """Options of Variational Sparse Coding with a mixture prior."""

    pseudo_inputs: Count = 100
    """K, the made-up images whose codes are the prior; a paid choice can be among many."""


class VSCMixture(PseudoInputs):
    r"""Codes whose prior is a mixture: the prior of 2019 without selector, at its whole price.

    .. math:: \mathcal L = -\mathbb E_q\log p(x\mid z)
        + \sum_k u_k\bigl[\mathrm{KL}\bigl(q(z\mid x)\,\|\,q(z\mid x_k)\bigr) + \log K u_k\bigr]
        + J\,\mathrm{KL}(\bar\gamma\,\|\,\alpha),
        \qquad u_k\propto e^{-\mathrm{KL}(q(z\mid x)\,\|\,q(z\mid x_k))}

    The weights make the sum least, so no network has to guess them, and the sum bounds the KL to
    the mixture :math:`\frac1K\sum_k q(z\mid x_k)` from above: without its last term the loss is
    minus a true lower bound of :math:`\log p(x)`. A selector leaves the choice unpaid.

    Source:
        This book, from the learned prior of Tonolini, Jensen & Murray-Smith (2019, UAI), the
        mixture prior of Tomczak & Welling (2018) and the bound of Hershey & Olsen (2007).
    """

    Config = VSCMixtureConfig

    def weigh(self, code: Code, prior: Callable[[], Code]) -> Code:
        """The code with what each pseudo-input weighs in its prior."""
        divergences = learned_prior.kl_to_each(code.spike_and_slab, prior().spike_and_slab)
        return code._replace(weights=learned_prior.responsibilities(divergences))

    def charges(self, code: Code, prior: Code | None = None) -> dict[str, Tensor]:
        """The KL to the prior as it is weighed and the price of choosing it, (B,) in nats."""
        return super().charges(code, prior) | {"choice": learned_prior.choice_cost(code.choice)}
