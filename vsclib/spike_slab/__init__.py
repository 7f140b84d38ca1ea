r"""The mathematics of spike-and-slab codes, as pure functions on tensors.

Two distributions, whose names the papers use in opposite senses:

* the **exact** spike-and-slab of Variational Sparse Coding: a mixture of a point mass at zero (the
  spike) and a Gaussian (the slab),
  :math:`\gamma\,\mathcal N(z;\mu,\sigma^2) + (1-\gamma)\,\delta(z)`.
  ``gamma`` is the probability that the latent is *on*; ``alpha`` is the same probability in the
  prior;
* the **two-Gaussian mixture** of the sparse generator, :math:`\alpha\,\mathcal N(z;0,\sigma_1^2) +
  (1-\alpha)\,\mathcal N(z;0,\sigma_2^2)` with :math:`\sigma_2 \ll \sigma_1`. ``alpha`` is the
  weight of the wide component.

``sigma`` is always a standard deviation. Shapes: batch B, latents J. The prior of Variational
Sparse Coding's second form is in :mod:`~vsclib.spike_slab.learned_prior`.
"""

from vsclib.spike_slab import learned_prior
from vsclib.spike_slab.counts import arrival_count, poisson_kl
from vsclib.spike_slab.divergence import (
    WarmUp,
    bernoulli_kl,
    gaussian_kl,
    gaussian_log_prob,
    kl,
    warm_up,
)
from vsclib.spike_slab.gates import (
    concrete_gate,
    gapped_straight_through_gate,
    hard_gate,
    reinmax_gate,
    relaxed_gate,
    straight_through_gate,
)
from vsclib.spike_slab.thresholds import (
    ROOT_TWO,
    gamma_threshold,
    laplace_kl,
    laplace_log_prob,
    laplace_noise,
    shifted_soft_threshold,
    threshold_gamma,
    threshold_price,
)
from vsclib.spike_slab.total_correlation import Estimator, KLSplit, log_shares, split_kl
from vsclib.spike_slab.two_gaussians import (
    mixture_log_prob,
    mixture_pull,
    mixture_responsibility,
    mixture_sample,
    mixture_score,
    mixture_score_posterior,
)

__all__ = [
    "ROOT_TWO",
    "Estimator",
    "KLSplit",
    "WarmUp",
    "arrival_count",
    "bernoulli_kl",
    "concrete_gate",
    "gamma_threshold",
    "gapped_straight_through_gate",
    "gaussian_kl",
    "gaussian_log_prob",
    "hard_gate",
    "kl",
    "laplace_kl",
    "laplace_log_prob",
    "laplace_noise",
    "learned_prior",
    "log_shares",
    "mixture_log_prob",
    "mixture_pull",
    "mixture_responsibility",
    "mixture_sample",
    "mixture_score",
    "mixture_score_posterior",
    "poisson_kl",
    "reinmax_gate",
    "relaxed_gate",
    "shifted_soft_threshold",
    "split_kl",
    "straight_through_gate",
    "threshold_gamma",
    "threshold_price",
    "warm_up",
]
