"""How an encoder's output becomes gamma, and how a gradient gets back to it: what VSC's options of
the gate stand for.
"""

from typing import Literal

import torch
from torch import Tensor

from vsclib import spike_slab
from vsclib.schedules import Linear

GammaForm = Literal["sigmoid", "relu"]
GateName = Literal["straight_through", "relaxed", "concrete"]

SMALLEST_GAMMA = 1e-6
BIAS: dict[GammaForm, float] = {"sigmoid": -2.0, "relu": 0.0}
"""Bias of gamma's head that suits a form."""
SUITED: dict[GammaForm, GateName] = {"sigmoid": "straight_through", "relu": "relaxed"}
"""The gate that suits a form."""


def probability(v: Tensor, form: GammaForm) -> Tensor:
    """Gamma, inside (0, 1), of the encoder's output v, both (B, J)."""
    gamma = torch.sigmoid(v) if form == "sigmoid" else (-torch.relu(-v)).exp()
    # At 0 and 1 exactly a gate has no way back: the clamp keeps both ends open, as the released
    # code does.
    return gamma.clamp(SMALLEST_GAMMA, 1.0 - SMALLEST_GAMMA)


def slopes(gate: GateName, start: float | None, end: float | None, steps: int) -> Linear:
    """The gate's slope c over a training of so many steps; None takes an end that suits the gate."""
    first, last = (10.0, 10.0) if gate == "straight_through" else (50.0, 200.0)
    return Linear(start or first, end or last, until=max(steps - 1, 0))


def training_gate(
    gate: GateName, noise: Tensor, gamma: Tensor, slope: float, temperature: float
) -> Tensor:
    """The gate (B, J) of a training, with a gradient in gamma; noise is uniform in [0, 1)."""
    if gate == "concrete":
        return spike_slab.concrete_gate(noise, torch.logit(gamma), temperature)
    if gate == "relaxed":
        return spike_slab.relaxed_gate(noise, gamma, slope)
    return spike_slab.straight_through_gate(noise, gamma, slope)
