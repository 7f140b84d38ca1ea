"""What is asked of the students' code. This file enters the fence: it holds no truth.

Each function asks for one question's answers. ``GIVEN`` holds right versions of what earlier
questions defined, so that a slip costs its points once.
"""

import math

import torch

READY_MADE = ("vsclib/spike_slab", "vsclib/models", "vsclib/metrics", "torch/distributions")
SIZES = [(50, 64, 12, 0.1), (20, 784, 40, 0.5), (1, 3, 7, 2.0)]
SEEDS = (11, 12, 13)
ALPHA, BETA, DEVIATION = 0.07, 2.5, 0.3


def right_loss(x, image, gamma, mu, sigma, alpha, beta, s):
    error = (0.5 * ((x - image) / s) ** 2).sum(1)
    error = error + x.shape[1] * (math.log(s) + 0.5 * math.log(2 * math.pi))
    value = gamma * (0.5 * (mu**2 + sigma**2 - 1) - sigma.log())
    coin = torch.xlogy(gamma, gamma / alpha) + torch.xlogy(1 - gamma, (1 - gamma) / (1 - alpha))
    return (error + beta * (value + coin).sum(1)).mean(), error, value, coin


GIVEN = {"question_5": {"vsc_loss": right_loss}}


def batch():
    """A small batch: x and image (6, 10), gamma, mu, sigma (6, 4)."""
    generator = torch.Generator().manual_seed(5)
    x, image = (torch.rand(6, 10, generator=generator, dtype=torch.float64) for _ in range(2))
    gamma, mu, sigma = (
        torch.rand(6, 4, generator=generator, dtype=torch.float64) for _ in range(3)
    )
    gamma[0] = torch.tensor([0.0, 1.0, 1.0, 0.0])
    return x, image, gamma, 4 * mu - 2, sigma + 0.1


def gates():
    """Gates (2000, 7): some always open, some never, some for few images."""
    gamma = torch.full((2000, 7), 0.3, dtype=torch.float64)
    gamma[:, 0] = 0.9
    gamma[:10, 1] = 0.2
    gamma[10:, 1] = 0.51
    gamma[:2, 2] = 1.0  # not for more than a thousandth of the images
    gamma[:3, 3] = 1.0
    gamma[:25, 4] = 0.1
    gamma[25:, 4] = 0.9
    gamma[:, 5] = 0.5
    return gamma


def codes():
    """A decoder's weights (4, 8), codes (9, 4) and images (9, 8)."""
    generator = torch.Generator().manual_seed(7)
    weights, z, noise = (
        torch.randn(shape, generator=generator, dtype=torch.float64)
        for shape in ((4, 8), (9, 4), (9, 8))
    )
    z[:, 2] = -1.2
    weights[3] = 0.0
    return weights, z, (z @ weights).tanh() + 0.1 * noise


def question_1(names, ask):
    for number, sizes in enumerate(SIZES):
        ask(f"weights {number}", lambda s=sizes: [float(w) for w in names["kl_weights"](*s)])


def question_2(names, ask):
    for name in ("best_mean", "best_sigma", "threshold"):
        ask(name, lambda n=name: names[n])


def question_3(names, ask):
    x, image, gamma, mu, sigma = batch()

    def loss(part):
        return names["vsc_loss"](x, image, gamma, mu, sigma, ALPHA, BETA, DEVIATION)[part]

    for part, key in enumerate(("total", "error", "value", "coin")):
        ask.watched(key, READY_MADE, lambda p=part: loss(p))


def question_4(names, ask):
    weights, z, x = codes()

    def swap():
        kept = z.clone()
        rise = names["swap_cost"](lambda code: (code @ weights).tanh(), x, kept, DEVIATION)
        return torch.as_tensor(rise), torch.equal(kept, z)

    ask.watched("use", READY_MADE, lambda: [float(n) for n in names["use"](gates())])
    ask.watched("swap", READY_MADE, lambda: swap()[0])
    ask("kept", lambda: swap()[1])
    cost = torch.tensor([0.0, 0.01, 0.011, 0.5, 0.5, 3.0, 0.002], dtype=torch.float64)
    gain = torch.tensor([0.0, 5.0, 0.3, 0.01, -0.4, 0.02, -0.1], dtype=torch.float64)
    ask("states", lambda: [int(kind) for kind in names["states"](cost, gain)])


def seen(names, net):
    """What a trained model makes of the images held out: gamma, mu, sigma and a draw's images."""
    generator = torch.Generator().manual_seed(21)
    with torch.no_grad():
        gamma, mu, sigma = net.encode(names["held_out"])
        return [gamma, mu, sigma, net.decode(names["draw_code"](gamma, mu, sigma, generator))]


def question_5(names, ask):
    def trained(alpha, weight, seed):
        return seen(names, names["train"](alpha, lambda t: weight, 300, seed)[0])

    def history(seed):
        return [float(value) for value in names["train"](0.05, lambda t: 1.0, 30, seed)[1]]

    ask("again", lambda: [history(8), history(8), history(9)])
    ask("healthy", lambda: trained(0.05, 1.0, 1))
    ask("collapsed", lambda: trained(0.05, 64.0, 2))

    def warmed():
        # The weight must be asked for in every step, with the step's number.
        steps = []
        names["train"](0.05, lambda t: steps.append(int(t)) or 1.0, 20, 3)
        return sorted(set(steps))

    ask("steps", warmed)


def question_6(names, ask):
    def right_train(seed):
        generator = torch.Generator().manual_seed(seed)
        net, images = names["Net"](generator), names["images"]
        optimiser = torch.optim.Adam(net.parameters(), lr=0.005)
        for t in range(300):
            x = images[torch.randint(len(images), (50,), generator=generator)]
            code = net.encode(x)
            image = net.decode(names["draw_code"](*code, generator))
            weight = float(names["schedule"](t)) if t < 250 else 1.0
            total = right_loss(x, image, *code, 0.002, weight, 0.1)[0]
            optimiser.zero_grad()
            total.backward()
            optimiser.step()
        return seen(names, net)

    ask("weights", lambda: [float(names["schedule"](t)) for t in range(300)])
    for seed in SEEDS:
        ask(f"seed {seed}", lambda s=seed: right_train(s))
