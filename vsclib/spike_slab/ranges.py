"""What the mathematics is given: probabilities and positive numbers, or an error in one line."""

import torch
from torch import Tensor

from vsclib.errors import ConfigurationError


def require_probability(name: str, value: Tensor) -> None:
    """Raise ConfigurationError unless every value lies in [0, 1]."""
    if torch.compiler.is_compiling() or bool(((value >= 0) & (value <= 1)).all()):
        return
    worst = value.detach().flatten()[~((value >= 0) & (value <= 1)).flatten()][0].item()
    raise ConfigurationError(
        f"{name} = {worst:g} is no probability: every {name} must lie in [0, 1]"
    )


def require_positive(name: str, value: float) -> None:
    """Raise ConfigurationError unless the value is positive."""
    if not value > 0:
        raise ConfigurationError(f"{name} = {value:g} is not allowed: choose {name} > 0")
