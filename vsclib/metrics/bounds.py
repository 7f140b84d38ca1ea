"""The evidence lower bound by hard gates, and a tighter one from many draws."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from vsclib.errors import DataError
from vsclib.metrics.codes import Images, as_floats, batches, device_of, rows, to_device
from vsclib.metrics.inputs import check_counts, sound
from vsclib.models import Code, Model
from vsclib.models.doors import check_generator

MEMORY = 2**25
"""Bytes that draws decoded at once may take, roughly: 32 MB, which caches still help with."""


class Elbo(NamedTuple):
    """An evidence lower bound and its parts, in nats per image.

    Attributes:
        elbo: ``likelihood - kl``.
        likelihood: mean log-likelihood of an image under sampled codes.
        kl: mean KL from posterior to prior, summed over latents; unweighted, whatever beta the
            training used.
        standard_error: of ``elbo``, from its spread over the images.
        paid: the bound with the choice of a prior paid for; None where the prior leaves no choice.
    """

    elbo: float
    likelihood: float
    kl: float
    standard_error: float
    paid: float | None = None


@torch.no_grad()
def elbo(
    model: Model,
    images: Images,
    generator: torch.Generator,
    samples: int = 5,
    code: Code | None = None,
    paid: bool = True,
) -> Elbo | None:
    r"""Evidence lower bound of a set of images.

    .. math:: \mathcal L = \frac1N\sum_i\Bigl[\frac1S\sum_s \log p(x_i\mid z_{is}) -
        \sum_j \mathrm{KL}\bigl(q(z_{ij}\mid x_i)\,\|\,p(z_j)\bigr)\Bigr],
        \qquad z_{is}\sim q(z\mid x_i)

    Spikes are drawn by the hard gate: the soft gates of some trainings leak and flatter the bound
    by nats. The KL is the closed form. Terms that a training adds for sparsity are no part of it
    and are reported beside it.

    A learned prior that is chosen for each image is no prior that codes could be drawn from. There
    ``paid`` takes :math:`p(z) = \frac1K\sum_k q(z\mid x_k)` and the KL from the draws:

    .. math:: \mathcal L_{\text{paid}} = \frac1{NS}\sum_{is}\bigl[\log p(x_i\mid z_{is})
        - \log q(z_{is}\mid x_i) + \log p(z_{is})\bigr] \le \frac1N\sum_i\log p(x_i)

    Args:
        model: any model.
        images: (N, C, H, W), uint8 array or float tensor in [0, 1].
        generator: source of the draws, on the model's device.
        samples: S, draws for each image.
        code: the images' mean codes when they are known already, (N, J).
        paid: take ``paid`` as well, which weighs every draw against every pseudo-input.

    Returns:
        The bound and its parts, nats per image; None for models without one (autoencoder,
        generators).

    Raises:
        ConfigurationError: fewer than one sample, or a generator on another device.
        DataError: no images, or images or codes that do not fit the model.

    Source:
        Kingma & Welling (2014), Eq. 3; Tonolini et al. (2019, ICLR submission), Eq. 9.
    """
    check_counts(samples=samples)
    device = _checked(model, images, generator)
    if not model.has_bound:
        return None
    if code is not None and len(sound(code, model).z) != len(images):
        raise DataError(f"{len(code.z)} codes with {len(images)} images: every image needs its own")
    likelihoods, divergences, ratios = [], [], []
    for part in batches(len(images)):
        x = as_floats(images[part], device)
        divergence = model.kl(
            model.encode(x) if code is None else to_device(rows(code, part), device)
        )
        divergences.append(divergence.sum(1).double())
        draws = [model.sample_code(x, generator) for _ in range(samples)]
        likelihoods.append(
            torch.stack([model.decode(draw.z).log_prob(x).double() for draw in draws]).mean(0)
        )
        if model.chooses_prior and paid:
            ratios += [model.log_ratio(draw).double() for draw in draws]
    likelihood, divergence = torch.cat(likelihoods), torch.cat(divergences)  # (N,), (N,)
    bound = likelihood - divergence  # (N,)
    error = bound.std(correction=1).item() / math.sqrt(len(bound)) if len(bound) > 1 else math.nan
    pays = likelihood.mean().item() - torch.cat(ratios).mean().item() if ratios else None
    return Elbo(
        bound.mean().item(), likelihood.mean().item(), divergence.mean().item(), error, pays
    )


def _checked(model: Model, images: Images, generator: torch.Generator) -> torch.device:
    """The model's device, where the generator fits it and there is an image."""
    device = device_of(model)
    check_generator(generator, device)
    if len(images) == 0:
        raise DataError("0 images have no bound: give at least one, (N, C, H, W)")
    return device


