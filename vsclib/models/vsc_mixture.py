"""Variational Sparse Coding whose prior is the whole mixture of pseudo-inputs' codes."""

from vsclib.configuration import Count, configuration
from vsclib.models.pseudo_inputs import SparsePseudoInputs, SparsePseudoInputsConfig
from vsclib.models.vae_mixture import VAEMixture


@configuration
class VSCMixtureConfig(SparsePseudoInputsConfig):
    """Options of Variational Sparse Coding with a mixture prior."""

    pseudo_inputs: Count = 100
    """K, the made-up images whose codes are the prior; a paid choice can be among many."""


class VSCMixture(VAEMixture, SparsePseudoInputs):
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
