"""Gates: ways to draw a spike, with and without a gradient."""

from typing import Literal

import torch
from torch import Tensor

from vsclib.arguments import explained
from vsclib.spike_slab.ranges import require_positive

GammaForm = Literal["sigmoid", "relu"]
"""How gamma comes from the encoder's output."""
GateName = Literal["straight_through", "relaxed", "concrete", "reinmax", "gapped_straight_through"]
"""How a gradient gets back to gamma."""

SMALLEST_GAMMA = 1e-6
BIAS: dict[GammaForm, float] = {"sigmoid": -2.0, "relu": 0.0}
"""Bias of gamma's head that suits a form."""
SUITED: dict[GammaForm, GateName] = {"sigmoid": "straight_through", "relu": "relaxed"}
"""The gate that suits a form."""
SLOPED: tuple[GateName, ...] = ("straight_through", "relaxed")
"""The gates that have a slope."""
TEMPERED: tuple[GateName, ...] = ("concrete", "gapped_straight_through")
"""The gates that have a temperature."""


@explained
def hard_gate(noise: Tensor, gamma: Tensor) -> Tensor:
    r"""The spike (B, J): exactly 1 with probability ``gamma``, else exactly 0.

    .. math:: w = \mathbb 1[\eta - 1 + \gamma \ge 0], \qquad \eta\sim U[0, 1)

    The noise is uniform in [0, 1). The gate has no gradient in ``gamma``; all evaluation uses it.

    Source:
        Tonolini et al. (2019 supplement), section B.2.
    """
    return (noise >= 1.0 - gamma).to(gamma.dtype)  # (B, J)


@explained
def relaxed_gate(noise: Tensor, gamma: Tensor, slope: Tensor | float) -> Tensor:
    r"""The spike with a sigmoid of slope c in place of the step, so that ``gamma`` has a gradient.

    .. math:: w = S\bigl(c\,(\eta - 1 + \gamma)\bigr)

    It lies inside (0, 1) and leaks: at ``gamma = 0`` its mean is about :math:`\ln 2/c`, never 0.

    Args:
        noise: uniform in [0, 1), shaped (B, J).
        gamma: probability of *on*, in [0, 1], shaped (B, J).
        slope: c > 0; the papers raise it from 50 to 200.

    Raises:
        ConfigurationError: ``slope`` is not positive.

    Source:
        Tonolini et al. (2019, ICLR submission), Eq. 24-25.
    """
    require_positive("slope", slope)
    return torch.sigmoid(slope * (noise - 1.0 + gamma))  # (B, J)


@explained
def straight_through_gate(noise: Tensor, gamma: Tensor, slope: Tensor | float) -> Tensor:
    """The hard gate forward, exactly 0 or 1, and the relaxed gate's gradient backward.

    Arguments, shape and errors are those of :func:`relaxed_gate`.

    Source:
        Bengio, Leonard & Courville (2013), applied to Eq. 24 of the ICLR submission.
    """
    relaxed = relaxed_gate(noise, gamma, slope)
    # The difference is exactly zero, so the value stays exactly 0 or 1.
    return hard_gate(noise, gamma).detach() + (relaxed - relaxed.detach())  # (B, J)


@explained
def concrete_gate(noise: Tensor, logit: Tensor, temperature: Tensor | float) -> Tensor:
    r"""A binary concrete (relaxed Bernoulli) gate, (B, J) inside (0, 1).

    .. math:: w = S\Bigl(\frac{\log\eta - \log(1-\eta) + \ell}{T}\Bigr), \qquad
        \ell = \log\frac{\gamma}{1-\gamma}

    Rounding w at 1/2 gives 1 with probability :math:`S(\ell) = \gamma`. Released code passes
    :math:`\log\gamma` for the logit, which gives :math:`\gamma/(1+\gamma)` instead.

    Args:
        noise: uniform in [0, 1), shaped (B, J).
        logit: log-odds of *on*, shaped (B, J).
        temperature: T > 0.

    Raises:
        ConfigurationError: ``temperature`` is not positive.

    Source:
        Maddison, Mnih & Teh (2017), Eq. 10; Jang, Gu & Poole (2017).
    """
    require_positive("temperature", temperature)
    tiny = torch.finfo(noise.dtype).eps
    return torch.sigmoid((torch.logit(noise, eps=tiny) + logit) / temperature)  # (B, J)


