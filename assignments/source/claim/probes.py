"""What is asked of the students' code. This file enters the fence: it holds no truth.

Each function asks for one question's answers. ``GIVEN`` holds right versions of what earlier
questions defined, so that a slip costs its points once. ``extract.py`` writes the records.
"""

import itertools
import math
import statistics

from scipy.special import stdtrit

READY_MADE = ("vsclib/records", "ledger/", "scipy/stats")
SIZES = [[(2, 2)], [(5, 5)], [(3, 3), (3, 3)], [(1, 3)], [(2, 4)], [(3, 3), (2, 4)]]
ONE = ([[3.1, 4.2, 5.0, 4.9]], [[2.2, 4.4, 1.0]])
TIED = ([[0.7, 0.7, 0.8, 0.1]], [[0.7, 0.6, 0.6, 0.3]])
BALANCED = ([[0.1, 0.2, 0.3]], [[0.3, 0.2, 0.1]])
TWO = ([[3.0, 4.5, 4.1], [12.2, 12.9]], [[2.2, 4.3, 1.0], [12.1, 12.3, 11.0]])
P_VALUES = [
    [0.04, 0.001, 0.6, 0.021, 0.02],
    [0.3, 0.3, 0.01, 0.01],
    [0.02],
    [0.5, 0.9, 0.35],
]

# BEGIN RECORDS: made by extract.py
CLAIMS = {
    "sparse-above-vsc": {
        "says": "The sparse generator reconstructs better than VSC.",
        "measure": "psnr",
        "unit": "dB",
        "steps": {
            "first": 1200,
            "second": 2000,
        },
        "within": None,
        "first": {
            "fashion_mnist": [15.8879, 15.9527, 15.9227],
            "mnist": [15.5485, 15.5272, 15.5755],
        },
        "second": {
            "fashion_mnist": [16.4008, 16.3128, 16.3937],
            "mnist": [15.1229, 15.1529, 15.2293],
        },
    },
    "dense-above-sparse": {
        "says": "The dense short run reconstructs better than the sparse generator.",
        "measure": "psnr",
        "unit": "dB",
        "steps": {
            "first": 1200,
            "second": 1200,
        },
        "within": None,
        "first": {
            "fashion_mnist": [17.3458, 17.3478, 17.3296],
            "mnist": [16.4433, 16.4681, 16.528],
        },
        "second": {
            "fashion_mnist": [15.8879, 15.9527, 15.9227],
            "mnist": [15.5485, 15.5272, 15.5755],
        },
    },
    "decay-above-constant": {
        "says": "The sparse generator reconstructs better with a decay of alpha than with a constant alpha.",
        "measure": "psnr",
        "unit": "dB",
        "steps": {
            "first": 1200,
            "second": 1200,
        },
        "within": None,
        "first": {
            "fashion_mnist": [15.8879, 15.9527, 15.9227],
            "mnist": [15.5485, 15.5272, 15.5755],
        },
        "second": {
            "fashion_mnist": [15.876, 15.7304, 16.022],
            "mnist": [15.3065, 15.3422, 15.0285],
        },
    },
    "sparse-above-standard": {
        "says": "The sparse code with a mixture prior has a higher bound than the VAE with a standard prior.",
        "measure": "bound",
        "unit": "nats",
        "steps": {
            "first": 3000,
            "second": 3000,
        },
        "within": None,
        "first": {
            "mnist": [-106.539, -106.311, -106.07, -106.078, -106.181],
        },
        "second": {
            "mnist": [-107.165, -107.22, -107.107, -107.251, -106.988],
        },
    },
    "sparse-above-mixture": {
        "says": "The sparse code has a higher bound than the dense code of the same mixture prior.",
        "measure": "bound",
        "unit": "nats",
        "steps": {
            "first": 3000,
            "second": 3000,
        },
        "within": None,
        "first": {
            "mnist": [-106.539, -106.311, -106.07, -106.078, -106.181],
        },
        "second": {
            "mnist": [-102.307, -102.296, -102.179, -102.288, -102.16],
        },
    },
    "accuracy-of-many-latents": {
        "says": "At alpha 0.2 a classifier reads VSC's code of 200 latents better than its code of 32.",
        "measure": "accuracy",
        "unit": "share",
        "steps": {
            "first": 2000,
            "second": 2000,
        },
        "within": None,
        "first": {
            "fashion_mnist": [0.7115, 0.7281, 0.7239],
            "mnist": [0.8784, 0.8598, 0.8668],
        },
        "second": {
            "fashion_mnist": [0.7262, 0.7395, 0.7286],
            "mnist": [0.8768, 0.8881, 0.8796],
        },
    },
    "bound-of-many-latents": {
        "says": "At alpha 0.2 VSC's bound with 200 latents lies within 5 nats of its bound with 32.",
        "measure": "bound",
        "unit": "nats",
        "steps": {
            "first": 2000,
            "second": 2000,
        },
        "within": 5.0,
        "first": {
            "fashion_mnist": [-261.047, -261.56, -262.209],
            "mnist": [-131.911, -131.474, -131.787],
        },
        "second": {
            "fashion_mnist": [-256.964, -257.169, -257.986],
            "mnist": [-127.988, -127.672, -127.597],
        },
    },
    "bound-of-two-sparse-codes": {
        "says": "The learned prior of 2019 has a bound within 2 nats of that of the mixture prior.",
        "measure": "bound",
        "unit": "nats",
        "steps": {
            "first": 3000,
            "second": 3000,
        },
        "within": 2.0,
        "first": {
            "mnist": [-108.521, -108.157, -108.377, -108.867, -108.305],
        },
        "second": {
            "mnist": [-106.539, -106.311, -106.07, -106.078, -106.181],
        },
    },
}
# END RECORDS


