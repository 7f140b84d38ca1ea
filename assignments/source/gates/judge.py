"""What is right. This file stays outside: no student's code runs where it is read.

Truths come from definitions: sums over patterns, differences, quadrature. They are not a copy of
the solution.
"""

import itertools
import math

import probes
import sympy
import torch
from grading.scoring import LostError
from grading.truth import close, same

F64 = torch.float64
gamma, K = sympy.symbols("gamma K", positive=True)
d = sympy.Symbol("d", real=True)
ESTIMATORS = ("leave-one-out", "straight-through", "trapezoid", "relaxed")


def patterns(logits):
    """Every pattern of the gates with its probability."""
    shares = [1.0 / (1.0 + math.exp(-v)) for v in logits.tolist()]
    for w in itertools.product((0.0, 1.0), repeat=len(shares)):
        chance = math.prod(s if on else 1.0 - s for on, s in zip(w, shares, strict=True))
        yield torch.tensor(w, dtype=F64), chance


def mean_loss(f, logits):
    return sum(chance * float(f(w)) for w, chance in patterns(logits))


def difference(function, x, step=1e-5):
    """The derivatives of a function of a vector, by differences of fourth order."""
    columns = []
    for j in range(x.shape[-1]):
        move = torch.zeros(x.shape[-1], dtype=F64)
        move[j] = step
        near = function(x + move) - function(x - move)
        far = function(x + 2 * move) - function(x - 2 * move)
        columns.append(torch.as_tensor((8 * near - far) / (12 * step), dtype=F64))
    return torch.stack(columns, -1)


def exact(f, logits):
    return difference(lambda v: mean_loss(f, v), logits, 1e-3)


def question_1(answer, mark):
    def f(w):
        return 2 * w**3 - w

    def f_prime(w):
        return 6 * w**2 - 1

    def through(share):
        return share * f_prime(1) + (1 - share) * f_prime(0)

    def right(place, truth):
        value = answer["numbers"][place]
        return abs(value - truth) < 2e-3 * truth

    rise = f(1) - f(0)
    gradient = float(exact(lambda w: f(w[0]), torch.zeros(1, dtype=F64))[0])
    mark(0.5, "the exact gradient in the log-odds", lambda: right(0, gradient))
    mark(
        0.5, "where straight-through is exact", lambda: right(1, _root(lambda s: through(s) - rise))
    )
    mark(0.5, "where straight-through has the wrong sign", lambda: right(2, _root(through)))
    half = (f_prime(0) + f_prime(1)) / 2
    mark(0.5, "how much too large the trapezoidal rule is", lambda: right(3, half / rise))


def _root(function):
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if function(middle) > 0 else (middle, high)
    return low


def question_2(answer, mark):
    def right_gradient(name):
        return close(answer[f"gradient, {name}"], exact(*probes.LOSSES[name]), 1e-6)

    def moments(name):
        f, logits = probes.LOSSES[name]
        rows = [(probes.weighed(f)(w[None])[0], chance) for w, chance in patterns(logits)]
        mean = sum(chance * row for row, chance in rows)
        return mean, sum(chance * (row - mean) ** 2 for row, chance in rows)

    names = tuple(probes.LOSSES)
    mark(1, "the exact gradient of two gates", lambda: right_gradient(names[0]))
    mark(1, "the exact gradient of more gates", lambda: all(map(right_gradient, names)))
    mark(
        1,
        "the mean of an estimator",
        lambda: all(close(answer[f"mean, {name}"], moments(name)[0], 1e-9) for name in names),
    )
    mark(
        1,
        "the variance of an estimator",
        lambda: all(close(answer[f"variance, {name}"], moments(name)[1], 1e-9) for name in names),
    )


def leave_one_out(f, rows, logits):
    """The estimator as it is printed, one draw after the other: rows (K, J), gives (J,)."""
    losses, total = [float(f(w)) for w in rows], 0.0
    for k, w in enumerate(rows):
        others = [loss for i, loss in enumerate(losses) if i != k]
        total = total + (losses[k] - sum(others) / len(others)) * (w - 1 / (1 + (-logits).exp()))
    return total / len(rows)


