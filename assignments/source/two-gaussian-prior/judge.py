"""What is right. This file stays outside: no student's code runs where it is read.

Truths come from definitions: fifty digits, differences, quadrature, a fine grid. They are not a
copy of the solution.
"""

import math

import mpmath
import probes
import sympy
import torch
from grading.truth import close, same

F64 = torch.float64
sigma_1, sigma_2 = sympy.symbols("sigma_1 sigma_2", positive=True)


def joint_log(z, y, tau, alpha, m, sigma1, sigma2):
    """The log-joint up to a number, with the larger component taken out of the sum."""
    wide = math.log(alpha / sigma1) - (z - m) ** 2 / (2 * sigma1**2)
    if alpha == 1:
        return wide - (y - z) ** 2 / (2 * tau**2)
    narrow = math.log((1 - alpha) / sigma2) - z**2 / (2 * sigma2**2)
    top = torch.maximum(wide, narrow)
    return top + ((wide - top).exp() + (narrow - top).exp()).log() - (y - z) ** 2 / (2 * tau**2)


def question_1(answer, mark):
    m, sigma1, sigma2, alpha = 3.0, 1.0, 0.5, 2 / 3

    def wide(z):
        return alpha * mpmath.npdf(z, m, sigma1)

    def narrow(z):
        return (1 - alpha) * mpmath.npdf(z, 0, sigma2)

    def log_odds(z):
        return mpmath.log(wide(z)) - mpmath.log(narrow(z))

    def density(z):
        return mpmath.log(wide(z) + narrow(z))

    low, high = (float(mpmath.findroot(log_odds, start)) for start in ((-3.3, -2.8), (0.8, 1.2)))
    truth = [low, high, *(float(mpmath.diff(density, z)) for z in (low, high))]

    def right(place):
        return abs(answer["numbers"][place] - truth[place]) < 2e-3

    mark(0.5, "the lower border", lambda: right(0))
    mark(0.5, "the upper border", lambda: right(1))
    mark(0.5, "the score at the lower border", lambda: right(2))
    mark(0.5, "the score at the upper border", lambda: right(3))


def least_place():
    """The smallest z at which the curvature, a parabola in the responsibility, has a root."""
    z, r = sympy.symbols("z r", positive=True)
    first, second = 1 / sigma_1**2, 1 / sigma_2**2
    curvature = sympy.expand(
        -r * first - (1 - r) * second + r * (1 - r) * (second - first) ** 2 * z**2
    )
    a, b = sympy.Poly(curvature, r).all_coeffs()[:2]
    widths = {sigma_1: 1, sigma_2: sympy.Rational(1, 10)}
    places = sympy.solve(sympy.factor(sympy.discriminant(curvature, r)), z)
    (place,) = (
        p for p in places if p.subs(widths) > 0 and 0 < (-b / (2 * a)).subs(z, p).subs(widths) < 1
    )
    return place


def turning_point():
    """Where the curvature and its slope are both zero, with z^2 in units of 1 / gap.

    In these units the slope says r = 1/2 + 3 / (2 u), and the curvature then u^2 - 2 k u = 3 with
    k = (sigma_1^2 + sigma_2^2) / (sigma_1^2 - sigma_2^2). The derivatives of log p confirm it.
    """
    gap = 1 / sigma_2**2 - 1 / sigma_1**2
    k = (sigma_1**2 + sigma_2**2) / (sigma_1**2 - sigma_2**2)
    u = k + sympy.sqrt(k**2 + 3)
    place = sympy.sqrt(u / gap)
    weight = 1 / (1 + sigma_2 / sigma_1 * sympy.exp(u / 2) * (u - 3) / (u + 3))
    for widths in ((1, sympy.Rational(1, 10)), (2, 1)):
        at = {sigma_1: widths[0], sigma_2: widths[1]}
        _touches_zero(place.subs(at).evalf(60), weight.subs(at).evalf(60), *widths)
    return place, weight


def _touches_zero(place, weight, wide, narrow):
    """Second and third derivative of log p vanish there, and the fourth is negative."""
    with mpmath.workdps(50):
        place, weight, wide, narrow = (
            mpmath.mpf(str(sympy.N(x, 60))) for x in (place, weight, wide, narrow)
        )

        def density(z):
            return mpmath.log(
                weight * mpmath.npdf(z, 0, wide) + (1 - weight) * mpmath.npdf(z, 0, narrow)
            )

        second, third, fourth = (mpmath.diff(density, place, n) for n in (2, 3, 4))
        assert abs(second) < 1e-9 and abs(third) < 1e-9 and fourth < 0


