"""Encoders, decoders, and the likelihood of an image given a decoder's output.

Shapes: batch B, latents J, image (C, H, W) with D = C * H * W pixels.
"""

import math
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vsclib.errors import ConfigurationError
from vsclib.own_networks import factory, make_own, register

__all__ = [
    "SMALLEST_VARIANCE",
    "Bernoulli",
    "ContinuousBernoulli",
    "Decoder",
    "Encoder",
    "Gaussian",
    "Likelihood",
    "LikelihoodName",
    "Network",
    "continuous_bernoulli_mean",
    "continuous_bernoulli_normaliser",
    "factory",
    "quartered",
    "register",
]

Network = Literal["mlp", "conv", "conv3"]
LikelihoodName = Literal[
    "bernoulli", "continuous_bernoulli", "gaussian", "gaussian_learned", "gaussian_real"
]

SMALLEST_VARIANCE = 1e-6


class Bernoulli(NamedTuple):
    r"""A Bernoulli variable for every pixel.

    .. math:: \log p(x|z) = \sum_d x_d\log\pi_d + (1-x_d)\log(1-\pi_d)

    For grey pixels between 0 and 1 this is the cross-entropy that the field reports, not the
    logarithm of a density (erratum E86): draw the pixels, see :func:`vsclib.data.binarised`, or
    take :class:`ContinuousBernoulli`.

    Attributes:
        logits: (B, C, H, W), the log-odds of each pixel.
    """

    logits: Tensor

    @property
    def mean(self) -> Tensor:
        """Mean image, (B, C, H, W) in [0, 1]."""
        return torch.sigmoid(self.logits)

    def log_prob(self, x: Tensor) -> Tensor:
        """Log-likelihood of images (B, C, H, W): (B,), nats per image."""
        costs = F.binary_cross_entropy_with_logits(self.logits, x, reduction="none")
        return -costs.flatten(1).sum(1)  # (B,)


CLOSE_TO_EVEN = 0.1
"""Below this log-odds, series stand in for differences of large numbers; they err by 1e-13."""


class ContinuousBernoulli(NamedTuple):
    r"""A density on [0, 1] for every pixel: the Bernoulli's form with its normaliser.

    .. math:: \log p(x|z) = \sum_d x_d\log\lambda_d + (1-x_d)\log(1-\lambda_d) + \log C(\lambda_d),
        \qquad C(\lambda) = \frac{2\,\mathrm{artanh}(1-2\lambda)}{1-2\lambda}
        = \frac{l}{\tanh(l/2)}

    with :math:`l` the log-odds of :math:`\lambda`, and C = 2 at :math:`\lambda = 1/2`. The mean is
    not :math:`\lambda` but nearer to one half; ``mean`` gives the mean, which is the image shown.

    Attributes:
        logits: (B, C, H, W), the log-odds l of the parameter :math:`\lambda` of each pixel.

    Source:
        Loaiza-Ganem & Cunningham (2019), The continuous Bernoulli.
    """

    logits: Tensor

    @property
    def mean(self) -> Tensor:
        """Mean image, (B, C, H, W) in [0, 1]."""
        return continuous_bernoulli_mean(self.logits)

    def log_prob(self, x: Tensor) -> Tensor:
        """Log-density of images (B, C, H, W) in [0, 1]: (B,), nats per image."""
        costs = F.binary_cross_entropy_with_logits(self.logits, x, reduction="none")
        return (continuous_bernoulli_normaliser(self.logits) - costs).flatten(1).sum(1)  # (B,)


def continuous_bernoulli_normaliser(logits: Tensor) -> Tensor:
    """log C of the continuous Bernoulli at log-odds of any shape, stable at 0 and far from it."""
    squares, size = logits.square(), logits.abs()
    close = size < CLOSE_TO_EVEN
    # What where() leaves out must be finite, too, or its gradient is not.
    far = torch.where(close, torch.ones_like(size), size)
    exact = far.log() - torch.log(-torch.expm1(-far)) + torch.log1p((-far).exp())
    near = torch.where(close, squares, torch.zeros_like(size))
    series = math.log(2.0) + near * (1 / 12 - near * (7 / 1440 - near * 31 / 90720))
    return torch.where(close, series, exact)