def variance_of(draws):
    """The variance of leave-one-out for one gate, by adding up all outcomes of its draws."""
    chance = {1: gamma, 0: 1 - gamma}
    first = second = sympy.Integer(0)
    for w in itertools.product((0, 1), repeat=draws):
        weight = sympy.prod([chance[on] for on in w])
        terms = [
            (d * w[k] - d * sympy.Rational(sum(w) - w[k], draws - 1)) * (w[k] - gamma)
            for k in range(draws)
        ]
        estimate = sum(terms) / draws
        first, second = first + weight * estimate, second + weight * estimate**2
    return sympy.factor(sympy.expand(second - first**2))


def for_any_number():
    """The variance for K draws. An estimate is a mean over pairs of draws, so K (K - 1) times its
    variance is linear in K: two sums over all outcomes fix it, and a third one agrees.
    """
    two, three = (variance_of(k) * k * (k - 1) for k in (2, 3))
    line = two + (K - 2) * (three - two)
    assert sympy.expand(line.subs(K, 4) - 12 * variance_of(4)) == 0
    return line / (K * (K - 1))


def question_3(answer, mark):
    truth = for_any_number()
    inside = (gamma < 1, K > 2)
    mark(1, "two draws", lambda: same(answer["variance_two"], truth.subs(K, 2), gamma < 1))
    mark(2, "any number of draws", lambda: same(answer["variance_any"], truth, *inside))
    limit = sympy.limit(K * truth, K, sympy.oo)
    mark(1, "many draws", lambda: same(answer["variance_limit"], limit, gamma < 1))


def question_4(answer, mark):
    def every(right):
        return all(right(name, *probes.LOSSES[name]) for name in probes.LOSSES)

    def right_leave_one_out(draws):
        def right(name, f, logits):
            key = f"leave_one_out {draws}, {name}"
            answer.borrowed(key)
            w = probes.hard(logits, draws, 30)
            truth = [leave_one_out(f, w[:, n], logits) for n in range(30)]
            return close(answer[key], torch.stack(truth), 1e-9)

        return right

    def right_slopes(estimator, weight):
        def right(name, f, logits):
            key = f"{estimator}, {name}"
            answer.borrowed(key)
            w = probes.hard(logits, 40)
            return close(answer[key], difference(f, w) * weight(w, logits), 1e-6)

        return right

    def slope_of_gamma(w, logits):
        return difference(
            lambda v: torch.tensor([1.0], dtype=F64) / (1 + (-v).exp()), logits
        ).diagonal()

    def half_each(w, logits):
        # The weight that makes an end count half of its share: a half over how often it is drawn.
        drawn = torch.where(w == 1, 1 / (1 + (-logits).exp()), 1 / (1 + logits.exp()))
        return 0.5 / drawn * slope_of_gamma(w, logits)

    mark(1, "leave-one-out with two draws", lambda: every(right_leave_one_out(2)))
    mark(1, "leave-one-out with more draws", lambda: every(right_leave_one_out(5)))
    mark(1, "straight-through", lambda: every(right_slopes("straight_through", slope_of_gamma)))
    mark(1, "the trapezoidal weights", lambda: every(right_slopes("trapezoid", half_each)))


def soft_loss(f, noise, c):
    """The loss of relaxed gates as a function of the log-odds, one for each row of noise."""
    return lambda v: f(1 / (1 + (-c * (noise - 1 + 1 / (1 + (-v).exp()))).exp()))


def question_5(answer, mark):
    def right(c):
        for name, (f, logits) in probes.LOSSES.items():
            key = f"relaxed {c}, {name}"
            answer.borrowed(key)
            truth = difference(soft_loss(f, probes.noise_for(logits), c), logits, 1e-4)
            if not close(answer[key], truth, 1e-6, 1e-6):
                return False
        return True

    def reaches(place, slope):
        """The share at this slope, from the mean gate's ends: what the noise covers."""
        share_on, wanted = place
        ends = [1 / (1 + math.exp(-slope * y)) for y in (share_on, share_on - 1)]
        return abs(ends[0] - ends[1] - wanted) < 1e-6

    def right_slopes():
        answer.borrowed("slopes")
        slopes = answer["slopes"]
        return all(reaches(*pair) for pair in zip(probes.PLACES, slopes, strict=True))

    mark(1, "a gentle slope", lambda: right(4.0))
    mark(1, "a steep slope", lambda: right(30.0))
    mark(1, "the slope that a share asks for", right_slopes)


