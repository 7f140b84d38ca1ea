"""What is asked of the students' code. This file enters the fence: it holds no truth.

Each function asks for one question's answers. ``GIVEN`` holds right versions of what earlier
questions defined, so that a slip costs its points once.
"""

import torch

READY_MADE = ("torch/distributions", "vsclib/spike_slab", "vsclib/models")
# f, mu, sigma
SETTINGS = [
    (torch.nn.functional.softplus, 0.5, 1.3),
    (torch.sin, -0.8, 0.6),
    (lambda z: torch.exp(z / 2), 0.2, 0.9),
]
DRAWS = 100_000


def prior(latents, seed):
    """mean_p (J,) and a covariance (J, J) with correlations."""
    generator = torch.Generator().manual_seed(seed)
    root = torch.randn(latents, latents, generator=generator, dtype=torch.float64)
    mean = torch.randn(latents, generator=generator, dtype=torch.float64)
    return mean, root @ root.T + 0.2 * torch.eye(latents, dtype=torch.float64)


def codes(images, latents, seed):
    """mu, sigma (B, J)."""
    generator = torch.Generator().manual_seed(seed)
    mu = torch.randn(images, latents, generator=generator, dtype=torch.float64)
    return mu, 0.2 + torch.rand(images, latents, generator=generator, dtype=torch.float64)


def linear(pixels, latents, seed):
    """W (D, J) and c (D,)."""
    generator = torch.Generator().manual_seed(seed)
    matrix = torch.randn(pixels, latents, generator=generator, dtype=torch.float64)
    return matrix, torch.randn(pixels, generator=generator, dtype=torch.float64)


def images(number, pixels, seed):
    """x (B, D)."""
    generator = torch.Generator().manual_seed(seed)
    return 2 * torch.randn(number, pixels, generator=generator, dtype=torch.float64)


def right_gaussian_kl(mu, sigma, mean_p, covariance_p):
    # Without torch.distributions: question 4 must not seem to borrow it.
    away = mu - mean_p
    second_moments = torch.diag_embed(sigma**2) + away[:, :, None] * away[:, None]  # (B, J, J)
    fit = torch.linalg.solve(covariance_p, second_moments).diagonal(dim1=1, dim2=2).sum(1)
    volumes = torch.logdet(covariance_p) - 2 * sigma.log().sum(1)
    return 0.5 * (fit - mu.shape[1] + volumes)


GIVEN = {"question_4": {"gaussian_kl": right_gaussian_kl}}


def question_1(names, ask):
    ask("numbers", lambda: [float(number) for number in names["by_hand"]])


def question_2(names, ask):
    for name in ("posterior_mean", "posterior_variance", "log_evidence", "gap"):
        ask(name, lambda n=name: names[n])


def question_3(names, ask):
    def price(images, latents, covariance=None):
        mean_p, full = prior(latents, 4)
        covariance = full if covariance is None else covariance
        return names["gaussian_kl"](*codes(images, latents, 5), mean_p, covariance)

    diagonal = torch.diag(torch.tensor([0.5, 2.0, 1.0], dtype=torch.float64))
    ask.watched("diagonal", READY_MADE, lambda: price(4, 3, diagonal))
    ask.watched("two", READY_MADE, lambda: price(4, 2))
    ask.watched("five", READY_MADE, lambda: price(3, 5))


def question_4(names, ask):
    def evidence(pixels, latents):
        return names["log_evidence_of"](images(5, pixels, 6), *linear(pixels, latents, 7), 0.8)

    def elbo(pixels, latents):
        x, q = images(5, pixels, 6), codes(5, latents, 8)
        return names["elbo_of"](x, *q, *linear(pixels, latents, 7), 0.8)

    for pixels, latents in ((1, 1), (3, 2)):
        at = f"{pixels} and {latents}"
        ask.watched(f"evidence {at}", READY_MADE, lambda d=pixels, j=latents: evidence(d, j))
        ask.watched(f"elbo {at}", READY_MADE, lambda d=pixels, j=latents: elbo(d, j))


def question_5(names, ask):
    def draw(setting, draws, seed):
        generator = torch.Generator().manual_seed(seed)
        found = names["width_gradients"](*setting, draws, generator)
        return [[float(x) for x in estimate] for estimate in found]

    for number, setting in enumerate(SETTINGS):
        ask(f"gradients {number}", lambda s=setting: draw(s, DRAWS, 2))
    ask("again", lambda: [draw(SETTINGS[0], 1_000, 5), draw(SETTINGS[0], 1_000, 5)])
    ask("repeats", lambda: [draw(SETTINGS[1], 1_000, seed) for seed in range(300)])


def question_6(names, ask):
    for key, (pixels, latents) in {"small": (3, 2), "large": (12, 4)}.items():
        matrix, _ = linear(pixels, latents, 9)
        for part, name in enumerate(("sigma", "left_out", "left_out_shared")):
            ask(f"{key} {name}", lambda m=matrix, p=part: names["best_widths"](m, 0.7)[p])