def continuous_bernoulli_mean(logits: Tensor) -> Tensor:
    r"""Mean of the continuous Bernoulli, :math:`1 / (1 - e^{-l}) - 1 / l`, at log-odds l."""
    close = logits.abs() < CLOSE_TO_EVEN
    far = torch.where(close, torch.ones_like(logits), logits)
    exact = 0.5 + 0.5 / torch.tanh(0.5 * far) - 1.0 / far
    near = torch.where(close, logits, torch.zeros_like(logits))
    squares = near.square()
    series = 0.5 + near * (1 / 12 - squares * (1 / 720 - squares / 30240))
    return torch.where(close, series, exact)


class Gaussian(NamedTuple):
    r"""A Gaussian variable for every pixel.

    .. math:: \log p(x|z) = -\sum_d \frac{(x_d-m_d)^2}{2\sigma_d^2} + \log(\sqrt{2\pi}\sigma_d)

    The normaliser counts once per pixel; Li & Han's Eq. 3 prints it once per image (erratum E10).

    Attributes:
        mean: (B, C, H, W), the mean image; of any range for real-valued data, else in [0, 1].
        logvar: log-variance, shaped like ``mean`` or a single number.
    """

    mean: Tensor
    logvar: Tensor

    def log_prob(self, x: Tensor) -> Tensor:
        """Log-density of images (B, C, H, W): (B,), nats per image."""
        squares, constant = (x - self.mean).square(), math.log(2.0 * math.pi)
        if self.logvar.dim() == 0:
            # Generators evaluate this thirty times per update: keep the variance out of the pixels.
            sums = squares.flatten(1).sum(1) * (-self.logvar).exp()  # (B,)
            return -0.5 * (sums + x[0].numel() * (self.logvar + constant))  # (B,)
        terms = squares * (-self.logvar).exp() + self.logvar + constant
        return -0.5 * terms.flatten(1).sum(1)  # (B,)


Likelihood = Bernoulli | ContinuousBernoulli | Gaussian


