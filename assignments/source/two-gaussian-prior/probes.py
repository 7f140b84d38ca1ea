"""What is asked of the students' code. This file enters the fence: it holds no truth.

Each function asks for one question's answers. ``GIVEN`` holds right versions of what earlier
questions defined, so that a slip costs its points once.
"""

import torch

READY_MADE = ("vsclib/spike_slab", "vsclib/inference", "torch/distributions")
F64 = torch.float64
PRIORS = [(0.3, 1.5, 1.0, 0.2), (0.01, 0.0, 1.0, 0.1), (0.6, -2.0, 3.0, 0.5)]
FAR_PRIORS = [(0.3, 1.5, 1.0, 0.2), (1e-4, -2.0, 3.0, 0.05), (1.0, 0.5, 0.8, 0.3)]
NEAR = torch.tensor([[-1.5, -0.4, -0.1], [0.0, 0.25, 0.5], [0.8, 1.4, 2.6]], dtype=F64)
FAR = torch.tensor([[-1000.0, -60.0, -5.0], [0.2, 77.0, 1000.0]], dtype=F64)
WIDTHS = [(0.05, 1.0, 0.1), (0.5, 1.0, 0.1), (0.01, 2.0, 0.5), (0.3, 1.0, 0.5)]
SEEN = torch.tensor([[-2.0, -0.6, -0.2, 0.0], [0.3, 0.7, 1.1, 2.4]], dtype=F64)
NOISE = torch.tensor([[0.3, 0.2, 0.5, 1.0], [0.1, 0.4, 0.25, 0.6]], dtype=F64)
FALL = [1.0] * 4 + [0.9, 0.7, 0.5, 0.3] * 5 + [0.1] * 12
LAST = 0.02
SCHEDULES = {"held": [LAST] * 250, "late": [1.0] * 120 + [LAST] * 130, "short": [LAST] * 3}


def elements():
    """A batch of y and tau, (60, 5), from a prior of two Gaussians."""
    generator = torch.Generator().manual_seed(23)
    wide = torch.rand(60, 5, generator=generator, dtype=F64) < 0.4
    z = torch.randn(60, 5, generator=generator, dtype=F64) * torch.where(wide, 1.2, 0.1)
    tau = torch.tensor([0.12, 0.2, 0.3, 0.4, 0.6], dtype=F64).expand(60, 5)
    return z + tau * torch.randn(60, 5, generator=generator, dtype=F64), tau


def logs(z, alpha, m, sigma1, sigma2):
    """The logarithms of both weighed components, side by side."""
    sigma1, sigma2, alpha = (torch.as_tensor(x, dtype=z.dtype) for x in (sigma1, sigma2, alpha))
    wide = alpha.log() - sigma1.log() - (z - m) ** 2 / (2 * sigma1**2)
    narrow = torch.log1p(-alpha) - sigma2.log() - z**2 / (2 * sigma2**2)
    return torch.stack(torch.broadcast_tensors(wide, narrow))


def right_log_prob(z, alpha, m, sigma1, sigma2):
    return logs(z, alpha, m, sigma1, sigma2).logsumexp(0) - 0.9189385332046727


def right_responsibility(z, alpha, m, sigma1, sigma2):
    return logs(z, alpha, m, sigma1, sigma2).softmax(0)[0]


def right_score(z, alpha, m, sigma1, sigma2):
    on = right_responsibility(z, alpha, m, sigma1, sigma2)
    return on * (m - z) / sigma1**2 - (1 - on) * z / sigma2**2


def right_posterior(y, tau, alpha, m, sigma1, sigma2):
    on = right_responsibility(y, alpha, m, (sigma1**2 + tau**2) ** 0.5, (sigma2**2 + tau**2) ** 0.5)
    chances = torch.stack([on, 1 - on])
    variances = torch.stack([1 / (tau**-2 + s**-2) for s in (sigma1, sigma2)])
    means = variances * torch.stack([y / tau**2 + m / sigma1**2, y / tau**2])
    mean = (chances * means).sum(0)
    return on, mean, (chances * (variances + means**2)).sum(0) - mean**2


