"""What is asked of the students' code. This file enters the fence: it holds no truth.

Each function asks for one question's answers. ``GIVEN`` holds right versions of what earlier
questions defined, so that a slip costs its points once.
"""

import torch

READY_MADE = ("vsclib/spike_slab", "vsclib/models", "torch/distributions")
# Three images, three groups, six latents; the second group has only one latent.
GROUPS = torch.tensor([2, 0, 2, 1, 2, 0])
GAMMA = torch.tensor([[0.3, 0.8, 0.05], [0.6, 0.1, 0.9], [0.5, 0.2, 0.4]], dtype=torch.float64)
ENDS = torch.tensor([[0.0, 1.0, 0.0], [1.0, 0.0, 1.0], [0.0, 0.4, 1.0]], dtype=torch.float64)
ALPHAS = torch.tensor([0.02, 0.3, 0.7], dtype=torch.float64)
MU_P = torch.tensor([0.4, -1.0, 0.0, 1.5, 0.2, -0.3], dtype=torch.float64)
SIGMA_P = torch.tensor([0.6, 1.0, 2.0, 0.5, 1.2, 0.9], dtype=torch.float64)
# gamma, w, mu, sigma, alpha
SETTINGS = [
    (0.6, 0.3, (-1.2, 0.9), (0.5, 0.8), 0.1),
    (0.2, 0.7, (2.0, -0.5), (0.4, 1.3), 0.4),
    (0.9, 0.5, (0.7, -0.7), (0.6, 0.6), 0.05),
]
DRAWS = 200_000


def slabs():
    """mu and sigma (3, 6) of a small batch."""
    generator = torch.Generator().manual_seed(7)
    mu = torch.randn(3, 6, generator=generator, dtype=torch.float64)
    return mu, 0.2 + 1.5 * torch.rand(3, 6, generator=generator, dtype=torch.float64)


def inputs():
    """Codes of eight images with five latents in two groups: gamma, mu, sigma, groups."""
    generator = torch.Generator().manual_seed(3)
    gamma = torch.rand(8, 2, generator=generator, dtype=torch.float64) ** 2
    gamma[0] = torch.tensor([0.0, 1.0])
    mu = torch.randn(8, 5, generator=generator, dtype=torch.float64)
    sigma = 0.1 + torch.rand(8, 5, generator=generator, dtype=torch.float64)
    return gamma, mu, sigma, torch.tensor([0, 1, 1, 0, 1])


def right_group_kl(gamma, mu, sigma, alpha, groups, mu_p, sigma_p):
    alpha = torch.as_tensor(alpha, dtype=gamma.dtype)
    q, p = torch.distributions.Normal(mu, sigma), torch.distributions.Normal(mu_p, sigma_p)
    member = torch.nn.functional.one_hot(groups, gamma.shape[1]).to(mu.dtype)
    values = torch.distributions.kl_divergence(q, p) @ member
    coin = torch.xlogy(gamma, gamma / alpha) + torch.xlogy(1 - gamma, (1 - gamma) / (1 - alpha))
    return coin + gamma * values


GIVEN = {"question_6": {"group_kl": right_group_kl}}


def question_1(names, ask):
    ask("numbers", lambda: [float(number) for number in names["by_hand"]])


def question_2(names, ask):
    ask("value_kl", lambda: names["value_kl"])
    ask("best_scale", lambda: names["best_scale"])


def question_3(names, ask):
    for limit in (
        "closed_prior",
        "open_alike",
        "sharp",
        "silent_then_sharp",
        "rare",
        "gamma_of_sigma",
    ):
        ask(limit, lambda name=limit: names[name])


def question_4(names, ask):
    def price(gamma, alpha, groups=GROUPS):
        return names["group_kl"](gamma, *slabs(), alpha, groups, MU_P, SIGMA_P)

    one_each = GAMMA.repeat(1, 2)
    ask.watched("alone", READY_MADE, lambda: price(one_each, 0.2, torch.arange(6)))
    ask.watched("groups", READY_MADE, lambda: price(GAMMA, 0.2))
    ask.watched("ends", READY_MADE, lambda: price(ENDS, ALPHAS))


def question_5(names, ask):
    def draw(setting, draws, seed):
        generator = torch.Generator().manual_seed(seed)
        found = names["two_estimates"](*setting, draws, generator)
        return [[float(x) for x in estimate] for estimate in found]

    for number, setting in enumerate(SETTINGS):
        ask(f"estimates {number}", lambda s=setting: draw(s, DRAWS, 2))
    ask("again", lambda: [draw(SETTINGS[0], 1_000, 5), draw(SETTINGS[0], 1_000, 5)])
    ask("repeats", lambda: [draw(SETTINGS[1], 2_000, seed) for seed in range(300)])


def question_6(names, ask):
    for part, key in enumerate(("alpha", "bits", "saved", "dense")):
        ask(key, lambda p=part: names["costs"](*inputs())[p])
