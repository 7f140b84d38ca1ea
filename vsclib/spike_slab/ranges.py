"""Checks of arguments: probabilities and positive numbers."""

import torch
from torch import Tensor

from vsclib.errors import ConfigurationError


def require_probability(name: str, value: Tensor) -> None:
    """Raise ConfigurationError unless every value lies in [0, 1]."""
    if torch.compiler.is_compiling():
        return
    inside = (value >= 0) & (value <= 1)
    if not bool(inside.all()):
        worst = value.detach()[~inside][0].item()
        found = f"{name} = {worst:g} is no probability"
        raise ConfigurationError(f"{found}: every {name} must lie in [0, 1]")


def require_positive(name: str, value: float) -> None:
    """Raise ConfigurationError unless the value is positive."""
    if not value > 0:
        raise ConfigurationError(f"{name} = {value:g} is not allowed: choose {name} > 0")
