"""UAI 2019 supplement, section C: the whole KL against its definition, in three ways."""

import functools
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from ledger.checks.spike_and_slab_by_definition import torch_log_normal
from vsclib.checks import Verdict, fails, monte_carlo, quadrature
from vsclib.spike_slab import bernoulli_kl, gaussian_kl, kl


class Pair(NamedTuple):
    """Parameters of two spike-and-slabs, q and p, each shaped (sets,)."""

    gamma: Tensor
    mean: Tensor
    deviation: Tensor
    gamma_p: Tensor
    mean_p: Tensor
    deviation_p: Tensor

    def divergence(self) -> Tensor:
        """What the library computes."""
        logvars = 2 * self.deviation.log(), 2 * self.deviation_p.log()
        return kl(self.gamma, self.mean, logvars[0], self.gamma_p, self.mean_p, logvars[1])

    def log_ratio(self, value: Tensor) -> Tensor:
        """log q / p where neither has a point mass."""
        q = self.gamma.log() + torch_log_normal(value, self.mean, self.deviation)
        return q - self.gamma_p.log() - torch_log_normal(value, self.mean_p, self.deviation_p)

    def log_ratio_at_zero(self) -> Tensor:
        """log q / p of the two point masses."""
        return torch.log1p(-self.gamma) - torch.log1p(-self.gamma_p)


def pairs(sets: int = 20, seed: int = 7) -> Pair:
    """Parameter sets: gamma from rare to nearly certain, slabs from narrow to wide."""
    generator = torch.Generator().manual_seed(seed)
    share = torch.rand(6, sets, generator=generator, dtype=torch.float64)
    chances = 0.01 + 0.98 * share[:2]
    means = 4 * share[2:4] - 2
    deviations = (2.5 * share[4:] - 1.5).exp()
    return Pair(chances[0], means[0], deviations[0], chances[1], means[1], deviations[1])


def divergence_by_drawing() -> Iterator[Verdict]:
    """Mean of log q / p over a million draws from q, for twenty parameter sets at once.

    Densities are taken against a point mass at zero plus length: 1 - gamma at zero, gamma times the
    Gaussian elsewhere.
    """
    sets = pairs()

    def draws(count: int, generator: torch.Generator) -> Tensor:
        shape = (count, len(sets.gamma))
        on = torch.rand(shape, generator=generator, dtype=torch.float64) < sets.gamma
        value = sets.mean + sets.deviation * torch.randn(
            shape, generator=generator, dtype=torch.float64
        )
        return torch.where(on, sets.log_ratio(value), sets.log_ratio_at_zero())

    yield monte_carlo("section C, kl", draws, sets.divergence(), draws=1_000_000)
    wrong = gaussian_kl(
        sets.mean, 2 * sets.deviation.log(), sets.mean_p, 2 * sets.deviation_p.log()
    )
    wrong = wrong + bernoulli_kl(sets.gamma, sets.gamma_p)
    yield fails(monte_carlo, "section C, slab not weighed by gamma", draws, wrong, draws=50_000)


def divergence_by_quadrature() -> Iterator[Verdict]:
    """The same by quadrature in float64 along the slab, in units of its deviation."""
    sets = pairs()
    at_zero = (1 - sets.gamma) * sets.log_ratio_at_zero()

    def along_the_slab(step: Tensor) -> Tensor:
        density = (-(step**2) / 2).exp() / (2 * torch.pi) ** 0.5
        return sets.gamma * density * sets.log_ratio(sets.mean + sets.deviation * step)

    check = functools.partial(
        quadrature, function=along_the_slab, limits=(-15.0, 15.0), tolerance=1e-8
    )
    yield check("section C, kl", expected=sets.divergence() - at_zero)
    yield fails(check, "section C, the coin's off part missing", expected=sets.divergence())
    # The printed form: gamma before the logarithm alone, deviations where variances belong.
    printed = sets.gamma * (sets.deviation_p / sets.deviation).log() - 0.5
    printed = printed + (sets.deviation + (sets.mean - sets.mean_p) ** 2) / (2 * sets.deviation_p)
    printed = printed + bernoulli_kl(sets.gamma, sets.gamma_p)
    yield fails(check, "E35, as printed", expected=printed - at_zero)


def divergence_with_a_narrow_spike() -> Iterator[Verdict]:
    """A Gaussian of deviation 1e-7 for the point mass: the KL of two mixtures is the same."""
    sets = pairs(6)
    spike, none = torch.tensor(1e-7, dtype=torch.float64), torch.zeros((), dtype=torch.float64)

    def mixture(value: Tensor, chance: Tensor, mean: Tensor, deviation: Tensor) -> Tensor:
        slab = chance.log() + torch_log_normal(value, mean, deviation)
        return torch.logaddexp(slab, torch.log1p(-chance) + torch_log_normal(value, none, spike))

    def integrand(value: Tensor) -> Tensor:
        q = mixture(value, sets.gamma, sets.mean, sets.deviation)
        return q.exp() * (q - mixture(value, sets.gamma_p, sets.mean_p, sets.deviation_p))

    edges = tuple(s * k * 1e-7 for s in (-1, 1) for k in (3, 12, 1e3, 1e5))
    check = functools.partial(
        quadrature, function=integrand, limits=(-40.0, 40.0), tolerance=1e-5, breaks=edges
    )
    yield check("section C, spike of deviation 1e-7", expected=sets.divergence())
    slabs_only = sets.divergence() - (1 - sets.gamma) * sets.log_ratio_at_zero()
    yield fails(check, "section C, the spike left out", expected=slabs_only)
