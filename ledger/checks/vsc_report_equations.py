"""The course report: its equations and numbers; its snippets stand in ``vsc_report_snippets``."""

import functools
from collections.abc import Callable, Iterator

import sympy as sp
import torch
from torch import Tensor

from vsclib import data, models, spike_slab
from vsclib.checks import (
    Correction,
    Verdict,
    catches,
    close,
    correction,
    fails,
    implements,
    integral,
    limit,
    monte_carlo,
    symbolic,
)
from vsclib.models.vsc import VSC

x, z, m, a, eps = sp.symbols("x z m a varepsilon", real=True)
s, v = sp.symbols("s v", positive=True)
beta = sp.Symbol("beta", nonnegative=True)
lam = sp.Symbol("lambda", positive=True)
mu = sp.Symbol("mu", real=True)
sigma = sp.Symbol("sigma", positive=True)


def log_gaussian(value: sp.Expr, mean: sp.Expr, variance: sp.Expr) -> sp.Expr:
    """Log-density of a Gaussian."""
    return -((value - mean) ** 2) / (2 * variance) - sp.log(2 * sp.pi * variance) / 2


def expected(expression: sp.Expr) -> sp.Expr:
    """Mean of a polynomial in z under q = N(m, v^2): the noise's odd powers vanish."""
    powers = sp.Poly(sp.expand(expression.subs(z, m + v * eps)), eps)
    return sum(c * {0: 1, 1: 0, 2: 1}[power] for (power,), c in powers.terms())


# A model in which everything is known: one latent z ~ N(0, 1), one pixel x ~ N(a z, s^2), an
# encoder q = N(m, v^2). Marginal and posterior are what completing the square gives.
LIKELIHOOD = log_gaussian(x, a * z, s**2)
PRIOR = log_gaussian(z, sp.Integer(0), sp.Integer(1))
ENCODER = log_gaussian(z, m, v**2)
EVIDENCE = log_gaussian(x, sp.Integer(0), a**2 + s**2)
POSTERIOR = log_gaussian(z, a * x / (a**2 + s**2), s**2 / (a**2 + s**2))
KL = expected(ENCODER - PRIOR)


def autoencoder_loss() -> Iterator[Verdict]:
    """The squared error is a negative Gaussian log-likelihood of variance 1/2, plus a constant."""
    reconstruction = sp.Symbol("r", real=True)
    slope = -sp.diff(log_gaussian(x, reconstruction, sp.Rational(1, 2)), reconstruction)
    yield catches(
        "section 2.1, squared error",
        lambda name, loss: symbolic(name, sp.diff(loss, reconstruction), slope),
        (x - reconstruction) ** 2,
    )


def marginal_likelihood() -> Iterator[Verdict]:
    """The integral of likelihood times prior, where it is known: a linear decoder."""
    joint = sp.exp(log_gaussian(x, z, sp.Rational(1, 4))) * sp.exp(PRIOR)
    point = {x: sp.Rational(7, 10)}
    yield catches(
        "section 3.0.1, marginal likelihood",
        lambda name, variance: integral(
            name,
            joint.subs(point),
            z,
            (-sp.oo, sp.oo),
            sp.exp(log_gaussian(x, sp.Integer(0), variance)).subs({**point, s: sp.Rational(1, 2)}),
            by_sympy=False,
        ),
        1 + s**2,
    )


def elbo() -> Iterator[Verdict]:
    """The bound lies below the evidence by the KL from the encoder to the true posterior."""
    gap = expected(ENCODER - POSTERIOR)

    def bound(name: str, weight: int) -> Verdict:
        return symbolic(name, EVIDENCE - (expected(LIKELIHOOD) + weight * KL), gap)

    yield bound("section 3.0.2, evidence minus ELBO is a KL", -1)
    yield fails(bound, "section 3.0.2, with plus KL", 1)


def beta_vae() -> Iterator[Verdict | Correction]:
    """At beta = 1 the ELBO; at beta = 0 an autoencoder only once its noise is gone."""
    objective = expected(LIKELIHOOD) - beta * KL
    gap = expected(ENCODER - POSTERIOR)

    def is_elbo(name: str, weight: int) -> Verdict:
        return symbolic(name, EVIDENCE - objective.subs(beta, weight), gap)

    yield is_elbo("section 3.0.3, beta = 1 is the ELBO", 1)
    yield fails(is_elbo, "section 3.0.3, beta = 2 as the ELBO", 2)
    deterministic = LIKELIHOOD.subs(z, m)
    yield correction(
        "E76, beta = 0",
        lambda name, price_of_noise: symbolic(
            name, objective.subs(beta, 0), deterministic - price_of_noise
        ),
        printed=sp.Integer(0),
        right=a**2 * v**2 / (2 * s**2),
    )
    yield limit(
        "E76, an autoencoder as its noise goes",
        objective.subs(beta, 0),
        v,
        0,
        deterministic,
        side="+",
    )