@explained
def reinmax_gate(noise: Tensor, gamma: Tensor) -> Tensor:
    r"""The hard gate forward, exactly 0 or 1, and ReinMax's gradient of second order backward.

    .. math:: \frac{\partial w}{\partial\ell} = 2m(1-m) - \tfrac12\gamma(1-\gamma),
        \quad m = \tfrac12(\gamma + w) \qquad\Longleftrightarrow\qquad
        \frac{\partial w}{\partial\gamma} = \frac{w}{2\gamma} + \frac{1-w}{2(1-\gamma)}

    Here :math:`\ell` is the log-odds of gamma. On average :math:`f'(w)` then counts
    :math:`\frac12[f'(0) + f'(1)]`, the trapezoidal rule for the exact gradient :math:`f(1) - f(0)`:
    without error where f is quadratic in w. A straight-through gradient of one counts
    :math:`\gamma f'(1) + (1-\gamma)f'(0)`. In gamma its variance grows like :math:`1/\gamma` at a
    gate that is almost surely off; in the log-odds it stays bounded.

    Args:
        noise: uniform in [0, 1), shaped (B, J).
        gamma: probability of *on*, inside (0, 1), shaped (B, J).

    Source:
        Liu, Dong, Liu, Yu & Gao (2023, NeurIPS), ReinMax at temperature 1, for two outcomes.
    """
    gate = hard_gate(noise, gamma).detach()
    slope = 0.5 / torch.where(gate > 0, gamma, 1.0 - gamma).detach()
    return gate + slope * (gamma - gamma.detach())  # (B, J)


@explained
def gapped_straight_through_gate(
    noise: Tensor, logit: Tensor, temperature: Tensor | float, gap: Tensor | float
) -> Tensor:
    r"""The hard gate forward, exactly 0 or 1, and backward a sigmoid that agrees with the draw.

    .. math:: \frac{\partial w}{\partial\ell} = \frac{s(1-s)}T, \qquad
        s = S\Bigl(\frac{\ell'}T\Bigr), \qquad
        \ell' = \begin{cases}\max(\ell, \kappa) & w = 1\\ \min(\ell, -\kappa) & w = 0\end{cases}

    The log-odds move, without a gradient, until the outcome that was drawn leads by at least the
    gap :math:`\kappa`. Given the outcome the gradient is no longer random, unlike that of the
    concrete gate with a straight-through step. It is biased, for quadratic functions, too.

    Args:
        noise: uniform in [0, 1), shaped (B, J).
        logit: log-odds of *on*, shaped (B, J).
        temperature: T > 0.
        gap: :math:`\kappa` > 0, in units of the log-odds.

    Raises:
        ConfigurationError: ``temperature`` or ``gap`` is not positive.

    Source:
        Fan, Chi, Rudnicky & Ramadge (2022, ICML), here for two outcomes with logits (l, 0).
    """
    require_positive("temperature", temperature)
    require_positive("gap", gap)
    gate = hard_gate(noise, torch.sigmoid(logit)).detach()
    held = logit.detach()
    moved = torch.where(gate > 0, torch.clamp(held, min=gap), torch.clamp(held, max=-gap))
    soft = torch.sigmoid((logit + (moved - held)) / temperature)
    return gate + (soft - soft.detach())  # (B, J)


# ------------------------------------------------------- what the models' options stand for


@explained
def probability(v: Tensor, form: GammaForm) -> Tensor:
    """Gamma, inside (0, 1), of the encoder's output v, both (B, J)."""
    gamma = torch.sigmoid(v) if form == "sigmoid" else (-torch.relu(-v)).exp()
    # At 0 and 1 exactly a gate has no way back: the clamp keeps both ends open, as the released
    # code does.
    return gamma.clamp(SMALLEST_GAMMA, 1.0 - SMALLEST_GAMMA)


def slopes(gate: GateName, start: float | None, end: float | None) -> tuple[float, float]:
    """The gate's slope c at the start and the end of a training; None takes what suits the gate."""
    first, last = (10.0, 10.0) if gate == "straight_through" else (50.0, 200.0)
    return start or first, end or last


def training_gate(
    gate: GateName,
    noise: Tensor,
    gamma: Tensor,
    slope: Tensor | float,
    temperature: Tensor | float,
    gap: Tensor | float = 1.0,
) -> Tensor:
    """The gate (B, J) of a training, with a gradient in gamma; noise is uniform in [0, 1)."""
    if gate == "reinmax":
        return reinmax_gate(noise, gamma)
    if gate == "gapped_straight_through":
        return gapped_straight_through_gate(noise, torch.logit(gamma), temperature, gap)
    if gate == "concrete":
        return concrete_gate(noise, torch.logit(gamma), temperature)
    if gate == "relaxed":
        return relaxed_gate(noise, gamma, slope)
    return straight_through_gate(noise, gamma, slope)
