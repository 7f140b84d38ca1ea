"""UAI 2019 supplement, A.3, B.2 and D: selection, noise, the warm-up, the prior's sparsity."""

import functools
import itertools
from collections.abc import Iterator

import torch
from torch import Tensor
from torch.distributions import Normal

from vsclib import models
from vsclib.checks import Correction, Verdict, close, correction, fails, quadrature
from vsclib.models.vsc import VSC
from vsclib.schedules import Linear
from vsclib.spike_slab import bernoulli_kl, hard_gate, kl
from vsclib.spike_slab.learned_prior import averaged_kl

SMALL = {"image_shape": (1, 8, 8), "hidden": 8, "latents": 2}
"""A preset's network made small: its schedules do not depend on it."""
INDECISIVE = torch.full((20,), 1 / 20, dtype=torch.float64)


def sharpened(share: Tensor) -> Tensor:
    """Weights of the pseudo-inputs as printed: S(60 (u - 0.5))."""
    return torch.sigmoid(60 * (share - 0.5))


def selection_weights() -> Iterator[Verdict | Correction]:
    """Sharpened shares do not sum to one: twenty equal ones sum to 3.8e-11 and remove the KL."""
    decided = torch.tensor([0.49] + [0.51 / 19] * 19, dtype=torch.float64)
    shares = torch.stack([INDECISIVE, decided])
    unit = functools.partial(close, expected=torch.ones(2), tolerance=1e-12)
    weights = sharpened(shares)
    yield correction(
        "E39, weights sum to one",
        lambda name, form: unit(name, form.sum(1)),
        printed=weights,
        right=weights / weights.sum(1, keepdim=True),
    )
    yield close(
        "E39, sum of twenty equal weights",
        weights[0].sum(),
        3.76e-11,
        tolerance=0.01,
        relative=True,
    )
    yield close("E39, weight of a share of 0.49", weights[1, 0], 0.354, tolerance=0.001)
    yield close(
        "E39, weight of a share of 0.6", sharpened(torch.tensor(0.6)), 0.998, tolerance=0.001
    )


def weighted_divergence() -> Iterator[Verdict]:
    """The weighted sum is the KL to the chosen pseudo-input if the selector is sure, else small."""
    yield from _averaged_by_quadrature()
    divergences = torch.linspace(1.0, 20.0, 20, dtype=torch.float64)
    sure = torch.zeros(20, dtype=torch.float64)
    sure[4] = 1.0
    weigh = functools.partial(close, tolerance=1e-9)
    yield weigh(
        "section A.3, a sure selector", (sharpened(sure) * divergences).sum(), divergences[4]
    )
    mean = divergences.mean()
    yield fails(
        weigh, "E39, an indecisive selector", (sharpened(INDECISIVE) * divergences).sum(), mean
    )


def _averaged_by_quadrature() -> Iterator[Verdict]:
    """The library's average over three pseudo-inputs, each KL by quadrature of its definition."""
    weights = torch.tensor([[0.5, 0.3, 0.2]], dtype=torch.float64)
    q = [torch.tensor([[value]], dtype=torch.float64) for value in (0.4, 0.6, -0.8)]
    table = [[0.1, 0.5, 0.8], [-0.5, 0.2, 1.0], [0.3, -0.4, 0.1]]
    priors = [torch.tensor(values, dtype=torch.float64)[:, None] for values in table]
    gamma, slab = q[0].squeeze(), Normal(q[1].squeeze(), (0.5 * q[2]).exp().squeeze())
    chances, slabs = priors[0][:, 0], Normal(priors[1][:, 0], (0.5 * priors[2][:, 0]).exp())
    at_zero = (1 - gamma) * ((1 - gamma) / (1 - chances)).log() @ weights[0]

    def along_the_slabs(value: Tensor) -> Tensor:
        ratio = gamma.log() + slab.log_prob(value) - chances.log() - slabs.log_prob(value)
        return gamma * slab.log_prob(value).exp() * (ratio @ weights[0])

    def averages(name: str, found: Tensor) -> Verdict:
        return quadrature(name, along_the_slabs, (-12.0, 12.0), found.squeeze() - at_zero)

    found = torch.stack(averaged_kl(weights, (q[0], q[1], q[2]), (priors[0], priors[1], priors[2])))
    yield averages("section A.3, averaged_kl", found.sum(0))
    yield fails(averages, "section A.3, 0.1 % too much", 1.001 * found.sum(0))
    mean = [weights @ values for values in priors]
    yield fails(averages, "section A.3, KL to the averaged parameters", kl(*q, *mean))


