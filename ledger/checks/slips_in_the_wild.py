"""Slips that were found or reported in public code, and for each the test that catches it.

Every slip is restated in a line or two of our own; no code is copied. A test takes a form and is
written so that it can be put to anyone's: the chapter on formula slips does.
"""

import functools
from collections.abc import Callable, Iterator

import numpy as np
import torch
from scipy import stats
from torch import Tensor
from torch.distributions import (
    Categorical,
    Independent,
    Laplace,
    MixtureSameFamily,
    Normal,
    kl_divergence,
)

from vsclib import schedules, spike_slab
from vsclib.checks import Verdict, close, fails, finite_differences, monte_carlo, quadrature
from vsclib.spike_slab.total_correlation import Estimator, split_kl

# A data set of six images and what an encoder says about each, for the tests that need q(z).
IMAGES, LATENTS = 6, 3
_SEEDED = torch.Generator().manual_seed(0)
MU = torch.randn(IMAGES, LATENTS, generator=_SEEDED, dtype=torch.float64)  # (N, J)
SIGMA = 0.3 + torch.rand(IMAGES, LATENTS, generator=_SEEDED, dtype=torch.float64)  # (N, J)
MEAN_KL = kl_divergence(Normal(MU, SIGMA), Normal(0.0, 1.0)).sum(1).mean()
"""KL of the six images' codes to N(0, 1), their mean, as torch has it."""


# ---------------------------------------------------------------------------------------- the tests


def whole_set_gives_the_density(
    name: str, log_density: Callable[[Tensor, Tensor], Tensor], latents: int = LATENTS
) -> Verdict:
    """An estimate of log q(z) from a batch is exact once the batch is the whole data set.

    Args:
        name: what is checked.
        log_density: takes log q(z_j | x_n), shaped (B, N, J), and the log-weight of each image,
            (N,); gives (B,).
        latents: how many of the latents to look at.
    """
    mu, sigma = MU[:, :latents], SIGMA[:, :latents]
    log_q = Normal(mu, sigma).log_prob(mu[:, None])  # (B, N, J), at the means of q
    log_weight = torch.full((IMAGES,), 1 / IMAGES, dtype=torch.float64).log()
    images = Categorical(log_weight.exp())
    mixture = MixtureSameFamily(images, Independent(Normal(mu, sigma), 1))
    return close(name, log_density(log_q, log_weight), mixture.log_prob(mu), tolerance=1e-10)


def opens_with_probability_gamma(name: str, gate: Callable[[Tensor, Tensor], Tensor]) -> Verdict:
    """A gate lies above one half as often as gamma says.

    Args:
        name: what is checked.
        gate: takes noise and gamma, each (B, J), and gives (B, J) between 0 and 1.
    """
    gamma = torch.tensor([0.1, 0.5, 0.9], dtype=torch.float64)

    def opened(count: int, generator: torch.Generator) -> Tensor:
        noise = torch.rand(count, 3, generator=generator, dtype=torch.float64)
        return (gate(noise, gamma.expand(count, 3)) > 0.5).double()

    return monte_carlo(name, opened, gamma, 100_000)


def integrates_to_one(
    name: str, log_density: Callable[[Tensor, Tensor, Tensor], Tensor]
) -> Verdict:
    """A log-density is one of a density: its exponential integrates to 1.

    Args:
        name: what is checked.
        log_density: takes z, the locations (K,) and the logarithms of the scales (K,); gives (K,).
    """
    location = torch.tensor([0.3, -1.0, 0.0], dtype=torch.float64)
    log_scale = torch.tensor([0.2, 1.7, 0.5], dtype=torch.float64).log()
    breaks = (-1.0, 0.0, 0.3)
    return quadrature(
        name,
        lambda z: log_density(z, location, log_scale).exp(),
        (-60.0, 60.0),
        torch.ones(3),
        breaks=breaks,
    )


def reaches_both_ends(
    name: str, schedule: Callable[[int], float], begin: int = 0, until: int = 100
) -> Verdict:
    """A warm-up is 0 before it begins and 1 once it is over.

    Args:
        name: what is checked.
        schedule: from a step to a value.
        begin: last step before the warm-up.
        until: first step after it.
    """
    ends = [schedule(begin), schedule(until), schedule(10 * until)]
    return close(name, ends, [0.0, 1.0, 1.0], tolerance=1e-12)


def agrees_with_draws(name: str, kl: Callable[[Tensor, Tensor], Tensor]) -> Verdict:
    """The KL of a code to N(0, 1) is the mean of log q(z) - log p(z) over draws from q.

    Args:
        name: what is checked.
        kl: takes mu and sigma, each (N, J); gives (N,) nats.
    """
    q, p = Normal(MU, SIGMA), Normal(0.0, 1.0)

    def log_ratio(count: int, generator: torch.Generator) -> Tensor:
        z = MU + SIGMA * torch.randn(count, *MU.shape, generator=generator, dtype=torch.float64)
        return (q.log_prob(z) - p.log_prob(z)).sum(-1)  # (n, N)

    return monte_carlo(name, log_ratio, kl(MU, SIGMA), 10_000)