GAMMA, MU, SIGMA = (
    torch.tensor(values, dtype=torch.float64) for values in ([0.2, 0.7], [1.5, -0.4], [0.3, 1.4])
)


def draw_code(count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Codes from q for two latents, and whether each is on: first a coin, then a value."""
    on = torch.rand(count, 2, generator=generator, dtype=torch.float64) < GAMMA
    value = torch.normal(MU.expand(count, 2), SIGMA.expand(count, 2), generator=generator)
    return torch.where(on, value, 0.0), on  # (n, 2), (n, 2)


def recognition_model() -> Iterator[Verdict | Correction]:
    """Moments of the spike-and-slab; sigma is a deviation, where the text says variance."""

    def second_moment(name: str, form: Callable[[Tensor, Tensor], Tensor]) -> Verdict:
        return monte_carlo(
            name, lambda n, g: draw_code(n, g)[0] ** 2, GAMMA * form(MU, SIGMA), 300_000
        )

    yield monte_carlo("section 4.2, mean", lambda n, g: draw_code(n, g)[0], GAMMA * MU, 300_000)
    yield monte_carlo(
        "section 4.2, mass off zero", lambda n, g: draw_code(n, g)[1].double(), GAMMA, 300_000
    )
    yield correction(
        "E84, second moment",
        second_moment,
        printed=lambda mean, variance: mean**2 + variance,
        right=lambda mean, deviation: mean**2 + deviation**2,
    )


# The slabs of an image and of the pseudo-input that stands for its prior.
CHANCE, CENTRE, LOGVAR = (torch.tensor([value], dtype=torch.float64) for value in (0.6, 0.8, -1.2))
CHANCE_U, CENTRE_U, LOGVAR_U = (
    torch.tensor([value], dtype=torch.float64) for value in (0.15, -0.3, 0.4)
)


def draw_log_ratio(count: int, generator: torch.Generator) -> Tensor:
    """Draws of log q(z) - log p_s(z) under q: densities' ratios off zero, masses' at zero."""
    q = torch.distributions.Normal(CENTRE, (0.5 * LOGVAR).exp())
    p = torch.distributions.Normal(CENTRE_U, (0.5 * LOGVAR_U).exp())
    on = torch.rand(count, 1, generator=generator, dtype=torch.float64) < CHANCE
    value = CENTRE + q.stddev * torch.randn(count, 1, generator=generator, dtype=torch.float64)
    if_on = (CHANCE / CHANCE_U).log() + q.log_prob(value) - p.log_prob(value)
    return torch.where(on, if_on, ((1 - CHANCE) / (1 - CHANCE_U)).log())  # (n, 1)


def kl_to_pseudo_input() -> Iterator[Verdict | Correction]:
    """The KL's closed form; the repository charges for a value whether it is on or not."""
    slab = spike_slab.gaussian_kl(CENTRE, LOGVAR, CENTRE_U, LOGVAR_U)
    coin = spike_slab.bernoulli_kl(CHANCE, CHANCE_U)
    yield correction(
        "E70, KL to the pseudo-input",
        lambda name, form: monte_carlo(name, draw_log_ratio, form, 400_000),
        printed=slab + coin,
        right=CHANCE * slab + coin,
    )
    yield close(
        "section 4.3.1, an image that equals its pseudo-input",
        spike_slab.kl(CHANCE, CENTRE, LOGVAR, CHANCE, CENTRE, LOGVAR),
        0.0,
        tolerance=1e-12,
    )


def sparsity_term_counts_for_every_image() -> Iterator[Correction]:
    """A data set that holds every image twice asks for the same model: the same objective."""
    images, bound, penalty = sp.symbols("N L P", positive=True)

    def unchanged(name: str, objective: sp.Expr) -> Verdict:
        return symbolic(name, objective.subs(images, 2 * images) / (2 * images), objective / images)

    yield correction(
        "E71, every image twice",
        unchanged,
        printed=images * bound - penalty,
        right=images * (bound - penalty),
    )


def share_of_latents_that_are_off() -> Iterator[Correction]:
    """With alpha = 0.01, 99 % of the latents are off."""
    chance = torch.tensor(0.01, dtype=torch.float64)

    def off(count: int, generator: torch.Generator) -> Tensor:
        noise = torch.rand(count, generator=generator, dtype=torch.float64)
        return 1 - spike_slab.hard_gate(noise, chance)

    yield correction(
        "E72, share of latents off",
        lambda name, share: monte_carlo(name, off, share, 200_000, half_width=0.001),
        printed=0.90,
        right=0.99,
    )


def warm_up() -> Iterator[Verdict | Correction]:
    """The interpolated slab sums two independent draws; at lambda = 0 an open gate gives noise."""
    yield from _mixed_slab_by_drawing()
    arguments = {"mu": mu, "logvar": 2 * sp.log(sigma), "lam": lam}
    interpolated = lam * sigma**2 + 1 - lam
    yield implements(
        "section 4.3.2, mean", lambda **given: _mixed(**given)[0], lam * mu, arguments, lam < 1
    )
    yield implements(
        "section 4.3.2, variance",
        lambda **given: _mixed(**given)[1],
        interpolated,
        arguments,
        lam < 1,
    )
    yield correction(
        "E75, variance of an open latent at lambda = 0",
        lambda name, variance: monte_carlo(
            name, lambda n, g: _open_value(n, g, 0.0) ** 2, variance, 200_000
        ),
        printed=0.0,
        right=1.0,
    )
    yield monte_carlo(
        "E75, what mu says about the value at lambda = 0",
        lambda n, g: _open_value(n, g, 0.0, mean=3.0),
        0.0,
        200_000,
    )


def _mixed_slab_by_drawing() -> Iterator[Verdict]:
    """A share lambda of the slab's variance and one of unit noise, as two draws that are added."""
    share, centre, deviation = 0.3, 0.8, 0.2

    def moments(count: int, generator: torch.Generator) -> Tensor:
        eps = torch.randn(2, count, generator=generator, dtype=torch.float64)
        value = share * centre + share**0.5 * deviation * eps[0] + (1 - share) ** 0.5 * eps[1]
        return torch.stack([value, value**2], dim=1)

    def mixed(name: str, form: spike_slab.WarmUp) -> Verdict:
        logvar = 2 * torch.tensor(deviation).double().log()
        mean, mixed_logvar = spike_slab.warm_up(torch.tensor(centre).double(), logvar, share, form)
        return monte_carlo(
            name, moments, torch.stack([mean, mean**2 + mixed_logvar.exp()]), 400_000
        )

    yield mixed("section 4.3.2, mean and mean square of the mixed slab", "variance_linear")
    yield fails(mixed, "section 4.3.2, deviations mixed for variances", "std_linear")


def _mixed(mu: Tensor, logvar: Tensor, lam: Tensor) -> tuple[Tensor, Tensor]:
    mean, mixed = spike_slab.warm_up(mu, logvar, lam)
    return mean, mixed.exp()


def _open_value(count: int, generator: torch.Generator, share: float, mean: float = 0.0) -> Tensor:
    centre, logvar = spike_slab.warm_up(torch.tensor(mean), torch.tensor(-3.0), share)
    return centre + (0.5 * logvar).exp() * torch.randn(count, generator=generator)


def smiley_images() -> Iterator[Verdict | Correction]:
    """Smiley has 32 x 32 black or white pixels, no expressions, 4 attributes, 18 factors."""
    faces = data.smiley.load(train=200, test=1).train
    yield correction(
        "E73, pixels of a Smiley image",
        lambda name, pixels: close(name, faces.images[0].size, pixels, tolerance=0),
        printed=28 * 28,
        right=32 * 32,
    )
    assert faces.factors is not None
    yield correction(
        "E73, grey levels of Smiley",
        lambda name, levels: close(
            name, len(set(faces.images.flatten().tolist())), levels, tolerance=0
        ),
        printed=256,
        right=2,
    )
    yield close("E73, factors of Smiley", faces.factors.shape[1], 18, tolerance=0)


def warm_up_never_ends() -> Iterator[Verdict | Correction]:
    """Raised by 0.01 an epoch from 0, lambda is 0.24 in the last of 25 epochs."""
    lam, epochs = [0.0], 25
    while len(lam) < epochs:  # the repository's rule: a hundredth more after each epoch, at most 1
        lam.append(min(lam[-1] + 0.01, 1.0))
    yield correction(
        "E78, lambda in the last of 25 epochs",
        lambda name, value: close(name, lam[-1], value, tolerance=1e-12),
        printed=1.0,
        right=0.24,
    )
    batches = 60_000 // 256
    preset = models.preset("report_vsc_wu_printed")
    model = models.create("vsc_wu", **{**preset.options, "image_shape": (1, 28, 28)})
    assert isinstance(model, VSC)
    model.plan(epochs * batches, batches)
    starts = functools.partial(close, expected=lam, tolerance=1e-12)
    yield starts(
        "E78, the preset at the start of each epoch",
        [model.warm_up(e * batches) for e in range(epochs)],
    )
    whole = models.create("vsc_wu", image_shape=(1, 28, 28), latents=2)
    assert isinstance(whole, VSC)
    whole.plan(epochs * batches, batches)
    yield fails(
        starts, "E78, a warm-up that ends", [whole.warm_up(e * batches) for e in range(epochs)]
    )
