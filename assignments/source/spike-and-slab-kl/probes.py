"""What is asked of the students' code. This file enters the fence: it holds no truth.

Each function asks for one question's answers. ``GIVEN`` holds right versions of what earlier
questions defined, so that a slip costs its points once.
"""

import torch
from torch.distributions import Normal, kl_divergence

READY_MADE = ("vsclib/spike_slab", "vsclib/models", "torch/distributions")
COINS = torch.tensor([[0.0, 0.3, 1.0], [0.5, 0.9, 0.1]], dtype=torch.float64)
GAMMA = torch.tensor([[0.0, 0.3, 1.0], [1.0, 0.6, 0.0]], dtype=torch.float64)
MU = torch.tensor([[2.0, -0.7, 0.4], [0.0, 1.5, -1.0]], dtype=torch.float64)
SIGMA = torch.tensor([[0.2, 0.9, 1.3], [1.0, 0.5, 2.0]], dtype=torch.float64)
SETTINGS = [(0.7, -0.5, 1.6, 0.4), (0.05, 2.0, 0.3, 0.01), (0.9, 0.0, 1.0, 0.5)]


def right_coin(gamma, alpha):
    alpha = torch.as_tensor(alpha, dtype=gamma.dtype)
    return torch.xlogy(gamma, gamma / alpha) + torch.xlogy(1 - gamma, (1 - gamma) / (1 - alpha))


def right_slab(mu, sigma):
    return kl_divergence(Normal(mu, sigma), Normal(0 * mu, 1 + 0 * sigma))


def right_kl(gamma, mu, sigma, alpha):
    return gamma * right_slab(mu, sigma) + right_coin(gamma, alpha)


GIVEN = {
    "question_4": {"bernoulli_kl": right_coin},
    "question_6": {
        "bernoulli_kl": right_coin,
        "gaussian_kl": right_slab,
        "spike_slab_kl": right_kl,
    },
}


def question_1(names, ask):
    ask("numbers", lambda: [float(number) for number in names["by_hand"]])


def question_2(names, ask):
    ask("expression", lambda: names["slab_kl"])


def question_3(names, ask):
    for alpha in (0.01, 0.3, 0.8):
        ask.watched(f"at {alpha}", READY_MADE, lambda a=alpha: names["bernoulli_kl"](COINS, a))
    many = torch.tensor([0.01, 0.3, 0.8], dtype=torch.float64)
    ask("many", lambda: names["bernoulli_kl"](COINS, many))
    ask("float32", lambda: names["bernoulli_kl"](COINS.float(), 0.3))


def question_4(names, ask):
    for alpha in (0.01, 0.2, 0.9):
        ask.watched(
            f"at {alpha}",
            READY_MADE,
            lambda a=alpha: names["spike_slab_kl"](GAMMA, MU, SIGMA, a),
        )
    ask.watched("slab", READY_MADE, lambda: names["gaussian_kl"](MU, SIGMA))


def question_5(names, ask):
    def draw(setting, draws, seed):
        generator = torch.Generator().manual_seed(seed)
        return [float(x) for x in names["monte_carlo_kl"](*setting, draws, generator)]

    for number, setting in enumerate(SETTINGS):
        ask(f"mean {number}", lambda s=setting: draw(s, 200_000, 2))
    ask("again", lambda: [draw(SETTINGS[0], 1_000, 5), draw(SETTINGS[0], 1_000, 5)])
    ask("repeats", lambda: [draw((0.3, 1.2, 0.6, 0.1), 2_000, seed) for seed in range(300)])


def inputs():
    """A small batch of codes: gamma, mu, sigma (7, 5)."""
    generator = torch.Generator().manual_seed(3)
    gamma, mu, sigma = (
        torch.rand(7, 5, generator=generator, dtype=torch.float64) for _ in range(3)
    )
    return gamma, mu, sigma + 0.1


def question_6(names, ask):
    faces = (names["face_gamma"], names["face_mu"], names["face_sigma"])
    ask("blank faces", lambda: names["costs"](*faces, 0.5)[0][~names["present"].any(dim=1)])
    for part, key in enumerate(("nats", "coin share", "dense")):
        ask(key, lambda p=part: names["costs"](*inputs(), 0.25)[p])
