r"""The mathematics of spike-and-slab codes, as pure functions on tensors.

Two distributions live here, and the papers use their names in opposite senses:

* the **exact** spike-and-slab of Variational Sparse Coding: a point mass at zero (the spike) mixed with a Gaussian (the
  slab), :math:`\gamma\,\mathcal N(z;\mu,\sigma^2) + (1-\gamma)\,\delta(z)`. ``gamma`` is the probability that the latent is
  *on*; ``alpha`` is the same probability in the prior;
* the **two-Gaussian mixture** of the sparse generator, :math:`\alpha\,\mathcal N(z;0,\sigma_1^2) +
  (1-\alpha)\,\mathcal N(z;0,\sigma_2^2)` with :math:`\sigma_2 \ll \sigma_1`. ``alpha`` weighs the wide component.

``sigma`` is always a standard deviation. Shapes: batch B, latents J.
"""

import math
from typing import Literal, get_args

import torch
from torch import Tensor

from vsclib.errors import ConfigurationError, nearest

HALF_LOG_TWO_PI = 0.5 * math.log(2.0 * math.pi)

WarmUp = Literal["variance_linear", "log_variance_linear", "std_linear", "sqrt"]


# ------------------------------------------------------------------------------------- the exact spike-and-slab: its KL


def bernoulli_kl(gamma: Tensor, alpha: Tensor | float) -> Tensor:
    r"""Kullback-Leibler divergence between two coins, for each latent.

    .. math:: \mathrm{KL} = \gamma\log\frac{\gamma}{\alpha} + (1-\gamma)\log\frac{1-\gamma}{1-\alpha}

    with :math:`0\log 0 = 0`. The value is exact at :math:`\gamma\in\{0,1\}` and the gradient is finite there; where q puts
    mass and the prior puts none (``alpha`` 0 or 1 and ``gamma`` different from it) the value is infinite.

    Args:
        gamma: probability of *on* under q, in [0, 1], shaped (B, J).
        alpha: the same under the prior, in [0, 1], broadcastable to (B, J).

    Returns:
        (B, J), in nats, never negative beyond rounding.

    Raises:
        ConfigurationError: ``gamma`` or ``alpha`` lies outside [0, 1].

    Source:
        Tonolini et al. (2019, ICLR submission), the last two terms of Eq. 9; 2019 supplement, Eq. 10.

    Example:
        >>> bernoulli_kl(torch.tensor([0.0, 0.5, 1.0]), 0.5)
        tensor([0.6931, 0.0000, 0.6931])
    """
    alpha = torch.as_tensor(alpha, dtype=gamma.dtype, device=gamma.device)
    _require_probability("gamma", gamma)
    _require_probability("alpha", alpha)
    return _mass_kl(gamma, alpha) + _mass_kl(1.0 - gamma, 1.0 - alpha)  # (B, J)


def _mass_kl(q: Tensor, p: Tensor) -> Tensor:
    """One outcome's share q log(q / p), with 0 log 0 = 0 and a finite gradient at q = 0."""
    # The clamp keeps the gradient finite where q underflows; q itself makes the value exact. The stand-in 0.5 keeps an
    # infinite log out of the backward pass, which multiplies it by zero and would give NaN.
    possible = p > 0
    share = q * (q.clamp(min=torch.finfo(q.dtype).tiny).log() - torch.where(possible, p, 0.5).log())
    return torch.where(possible, share, torch.where(q > 0, math.inf, 0.0).to(q.dtype))


def gaussian_kl(mu: Tensor, logvar: Tensor, mu_p: Tensor | float = 0.0, logvar_p: Tensor | float = 0.0) -> Tensor:
    r"""Kullback-Leibler divergence between two Gaussians, for each latent.

    .. math:: \mathrm{KL} = \tfrac12\Bigl[\log\frac{\sigma_p^2}{\sigma^2} + \frac{\sigma^2 + (\mu-\mu_p)^2}{\sigma_p^2} - 1\Bigr]

    Args:
        mu: mean of q, shaped (B, J).
        logvar: log-variance of q, shaped (B, J).
        mu_p: mean of the prior, broadcastable to (B, J); the default is the standard normal's.
        logvar_p: log-variance of the prior, broadcastable to (B, J).

    Returns:
        (B, J), in nats, never negative beyond rounding.

    Source:
        Kingma & Welling (2014), appendix B. The 2019 supplement prints sigma for sigma^2 (its Eq. 9, erratum E34), which
        can be negative.

    Example:
        >>> gaussian_kl(torch.tensor([0.0, 1.0]), torch.tensor([0.0, 0.0]))
        tensor([0.0000, 0.5000])
    """
    logvar_p = torch.as_tensor(logvar_p, dtype=mu.dtype, device=mu.device)
    # Differences of logs, not logs of ratios: a collapsed unit has a variance near the smallest float.
    return 0.5 * (logvar_p - logvar + (logvar - logvar_p).exp() + (mu - mu_p) ** 2 * (-logvar_p).exp() - 1.0)  # (B, J)