def relu_before_the_unit_sum() -> Iterator[Verdict]:
    """A ReLU may leave nothing to divide by; the released code's sigmoid leaves something."""
    outputs = torch.tensor([[-0.3, -1.2, -0.1], [0.4, -1.2, 0.9]], dtype=torch.float64)
    unit = functools.partial(close, expected=torch.ones(2), tolerance=1e-12)
    by_relu, by_sigmoid = torch.relu(outputs), torch.sigmoid(outputs)
    yield unit("E40, sigmoid", (by_sigmoid / by_sigmoid.sum(1, keepdim=True)).sum(1))
    yield fails(
        unit,
        "E40, ReLU with all outputs below zero",
        (by_relu / by_relu.sum(1, keepdim=True)).sum(1),
    )


def noise_has_no_image() -> Iterator[Correction]:
    """Gamma belongs to the image i, the noise to the draw l: a gate by the draw mixes images up."""
    noise = ((torch.arange(400, dtype=torch.float64) + 0.5) / 400).repeat(2, 1)
    chances = torch.tensor([0.2, 0.7], dtype=torch.float64)
    of_image, of_draw = chances[:, None].expand(2, 400), chances.repeat(200).expand(2, 400)
    yield correction(
        "E41, share of draws with w = 1 for each image",
        lambda name, chance: close(
            name, hard_gate(noise, chance).mean(1), chances, tolerance=1e-12
        ),
        printed=of_draw,
        right=of_image,
    )


def warm_up_of_lambda() -> Iterator[Verdict]:
    """The preset's lambda is 0 for 15,000 iterations, rises over 5,000, and stays 1 for 50,000."""
    preset = models.preset("uai_2019")
    steps_in_all = preset.training["steps"]
    model = models.create("vsc_uai", **{**preset.options, **SMALL})
    assert isinstance(model, VSC)
    model.plan(steps_in_all, 1)
    lam = model.warm_up
    steps = [0, 15_000, 16_250, 17_500, 20_000, 69_999]
    check = functools.partial(close, expected=[0.0, 0.0, 0.25, 0.5, 1.0, 1.0], tolerance=1e-12)
    yield check("section D.1, lambda", [lam(step) for step in steps])
    early = Linear(start=0.0, end=1.0, begin=15_000 - 5_000, until=15_000)
    yield fails(check, "section D.1, rising within the 15,000", [early(step) for step in steps])
    after = functools.partial(close, expected=50_000, tolerance=0.0)
    yield after(
        "section D.1, iterations after it", sum(lam(step) == 1.0 for step in range(steps_in_all))
    )
    yield fails(
        after, "section D.1, 50,000 in all", sum(lam(step) == 1.0 for step in range(50_000))
    )


def sparsity_term() -> Iterator[Verdict]:
    """J KL(mean gamma || alpha) is the KL between J coins each, summed over all 2^J outcomes."""
    units, alpha = 4, 0.01
    shares = torch.tensor([0.003, 0.01, 0.2], dtype=torch.float64)
    outcomes = torch.tensor(list(itertools.product([0.0, 1.0], repeat=units)), dtype=torch.float64)

    def chance(share: Tensor) -> Tensor:
        return (outcomes * share + (1 - outcomes) * (1 - share)).prod(1)

    prior = chance(torch.tensor(alpha, dtype=torch.float64))
    expected = torch.stack(
        [(chance(share) * (chance(share) / prior).log()).sum() for share in shares]
    )
    check = functools.partial(close, expected=expected, tolerance=1e-12)
    yield check("section D.3, J KL(mean gamma || alpha)", units * bernoulli_kl(shares, alpha))
    turned = units * bernoulli_kl(torch.full((3,), alpha, dtype=torch.float64), shares)
    yield fails(check, "section D.3, alpha and gamma exchanged", turned)
    yield fails(check, "section D.3, without J", bernoulli_kl(shares, alpha))
