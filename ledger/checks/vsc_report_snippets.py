"""The course report: what its three snippets compute, and what its text asks for."""

import math
import re
from collections.abc import Callable, Iterator
from typing import Any

import sympy as sp
import torch
from torch import Tensor

from vsclib import spike_slab
from vsclib.checks import (
    Correction,
    Verdict,
    close,
    correction,
    fails,
    finite_differences,
    integral,
    monte_carlo,
)

lam, sigma = sp.symbols("lambda sigma", positive=True)

# -------------------------------------------------------------------- the VAE's draw, section 3.0.2

MU, LOGVAR = (torch.tensor(values, dtype=torch.float64) for values in ([0.7, -1.0], [-1.5, 0.8]))


def vae_draw() -> Iterator[Verdict]:
    """Mean and second moment of the draw are those of N(mu, sigma^2)."""

    def second_moment(name: str, factor: float) -> Verdict:
        def squares(count: int, generator: torch.Generator) -> Tensor:
            noise = torch.randn(count, 2, generator=generator, dtype=torch.float64)
            return (MU + noise * (factor * LOGVAR).exp()) ** 2  # (n, 2)

        return monte_carlo(name, squares, MU**2 + LOGVAR.exp(), 300_000)

    yield second_moment("section 3.0.2, half the log-variance", 0.5)
    yield fails(second_moment, "section 3.0.2, all of the log-variance", 1.0)


# ------------------------------------------------------------- the spike-and-slab draw, section 4.2


def spike_and_slab_draw() -> Iterator[Correction | Verdict]:
    """An unset name, a standard deviation mixed in place of a variance, a draw without gradient."""
    yield from name_that_is_never_set()
    yield from variance_of_the_mixed_slab()
    yield from gradient_through_the_spike()


def name_that_is_never_set() -> Iterator[Correction]:
    """Assigned under one name and read under another: the first call stops."""

    def unset(name: str, assigned: str) -> Verdict:
        try:
            _slab_of_the_snippet(assigned, 0.5, torch.zeros(2), torch.zeros(2), torch.zeros(2))
        except NameError as error:
            return close(name, len(re.findall("'lam'", str(error))), 0, tolerance=0)
        return close(name, 0, 0, tolerance=0)

    yield correction(
        "E66, names that the snippet reads but never sets", unset, printed="lamb", right="lam"
    )


def _slab_of_the_snippet(
    assigned: str, share: float, mu: Tensor, logvar: Tensor, eps: Tensor
) -> Tensor:
    """The slab of the snippet, run as it stands but for the noise and the name of its factor."""
    lines = f"{assigned} = share\nstd = torch.exp(0.5 * logvar)\n"
    lines += "slab = lam * mu + eps * (lam * std + (1 - lam))"
    names: dict[str, Any] = {"torch": torch, "share": share, "mu": mu, "logvar": logvar, "eps": eps}
    exec(lines, names)
    return names["slab"]


def variance_of_the_mixed_slab() -> Iterator[Correction | Verdict]:
    """Section 4.3.2 mixes variances, the snippet deviations: its slab is too narrow on the way."""
    z = sp.Symbol("z", real=True)
    variance = lam * sigma**2 + 1 - lam
    density = sp.exp(-(z**2) / (2 * variance)) / sp.sqrt(2 * sp.pi * variance)
    yield correction(
        "E67, second moment of the density in section 4.3.2, mu = 0",
        lambda name, form: integral(
            name, z**2 * density, z, (-sp.oo, sp.oo), form, lam < 1, by_sympy=False
        ),
        printed=(lam * sigma + 1 - lam) ** 2,
        right=variance,
    )
    mean, logvar = torch.tensor(0.7).double(), torch.tensor(math.log(0.01)).double()

    def by_the_snippet(eps: Tensor) -> Tensor:
        return _slab_of_the_snippet("lam", 0.5, mean, logvar, eps)

    def by_the_library(eps: Tensor) -> Tensor:
        centre, mixed = spike_slab.warm_up(mean, logvar, 0.5)
        return centre + eps * (0.5 * mixed).exp()

    def spread(name: str, slab: Callable[[Tensor], Tensor]) -> Verdict:
        def squares(count: int, generator: torch.Generator) -> Tensor:
            eps = torch.randn(count, generator=generator, dtype=torch.float64)
            return (slab(eps) - 0.35) ** 2

        return monte_carlo(name, squares, 0.5 * 0.01 + 0.5, 100_000)

    yield correction(
        "E67, draws at lambda = 0.5, sigma = 0.1",
        spread,
        printed=by_the_snippet,
        right=by_the_library,
    )
    shares = torch.tensor([0.25, 0.5, 0.75], dtype=torch.float64)
    by_variance = spike_slab.warm_up(
        torch.zeros(3).double(), torch.full((3,), math.log(0.01)).double(), shares
    )[1].exp()
    yield close(
        "E67, sigma = 0.1: variances as defined",
        by_variance,
        [0.7525, 0.5050, 0.2575],
        tolerance=1e-6,
    )
    by_deviation = (shares * 0.1 + 1 - shares) ** 2
    yield close(
        "E67, sigma = 0.1: variances of the snippet",
        by_deviation,
        [0.6006, 0.3025, 0.1056],
        tolerance=1e-4,
    )


