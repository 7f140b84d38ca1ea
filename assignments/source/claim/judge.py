"""What is right. This file stays outside: no student's code runs where it is read.

Truths come from definitions: p-values by exact fractions over all arrangements, Holm's correction
by closed testing, intervals by SciPy where it has them. Nothing here is a copy of the solution.
"""

import itertools
import math
import statistics
from fractions import Fraction

import probes
import sympy
from grading.truth import close, same
from scipy import stats

sigma_a, sigma_b, n, N = sympy.symbols("sigma_a sigma_b n N", positive=True)


def p_value(first, second):
    """The exact two-sided p, in fractions of the decimals that are written."""
    spread = []
    for a, b in zip(first, second, strict=True):
        both = [Fraction(str(x)) for x in (*a, *b)]
        mine = []
        for chosen in itertools.combinations(both, len(a)):
            ours = sum(chosen)
            mine.append(ours / len(a) - (sum(both) - ours) / len(b))
        spread.append(mine)
    sums = [abs(sum(one)) for one in itertools.product(*spread)]
    return sum(one >= sums[0] for one in sums) / len(sums)


def interval(first, second):
    """Difference, low, high: by SciPy for one data set, by the definition for several."""
    if len(first) == 1:
        found = stats.ttest_ind(first[0], second[0], equal_var=False)
        low, high = found.confidence_interval(0.95)
        return statistics.fmean(first[0]) - statistics.fmean(second[0]), low, high
    groups = [*first, *second]
    errors = [stats.sem(group) for group in groups]
    freedom = sum(e**2 for e in errors) ** 2 / sum(
        e**4 / (len(g) - 1) for e, g in zip(errors, groups, strict=True)
    )
    middle = statistics.fmean(map(statistics.fmean, first)) - statistics.fmean(
        map(statistics.fmean, second)
    )
    low, high = stats.t.interval(0.95, freedom, middle, math.hypot(*errors) / len(first))
    return middle, low, high


def closed(p_values):
    """Holm's corrected values by closed testing: the worst of all Bonferroni tests of subsets."""
    corrected = []
    places = range(len(p_values))
    for i in places:
        subsets = (
            subset
            for size in range(1, len(p_values) + 1)
            for subset in itertools.combinations(places, size)
            if i in subset
        )
        corrected.append(
            max(min(1.0, len(subset) * min(p_values[j] for j in subset)) for subset in subsets)
        )
    return corrected


def question_1(answer, mark):
    variance = sigma_a**2 / n + sigma_b**2 / (N - n)
    best = N * sigma_a / (sigma_a + sigma_b)
    assert sympy.simplify(sympy.diff(variance, n).subs(n, best)) == 0
    least = variance.subs(n, best)
    mark(1, "the variance of the difference", lambda: same(answer["variance"], variance, n < N))
    mark(1, "the best split", lambda: same(answer["best_n"], best))
    mark(1, "the least variance", lambda: same(answer["least"], least))


def question_2(answer, mark):
    def right(number):
        # The most extreme numbers there are: the first group far above, nothing tied.
        spread = (2**k for k in range(1, 100))
        first, second = [], []
        for n_one, m_one in probes.SIZES[number]:
            second.append([next(spread) / 1000 for _ in range(m_one)])
            first.append([1000 + next(spread) for _ in range(n_one)])
        return close(answer[f"sizes {number}"], p_value(first, second), 1e-9)

    mark(1, "groups of one size", lambda: all(map(right, (0, 1, 2))))
    mark(1, "groups of different sizes", lambda: all(map(right, (3, 4, 5))))


def question_3(answer, mark):
    def right(name, groups):
        answer.borrowed(name)
        return close(answer[name], p_value(*groups), 1e-9)

    mark(1, "one data set", lambda: right("one", probes.ONE))
    mark(
        1,
        "equal numbers, and sums that differ in the last digit",
        lambda: right("tied", probes.TIED) and right("balanced", probes.BALANCED),
    )
    mark(1, "two data sets", lambda: right("two", probes.TWO))


def question_4(answer, mark):
    def right(name, groups, parts):
        answer.borrowed(name)
        found = answer[name]
        return len(found) == 3 and close(found[parts], interval(*groups)[parts], 1e-8)

    given = {"one": probes.ONE, "tied": probes.TIED, "two": probes.TWO}
    ends, middle = slice(1, 3), slice(0, 1)
    mark(1, "the difference", lambda: all(right(k, g, middle) for k, g in given.items()))
    mark(1, "the interval", lambda: all(right(k, g, ends) for k, g in given.items()))


def question_5(answer, mark):
    def right(number):
        answer.borrowed(f"p {number}")
        return close(answer[f"p {number}"], closed(probes.P_VALUES[number]), 1e-9)

    mark(1, "different p-values, in their order", lambda: right(0) and right(2))
    mark(1, "equal and large ones", lambda: right(1) and right(3))


def question_6(answer, mark):
    def groups(name):
        claim = probes.CLAIMS[name]
        return list(claim["first"].values()), list(claim["second"].values())

    ranked = [name for name, claim in probes.CLAIMS.items() if claim["within"] is None]
    margins = [name for name in probes.CLAIMS if name not in ranked]
    raw = [p_value(*groups(name)) for name in ranked]
    corrected = dict(zip(ranked, closed(raw), strict=True))

    def right_numbers(name):
        *numbers, p, _ = answer[name]
        right_p = p is None if name in margins else close(p, corrected[name], 1e-9)
        return right_p and close(numbers, interval(*groups(name)), 1e-6)

    def truth(name):
        middle, low, high = interval(*groups(name))
        if name in margins:
            margin = probes.CLAIMS[name]["within"]
            if max(abs(low), abs(high)) <= margin:
                return "holds"
            return "fails" if min(abs(low), abs(high)) > margin and low * high > 0 else "undecided"
        if corrected[name] >= 0.05:
            return "undecided"
        return "holds" if middle > 0 else "fails"

    def right_verdicts(names):
        return all(answer[name][-1] == truth(name) for name in names)

    mark(
        1,
        "the numbers of all claims, and a choice among them",
        lambda: answer["chosen"] in probes.CLAIMS and all(map(right_numbers, probes.CLAIMS)),
    )
    mark(1, "verdicts on claims of above", lambda: right_verdicts(ranked))
    mark(1, "verdicts on claims of within", lambda: right_verdicts(margins))