def question_2(answer, mark):
    place, weight = turning_point()
    inside = (sigma_2 < sigma_1,)
    mark(1, "the smallest place of all", lambda: same(answer["z_least"], least_place(), *inside))
    mark(
        1, "where the curvature first touches zero", lambda: same(answer["z_turn"], place, *inside)
    )
    mark(2, "the weight of the wide component", lambda: same(answer["alpha_turn"], weight, *inside))


def fifty_digits(name, z, prior):
    """What a function of the prior is at each element of z, from its definition."""
    alpha, m, sigma1, sigma2 = map(mpmath.mpf, prior)

    def wide(x):
        return alpha * mpmath.npdf(x, m, sigma1)

    def whole(x):
        return wide(x) + (1 - alpha) * mpmath.npdf(x, 0, sigma2)

    def at(x):
        if name == "log_prob":
            return mpmath.log(whole(x))
        if name == "responsibility":
            return wide(x) / whole(x)
        return mpmath.diff(lambda s: mpmath.log(whole(s)), x)

    with mpmath.workdps(50):
        values = [float(at(mpmath.mpf(x))) for x in z.flatten().tolist()]
    return torch.tensor(values, dtype=F64).reshape(z.shape)


def steepest(alpha, sigma1, sigma2):
    """The first place on z > 0 where the score, a difference of log-densities, has a minimum."""
    z = torch.arange(0.0, 3.0, 5e-5, dtype=F64)
    nothing = (0.0, math.inf, alpha, 0.0, sigma1, sigma2)
    pull = (joint_log(z + 1e-4, *nothing) - joint_log(z - 1e-4, *nothing)) / 2e-4
    # A step of twenty points: rounding makes no minimum.
    coarse = pull[::20]
    first = 20 * int((coarse[1:] > coarse[:-1]).nonzero()[0])
    window = slice(max(first - 40, 0), first + 40)
    lowest = int(pull[window].argmin())
    return z[window][lowest].item(), pull[window][lowest].item()


def question_3(answer, mark):
    def near(name):
        for number, prior in enumerate(probes.PRIORS):
            key = f"{name} near {number}"
            answer.borrowed(key)
            if not close(answer[key], fifty_digits(name, probes.NEAR, prior), 1e-8, 1e-8):
                return False
        return True

    def far(name):
        for number, prior in enumerate(probes.FAR_PRIORS):
            for kind, tolerance in ((F64, 1e-8), (torch.float32, 2e-4)):
                key = f"{name} far {number} {kind}"
                answer.borrowed(key)
                value, z = answer[key], probes.FAR.to(kind)
                truth = fifty_digits(name, z, prior)
                if value.dtype != kind or not close(value, truth, tolerance, tolerance):
                    return False
        return True

    def right_pulls():
        answer.borrowed("pulls")
        for widths, (place, pull) in zip(probes.WIDTHS, answer["pulls"], strict=True):
            true_place, true_pull = steepest(*widths)
            if abs(place / true_place - 1) > 3e-3 or abs(pull / true_pull - 1) > 1e-3:
                return False
        return True

    words = {
        "log_prob": "the log-density",
        "responsibility": "the responsibility",
        "score": "the score",
    }
    for name, what in words.items():
        mark(0.5, f"{what}, for ordinary values", lambda name=name: near(name))
        mark(0.5, f"{what}, far out, in float32 and for alpha = 1", lambda name=name: far(name))
    mark(1, "where the pull is strongest", right_pulls)


def moments(y, tau, alpha, m, sigma1, sigma2):
    """Probability of on, mean and variance of the posterior by a sum over a fine grid of codes."""
    z = torch.linspace(-15.0, 15.0, 6_001, dtype=F64)
    weight = joint_log(z, y, tau, alpha, m, sigma1, sigma2)
    weight = (weight - weight.max()).exp()
    weight = weight / weight.sum()
    share = 1 / (
        1
        + (1 - alpha)
        / alpha
        * sigma1
        / sigma2
        * ((z - m) ** 2 / (2 * sigma1**2) - z**2 / (2 * sigma2**2)).clamp(max=700.0).exp()
    )
    mean = (weight * z).sum()
    return (weight * share).sum().item(), mean.item(), (weight * (z - mean) ** 2).sum().item()


def over(function, y, tau):
    """A function of two numbers at each element."""
    pairs = zip(y.flatten().tolist(), tau.flatten().tolist(), strict=True)
    return torch.tensor([function(*pair) for pair in pairs], dtype=F64)


