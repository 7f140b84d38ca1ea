"""Li & Han (2022), Eq. 2 to 6 and 8: the generator, its likelihood, inference and learning.

A generator of one latent and one pixel, G(z) = theta z, is solved in closed form: x is again a
mixture of two Gaussians.
"""

import math
from collections.abc import Iterator

import sympy as sp
import torch
from scipy import stats
from torch import Tensor

from ledger.checks.mixture_by_definition import (
    ALLOWED,
    DENSITY,
    LOG_DENSITY,
    PAPER,
    SCORE,
    alpha,
    draw,
    gaussian,
    sigma1,
    sigma2,
    z,
)
from vsclib.checks import (
    Correction,
    Verdict,
    close,
    correction,
    fails,
    integral,
    limit,
    monte_carlo,
    symbolic,
)
from vsclib.inference import follow_gradient
from vsclib.spike_slab import mixture_score

x, theta = sp.symbols("x theta", real=True)
noise, s = sp.symbols("sigma_x s", positive=True)

LIKELIHOOD = gaussian(noise).subs(z, x - theta * z)
MARGINAL = sum(
    weight * gaussian(sp.sqrt(theta**2 * sigma**2 + noise**2)).subs(z, x)
    for weight, sigma in ((alpha, sigma1), (1 - alpha, sigma2))
)
"""p(x), from the rule that variances of independent Gaussians add up."""

EVERYWHERE = (-sp.oo, sp.oo)


def equation_2() -> Iterator[Verdict]:
    """An image drawn by the model is Gaussian about G(z), with sigma as its pixels' deviation."""
    sigma, mean, sizes = (
        0.3,
        torch.tensor([0.2, 0.7], dtype=torch.float64),
        torch.tensor([-0.3, 0.1, 0.5]),
    )

    def frequencies(name: str, spread: float) -> Verdict:
        def below(count: int, generator: torch.Generator) -> Tensor:
            images = mean + sigma * torch.randn(count, 2, generator=generator, dtype=torch.float64)
            return (images[:, :, None] < mean[:, None] + sizes).flatten(1)

        return monte_carlo(
            name, below, stats.norm(scale=spread).cdf(sizes.repeat(2)), draws=100_000
        )

    yield frequencies("Eq. 2, p(x | z)", sigma)
    yield fails(frequencies, "Eq. 2 with sigma as a variance", math.sqrt(sigma))


def equation_3() -> Iterator[Correction]:
    """Every pixel and every latent adds its own logarithm: the normaliser counts D times."""
    pixels, sigma = 784, 0.3
    generator = torch.Generator().manual_seed(0)
    image, mean = torch.rand(2, pixels, generator=generator, dtype=torch.float64)
    codes, _ = draw(200, generator)
    weight, wide, narrow = PAPER[alpha], PAPER[sigma1], PAPER[sigma2]
    prior = stats.norm(scale=wide).pdf(codes) * weight + stats.norm(scale=narrow).pdf(codes) * (
        1 - weight
    )
    log_prior = torch.from_numpy(prior).log().sum()
    log_joint = stats.norm(mean, sigma).logpdf(image).sum() + log_prior
    error = (image - mean).square().sum() / (2 * sigma**2)
    one = -math.log(math.sqrt(2 * math.pi) * sigma)
    yield correction(
        "E10, Eq. 3",
        lambda name, normaliser: close(
            name, -error + log_prior + normaliser, log_joint, tolerance=1e-9
        ),
        printed=one,
        right=pixels * one,
    )
    yield correction(
        "E10, the normaliser of 784 pixels",
        lambda name, normaliser: close(name, normaliser, 223.5, tolerance=0.05),
        printed=one,
        right=pixels * one,
    )


def equation_4() -> Iterator[Verdict]:
    """Integrated over the code, the joint density is the image's; noise adds to its variance."""
    joint = LIKELIHOOD * DENSITY
    yield integral("Eq. 4", joint, z, EVERYWHERE, MARGINAL, *ALLOWED, points=2, by_sympy=False)
    noiseless = MARGINAL.subs(noise, 0)
    yield fails(
        integral,
        "Eq. 4 without noise",
        joint,
        z,
        EVERYWHERE,
        noiseless,
        *ALLOWED,
        points=2,
        by_sympy=False,
    )


def equation_5() -> Iterator[Verdict]:
    """The log-likelihood's gradient is the mean of the joint's under the posterior of the code."""
    inner = sp.diff(sp.log(LIKELIHOOD), theta)

    def gradient(name: str, weight: sp.Expr) -> Verdict:
        target = sp.diff(sp.log(MARGINAL), theta)
        return integral(
            name, inner * weight, z, EVERYWHERE, target, *ALLOWED, points=1, by_sympy=False
        )

    yield gradient("Eq. 5", LIKELIHOOD * DENSITY / MARGINAL)
    yield fails(gradient, "Eq. 5 with the mean under the prior", DENSITY)


