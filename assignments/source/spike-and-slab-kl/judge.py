"""What is right. This file stays outside: no student's code runs where it is read.

Truths come from definitions, by quadrature or by counting, not from a copy of the solution.
"""

import math

import mpmath
import probes
import sympy
import torch
from grading.scoring import LostError
from grading.truth import close, honest, same

mu = sympy.Symbol("mu", real=True)
sigma, b, alpha, c = sympy.symbols("sigma b alpha c", positive=True)


def integral(log_q, log_p, z):
    """The integral of q log q/p over points z."""
    density = log_q.exp()
    return torch.trapezoid(torch.where(density > 0, density * (log_q - log_p), 0.0), z).item()


def log_normal(z, mean, deviation):
    return -0.5 * ((z - mean) / deviation) ** 2 - math.log(deviation * math.sqrt(2 * math.pi))


def slab(mean, deviation, mean_p=0.0, deviation_p=1.0):
    z = mean + deviation * torch.linspace(-12.0, 12.0, 20001, dtype=torch.float64)
    return integral(log_normal(z, mean, deviation), log_normal(z, mean_p, deviation_p), z)


def coin(gamma, alpha):
    outcomes = [(gamma, alpha), (1.0 - gamma, 1.0 - alpha)]
    return sum(q * math.log(q / p) for q, p in outcomes if q > 0.0)


def exponential(mean, mean_p):
    # With z = x^2 the integrand is smooth and its tail short.
    x = torch.linspace(0.0, math.sqrt(50.0 * mean), 40001, dtype=torch.float64)
    log_q, log_p = (-math.log(m) - x**2 / m for m in (mean, mean_p))
    return torch.trapezoid(2 * x * log_q.exp() * (log_q - log_p), x).item()


def question_1(answer, mark):
    def value(mean, mean_p):
        a, b, c, d = answer["numbers"]
        return a * mean / mean_p + b * math.log(mean) + c * math.log(mean_p) + d

    def right_change(one, other):
        change = value(*one) - value(*other)
        return abs(change - (exponential(*one) - exponential(*other))) < 1e-6

    pairs = [(0.7, 0.4), (3.0, 1.9), (1.0, 2.5)]
    mark(
        1,
        "how the price changes with the prior's mean",
        lambda: right_change((1.0, 2.0), (1.0, 0.5)) and right_change((1.0, 5.0), (1.0, 2.0)),
    )
    mark(1, "the whole", lambda: all(abs(value(*at) - exponential(*at)) < 1e-6 for at in pairs))


def question_2(answer, mark):
    # The mean of |z| from its slope: d E|z| / d mu = P(z > 0) - P(z < 0), and sigma sqrt(2 / pi) at 0.
    slope = sympy.erf(mu / (sigma * sympy.sqrt(2)))
    at_zero = sigma * sympy.sqrt(2 / sympy.pi)
    size = at_zero + sympy.integrate(slope, (mu, 0, mu))
    kl = -sympy.log(2 * sympy.pi * sympy.E * sigma**2) / 2 + sympy.log(2 * b) + size / b

    def centred():
        if same(answer["value_kl"], kl):
            return True
        # SymPy's integrals divide by mu on the way: at 0 only the simplified form has a value.
        expression = sympy.simplify(answer["value_kl"])
        places = {s: 0 for s in expression.free_symbols if s.name == "mu"}
        return same(expression.subs(places), kl.subs(mu, 0))

    mark(1, "a slab around zero", centred)
    mark(1, "any slab", lambda: same(answer["value_kl"], kl))
    mark(1, "the best scale", lambda: same(answer["best_scale"], size))


def infinite(value):
    try:
        return float(value) == math.inf
    except TypeError:  # an expression in symbols is no infinity
        return False


def question_3(answer, mark):
    silent = sympy.log(1 / (1 - alpha))
    slabs = (mu**2 + sigma**2 - 1) / 2 - sympy.log(sigma)
    below_one = alpha < 1

    def on_the_path(m, a):
        path = answer["gamma_of_sigma"]
        path = sympy.sympify(path)
        strange = {s.name for s in path.free_symbols} - {"sigma"}
        if strange:
            raise LostError(f"{', '.join(sorted(strange))} is left over")
        # So far out that terms which vanish like 1 / log(1 / sigma) are gone.
        with mpmath.workdps(40):
            far = mpmath.exp(-(mpmath.mpf(10) ** 8))
            share = mpmath.mpmathify(sympy.lambdify(list(path.free_symbols), path, "mpmath")(far))
            off = (1 - share) * mpmath.log((1 - share) / (1 - a))
            on = share * (mpmath.log(share / a) + (m**2 + far**2 - 1) / 2 - mpmath.log(far))
            return abs(off + on - mpmath.log(1 / (1 - mpmath.mpf(a))) - 2) < 1e-4

    mark(
        1,
        "alpha to 0, alone and with gamma",
        lambda: infinite(answer["closed_prior"]) and same(answer["open_alike"], sympy.Integer(0)),
    )
    mark(
        1,
        "sigma to 0, before and after gamma",
        lambda: infinite(answer["sharp"]) and same(answer["silent_then_sharp"], silent, below_one),
    )
    # To first order in alpha the coin's price is that of two Poisson counts.
    rare = c * sympy.log(c) - c + 1 + c * slabs
    mark(1, "rare latents", lambda: same(answer["rare"], rare))
    mark(1, "a path to a price", lambda: on_the_path(0.5, 0.2) and on_the_path(-2.0, 0.01))