def gradient_through_the_spike() -> Iterator[Correction]:
    """The gradient in gamma of a latent that matters is f(1) - f(0); a bare draw gives 0."""

    def mean_gradient(name: str, gate: Callable[[Tensor], Tensor]) -> Verdict:
        gamma = torch.full((200_000,), 0.5, dtype=torch.float64, requires_grad=True)
        error = (1.5 * gate(gamma) - 1) ** 2
        found = torch.autograd.grad(error.sum(), gamma)[0].mean()
        return close(name, found, 0.5**2 - 1.0**2, tolerance=0.01)

    noise = (torch.arange(200_000, dtype=torch.float64) + 0.5) / 200_000
    seeded = torch.Generator().manual_seed(0)
    yield correction(
        "E68, gradient in gamma",
        mean_gradient,
        printed=lambda gamma: torch.bernoulli(gamma, generator=seeded),
        right=lambda gamma: spike_slab.relaxed_gate(noise, gamma, slope=100.0),
    )


# ----------------------------------------------------------------- the sparsity term, section 4.3.1

ALPHA = 0.01


def coin_kl(p: Tensor, q: Tensor | float) -> Tensor:
    """KL between two coins, by its definition: a sum over both outcomes."""
    p, q = torch.as_tensor(p, dtype=torch.float64), torch.as_tensor(q, dtype=torch.float64)
    return torch.distributions.kl_divergence(
        torch.distributions.Bernoulli(p), torch.distributions.Bernoulli(q)
    )


def cross_entropy(gamma: Tensor) -> Tensor:
    """Mean over latents of the cross entropy of each gamma with the target alpha."""
    return -(ALPHA * gamma.log() + (1 - ALPHA) * torch.log1p(-gamma)).mean()


def sparsity_term() -> Iterator[Correction | Verdict]:
    """Another direction, latent by latent, with a floor, a mean for a sum: four departures."""
    yield from _direction_of_the_kl()
    yield from _mean_before_or_after()
    yield from _floor_of_the_cross_entropy()
    yield from _weight_of_the_term()


def _direction_of_the_kl() -> Iterator[Correction | Verdict]:
    """Less its floor, the cross entropy is the reversed KL: 0.071 for 0.144, and 2.22 for 3.82."""
    chances = torch.tensor([0.1, 0.9], dtype=torch.float64)
    less_floor = torch.stack([cross_entropy(chance[None]) for chance in chances]) - _entropy(ALPHA)
    yield correction(
        "E69, direction",
        lambda name, form: close(name, form, coin_kl(chances, ALPHA), tolerance=1e-9),
        printed=less_floor,
        right=spike_slab.bernoulli_kl(chances, ALPHA),
    )
    yield close(
        "E69, the snippet at gamma = 0.1 and 0.9", less_floor, [0.071, 2.225], tolerance=5e-4
    )
    yield close(
        "E69, the objective there", coin_kl(chances, ALPHA), [0.1445, 3.8206], tolerance=5e-4
    )


def _mean_before_or_after() -> Iterator[Correction | Verdict]:
    """One latent of a hundred always on: free for the mean gamma, not latent by latent."""
    gammas = torch.full((100,), 1e-6, dtype=torch.float64)
    gammas[0] = 1 - 1e-6
    yield correction(
        "E69, one latent of a hundred on",
        lambda name, cost: close(name, cost, 0.0, tolerance=1e-6),
        printed=cross_entropy(gammas),
        right=coin_kl(gammas.mean(), ALPHA),
    )
    above_floor = cross_entropy(gammas) - _entropy(ALPHA)
    yield close("E69, what it costs latent by latent", above_floor, 0.218, tolerance=5e-4)


def _floor_of_the_cross_entropy() -> Iterator[Correction | Verdict]:
    """On target the term is the entropy of alpha, and not 0."""
    on_target = torch.full((100,), ALPHA, dtype=torch.float64)
    yield correction(
        "E69, on target",
        lambda name, cost: close(name, cost, 0.0, tolerance=1e-9),
        printed=cross_entropy(on_target),
        right=coin_kl(on_target.mean(), ALPHA),
    )
    yield close("E69, the floor", cross_entropy(on_target), 0.0560, tolerance=5e-5)


def _weight_of_the_term() -> Iterator[Verdict]:
    """All gammas raised together: the objective has the slope of J coins, a mean that of one."""
    latents = 60

    def slope(name: str, count: int) -> Verdict:
        return finite_differences(
            name,
            lambda gamma: latents * coin_kl(gamma, ALPHA),
            lambda gamma: count * (torch.logit(gamma) - math.log(ALPHA / (1 - ALPHA))),
            at=[0.05, 0.3],
            tolerance=1e-6,
        )

    yield slope("E69, slope of J times the KL", latents)
    yield fails(slope, "E69, slope of a mean", 1)


def _entropy(alpha: float) -> float:
    return -alpha * math.log(alpha) - (1 - alpha) * math.log(1 - alpha)
