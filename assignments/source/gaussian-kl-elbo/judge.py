"""What is right. This file stays outside: no student's code runs where it is read.

Truths come from definitions, by quadrature or by search, not from a copy of the solution.
"""

import math

import probes
import sympy
import torch
from grading.truth import close, honest, same
from torch.distributions import MultivariateNormal, Normal, kl_divergence

x, m = sympy.symbols("x m", real=True)
a, s, tau, k = sympy.symbols("a s tau k", positive=True)
RHO = 0.6


def log_normal(z, mean, deviation):
    return -0.5 * ((z - mean) / deviation) ** 2 - math.log(deviation * math.sqrt(2 * math.pi))


def correlated(m_1, m_2, s_1, s_2):
    """The price under the correlated prior, from its definition, on a grid of codes."""
    steps = torch.linspace(-9.0, 9.0, 601, dtype=torch.float64)
    one, two = torch.meshgrid(m_1 + s_1 * steps, m_2 + s_2 * steps, indexing="ij")
    log_q = log_normal(one, m_1, s_1) + log_normal(two, m_2, s_2)
    # The prior as its first latent, and the second given the first.
    log_p = log_normal(one, 0.0, 1.0) + log_normal(two, RHO * one, math.sqrt(1 - RHO**2))
    step = (steps[1] - steps[0]).item()
    return (log_q.exp() * (log_q - log_p)).sum().item() * step**2 * s_1 * s_2


def question_1(answer, mark):
    def value(m_1, m_2, s_1, s_2):
        a, b, c, d, e = answer["numbers"]
        of_means = a * (m_1**2 + m_2**2) + b * m_1 * m_2
        return of_means + c * (s_1**2 + s_2**2) + d * math.log(s_1 * s_2) + e

    def changes(*pairs):
        return all(
            abs(value(*p) - value(*q) - correlated(*p) + correlated(*q)) < 1e-6 for p, q in pairs
        )

    here = (0.0, 0.0, 1.0, 1.0)
    means = [((1.0, 2.0, 1.0, 1.0), here), ((-1.0, 0.5, 1.0, 1.0), here)]
    widths = [((0.0, 0.0, 0.5, 1.0), here), ((0.0, 0.0, 2.0, 0.3), here)]
    mark(1, "how the price changes with the means", lambda: changes(*means))
    mark(1, "how it changes with the widths", lambda: changes(*widths))
    mark(1, "the price of a standard q", lambda: abs(value(*here) - correlated(*here)) < 1e-6)


def question_2(answer, mark):
    # Sums of Gaussians: x = a z + noise, and z is corrected by its covariance with x.
    variance = a**2 * tau**2 + s**2
    gain = a * tau**2 / variance
    evidence = -sympy.log(2 * sympy.pi * variance) / 2 - (x - a * m) ** 2 / (2 * variance)
    mark(1, "the posterior's mean", lambda: same(answer["posterior_mean"], m + gain * (x - a * m)))
    mark(
        1,
        "the posterior's variance",
        lambda: same(answer["posterior_variance"], tau**2 - gain * a * tau**2),
    )
    mark(1, "the evidence", lambda: same(answer["log_evidence"], evidence))
    mark(
        1, "what the ELBO leaves out", lambda: same(answer["gap"], (k**2 - sympy.log(1 + k**2)) / 2)
    )


def price(mu, sigma, mean_p, covariance_p):
    q = MultivariateNormal(mu, scale_tril=torch.diag_embed(sigma))
    return kl_divergence(q, MultivariateNormal(mean_p, covariance_p))


def question_3(answer, mark):
    mean_three, _ = probes.prior(3, 4)
    mu, sigma = probes.codes(4, 3, 5)
    deviations = torch.tensor([0.5, 2.0, 1.0], dtype=torch.float64).sqrt()
    latent_by_latent = kl_divergence(Normal(mu, sigma), Normal(mean_three, deviations)).sum(1)

    def right(key, truth):
        answer.borrowed(key)
        return close(answer[key], truth, 1e-8, 1e-8)

    mark(1, "a prior without correlation", lambda: right("diagonal", latent_by_latent))
    mark(
        1,
        "two latents with correlation",
        lambda: right("two", price(*probes.codes(4, 2, 5), *probes.prior(2, 4))),
    )
    mark(
        1,
        "five latents with correlation",
        lambda: right("five", price(*probes.codes(3, 5, 5), *probes.prior(5, 4))),
    )


def on_a_grid(pixels, latents):
    """log p(x, z) over a grid of codes, (B, M), with the grid (M, J) and its cell."""
    matrix, c = probes.linear(pixels, latents, 7)
    x = probes.images(5, pixels, 6)
    steps = torch.linspace(-9.0, 9.0, 20001 if latents == 1 else 601, dtype=torch.float64)
    z = torch.cartesian_prod(*[steps] * latents).reshape(-1, latents)
    error = (x[:, None] - c - z @ matrix.T).square().sum(2)
    log_likelihood = -error / (2 * 0.8**2) - pixels * math.log(0.8 * math.sqrt(2 * math.pi))
    log_prior = log_normal(z, 0.0, 1.0).sum(1)
    return log_likelihood + log_prior, z, (steps[1] - steps[0]).item() ** latents