def prices_of_groups(gamma, alpha, groups, slabs, prior):
    """Coin by coin and value by value."""
    mean, deviation = slabs
    rows = []
    for image in range(gamma.shape[0]):
        row = []
        for group in range(gamma.shape[1]):
            share = gamma[image, group].item()
            inside = [j for j in range(len(groups)) if groups[j] == group]
            values = sum(
                slab(
                    *(t[image, j].item() for t in (mean, deviation)), *(t[j].item() for t in prior)
                )
                for j in inside
            )
            row.append(coin(share, alpha[group]) + share * values)
        rows.append(row)
    return torch.tensor(rows, dtype=torch.float64)


def question_4(answer, mark):
    def right(key, gamma, alpha, groups=probes.GROUPS):
        answer.borrowed(key)
        prior = probes.MU_P, probes.SIGMA_P
        truth = prices_of_groups(gamma, alpha, groups, probes.slabs(), prior)
        return close(answer[key], truth)

    one_each = probes.GAMMA.repeat(1, 2)
    mark(1, "a coin for each latent", lambda: right("alone", one_each, [0.2] * 6, torch.arange(6)))
    mark(1, "a coin for each group", lambda: right("groups", probes.GAMMA, [0.2] * 3))
    mark(
        1,
        "coins that are sure, and an alpha for each group",
        lambda: right("ends", probes.ENDS, probes.ALPHAS.tolist()),
    )


def mixture(gamma, w, means, deviations, alpha):
    """The price, and the standard deviation of what one draw of the value adds to it."""
    z = torch.linspace(-20.0, 20.0, 200_001, dtype=torch.float64)
    parts = [log_normal(z, m, s).exp() for m, s in zip(means, deviations, strict=True)]
    log_q = (w * parts[0] + (1 - w) * parts[1]).log()
    log_p = log_normal(z, 0.0, 1.0)
    density = log_q.exp()
    ratio = torch.where(density > 0, log_q - log_p, 0.0)
    mean = torch.trapezoid(density * ratio, z).item()
    variance = torch.trapezoid(density * (ratio - mean) ** 2, z).item()
    return coin(gamma, alpha) + gamma * mean, gamma * math.sqrt(variance)


def question_5(answer, mark):
    def near(number, which):
        mean, error = answer[f"estimates {number}"][which]
        truth, _ = mixture(*probes.SETTINGS[number])
        return 0 < error < 0.1 and abs(mean - truth) < 5 * error

    def quiet(number):
        _, spread = mixture(*probes.SETTINGS[number])
        error = answer[f"estimates {number}"][1][1]
        return abs(error * math.sqrt(probes.DRAWS) / spread - 1) < 0.05

    def honest_errors(which):
        return honest([estimates[which] for estimates in answer["repeats"]])

    def seeded():
        one, other = answer["again"]
        different = {estimates[0][0] for estimates in answer["repeats"]}
        return one == other and len(different) > 1

    every = range(len(probes.SETTINGS))
    mark(1, "the plain estimate", lambda: all(near(n, 0) for n in every))
    mark(1, "the estimate with an exact coin", lambda: all(near(n, 1) for n in every))
    mark(
        1,
        "both standard errors; that of the second knows no coin",
        lambda: honest_errors(0) and honest_errors(1) and all(map(quiet, every)),
    )
    mark(1, "the same seed gives the same answer, and another seed another", seeded)


def question_6(answer, mark):
    gamma, mean, deviation, groups = probes.inputs()
    prior = torch.zeros(5, dtype=torch.float64), torch.ones(5, dtype=torch.float64)

    def mean_coin(group, alpha):
        return sum(coin(share, alpha) for share in gamma[:, group].tolist()) / len(gamma)

    # The best alpha by search: the mean price is convex in it, and only the coins depend on it.
    best = []
    for group in range(2):
        low, high = 1e-9, 1 - 1e-9
        for _ in range(200):
            one, other = low + (high - low) / 3, high - (high - low) / 3
            if mean_coin(group, one) < mean_coin(group, other):
                high = other
            else:
                low = one
        best.append((low + high) / 2)
    bit = math.log(2.0)
    truth = prices_of_groups(gamma, best, groups, (mean, deviation), prior).sum(1) / bit
    apart = sum(mean_coin(group, best[group]) for group in groups.tolist())
    shared = sum(mean_coin(group, best[group]) for group in range(2))
    values = [
        slab(m, s)
        for m, s in zip(mean.flatten().tolist(), deviation.flatten().tolist(), strict=True)
    ]
    mark(1, "the best alpha", lambda: close(answer["alpha"], best, 1e-5))
    mark(1, "what each image costs, in bits", lambda: close(answer["bits"], truth, 1e-5))
    mark(
        1,
        "what shared coins save",
        lambda: close(answer.number("saved"), (apart - shared) / bit, 1e-5),
    )
    mark(1, "the dense code", lambda: close(answer.number("dense"), sum(values) / 8 / bit, 1e-5))
