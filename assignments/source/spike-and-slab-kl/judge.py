"""What is right. This file stays outside: no student's code runs where it is read.

Truths come from definitions, by quadrature or by drawing, not from a copy of the solution.
"""

import math

import probes
import sympy
import torch
from grading.truth import close, same

POINTS = [(0.7, 0.4), (-1.3, 1.9), (2.0, 1.0), (0.0, 3.0)]
mu, mu_p = sympy.symbols("mu mu_p", real=True)
sigma, sigma_p = sympy.symbols("sigma sigma_p", positive=True)


def slab(mean, deviation, mean_p=0.0, deviation_p=1.0, gamma=1.0, alpha=1.0):
    """The integral of q log q/p over the slab."""
    z = mean + deviation * torch.linspace(-12.0, 12.0, 20001, dtype=torch.float64)
    log_q = math.log(gamma) - 0.5 * ((z - mean) / deviation) ** 2 - math.log(deviation)
    log_p = math.log(alpha) - 0.5 * ((z - mean_p) / deviation_p) ** 2 - math.log(deviation_p)
    density = log_q.exp() / math.sqrt(2.0 * math.pi)
    return torch.trapezoid(density * (log_q - log_p), z).item()


def coin(gamma, alpha):
    outcomes = [(gamma, alpha), (1.0 - gamma, 1.0 - alpha)]
    return sum(q * math.log(q / p) for q, p in outcomes if q > 0.0)


def whole(gamma, mean, deviation, alpha):
    """Where z = 0 exactly, and the slab: two pieces, each by its definition."""
    spike = (1 - gamma) * math.log((1 - gamma) / (1 - alpha)) if gamma < 1 else 0.0
    return spike + (slab(mean, deviation, gamma=gamma, alpha=alpha) if gamma > 0 else 0.0)


def over(function, *tensors):
    """A function of numbers for each element of tensors."""
    values = [function(*numbers) for numbers in zip(*(t.flatten().tolist() for t in tensors), strict=True)]
    return torch.tensor(values, dtype=torch.float64).reshape(tensors[0].shape)


def question_1(answer, mark):
    def value(mean, deviation):
        a, b, c, d = answer["numbers"]
        return a * mean**2 + b * deviation**2 + c * math.log(deviation) + d

    def right_change(one, other):
        change = value(*one) - value(*other)
        return abs(change - (slab(*one) - slab(*other))) < 1e-6

    mark(1, "the terms in the mean", lambda: right_change((2.0, 1.0), (0.0, 1.0)))
    mark(1, "the whole", lambda: all(abs(value(*at) - slab(*at)) < 1e-6 for at in POINTS))


def question_2(answer, mark):
    kl = sympy.log(sigma_p / sigma) + (sigma**2 + (mu - mu_p) ** 2) / (2 * sigma_p**2)
    kl -= sympy.Rational(1, 2)
    names = {"mu": mu, "mu_p": mu_p, "sigma": sigma, "sigma_p": sigma_p}

    def equal_means():
        at = {s: names[s.name] for s in answer["expression"].free_symbols if s.name in names}
        here = answer["expression"].xreplace(at).subs(mu_p, mu)
        return same(here, kl.subs(mu_p, mu))

    mark(1, "equal means", equal_means)
    mark(2, "any two Gaussians", lambda: same(answer["expression"], kl))


def question_3(answer, mark):
    def right(alpha, ends):
        answer.borrowed(f"at {alpha}")
        chosen = (probes.COINS % 1 == 0) == ends
        truth = over(lambda g: coin(g, alpha), probes.COINS)
        value = answer[f"at {alpha}"]
        return value.shape == truth.shape and close(value[chosen], truth[chosen], 1e-12)

    mark(1, "coins between 0 and 1", lambda: all(right(a, False) for a in (0.01, 0.3, 0.8)))
    mark(1, "coins that are sure", lambda: all(right(a, True) for a in (0.01, 0.3, 0.8)))
    many = torch.tensor([0.01, 0.3, 0.8], dtype=torch.float64).expand(2, 3)
    mark(
        1,
        "alpha may be a tensor, and float32 gives no NaN",
        lambda: (
            close(answer["many"], over(coin, probes.COINS, many), 1e-9)
            and answer["float32"].isfinite().all()
            and right(0.3, True)
        ),
    )


def question_4(answer, mark):
    def right_slab():
        answer.borrowed("slab")
        return close(answer["slab"], over(slab, probes.MU, probes.SIGMA))

    def right(alpha):
        answer.borrowed(f"at {alpha}")
        truth = over(
            lambda g, m, s: whole(g, m, s, alpha), probes.GAMMA, probes.MU, probes.SIGMA
        )
        return close(answer[f"at {alpha}"], truth)

    mark(2, "the slab's own price", right_slab)
    mark(2, "spike and slab together", lambda: all(map(right, (0.01, 0.2, 0.9))))


def question_5(answer, mark):
    def near(number):
        mean, error = answer[f"mean {number}"]
        return 0 < error < 0.1 and abs(mean - whole(*probes.SETTINGS[number])) < 5 * error

    def honest_error():
        means, errors = torch.tensor(answer["repeats"], dtype=torch.float64).T
        return means.std() > 0 and 0.8 < (means.std() / errors.mean()).item() < 1.25

    mark(2, "the mean of the draws", lambda: all(map(near, range(len(probes.SETTINGS)))))
    mark(1, "the standard error", honest_error)
    mark(
        1,
        "the same seed gives the same answer, and another seed another",
        lambda: (
            answer["again"][0] == answer["again"][1]
            and len({mean for mean, _ in answer["repeats"]}) > 1
        ),
    )


def question_6(answer, mark):
    gamma, mean, deviation = probes.inputs()
    truth = over(lambda g, m, s: whole(g, m, s, 0.25), gamma, mean, deviation)
    slabs = over(slab, mean, deviation)
    blank = 18 * math.log(2.0)

    def each_image():
        faces = answer["blank faces"]
        return close(answer["nats"], truth.sum(1)) and close(faces, torch.full_like(faces, blank))

    mark(2, "the cost of each image", each_image)
    share = 1.0 - ((gamma * slabs).sum() / truth.sum()).item()
    mark(1, "the coins' share", lambda: close(answer.number("coin share"), share))
    mark(1, "the dense code", lambda: close(answer.number("dense"), slabs.sum().item() / 7))
