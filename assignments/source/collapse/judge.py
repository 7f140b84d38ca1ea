"""What is right. This file stays outside: no student's code runs where it is read.

Truths come from definitions, by enumeration, minimisation or ``torch.distributions``, not from a
copy of the solution. What trainings end in is judged with margins that hold on other processors:
over 12 seeds the healthy model lies 84 nats or more above the collapsed one, the cured 67 or more.
"""

import math

import probes
import sympy
import torch
from grading.truth import close, same
from torch.distributions import Bernoulli, Normal, kl_divergence

from vsclib import data

a = sympy.Symbol("a", real=True)
c, beta, alpha = sympy.symbols("c beta alpha", positive=True)
HEALTHY, CURED, COLLAPSED = 50.0, 30.0, 3.0


def question_1(answer, mark):
    def relative(number):
        """From the definition: how much one nat of KL weighs beside one nat of error."""
        B, D, J, s = probes.SIZES[number]
        # What a single squared error and a single KL are multiplied by, over what it should be.
        error = (1 / (B * D), 1 / (B * D), 0.5 / B / (1 / (2 * s**2)), 1 / B)
        kl = (1 / B, 1 / (B * J), 1 / B, 1.0)
        return [k / e for k, e in zip(kl, error, strict=True)]

    def right(*places):
        for number in range(len(probes.SIZES)):
            found, truth = answer[f"weights {number}"], relative(number)
            if len(found) != 4 or not all(close(found[p], truth[p], 1e-9, 1e-6) for p in places):
                return False
        return True

    mark(1, "averages over pixels and latents (a and b)", lambda: right(0, 1))
    mark(1, "a missing s, and a sum over the batch (c and d)", lambda: right(2, 3))


def question_2(answer, mark):
    m, sigma = sympy.symbols("m sigma", positive=True)
    on = c * ((m - a) ** 2 + sigma**2) / 2
    on += beta * ((m**2 + sigma**2 - 1) / 2 - sympy.log(sigma) - sympy.log(alpha))
    mean = a * c / (c + beta)
    width = sympy.sqrt(beta / (c + beta))
    best = {m: mean, sigma: width}
    # The loss is smooth and convex in both: zero slopes are the least.
    assert all(sympy.simplify(sympy.diff(on, s).subs(best)) == 0 for s in best)
    off = c * a**2 / 2 - beta * sympy.log(1 - alpha)
    slope = sympy.diff(off - on.subs(best), a, 2) / 2
    price = (on.subs(best) - off).subs(a, 0)

    def right_threshold():
        return same(answer["threshold"], price / slope, alpha < 1)

    mark(1, "the best mean", lambda: same(answer["best_mean"], mean))
    mark(1, "the best sigma", lambda: same(answer["best_sigma"], width))
    mark(2, "the threshold", right_threshold)


def question_3(answer, mark):
    x, image, gamma, mu, sigma = probes.batch()
    error = -Normal(image, probes.DEVIATION).log_prob(x).sum(1)
    value = gamma * kl_divergence(Normal(mu, sigma), Normal(0 * mu, 1 + 0 * sigma))
    coin = torch.tensor(
        [
            [
                sum(
                    q * math.log(q / p)
                    for q, p in ((g, probes.ALPHA), (1 - g, 1 - probes.ALPHA))
                    if q > 0
                )
                for g in row
            ]
            for row in gamma.tolist()
        ],
        dtype=torch.float64,
    )

    def right(key, truth):
        answer.borrowed(key)
        return close(answer[key], truth, 1e-9)

    total = (error + probes.BETA * (value + coin).sum(1)).mean()
    mark(1, "the error, with its constant", lambda: right("error", error))
    mark(1, "the price of the values", lambda: right("value", value))
    mark(1, "the price of the coins, sure ones too", lambda: right("coin", coin))

    def whole():
        """Together as its own parts say, or as it is."""
        own = answer["error"] + probes.BETA * (answer["value"] + answer["coin"]).sum(1)
        return right("total", total) or right("total", own.mean())

    mark(1, "all together, weighed and averaged", whole)


def question_4(answer, mark):
    def right_use():
        answer.borrowed("use")
        rows = probes.gates().tolist()
        on = [[gate > 0.5 for gate in row] for row in rows]
        shares = [sum(column) / len(on) for column in zip(*on, strict=True)]
        truth = [
            sum(map(sum, on)) / len(on),
            sum(share > 0.001 for share in shares),
            sum(share > 0.99 for share in shares),
        ]
        return close(answer["use"], truth, 1e-6)

    def right_swap():
        answer.borrowed("swap")
        weights, z, x = probes.codes()

        def error(code, pixels):
            return ((pixels - (code @ weights).tanh()) ** 2).sum().item() / (
                2 * probes.DEVIATION**2
            )

        truth = []
        for j in range(z.shape[1]):
            rise = 0.0
            for i in range(len(z)):
                other = z[i].clone()
                other[j] = z[(i + 1) % len(z), j]
                rise += error(other, x[i]) - error(z[i], x[i])
            truth.append(rise / len(z))
        return close(answer["swap"], truth)

    mark(1, "the three counts", right_use)
    mark(1, "what a swap costs", right_swap)
    mark(1, "z stays as it is, and the swap is right", lambda: answer["kept"] and right_swap())
    mark(1, "idle, busy, speaking", lambda: list(answer["states"]) == [0, 0, 2, 1, 1, 2, 0])


def above_blank(plain, prior):
    """How many nats the bound lies above that of answering every image by the mean image."""
    gamma, mu, sigma, image = (part.double() for part in plain)
    digits = data.load("digits")
    x = torch.from_numpy(digits.test.images).flatten(1).double() / 255.0
    mean = torch.from_numpy(digits.train.images).flatten(1).double().mean(0) / 255.0
    gamma = gamma.clamp(1e-12, 1 - 1e-12)
    kl = kl_divergence(Bernoulli(gamma), Bernoulli(torch.full_like(gamma, prior)))
    kl = kl + gamma * kl_divergence(Normal(mu, sigma), Normal(0 * mu, 1 + 0 * sigma))
    gain = ((x - mean) ** 2 - (x - image) ** 2).sum(1) / (2 * 0.1**2)
    if gamma.shape != (len(x), 12) or image.shape != x.shape:
        return math.nan
    return (gain - kl.sum(1)).mean().item()


def question_5(answer, mark):
    def repeatable():
        first, again, other = answer["again"]
        falls = sum(first[-5:]) < sum(first[:5])
        return len(first) == 30 and first == again and first != other and falls

    def collapsed():
        code = answer["collapsed"]
        near = (code[0] - 0.05).abs().mean() < 0.02
        return near and abs(above_blank(code, 0.05)) < COLLAPSED

    mark(1, "the same seed, the same falling history", repeatable)
    mark(1, "a model that learns", lambda: above_blank(answer["healthy"], 0.05) > HEALTHY)
    mark(
        1,
        "beta weighs the KL of every step, and 64 is too much",
        lambda: list(answer["steps"]) == list(range(20)) and collapsed(),
    )


def question_6(answer, mark):
    def allowed():
        weights = answer["weights"]
        return all(0 <= w < math.inf for w in weights) and close(weights[250:], [1.0] * 50, 1e-9)

    def cured(seed):
        return above_blank(answer[f"seed {seed}"], 0.002) > CURED

    mark(1, "a schedule that ends in the true loss", allowed)
    mark(1, "cured with one seed", lambda: allowed() and any(map(cured, probes.SEEDS)))
    mark(1, "cured with every seed", lambda: allowed() and all(map(cured, probes.SEEDS)))
