"""The options that every model shares."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field
from torch import nn

from vsclib.configuration import Count, Positive, configuration
from vsclib.networks import LikelihoodName, Network


def _named(value: Any) -> Any:
    """A name; what it should name is refused with the way to name it."""
    if isinstance(value, nn.Module) or callable(value):
        raise ValueError(
            "is no name: call vsclib.networks.register('mine', factory), where factory makes the "
            "network, and give 'mine'"
        )
    return value


NetworkName = Annotated[str, BeforeValidator(_named)]
"""The name of a registered factory, or an import path."""
MOST_CHANNELS = 4


@configuration
class ModelConfig:
    """The options that every model shares."""

    image_shape: tuple[Count, Count, Count] = (1, 28, 28)
    """Channels, height and width of an image."""
    latents: Count = 200
    """J, the number of latents."""
    network: Network = "mlp"
    """Kind of network, of encoder and decoder alike."""
    hidden: Count = 400
    """Units of a hidden layer."""
    hidden_layers: Annotated[int, Field(ge=0, le=8)] = 1
    """Hidden layers of the encoder and of the decoder; without any an ``mlp`` is linear."""
    likelihood: LikelihoodName = "bernoulli"
    """What the decoder's outputs stand for; ``gaussian_real`` takes real-valued data."""
    sigma: Positive = 0.3
    """Standard deviation of a pixel under ``gaussian`` and ``gaussian_real``."""
    encoder: NetworkName | None = None
    """A network of one's own: its registered name, or ``package.module:factory``."""
    decoder: NetworkName | None = None
    """The same for the decoder; see :func:`vsclib.own_networks.register`."""

    def idle(self) -> dict[str, str]:
        """Options that change nothing or surely not what is meant: why, after name and value."""
        found = {}
        channels, height, width = self.image_shape
        if min(channels, height) > MOST_CHANNELS >= width:
            found["image_shape"] = (
                f"means {channels} channels of {height} x {width} pixels: if the channels come "
                f"last, choose image_shape = {(width, channels, height)} and move their axis"
            )
        if not self.likelihood.startswith("gaussian") or self.likelihood == "gaussian_learned":
            found["sigma"] = f"has no effect with likelihood = {self.likelihood!r}"
        if self.encoder and self.decoder:
            both = "has no effect: encoder and decoder are your own"
            found |= {"network": both, "hidden_layers": both}
        return found
