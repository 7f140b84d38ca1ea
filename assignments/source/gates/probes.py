"""What is asked of the students' code. This file enters the fence: it holds no truth.

Each function asks for one question's answers. ``GIVEN`` holds right versions of what earlier
questions defined, so that a slip costs its points once.
"""

import torch

READY_MADE = ("vsclib/spike_slab",)
F64 = torch.float64
DRAWS = 20_000


def product(w):
    return 2.0 * w[..., 0] * w[..., 1] - 0.7 * w[..., 1]


def curved(w):
    """A loss of three gates that no polynomial of a low degree equals."""
    return (w[..., 0] + 0.5 * w[..., 2]) ** 4 - 2.0 * torch.sin(2.0 * w[..., 1] - w[..., 0])


def five(w):
    return torch.exp(0.4 * w.sum(-1)) * torch.cos(w[..., 0] - 2.0 * w[..., 3])


LOSSES = {
    "two gates": (product, torch.tensor([0.5, -1.0], dtype=F64)),
    "three gates": (curved, torch.tensor([0.8, -0.4, -1.7], dtype=F64)),
    "five gates": (five, torch.tensor([1.2, 0.0, -0.5, -2.5, 2.0], dtype=F64)),
}
PLACES = [(0.01, 0.6), (0.01, 0.95), (0.2, 0.55), (0.3, 0.8), (0.45, 0.99)]
RUNS = [
    (0.5, 1.0, 4, 1.2),
    (0.05, 1.5, 4, 1.2),
    (0.3, 2.0, 2, 0.9),
    (0.0, 1.0, 1, 2.0),
    (0.0, 2.0, 1, 1.0),
    (0.2, 1.0, 1, 1.5),
]


def hard(logits, *shape):
    """Draws of gates, fixed: (*shape, J) of 0 and 1."""
    generator = torch.Generator().manual_seed(17)
    noise = torch.rand(*shape, len(logits), generator=generator, dtype=F64)
    return (noise < torch.sigmoid(logits)).to(F64)


def noise_for(logits):
    generator = torch.Generator().manual_seed(18)
    return torch.rand(50, len(logits), generator=generator, dtype=F64)


def right_gradient(f, logits):
    gamma, total = torch.sigmoid(logits), 0.0
    for number in range(2 ** len(logits)):
        w = torch.tensor([number >> j & 1 for j in range(len(logits))], dtype=logits.dtype)
        total = total + f(w) * torch.where(w == 1, gamma, 1 - gamma).prod() * (w - gamma)
    return total


def right_slope(f, w):
    leaf = w.detach().clone().requires_grad_(True)
    return torch.autograd.grad(f(leaf).sum(), leaf)[0]


def right_leave_one_out(f, w, logits):
    centred = f(w) - f(w).mean(0)
    score = w - torch.sigmoid(logits)
    return torch.einsum("kn,knj->nj", centred, score) / (len(w) - 1)


def right_straight_through(f, w, logits):
    return right_slope(f, w) * torch.sigmoid(logits) * torch.sigmoid(-logits)


def right_trapezoid(f, w, logits):
    gamma = torch.sigmoid(logits)
    return right_slope(f, w) * (w * (1 - gamma) + (1 - w) * gamma) / 2


def right_relaxed(f, noise, logits, c):
    gamma = torch.sigmoid(logits)
    gate = torch.sigmoid(c * (noise - 1 + gamma))
    return right_slope(f, gate) * (c * gate * (1 - gate)) * gamma * (1 - gamma)


GIVEN = {
    "question_6": {
        "exact_gradient": right_gradient,
        "leave_one_out": right_leave_one_out,
        "straight_through": right_straight_through,
        "trapezoid": right_trapezoid,
        "relaxed": right_relaxed,
    },
}


def question_1(names, ask):
    ask("numbers", lambda: [float(number) for number in names["by_hand"]])


def weighed(f):
    """Something to take moments of: what it gives for a pattern depends on the pattern alone."""
    return lambda w: (w - 0.3) * f(w)[:, None]


def question_2(names, ask):
    for name, (f, logits) in LOSSES.items():
        ask(f"gradient, {name}", lambda f=f, v=logits: names["exact_gradient"](f, v))
        for part, key in enumerate(("mean", "variance")):
            ask(
                f"{key}, {name}",
                lambda f=f, v=logits, p=part: names["exact_moments"](weighed(f), v)[p],
            )


def question_3(names, ask):
    for name in ("variance_two", "variance_any", "variance_limit"):
        ask(name, lambda name=name: names[name])


def question_4(names, ask):
    for name, (f, logits) in LOSSES.items():
        for draws in (2, 5):
            ask.watched(
                f"leave_one_out {draws}, {name}",
                READY_MADE,
                lambda f=f, v=logits, k=draws: names["leave_one_out"](f, hard(v, k, 30), v),
            )
        for estimator in ("straight_through", "trapezoid"):
            ask.watched(
                f"{estimator}, {name}",
                READY_MADE,
                lambda f=f, v=logits, e=estimator: names[e](f, hard(v, 40), v),
            )


def question_5(names, ask):
    for name, (f, logits) in LOSSES.items():
        for c in (4.0, 30.0):
            ask.watched(
                f"relaxed {c}, {name}",
                READY_MADE,
                lambda f=f, v=logits, c=c: names["relaxed"](f, noise_for(v), v, c),
            )
    ask.watched(
        "slopes", READY_MADE, lambda: [float(names["slope_for"](*place)) for place in PLACES]
    )


def question_6(names, ask):
    def table(seed):
        generator = torch.Generator().manual_seed(seed)
        found = names["report"](*LOSSES["three gates"], DRAWS, generator)
        return {name: [float(number) for number in pair] for name, pair in found.items()}

    ask("tables", lambda: [table(1), table(1), table(2)])
    ask("runs", lambda: [float(names["even_at"](*case)) for case in RUNS])