def right_climb(y, tau, alphas, m, sigma1, sigma2, step):
    z = 0 * y
    for alpha in alphas:
        slope = (y - z) / tau**2 + right_score(z, alpha, m, sigma1, sigma2)
        z = z + 0.5 * step * step * slope
    return z


def right_best_summit(y, tau, alpha, m, sigma1, sigma2):
    best, height = y, torch.full_like(y, -torch.inf)
    for start in (1.0, 0.0):
        on = torch.full_like(y, start)
        for _ in range(500):
            z = (on * m / sigma1**2 + y / tau**2) / (
                on / sigma1**2 + (1 - on) / sigma2**2 + tau**-2
            )
            on = right_responsibility(z, alpha, m, sigma1, sigma2)
        here = right_log_prob(z, alpha, m, sigma1, sigma2) - ((y - z) / tau) ** 2 / 2
        best, height = torch.where(here > height, z, best), torch.maximum(here, height)
    return best


PRIOR = {
    "log_prob": right_log_prob,
    "responsibility": right_responsibility,
    "score": right_score,
}
GIVEN = {
    "question_4": PRIOR,
    "question_5": PRIOR,
    "question_6": {
        **PRIOR,
        "posterior": right_posterior,
        "climb": right_climb,
        "best_summit": right_best_summit,
    },
}


def question_1(names, ask):
    ask("numbers", lambda: [float(number) for number in names["by_hand"]])


def question_2(names, ask):
    for name in ("z_least", "z_turn", "alpha_turn"):
        ask(name, lambda name=name: names[name])


def question_3(names, ask):
    for name in PRIOR:
        for number, prior in enumerate(PRIORS):
            ask.watched(
                f"{name} near {number}", READY_MADE, lambda n=name, p=prior: names[n](NEAR, *p)
            )
        for number, prior in enumerate(FAR_PRIORS):
            for kind in (F64, torch.float32):
                ask.watched(
                    f"{name} far {number} {kind}",
                    READY_MADE,
                    lambda n=name, p=prior, k=kind: names[n](FAR.to(k), *p),
                )
    ask.watched(
        "pulls",
        READY_MADE,
        lambda: [[float(x) for x in names["strongest_pull"](*w)] for w in WIDTHS],
    )


def question_4(names, ask):
    for number, prior in enumerate(PRIORS):
        for part, key in enumerate(("on", "mean", "variance")):
            ask.watched(
                f"{key} {number}",
                READY_MADE,
                lambda i=part, p=prior: names["posterior"](SEEN, NOISE, *p)[i],
            )
    far = torch.tensor([-1000.0, 300.0, 1000.0], dtype=F64)
    ask.watched(
        "far", READY_MADE, lambda: names["posterior"](far, 0 * far + 0.5, 0.2, 0.0, 1.0, 0.1)[0]
    )


def question_5(names, ask):
    for number, prior in enumerate(PRIORS):
        ask.watched(
            f"held {number}",
            READY_MADE,
            lambda p=prior: names["climb"](SEEN, NOISE, [p[0]] * 7, *p[1:], 0.1),
        )
        ask.watched(
            f"falling {number}",
            READY_MADE,
            lambda p=prior: names["climb"](SEEN, NOISE, FALL, *p[1:], 0.1),
        )
        ask.watched(
            f"best {number}", READY_MADE, lambda p=prior: names["best_summit"](SEEN, NOISE, *p)
        )
    for number, m in enumerate((0.0, 0.8)):
        ask.watched(
            f"best of many {number}",
            READY_MADE,
            lambda m=m: names["best_summit"](*elements(), LAST, m, 1.0, 0.1),
        )


def question_6(names, ask):
    for part, key in enumerate(("at best", "on")):
        for name in (*SCHEDULES, "exact"):
            ask(
                f"{key}, {name}",
                lambda n=name, p=part: float(
                    names["report"](*elements(), LAST, SCHEDULES, 1.0, 0.1, 0.1)[n][p]
                ),
            )