def right_p(first, second):
    seen, counted = None, []
    for choice in itertools.product(
        *(
            itertools.combinations(range(len(a) + len(b)), len(a))
            for a, b in zip(first, second, strict=True)
        )
    ):
        total = 0.0
        for chosen, a, b in zip(choice, first, second, strict=True):
            both = [*a, *b]
            total += statistics.fmean(both[i] for i in chosen)
            total -= statistics.fmean(x for i, x in enumerate(both) if i not in chosen)
        seen = abs(total) if seen is None else seen
        counted.append(abs(total) >= seen - 1e-9)
    return statistics.fmean(counted)


def right_effect(first, second):
    groups = [*first, *second]
    parts = [statistics.variance(group) / len(group) for group in groups]
    freedom = sum(parts) ** 2 / sum(p**2 / (len(g) - 1) for p, g in zip(parts, groups, strict=True))
    half = float(stdtrit(freedom, 0.975)) * math.sqrt(sum(parts)) / len(first)
    middle = statistics.fmean(
        statistics.fmean(a) - statistics.fmean(b) for a, b in zip(first, second, strict=True)
    )
    return middle, middle - half, middle + half


def right_holm(p_values):
    ordered = sorted(p_values)
    stepped = [min(1.0, (len(ordered) - rank) * p) for rank, p in enumerate(ordered)]
    return [max(stepped[: ordered.index(p) + ordered.count(p)]) for p in p_values]


GIVEN = {"question_6": {"exact_p": right_p, "effect": right_effect, "holm": right_holm}}


def question_1(names, ask):
    for name in ("variance", "best_n", "least"):
        ask(name, lambda n=name: names[n])


def question_2(names, ask):
    for number, sizes in enumerate(SIZES):
        ask(f"sizes {number}", lambda s=sizes: float(names["smallest_p"](list(s))))


def copies(groups):
    """The numbers anew, so that an answer that sorts them changes nothing here."""
    return [[list(values) for values in side] for side in groups]


def question_3(names, ask):
    for name, groups in (("one", ONE), ("tied", TIED), ("balanced", BALANCED), ("two", TWO)):
        ask.watched(name, READY_MADE, lambda g=groups: float(names["exact_p"](*copies(g))))


def question_4(names, ask):
    for name, groups in (("one", ONE), ("tied", TIED), ("two", TWO)):
        ask.watched(
            name, READY_MADE, lambda g=groups: [float(x) for x in names["effect"](*copies(g))]
        )


def question_5(names, ask):
    for number, given in enumerate(P_VALUES):
        ask.watched(
            f"p {number}", READY_MADE, lambda g=given: [float(p) for p in names["holm"](list(g))]
        )


def question_6(names, ask):
    def found(name):
        verdict = names["judged"](name)
        numbers = [float(verdict[key]) for key in ("difference", "low", "high")]
        p = verdict["p"]
        return [*numbers, None if p is None else float(p), str(verdict["verdict"])]

    ask("chosen", lambda: names["chosen"])
    for name in CLAIMS:
        ask(name, lambda n=name: found(n))
