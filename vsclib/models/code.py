"""A batch of codes, and the one line that says which field a family's codes do not have."""

from typing import NamedTuple

from torch import Tensor

from vsclib.errors import ConfigurationError


class Code(NamedTuple):
    """A batch of codes. Only ``z`` and ``active`` are always there.

    Attributes:
        z: (B, J), what the decoder gets.
        active: (B, J) bool, which latents are on.
        mu: (B, J), mean of the slab; None where the family has no slab.
        logvar: (B, J), log-variance of the slab; None where the family has no slab.
        gamma: (B, J), probability that a latent is on; None where the family has no gates.
        weights: (B, K), of the pseudo-inputs in the prior of each image; None with a fixed prior.
    """

    z: Tensor
    active: Tensor
    mu: Tensor | None = None
    logvar: Tensor | None = None
    gamma: Tensor | None = None
    weights: Tensor | None = None

    @property
    def slab(self) -> tuple[Tensor, Tensor]:
        """``mu`` and ``logvar``; a ConfigurationError where the family has no slab."""
        return _present(self.mu, "mu"), _present(self.logvar, "logvar")

    @property
    def spike(self) -> Tensor:
        """``gamma``; a ConfigurationError where the family has no gates."""
        return _present(self.gamma, "gamma")

    @property
    def spike_and_slab(self) -> tuple[Tensor, Tensor, Tensor]:
        """``gamma``, ``mu`` and ``logvar``; a ConfigurationError where one of them is absent."""
        return self.spike, *self.slab

    @property
    def choice(self) -> Tensor:
        """``weights``; a ConfigurationError where the prior is fixed."""
        return _present(self.weights, "weights")


def _present(field: Tensor | None, name: str) -> Tensor:
    if field is None:
        raise ConfigurationError(
            f"{name} = None: this model's codes have no {name}; choose a family that has it, "
            "or look at code.z and code.active"
        )
    return field