class ImportanceBound(NamedTuple):
    """A bound from K weighed draws an image.

    Attributes:
        bound: mean over the images, nats per image.
        standard_error: of ``bound``, from its spread over the images.
        effective_draws: how many of the K draws count, mean over the images; between 1 and K.
    """

    bound: float
    standard_error: float
    effective_draws: float


@torch.no_grad()
def importance_bound(
    model: Model, images: Images, generator: torch.Generator, draws: int = 50
) -> ImportanceBound | None:
    r"""Importance-weighted bound of a set of images.

    .. math:: \mathcal L_K = \frac1N\sum_i\log\frac1K\sum_{k=1}^K w_{ik}, \qquad
        w_{ik} = \frac{p(x_i\mid z_{ik})\,p(z_{ik})}{q(z_{ik}\mid x_i)},
        \qquad z_{ik}\sim q(z\mid x_i)

    In expectation :math:`\mathcal L_1` is the evidence lower bound, and more draws only raise it,
    towards :math:`\log p(x)`. A spike-and-slab code is drawn by the hard gate, and its density is
    taken for the measure that has a unit mass at zero beside the line: an open latent pays
    :math:`\log\gamma - \log\alpha` and its slab, a closed one :math:`\log(1-\gamma) -
    \log(1-\alpha)`. With a learned prior, p is the plain average of the pseudo-inputs' codes, so
    that the choice of one is paid for and K = 1 gives ``elbo(...).paid``.

    Few effective draws, :math:`(\sum_k w)^2 / \sum_k w^2`, say that one draw decides and that a
    larger K would still move the bound. Each image is encoded once, and its draws are decoded many
    at a time within a fixed memory: 5,000 draws of 1,000 images of MNIST take minutes.

    Args:
        model: any model.
        images: (N, C, H, W), uint8 array or float tensor in [0, 1].
        generator: source of the draws, on the model's device.
        draws: K, at least 1.

    Returns:
        The bound, nats per image; None for models without one (autoencoder, generators).

    Raises:
        ConfigurationError: fewer than one draw, or a generator on another device.
        DataError: no images, or images that do not fit the model.

    Source:
        Burda, Grosse & Salakhutdinov (2016), Eq. 8; for the hard gate, Tonolini et al. (2019, ICLR
        submission), Eq. 4-5.
    """
    check_counts(draws=draws)
    device = _checked(model, images, generator)
    if not model.has_bound:
        return None
    totals, squares = [], []
    for part in batches(len(images)):
        x = as_floats(images[part], device)
        code = model.encode(x)
        for few in batches(len(x), pairs_at_once(model, code)):
            total, square = _weighed(model, x[few], rows(code, few), draws, generator)
            totals.append(total)
            squares.append(square)
    total = torch.cat(totals)  # (N,)
    bound, effective = total - math.log(draws), (2.0 * total - torch.cat(squares)).exp()  # (N,)
    error = bound.std(correction=1).item() / math.sqrt(len(bound)) if len(bound) > 1 else math.nan
    return ImportanceBound(bound.mean().item(), error, effective.mean().item())


def pairs_at_once(model: Model, code: Code) -> int:
    """How many draws to decode at once: what they take stays within :data:`MEMORY`, roughly."""
    priors = 1 if code.weights is None else code.weights.shape[1]
    # A draw is weighed against every pseudo-input, in float64.
    numbers = 8 * math.prod(model.image_shape) + 8 * model.latents * priors
    return max(1, MEMORY // (4 * numbers))


def _weighed(
    model: Model, x: Tensor, code: Code, draws: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Logarithms of the weights' sum and of the sum of their squares, each (B,), float64."""
    total = torch.full((len(x),), -math.inf, dtype=torch.float64, device=x.device)
    squares, at_once = total.clone(), max(1, pairs_at_once(model, code) // len(x))
    for start in range(0, draws, at_once):
        weights = log_weights(model, x, code, min(at_once, draws - start), generator)  # (K, B)
        total = torch.logaddexp(total, weights.logsumexp(0))
        squares = torch.logaddexp(squares, (2.0 * weights).logsumexp(0))
    return total, squares


def log_weights(
    model: Model, x: Tensor, code: Code, draws: int, generator: torch.Generator
) -> Tensor:
    """Log-weights log p(x|z) + log p(z) - log q(z|x) of draws for images (B, C, H, W): (K, B).

    Args:
        model: one with a bound.
        x: the images.
        code: their codes, of ``model.encode``.
        draws: K.
        generator: source of the draws.
    """
    fields = (None if one is None else one.repeat(draws, 1) for one in code)
    drawn = model.draw(Code._make(fields), generator)
    likelihood = model.decode(drawn.z).log_prob(x.repeat(draws, 1, 1, 1))
    return (likelihood.double() - model.log_ratio(drawn).double()).view(draws, len(x))