def beta_weighs_the_kl(name: str, loss: Callable[[Tensor], Tensor]) -> Verdict:
    """A loss grows with beta, at the rate of the KL.

    Args:
        name: what is checked.
        loss: from beta to the loss of the six images, each (...,).
    """
    return finite_differences(
        name, loss, lambda beta: MEAN_KL.expand(beta.shape), at=[0.5, 1.0, 4.0]
    )


def terms_give_the_kl(
    name: str, total_correlation: Callable[[Tensor, Tensor, Tensor], Tensor]
) -> Verdict:
    """The mean of a total correlation is what the KL leaves beside its two other parts.

    Index-code information and the latents' own KL come by quadrature over two latents, from SciPy's
    densities; so does the total correlation once more.

    Args:
        name: what is checked.
        total_correlation: takes log q(z), (n,), the sum of log q(z_j), (n,), and sigma of the
            image, (n, J); gives (n,).
    """

    def term(count: int, generator: torch.Generator) -> Tensor:
        image, z = _two_latents(count, generator)
        return total_correlation(*aggregate(z), SIGMA[image, :2])

    whole, *parts = _by_quadrature()
    return monte_carlo(name, term, whole - parts[0] - parts[2], 100_000, half_width=0.02)


def _two_latents(count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Images drawn at random, (n,), and two latents of the code of each, (n, 2)."""
    image = torch.randint(IMAGES, (count,), generator=generator)
    noise = torch.randn(count, 2, generator=generator, dtype=torch.float64)
    return image, MU[image, :2] + SIGMA[image, :2] * noise


@functools.cache
def _by_quadrature() -> tuple[float, ...]:
    """KL of two latents to N(0, 1), and its three parts: information, total correlation, own KL."""
    place = np.linspace(-9.0, 9.0, 721)
    mean, deviation = MU[:, :2].numpy(), SIGMA[:, :2].numpy()
    each = stats.norm(mean[:, :, None], deviation[:, :, None]).pdf(place)  # (N, 2, Z)
    together = np.einsum("na,nb->ab", each[:, 0], each[:, 1]) / IMAGES
    latents = each.mean(0)  # (2, Z)
    cell = (place[1] - place[0]) ** 2
    tiny = 1e-300  # where a density underflows it counts as 0 log 0
    entropy = -cell * (together * np.log(together + tiny)).sum()
    entropies = -(place[1] - place[0]) * (latents * np.log(latents + tiny)).sum(1)
    of_an_image = stats.norm(mean, deviation).entropy().sum(1).mean()
    second = (mean**2 + deviation**2).mean(0)
    cross = (np.log(2 * np.pi) / 2 + second / 2).sum()
    parts = entropy - of_an_image, entropies.sum() - entropy, cross - entropies.sum()
    return float(cross - of_an_image), *map(float, parts)


def caught(
    name: str, test: Callable[..., Verdict], *, slip: object, right: object
) -> Iterator[Verdict]:
    """A test passes on the right form and fails on the slip."""
    yield test(name, right)
    yield fails(test, f"{name}, with the slip", slip)


def aggregate(z: Tensor) -> tuple[Tensor, Tensor]:
    """Log q(z) of the six images, and the sum over latents of log q(z_j), each (n,), for (n, J)."""
    equal = Categorical(torch.full((IMAGES,), 1 / IMAGES, dtype=torch.float64))
    latents = z.shape[1]
    mu, sigma = MU[:, :latents], SIGMA[:, :latents]
    together = MixtureSameFamily(equal, Independent(Normal(mu, sigma), 1))
    per_latent = MixtureSameFamily(
        Categorical(torch.full((latents, IMAGES), 1 / IMAGES, dtype=torch.float64)),
        Normal(mu.T, sigma.T),
    )
    return together.log_prob(z), per_latent.log_prob(z).sum(1)


# ---------------------------------------------------------------------- slips found by reading code


def weight_on_every_latent() -> Iterator[Verdict]:
    """The weight of an image, added to each latent before their sum, counts J times in log q(z)."""
    yield from caught(
        "weight of an image in log q(z)",
        whole_set_gives_the_density,
        slip=lambda log_q, log_weight: (log_q + log_weight[:, None]).sum(2).logsumexp(1),
        right=lambda log_q, log_weight: (log_q.sum(2) + log_weight).logsumexp(1),
    )


def log_gamma_for_a_logit() -> Iterator[Verdict]:
    """A concrete gate that is handed log gamma opens with probability gamma / (1 + gamma)."""
    yield from caught(
        "share of open gates",
        opens_with_probability_gamma,
        slip=lambda noise, gamma: spike_slab.concrete_gate(noise, gamma.log(), temperature=0.1),
        right=lambda noise, gamma: spike_slab.concrete_gate(noise, gamma.logit(), temperature=0.1),
    )


def half_the_log_scale() -> Iterator[Verdict]:
    """A Laplace density whose normaliser holds half the log-scale integrates to sqrt(scale)."""
    yield from caught(
        "area under a Laplace density",
        integrates_to_one,
        slip=lambda z, location, log_scale: _laplace(z, location, log_scale) + log_scale / 2,
        right=_laplace,
    )


def warm_up_without_its_end() -> Iterator[Verdict]:
    """A step of 1/100 taken strictly between the first and the last step is taken 99 times."""
    yield from caught(
        "ends of a warm-up",
        reaches_both_ends,
        slip=lambda step: sum(1 / 100 for earlier in range(step + 1) if 0 < earlier < 100),
        right=schedules.Linear(start=0.0, end=1.0, begin=0, until=100),
    )


# ------------------------------------------------------------------------- slips reported in public


def sign_of_the_logged_kl() -> Iterator[Verdict]:
    """A value that is logged as the KL is the KL, and not its negative."""
    yield from caught(
        "KL as logged",
        agrees_with_draws,
        slip=lambda mu, sigma: -_kl(mu, sigma),
        right=_kl,
    )


def mean_for_sum() -> Iterator[Verdict]:
    """Averaged over latents, the KL is J times too small."""
    yield from caught(
        "KL, all latents together",
        agrees_with_draws,
        slip=lambda mu, sigma: spike_slab.gaussian_kl(mu, 2 * sigma.log()).mean(-1),
        right=_kl,
    )


def factor_two_of_log_sigma() -> Iterator[Verdict]:
    """Log sigma^2 is twice log sigma: a reported slip that is none; its proposal is one."""
    yield from caught(
        "2 log sigma in the KL",
        agrees_with_draws,
        slip=lambda mu, sigma: 0.5 * (mu**2 + sigma**2 - sigma.log() - 1).sum(-1),
        right=lambda mu, sigma: 0.5 * (mu**2 + sigma**2 - 2 * sigma.log() - 1).sum(-1),
    )


def beta_without_effect() -> Iterator[Verdict]:
    """A beta that is stored and never used leaves the loss as it is."""
    reconstruction, kl = 80.0, _kl(MU, SIGMA).mean()
    yield from caught(
        "beta in the loss",
        beta_weighs_the_kl,
        slip=lambda beta: reconstruction + kl + 0 * beta,
        right=lambda beta: reconstruction + beta * kl,
    )


def total_correlation_by_name_only() -> Iterator[Verdict]:
    """Three terms that split the KL add up to it; one that is a variance penalty does not."""
    yield from caught(
        "three terms of the KL",
        terms_give_the_kl,
        slip=lambda log_q, log_q_latents, sigma: (sigma**2 - 1 - 2 * sigma.log()).mean(1),
        right=lambda log_q, log_q_latents, sigma: log_q - log_q_latents,
    )
    yield fails(
        terms_give_the_kl,
        "three terms of the KL, densities that are 5 % off in their logarithms",
        lambda log_q, log_q_latents, sigma: log_q - 1.05 * log_q_latents,
    )
    yield from _library_s_split()


def _library_s_split() -> Iterator[Verdict]:
    """The library's three parts, all six images in every batch, against those by quadrature."""
    mu, logvar = MU[:, :2], 2 * SIGMA[:, :2].log()

    def parts(name: str, estimator: Estimator) -> Verdict:
        def draws(count: int, generator: torch.Generator) -> Tensor:
            noise = torch.randn(count, *mu.shape, generator=generator, dtype=torch.float64)
            found = [split_kl(z, mu, logvar, IMAGES, estimator) for z in mu + noise * SIGMA[:, :2]]
            return torch.stack([torch.stack(one).mean(1) for one in found])  # (n, 3)

        return monte_carlo(name, draws, torch.tensor(_by_quadrature()[1:]), 1_500)

    yield parts("split_kl: information, total correlation, own KL", "stratified")
    yield fails(parts, "split_kl with the minibatch weight, the same", "weighted")


def _laplace(z: Tensor, location: Tensor, log_scale: Tensor) -> Tensor:
    return Laplace(location, log_scale.exp()).log_prob(z)


def _kl(mu: Tensor, sigma: Tensor) -> Tensor:
    return spike_slab.gaussian_kl(mu, 2 * sigma.log()).sum(-1)