def question_4(answer, mark):
    def evidence(pixels, latents):
        answer.borrowed(f"evidence {pixels} and {latents}")
        log_joint, _, cell = on_a_grid(pixels, latents)
        truth = log_joint.logsumexp(1) + math.log(cell)
        return close(answer[f"evidence {pixels} and {latents}"], truth, 1e-6, 1e-6)

    def elbo(pixels, latents):
        answer.borrowed(f"elbo {pixels} and {latents}")
        log_joint, z, cell = on_a_grid(pixels, latents)
        mu, sigma = probes.codes(5, latents, 8)
        log_q = Normal(mu[:, None], sigma[:, None]).log_prob(z).sum(2)
        truth = (log_q.exp() * (log_joint - log_q)).sum(1) * cell
        return close(answer[f"elbo {pixels} and {latents}"], truth, 1e-6, 1e-6)

    mark(1, "the evidence with one pixel and one latent", lambda: evidence(1, 1))
    mark(1, "the evidence with more of both", lambda: evidence(3, 2))
    mark(1, "the ELBO with one pixel and one latent", lambda: elbo(1, 1))
    mark(1, "the ELBO with more of both", lambda: elbo(3, 2))


def mean_of(f, mu, sigma):
    """E f(z) by quadrature."""
    noise = torch.linspace(-12.0, 12.0, 20001, dtype=torch.float64)
    density = torch.exp(-0.5 * noise**2) / math.sqrt(2 * math.pi)
    return torch.trapezoid(density * f(mu + sigma * noise), noise).item()


def question_5(answer, mark):
    def near(number, which):
        f, mu, sigma = probes.SETTINGS[number]
        step = 1e-4
        ends = [mean_of(f, mu, sigma * math.exp(sign * step)) for sign in (1, -1)]
        truth = (ends[0] - ends[1]) / (2 * step)
        mean, error = answer[f"gradients {number}"][which]
        return 0 < error < 0.1 and abs(mean - truth) < 5 * error

    def quiet():
        f, mu, sigma = probes.SETTINGS[1]
        assert f is torch.sin

        def term(z):
            return (z - mu) * torch.cos(z)

        variance = mean_of(lambda z: term(z) ** 2, mu, sigma) - mean_of(term, mu, sigma) ** 2
        spread = math.sqrt(variance)
        error = answer["gradients 1"][1][1]
        return abs(error * math.sqrt(probes.DRAWS) / spread - 1) < 0.05

    def honest_errors(which):
        return honest([estimates[which] for estimates in answer["repeats"]])

    def seeded():
        one, other = answer["again"]
        different = {estimates[0][0] for estimates in answer["repeats"]}
        return one == other and len(different) > 1

    every = range(len(probes.SETTINGS))
    mark(1, "the score function", lambda: all(near(n, 0) for n in every))
    mark(1, "along the path", lambda: all(near(n, 1) for n in every) and quiet())
    mark(
        1,
        "both standard errors; the same seed gives the same answer, and another seed another",
        lambda: honest_errors(0) and honest_errors(1) and seeded(),
    )


def left_out(matrix, shared):
    """The best widths and what they leave out, by search; the posterior from Gaussian conditioning."""
    pixels, latents = matrix.shape
    seen = matrix @ matrix.T + 0.7**2 * torch.eye(pixels, dtype=torch.float64)
    covariance = torch.eye(latents, dtype=torch.float64) - matrix.T @ torch.linalg.solve(
        seen, matrix
    )
    zero = torch.zeros(latents, dtype=torch.float64)
    log_sigma = torch.zeros(1 if shared else latents, dtype=torch.float64, requires_grad=True)
    search = torch.optim.LBFGS([log_sigma], 0.5, 500, tolerance_grad=1e-12, tolerance_change=1e-15)

    def missing():
        return price(zero, log_sigma.exp().expand(latents), zero, covariance)

    def step():
        search.zero_grad()
        value = missing()
        value.backward()
        return value

    search.step(step)
    return log_sigma.detach().exp(), missing().item()


def question_6(answer, mark):
    def each():
        for key, (pixels, latents) in {"small": (3, 2), "large": (12, 4)}.items():
            matrix, _ = probes.linear(pixels, latents, 9)
            yield key, left_out(matrix, shared=False), left_out(matrix, shared=True)

    mark(
        1,
        "the best widths",
        lambda: all(close(answer[f"{key} sigma"], free[0], 1e-5) for key, free, _ in each()),
    )
    mark(
        1,
        "what they leave out",
        lambda: all(
            close(answer.number(f"{key} left_out"), free[1], 1e-6) for key, free, _ in each()
        ),
    )
    mark(
        1,
        "what one shared width leaves out",
        lambda: all(
            close(answer.number(f"{key} left_out_shared"), one[1], 1e-6) for key, _, one in each()
        ),
    )