def question_4(answer, mark):
    def right(part, key):
        for number, prior in enumerate(probes.PRIORS):
            answer.borrowed(f"{key} {number}")
            truth = over(lambda y, t, p=prior: moments(y, t, *p)[part], probes.SEEN, probes.NOISE)
            if not close(answer[f"{key} {number}"], truth.reshape(probes.SEEN.shape), 1e-6, 1e-6):
                return False
        return True

    def right_far():
        # So far out the narrow component would be a wonder of more than a thousand digits.
        answer.borrowed("far")
        return close(answer["far"], torch.ones(3), 1e-9) and right(0, "on")

    mark(1, "the probability of on", lambda: right(0, "on"))
    mark(1, "the same, far out", right_far)
    mark(1, "the posterior mean", lambda: right(1, "mean"))
    mark(1, "the posterior variance", lambda: right(2, "variance"))


def climbed(y, tau, alphas, m, sigma1, sigma2, step):
    """The climb with slopes that are differences of the log-joint."""
    z = torch.zeros_like(y)
    for alpha in alphas:
        rest = (y, tau, alpha, m, sigma1, sigma2)
        near = joint_log(z + 1e-4, *rest) - joint_log(z - 1e-4, *rest)
        far = joint_log(z + 2e-4, *rest) - joint_log(z - 2e-4, *rest)
        z = z + step**2 / 2 * (8 * near - far) / 12e-4
    return z


def highest(y, tau, alpha, m, sigma1, sigma2):
    """The place and the height of the highest log-joint on a fine grid."""
    z = torch.linspace(-6.0, 6.0, 6_001, dtype=F64)
    heights = joint_log(z, y, tau, alpha, m, sigma1, sigma2)
    return z[heights.argmax()].item(), heights.max().item()


def question_5(answer, mark):
    def right_climb(key, alphas):
        for number, prior in enumerate(probes.PRIORS):
            answer.borrowed(f"{key} {number}")
            truth = climbed(probes.SEEN, probes.NOISE, alphas or [prior[0]] * 7, *prior[1:], 0.1)
            if not close(answer[f"{key} {number}"], truth, 1e-5):
                return False
        return True

    def as_high(key, y, tau, prior):
        """No place on the grid is higher, but for what 0.001 in the code may cost."""
        answer.borrowed(key)
        truth = over(lambda a, t: highest(a, t, *prior)[1], y, tau).reshape(y.shape)
        here = joint_log(torch.as_tensor(answer[key], dtype=F64), y, tau, *prior)
        allowed = 1e-6 * (1 / prior[3] ** 2 + 1 / tau**2)
        return here.shape == y.shape and bool((here >= truth - allowed).all())

    def right_summits():
        seen = (probes.SEEN, probes.NOISE)
        return all(
            as_high(f"best {n}", *seen, prior) for n, prior in enumerate(probes.PRIORS)
        ) and all(
            as_high(f"best of many {n}", *probes.elements(), (probes.LAST, m, 1.0, 0.1))
            for n, m in enumerate((0.0, 0.8))
        )

    mark(1, "a climb at one alpha", lambda: right_climb("held", []))
    mark(1, "a climb in which alpha falls", lambda: right_climb("falling", probes.FALL))
    mark(1, "the highest summit", right_summits)


def question_6(answer, mark):
    y, tau = probes.elements()
    prior = (probes.LAST, 0.0, 1.0, 0.1)
    best = over(lambda a, t: highest(a, t, *prior)[0], y, tau).reshape(y.shape)
    ends = {
        name: climbed(y, tau, alphas, *prior[1:], 0.1) for name, alphas in probes.SCHEDULES.items()
    }
    # Where both components are as likely: on beyond it.
    border = mpmath.findroot(
        lambda z: mpmath.log(
            prior[0] * mpmath.npdf(z, 0, 1) / ((1 - prior[0]) * mpmath.npdf(z, 0, 0.1))
        ),
        (0.2, 0.6),
    )

    def right(key, name, truth, tolerance=0.011):
        # Three of the 300 elements may lie on an edge.
        return abs(answer.number(f"{key}, {name}") - truth) < tolerance

    def at_best(name):
        return ((ends[name] - best).abs() < 0.05).double().mean().item()

    def share_on(name):
        return (ends[name].abs() > float(border)).double().mean().item()

    chance = over(lambda a, t: moments(a, t, *prior)[0], y, tau).mean().item()
    mark(
        1,
        "how many codes are at the highest summit",
        lambda: all(right("at best", n, at_best(n)) for n in ends),
    )
    mark(1, "how many codes are on", lambda: all(right("on", n, share_on(n)) for n in ends))
    mark(
        1,
        "what the exact posterior says",
        lambda: right("on", "exact", chance, 1e-5) and right("at best", "exact", 1.0, 1e-9),
    )