def gaussian_log_prob(z: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    r"""Log-density of normal distributions, for each latent.

    .. math:: \log\mathcal N(z;\mu,\sigma^2) = -\tfrac12\Bigl[\frac{(z-\mu)^2}{\sigma^2} + \log\sigma^2 + \log 2\pi\Bigr]

    Args:
        z: codes; shapes broadcast.
        mu: means.
        logvar: log-variances.

    Returns:
        In nats, of the broadcast shape.

    Example:
        >>> gaussian_log_prob(torch.zeros(1), torch.zeros(1), torch.zeros(1))
        tensor([-0.9189])
    """
    return -0.5 * ((z - mu).square() * (-logvar).exp() + logvar) - HALF_LOG_TWO_PI


def kl(
    gamma: Tensor,
    mu: Tensor,
    logvar: Tensor,
    alpha: Tensor | float,
    mu_p: Tensor | float = 0.0,
    logvar_p: Tensor | float = 0.0,
) -> Tensor:
    r"""Kullback-Leibler divergence between two spike-and-slab distributions, for each latent.

    .. math:: \mathrm{KL} = \gamma\,\mathrm{KL}\bigl(\mathcal N(\mu,\sigma^2)\,\|\,\mathcal N(\mu_p,\sigma_p^2)\bigr)
        + \gamma\log\frac{\gamma}{\alpha} + (1-\gamma)\log\frac{1-\gamma}{1-\alpha}

    A code that is on pays for its value and for being on; a code that is off pays only for being off. With
    ``gamma = alpha = 1`` this is the VAE's KL.

    Args:
        gamma: probability of *on* under q, in [0, 1], shaped (B, J).
        mu: mean of q's slab, shaped (B, J).
        logvar: log-variance of q's slab, shaped (B, J).
        alpha: probability of *on* under the prior, in [0, 1], broadcastable to (B, J).
        mu_p: mean of the prior's slab.
        logvar_p: log-variance of the prior's slab.

    Returns:
        (B, J), in nats, never negative beyond rounding.

    Raises:
        ConfigurationError: ``gamma`` or ``alpha`` lies outside [0, 1].

    Source:
        Tonolini et al. (2019, ICLR submission), Eq. 23; its Eq. 9 and 11 lose a sign and the factor 1/2 (E53, E54).

    Example:
        >>> one = torch.ones(1, 1)
        >>> kl(one, mu=one, logvar=0 * one, alpha=1.0)
        tensor([[0.5000]])
    """
    return gamma * gaussian_kl(mu, logvar, mu_p, logvar_p) + bernoulli_kl(gamma, alpha)  # (B, J)


def warm_up(mu: Tensor, logvar: Tensor, lam: Tensor | float, form: WarmUp = "variance_linear") -> tuple[Tensor, Tensor]:
    r"""The slab during warm-up: between pure noise (``lam`` = 0) and the encoder's slab (``lam`` = 1).

    .. math:: \mu_\lambda = \lambda\mu, \qquad \sigma_\lambda^2 = \lambda\sigma^2 + 1 - \lambda

    The interpolation is linear in the *variance*. Released code interpolates something else; all agree at 0 and 1 only:

    * ``log_variance_linear``: :math:`\sigma_\lambda = \sigma^\lambda`, the authors' code;
    * ``std_linear``: :math:`\sigma_\lambda = \lambda\sigma + 1 - \lambda`, the course report's code;
    * ``sqrt``: :math:`\sigma_\lambda = \lambda\sigma + \sqrt{1-\lambda}`, code of Fallah & Rozell.

    Args:
        mu: mean, shaped (B, J).
        logvar: log-variance, shaped (B, J).
        lam: the warm-up, in [0, 1].
        form: what is interpolated.

    Returns:
        Mean and log-variance of the interpolated slab, each (B, J).

    Raises:
        ConfigurationError: ``lam`` lies outside [0, 1], or no interpolation has this name.

    Source:
        Tonolini et al. (2019 supplement), section B; the course report's section 4.3.2. Its snippet departs (E67).
    """
    lam = torch.as_tensor(lam, dtype=mu.dtype, device=mu.device)
    _require_probability("lam", lam)
    if form not in get_args(WarmUp):
        raise ConfigurationError(f"there is no warm-up {form!r}: {nearest(str(form), get_args(WarmUp))}")
    if form == "log_variance_linear":
        return lam * mu, lam * logvar  # (B, J), (B, J)
    if form != "variance_linear":
        noise = torch.log1p(-lam) * (0.5 if form == "sqrt" else 1.0)
        return lam * mu, 2.0 * torch.logaddexp(lam.log() + 0.5 * logvar, noise)  # (B, J), (B, J)
    # As a logarithm of a sum of exponentials, so that lam = 1 gives back even a log-variance whose exponential is no float.
    return lam * mu, torch.logaddexp(lam.log() + logvar, torch.log1p(-lam))  # (B, J), (B, J)


# ------------------------------------------------------------------------------------------- gates: how a spike is drawn


def hard_gate(noise: Tensor, gamma: Tensor) -> Tensor:
    r"""The spike itself: 1 with probability ``gamma``, else 0.

    .. math:: w = \mathbb 1[\eta - 1 + \gamma \ge 0], \qquad \eta\sim U[0, 1)

    It has no gradient in ``gamma``. Every evaluation uses it.

    Args:
        noise: uniform in [0, 1), shaped (B, J).
        gamma: probability of *on*, in [0, 1], shaped (B, J).

    Returns:
        (B, J), exactly 0 or 1.

    Source:
        Tonolini et al. (2019 supplement), section B.2.
    """
    return (noise >= 1.0 - gamma).to(gamma.dtype)  # (B, J)


def relaxed_gate(noise: Tensor, gamma: Tensor, slope: float) -> Tensor:
    r"""The spike with its step replaced by a sigmoid of slope c, so that ``gamma`` has a gradient.

    .. math:: w = S\bigl(c\,(\eta - 1 + \gamma)\bigr)

    It leaks: at ``gamma = 0`` its mean is about :math:`\ln 2/c` and not 0, and where it is small it is still no exact zero.

    Args:
        noise: uniform in [0, 1), shaped (B, J).
        gamma: probability of *on*, in [0, 1], shaped (B, J).
        slope: c > 0; the papers raise it from 50 to 200.

    Returns:
        (B, J), inside (0, 1).

    Raises:
        ConfigurationError: ``slope`` is not positive.

    Source:
        Tonolini et al. (2019, ICLR submission), Eq. 24-25.
    """
    _require_positive("slope", slope)
    return torch.sigmoid(slope * (noise - 1.0 + gamma))  # (B, J)


def straight_through_gate(noise: Tensor, gamma: Tensor, slope: float) -> Tensor:
    """The hard gate forward, the relaxed gate's gradient backward.

    Args:
        noise: uniform in [0, 1), shaped (B, J).
        gamma: probability of *on*, in [0, 1], shaped (B, J).
        slope: slope of the sigmoid whose gradient stands in for the step's.

    Returns:
        (B, J), exactly 0 or 1.

    Raises:
        ConfigurationError: ``slope`` is not positive.

    Source:
        Bengio, Leonard & Courville (2013), applied to Eq. 24 of the ICLR submission.
    """
    relaxed = relaxed_gate(noise, gamma, slope)
    # The difference is exactly zero, so the forward value stays exactly 0 or 1.
    return hard_gate(noise, gamma).detach() + (relaxed - relaxed.detach())  # (B, J)


def concrete_gate(noise: Tensor, logit: Tensor, temperature: float) -> Tensor:
    r"""A binary concrete (relaxed Bernoulli) gate.

    .. math:: w = S\Bigl(\frac{\log\eta - \log(1-\eta) + \ell}{T}\Bigr), \qquad \ell = \log\frac{\gamma}{1-\gamma}

    Rounding w at 1/2 gives 1 with probability :math:`S(\ell) = \gamma`. Passing :math:`\log\gamma` for the logit gives
    :math:`\gamma/(1+\gamma)` instead, a slip in released code.

    Args:
        noise: uniform in [0, 1), shaped (B, J).
        logit: log-odds of *on*, shaped (B, J).
        temperature: T > 0.

    Returns:
        (B, J), inside (0, 1).

    Raises:
        ConfigurationError: ``temperature`` is not positive.

    Source:
        Maddison, Mnih & Teh (2017), Eq. 10; Jang, Gu & Poole (2017).
    """
    _require_positive("temperature", temperature)
    tiny = torch.finfo(noise.dtype).eps
    return torch.sigmoid((torch.logit(noise, eps=tiny) + logit) / temperature)  # (B, J)


# --------------------------------------------------------------------------------- the two-Gaussian mixture of generators


def mixture_log_prob(z: Tensor, alpha: Tensor | float, sigma1: float = 1.0, sigma2: float = 0.1) -> Tensor:
    r"""Log-density of the two-Gaussian mixture, for each latent.

    .. math:: \log p(z) = \log\bigl[\alpha\,\mathcal N(z;0,\sigma_1^2) + (1-\alpha)\,\mathcal N(z;0,\sigma_2^2)\bigr]

    computed as the logarithm of a sum of exponentials, which stays finite where both densities underflow.

    Args:
        z: codes, any shape.
        alpha: weight of the wide component, in (0, 1].
        sigma1: standard deviation of the wide component.
        sigma2: standard deviation of the narrow component, 0 < sigma2 <= sigma1.

    Returns:
        Shaped like z, in nats.

    Raises:
        ConfigurationError: ``alpha``, ``sigma1`` or ``sigma2`` is out of range.

    Source:
        Li & Han (2022), Eq. 1; their Eq. 12 and 13 print a normaliser that integrates to sigma (E13).
    """
    alpha = _mixture_weights(z, alpha, sigma1, sigma2)
    wide = alpha.log() + _gaussian_log_prob(z, sigma1)
    narrow = torch.log1p(-alpha) + _gaussian_log_prob(z, sigma2)
    return torch.logaddexp(wide, narrow)


def mixture_score(z: Tensor, alpha: Tensor | float, sigma1: float = 1.0, sigma2: float = 0.1) -> Tensor:
    r"""Score of the two-Gaussian mixture in the papers' closed form.

    .. math:: \frac{d\log p}{dz} = -\frac{z}{\sigma_1^2} + \frac{R_1 R_2\,z\,e^{R_2 z^2/2}}{1 + R_1 e^{R_2 z^2/2}},
        \quad R_1 = \frac{(1-\alpha)\sigma_1}{\alpha\sigma_2},\ R_2 = \frac{\sigma_2^2-\sigma_1^2}{\sigma_1^2\sigma_2^2} \le 0

    Both exponents are at most zero, so nothing overflows. Dividing through by the exponential gives the form that the
    papers print last, whose exponential overflows without harm (E03).

    Args:
        z: codes, any shape.
        alpha: weight of the wide component, in (0, 1].
        sigma1: standard deviation of the wide component.
        sigma2: standard deviation of the narrow component.

    Returns:
        Shaped like z.

    Raises:
        ConfigurationError: ``alpha``, ``sigma1`` or ``sigma2`` is out of range.

    Source:
        Li & Han (2022), supplement Eq. 7; main text Eq. 7 prints R for R_2 (E12).
    """
    alpha = _mixture_weights(z, alpha, sigma1, sigma2)
    r1 = (1.0 - alpha) * sigma1 / (alpha * sigma2)
    r2 = (sigma2**2 - sigma1**2) / (sigma1**2 * sigma2**2)
    decay = torch.exp(0.5 * r2 * z**2)
    return -z / sigma1**2 + r1 * r2 * z * decay / (1.0 + r1 * decay)


def mixture_responsibility(z: Tensor, alpha: Tensor | float, sigma1: float = 1.0, sigma2: float = 0.1) -> Tensor:
    r"""Posterior probability that a code came from the wide component.

    .. math:: p(C_1\mid z) = S\Bigl(\log\frac{\alpha\,\sigma_2}{(1-\alpha)\,\sigma_1}
        + \frac{z^2}{2}\Bigl[\frac1{\sigma_2^2}-\frac1{\sigma_1^2}\Bigr]\Bigr)

    Args:
        z: codes, any shape.
        alpha: weight of the wide component, in (0, 1].
        sigma1: standard deviation of the wide component.
        sigma2: standard deviation of the narrow component.

    Returns:
        Shaped like z, in [0, 1].

    Raises:
        ConfigurationError: ``alpha``, ``sigma1`` or ``sigma2`` is out of range.

    Source:
        Li & Han (2022), Eq. 9.
    """
    return torch.sigmoid(_mixture_log_odds(z, alpha, sigma1, sigma2))


def mixture_score_posterior(z: Tensor, alpha: Tensor | float, sigma1: float = 1.0, sigma2: float = 0.1) -> Tensor:
    r"""Score of the two-Gaussian mixture as two pulls weighed by the component posterior.

    .. math:: \frac{d\log p}{dz} = -p(C_1\mid z)\frac{z}{\sigma_1^2} - p(C_2\mid z)\frac{z}{\sigma_2^2}

    A small code feels the narrow component's strong pull to zero, a large one only the weak pull of the wide component.

    Args:
        z: codes, any shape.
        alpha: weight of the wide component, in (0, 1].
        sigma1: standard deviation of the wide component.
        sigma2: standard deviation of the narrow component.

    Returns:
        Shaped like z.

    Raises:
        ConfigurationError: ``alpha``, ``sigma1`` or ``sigma2`` is out of range.

    Source:
        Li & Han (2022), Eq. 10.
    """
    log_odds = _mixture_log_odds(z, alpha, sigma1, sigma2)
    return -torch.sigmoid(log_odds) * z / sigma1**2 - torch.sigmoid(-log_odds) * z / sigma2**2


def mixture_sample(
    shape: tuple[int, ...],
    alpha: float,
    sigma1: float = 1.0,
    sigma2: float = 0.1,
    *,
    generator: torch.Generator,
) -> Tensor:
    """Draws from the two-Gaussian mixture: first the component, then the value.

    A weighted sum of two Gaussians, which released code draws, is another distribution: one Gaussian with light tails.

    Args:
        shape: shape of the draw.
        alpha: probability of the wide component, in (0, 1].
        sigma1: standard deviation of the wide component.
        sigma2: standard deviation of the narrow component.
        generator: source of randomness; the draw lies on its device.

    Returns:
        Codes of the given shape.

    Raises:
        ConfigurationError: ``alpha``, ``sigma1`` or ``sigma2`` is out of range.

    Source:
        Li & Han (2022), Eq. 1.
    """
    values = torch.randn(shape, generator=generator, device=generator.device)
    _mixture_weights(values, alpha, sigma1, sigma2)
    wide = torch.rand(shape, generator=generator, device=generator.device) < alpha
    return values * torch.where(wide, sigma1, sigma2)


def _gaussian_log_prob(z: Tensor, sigma: float) -> Tensor:
    return -0.5 * (z / sigma) ** 2 - math.log(sigma) - HALF_LOG_TWO_PI


def _mixture_log_odds(z: Tensor, alpha: Tensor | float, sigma1: float, sigma2: float) -> Tensor:
    alpha = _mixture_weights(z, alpha, sigma1, sigma2)
    prior = torch.logit(alpha) + math.log(sigma2 / sigma1)
    return prior + 0.5 * (1.0 / sigma2**2 - 1.0 / sigma1**2) * z**2


# --------------------------------------------------------------------------------------------------- what is allowed


def _mixture_weights(z: Tensor, alpha: Tensor | float, sigma1: float, sigma2: float) -> Tensor:
    alpha = torch.as_tensor(alpha, dtype=z.dtype, device=z.device)
    _require_probability("alpha", alpha)
    if not torch.compiler.is_compiling() and bool((alpha <= 0).any()):
        raise ConfigurationError(f"alpha = {float(alpha.min()):g} leaves no wide component: choose 0 < alpha <= 1")
    _require_positive("sigma2", sigma2)
    if not sigma2 <= sigma1:
        raise ConfigurationError(f"sigma2 = {sigma2:g} exceeds sigma1 = {sigma1:g}: choose 0 < sigma2 <= sigma1")
    return alpha


def _require_probability(name: str, value: Tensor) -> None:
    if torch.compiler.is_compiling() or bool(((value >= 0) & (value <= 1)).all()):
        return
    worst = value.detach().flatten()[~((value >= 0) & (value <= 1)).flatten()][0].item()
    raise ConfigurationError(f"{name} = {worst:g} is no probability: every {name} must lie in [0, 1]")


def _require_positive(name: str, value: float) -> None:
    if not value > 0:
        raise ConfigurationError(f"{name} = {value:g} is not allowed: choose {name} > 0")
