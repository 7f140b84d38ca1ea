"""The aggregate posterior's sparsity against the prior's: does training keep to alpha?"""

from typing import NamedTuple

from vsclib.metrics.sparsity import on
from vsclib.models import Code, Model
from vsclib.spike_slab import bernoulli_kl


class AggregateSparsity(NamedTuple):
    """Probabilities of a latent being on, between 0 and 1.

    Attributes:
        alpha: the prior's.
        drawn: the aggregate posterior's, when spikes are drawn: the mean of gamma.
        hard: the share of entries that the hard gate opens.
        nats: what the departure from the prior costs an image, in nats: J KL(mean gamma || alpha).
    """

    alpha: float
    drawn: float
    hard: float
    nats: float


def aggregate_sparsity(
    model: Model, code: Code, threshold: float = 0.5
) -> AggregateSparsity | None:
    r"""Sparsity of the aggregate posterior beside the prior's.

    .. math:: q(w_j = 1) = \frac1N\sum_i\gamma_{ij}, \qquad \bar\gamma = \frac1J\sum_j q(w_j = 1)
        \quad\text{against}\quad\alpha

    A perfect match, :math:`\bar\gamma = \alpha`, is no proof of health: a collapsed code has
    :math:`\gamma_{ij} = \alpha` everywhere. There ``hard`` is zero, for no gate passes one half.

    Args:
        model: a model with a prior rate.
        code: codes (N, J) of a whole set.
        threshold: t, in [0, 1), of the hard gate.

    Returns:
        The probabilities; None for codes without a gamma or a model without a prior rate.

    Raises:
        ConfigurationError: t lies outside [0, 1).

    Source:
        Tonolini et al. (2019, ICLR submission), appendix E.2 and figure 8.
    """
    alpha = model.prior_rate
    hard = on(code, threshold)
    if code.gamma is None or alpha is None:
        return None
    gamma = code.gamma.double().mean()  # ()
    cost = code.gamma.shape[1] * bernoulli_kl(gamma, alpha)
    return AggregateSparsity(alpha, gamma.item(), hard.double().mean().item(), cost.item())