def moments_of_three():
    """Bias and spread of each estimator for the three gates: sums and a rule on a grid."""
    f, logits = probes.LOSSES["three gates"]
    wanted = exact(f, logits)
    listed = list(patterns(logits))
    gates = torch.stack([w for w, _ in listed])
    chances = torch.tensor([chance for _, chance in listed], dtype=F64)
    share = 1 / (1 + (-logits).exp())
    slopes = difference(f, gates) * share * (1 - share)
    drawn = torch.where(gates == 1, share, 1 - share)
    four = [chances.reshape([-1 if k == place else 1 for k in range(4)]) for place in range(4)]
    numbers = list(itertools.product(range(len(listed)), repeat=4))
    w = gates[torch.tensor(numbers)]  # (4096, 4, 3)
    losses = f(gates)[torch.tensor(numbers)]  # (4096, 4)
    others = (losses.sum(1, keepdim=True) - losses) / 3
    free = ((losses - others)[..., None] * (w - share)).mean(1)
    middle = (torch.arange(60, dtype=F64) + 0.5) / 60
    grid = torch.cartesian_prod(middle, middle, middle)
    soft = difference(soft_loss(f, grid, 10.0), logits, 1e-4)
    even = torch.full((len(grid),), 1 / len(grid), dtype=F64)
    found = {
        "leave-one-out": (free, (four[0] * four[1] * four[2] * four[3]).flatten()),
        "straight-through": (slopes, chances),
        "trapezoid": (0.5 * slopes / drawn, chances),
        "relaxed": (soft, even),
    }
    table = {}
    for name, (values, weights) in found.items():
        mean = weights @ values
        spread = (weights @ (values - mean) ** 2).sum().sqrt()
        bias = (mean - wanted).norm()
        table[name] = ((bias / wanted.norm()).item(), (spread / wanted.norm()).item())
    return table


def question_6(answer, mark):
    truth = moments_of_three()

    def tables():
        first, again, other = answer["tables"]
        if sorted(first) != sorted(ESTIMATORS):
            raise LostError("the dictionary has other keys than the four that are asked for")
        if first != again or first == other:
            raise LostError("the same seed gives the same table, and another seed another")
        return first, other

    def right_bias():
        # The mean of n draws is off by about spread / sqrt(n): four of these are allowed.
        return all(
            abs(table[name][0] - bias) < 4 * spread / math.sqrt(probes.DRAWS)
            for table in tables()
            for name, (bias, spread) in truth.items()
        )

    def right_spread():
        return all(
            abs(table[name][1] / spread - 1) < 0.05
            for table in tables()
            for name, (_, spread) in truth.items()
        )

    def squared_error(runs, bias, spread, cost):
        return bias**2 + spread**2 * cost / runs

    def right_runs():
        for value, (bias, spread, cost, free) in zip(answer["runs"], probes.RUNS, strict=True):
            if value == 0:
                runs = [1e-6, 1.0, 1e6]
                right = all(
                    squared_error(n, 0.0, free, cost) <= squared_error(n, bias, spread, 1)
                    for n in runs
                )
            elif value == math.inf:
                right = squared_error(1e9, 0.0, free, cost) > squared_error(1e9, bias, spread, 1)
            else:
                ours, theirs = (
                    squared_error(value, 0.0, free, cost),
                    squared_error(value, bias, spread, 1),
                )
                right = value > 0 and abs(ours / theirs - 1) < 1e-6
            if not right:
                return False
        return True

    mark(1, "the biases", right_bias)
    mark(1, "the spreads", right_spread)
    mark(1, "from which number of runs on", right_runs)