class Encoder(nn.Module):
    """From an image to ``heads`` vectors of J numbers (mean, log-variance, log-odds, ...).

    Args:
        image_shape: (C, H, W).
        latents: J.
        heads: number of vectors.
        network: ``mlp`` (hidden layers of ReLU units), ``conv`` (two strided convolutions before
            them) or ``conv3`` (the course report's: narrower, with a third convolution over the
            whole remaining image that gives 64 numbers).
        hidden: units per hidden layer.
        hidden_layers: number of hidden layers; with 0, ``mlp`` is linear.
        own: name of a factory for what stands in front of the heads, see
            :func:`~vsclib.own_networks.register`.

    Raises:
        ConfigurationError: a convolutional network whose image sides are not multiples of 4; an own
            network that is unknown or of another shape.
    """

    layers: nn.Module

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        latents: int,
        heads: int,
        network: Network = "mlp",
        hidden: int = 400,
        hidden_layers: int = 1,
        own: str | None = None,
    ) -> None:
        super().__init__()
        self.heads = heads
        if own:
            self.layers = make_own("encoder", own, (image_shape, hidden), (hidden,))
            self.head = nn.Linear(hidden, heads * latents)
            return
        if network == "conv":
            channels, height, width = quartered(image_shape, network)
            layers: list[nn.Module] = [
                nn.Conv2d(channels, 32, kernel_size=4, stride=2, padding=1),
                nn.ReLU(),
                nn.Conv2d(32, 64, kernel_size=4, stride=2, padding=1),
                nn.ReLU(),
                nn.Flatten(),
            ]
            size = 64 * height * width
        elif network == "conv3":
            channels, *rest = quartered(image_shape, network)
            layers = [
                nn.Conv2d(channels, 16, kernel_size=3, stride=2, padding=1),
                nn.ReLU(),
                nn.Conv2d(16, 32, kernel_size=3, stride=2, padding=1),
                nn.ReLU(),
                nn.Conv2d(32, 64, kernel_size=(rest[0], rest[1])),
                nn.Flatten(),
            ]
            size = 64
        else:
            layers, size = [nn.Flatten()], math.prod(image_shape)
        size = _add_hidden(layers, size, hidden, hidden_layers)
        self.layers = nn.Sequential(*layers)
        self.head = nn.Linear(size, heads * latents)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Images (B, C, H, W) to ``heads`` tensors (B, J)."""
        return self.head(self.layers(x)).chunk(self.heads, dim=1)


class Decoder(nn.Module):
    """From a code to the likelihood of an image.

    The mean image is the sigmoid of the first C channels of the output of ``layers``; with
    ``gaussian_real`` it is the output itself, with ``continuous_bernoulli`` the mean of
    :class:`ContinuousBernoulli`.

    Args:
        image_shape: (C, H, W).
        latents: J.
        likelihood: ``bernoulli``, ``continuous_bernoulli`` (a density of grey pixels),
            ``gaussian`` (one fixed ``sigma``), ``gaussian_learned`` (a
            log-variance for each pixel, with a variance of at least 1e-6) or ``gaussian_real`` (one
            fixed ``sigma`` about a mean of any size, for real-valued data).
        sigma: standard deviation of the fixed Gaussian likelihoods.
        network, hidden, hidden_layers: as for :class:`Encoder`.
        own: name of a factory that makes the whole decoder.

    Raises:
        ConfigurationError: a convolutional network whose image sides are not multiples of 4; an own
            network that is unknown or of another shape.
    """

    layers: nn.Module
    logvar: Tensor

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        latents: int,
        likelihood: LikelihoodName = "bernoulli",
        sigma: float = 0.3,
        network: Network = "mlp",
        hidden: int = 400,
        hidden_layers: int = 1,
        own: str | None = None,
    ) -> None:
        super().__init__()
        self.image_shape = tuple(image_shape)
        self.likelihood = likelihood
        self.register_buffer("logvar", torch.tensor(2.0 * math.log(sigma)), persistent=False)
        channels = image_shape[0] * (2 if likelihood == "gaussian_learned" else 1)
        if own:
            shape = (channels, *image_shape[1:])
            self.layers = make_own("decoder", own, (latents, shape), shape)
            return
        layers: list[nn.Module] = []
        size = _add_hidden(layers, latents, hidden, hidden_layers)
        if network == "conv":
            _, height, width = quartered(image_shape, network)
            layers += [
                nn.Linear(size, 64 * height * width),
                nn.ReLU(),
                nn.Unflatten(1, (64, height, width)),
                nn.ConvTranspose2d(64, 32, kernel_size=4, stride=2, padding=1),
                nn.ReLU(),
                nn.ConvTranspose2d(32, channels, kernel_size=4, stride=2, padding=1),
            ]
        elif network == "conv3":
            _, *rest = quartered(image_shape, network)
            double: Any = {"kernel_size": 3, "stride": 2, "padding": 1, "output_padding": 1}
            layers += [
                nn.Linear(size, 64),
                nn.Unflatten(1, (64, 1, 1)),
                nn.ConvTranspose2d(64, 32, kernel_size=(rest[0], rest[1])),
                nn.ReLU(),
                nn.ConvTranspose2d(32, 16, **double),
                nn.ReLU(),
                nn.ConvTranspose2d(16, channels, **double),
            ]
        else:
            layers.append(nn.Linear(size, channels * image_shape[1] * image_shape[2]))
        self.layers = nn.Sequential(*layers)

    def forward(self, z: Tensor) -> Likelihood:
        """Codes (B, J) to the likelihood of images (B, C, H, W)."""
        outputs = self.layers(z).reshape(
            z.shape[0], -1, *self.image_shape[1:]
        )  # (B, C or 2C, H, W)
        if self.likelihood == "bernoulli":
            return Bernoulli(outputs)
        if self.likelihood == "continuous_bernoulli":
            return ContinuousBernoulli(outputs)
        if self.likelihood == "gaussian":
            return Gaussian(torch.sigmoid(outputs), self.logvar)
        if self.likelihood == "gaussian_real":
            return Gaussian(outputs, self.logvar)
        mean, logvar = outputs.chunk(2, dim=1)
        return Gaussian(torch.sigmoid(mean), (logvar.exp() + SMALLEST_VARIANCE).log())


def _add_hidden(layers: list[nn.Module], size: int, hidden: int, count: int) -> int:
    """Append hidden layers; the value is the size of the last one."""
    for _ in range(count):
        layers += [nn.Linear(size, hidden), nn.ReLU()]
        size = hidden
    return size


def quartered(image_shape: tuple[int, int, int], network: Network) -> tuple[int, int, int]:
    """Channels, and a quarter of an image's height and width.

    Raises:
        ConfigurationError: the sides are not multiples of 4.
    """
    channels, height, width = image_shape
    if height % 4 or width % 4:
        raise ConfigurationError(
            f"network = {network!r} halves an image twice, but {height} x {width} pixels cannot "
            "be: choose sides that are multiples of 4, or network = 'mlp'"
        )
    return channels, height // 4, width // 4