def equation_6() -> Iterator[Verdict]:
    """A step climbs the log-posterior by s^2 / 2; as s vanishes its noise has the right spread."""
    penalty = (x - theta * z) ** 2 / (2 * noise**2) - LOG_DENSITY
    # p(x) does not hold z: the posterior's score is that of the joint density.
    climb = sp.diff(sp.log(LIKELIHOOD), z) + SCORE
    yield symbolic("Eq. 6, gradient", -sp.diff(penalty, z), climb, *ALLOWED)
    yield fails(
        symbolic, "Eq. 6 with the sign of the prior turned", climb - 2 * SCORE, climb, *ALLOWED
    )

    def small_steps(name: str, rate: sp.Expr) -> Verdict:
        return symbolic(name, sp.limit(_stationary_variance(rate), s, 0), sp.Integer(1))

    yield small_steps("Eq. 6, variance where the target has 1", s**2 / 2)
    yield fails(small_steps, "Eq. 6 with s^2 for s^2 / 2", s**2)
    yield _library_takes_the_step()


def steps_without_end() -> Iterator[Correction | Verdict]:
    """A finite step leaves a bias, a variance of 1 / (1 - s^2 / 4), which goes with the step."""
    yield correction(
        "E32, variance after endless steps",
        lambda name, variance: symbolic(name, variance, _stationary_variance(s**2 / 2), s < 1),
        printed=sp.Integer(1),
        right=1 / (1 - s**2 / 4),
    )

    def walked(count: int, generator: torch.Generator) -> Tensor:
        """Squares of codes after sixty steps of size 1 on a standard normal posterior."""
        code = torch.randn(count, generator=generator, dtype=torch.float64)
        for _ in range(60):
            code = code - code / 2 + torch.randn(count, generator=generator, dtype=torch.float64)
        return code**2

    yield correction(
        "E32, variance after sixty steps with s = 1",
        lambda name, variance: monte_carlo(name, walked, variance, draws=50_000),
        printed=1.0,
        right=4 / 3,
    )
    bias = _stationary_variance(s**2 / 2) - 1
    yield limit("E32, the bias of ever smaller steps", bias, s, 0, 0, side="+")
    yield fails(limit, "E32, a bias that stays", bias / s**2, s, 0, 0, side="+")


def steps_without_noise() -> Iterator[Verdict]:
    """Without noise the steps end at the posterior's mode from any start; they draw nothing."""
    image, slope, sigma = 0.8, 1.5, 0.3
    start = torch.tensor([[-2.0], [0.0], [3.0]], dtype=torch.float64)
    ends = follow_gradient(
        lambda code: -((image - slope * code).square().sum(1)) / (2 * sigma**2),
        lambda code: mixture_score(code, 1.0),
        start,
        steps=500,
        step_size=0.1,
    )
    mode = slope * image / (slope**2 + sigma**2)
    yield close("after Eq. 6, without noise", ends, mode * torch.ones_like(start), tolerance=1e-9)
    yield fails(
        close, "after Eq. 6, as draws", ends.std(), sigma / math.hypot(slope, sigma), tolerance=1e-3
    )


def equation_8() -> Iterator[Verdict]:
    """Descent on the mean negative log-likelihood is the printed step; a turned sign walks away."""
    images = torch.tensor([-1.2, 0.3, 0.9, 2.0], dtype=torch.float64)
    rate, start, sigma = 0.05, 1.4, 0.5
    weights = torch.tensor([PAPER[alpha], 1 - PAPER[alpha]], dtype=torch.float64)
    widths = torch.tensor([PAPER[sigma1], PAPER[sigma2]], dtype=torch.float64)

    parameter = torch.tensor(start, dtype=torch.float64, requires_grad=True)
    spread = (parameter**2 * widths**2 + sigma**2).sqrt()
    density = torch.distributions.Normal(0.0, spread).log_prob(images[:, None]).exp() @ weights
    optimiser = torch.optim.SGD([parameter], lr=rate)
    (-density.log().mean()).backward()
    optimiser.step()

    codes = torch.linspace(-8, 8, 160_001, dtype=torch.float64)
    prior = torch.distributions.Normal(0.0, widths).log_prob(codes[:, None]).exp() @ weights
    joint = torch.distributions.Normal(start * codes, sigma).log_prob(images[:, None]).exp() * prior
    slope = (images[:, None] - start * codes) * codes / sigma**2
    expected = ((joint * slope).sum(1) / joint.sum(1)).mean()

    yield close("Eq. 8", start + rate * expected, parameter, tolerance=1e-9)
    yield fails(
        close, "Eq. 8 with the sign turned", start - rate * expected, parameter, tolerance=1e-9
    )


def _stationary_variance(rate: sp.Expr) -> sp.Expr:
    """Variance v that a step z - rate z + s noise leaves as it is: v = (1 - rate)^2 v + s^2."""
    v = sp.Symbol("v", positive=True)
    return sp.simplify(sp.solve(sp.Eq(v, (1 - rate) ** 2 * v + s**2), v)[0])


def _library_takes_the_step() -> Verdict:
    image, slope, sigma, size = 0.8, 1.5, 0.3, 0.1
    start = torch.linspace(-2, 2, 9, dtype=torch.float64)[:, None]
    found = follow_gradient(
        lambda code: -((image - slope * code).square().sum(1)) / (2 * sigma**2),
        lambda code: mixture_score(code, PAPER[alpha]),
        start,
        steps=1,
        step_size=size,
    )
    setting = {**PAPER, x: image, theta: slope, noise: sigma}
    climb = sp.lambdify(z, sp.diff(sp.log(LIKELIHOOD * DENSITY), z).subs(setting), "numpy")
    expected = start + size**2 / 2 * torch.from_numpy(climb(start.numpy()))
    return close("Eq. 6, library", found, expected, tolerance=1e-9)
