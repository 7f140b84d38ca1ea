"""Li & Han (2022), Algorithm 1 and section 4: alpha's decay, the narrow width, the threshold."""

import math
from collections.abc import Callable, Iterator

import numpy as np
import torch
from scipy import optimize, stats

from ledger.checks.mixture_by_definition import PAPER, SCORE, alpha, at, mass_within, sigma1, sigma2
from vsclib.checks import Correction, Verdict, close, correction, fails
from vsclib.schedules import Staircase
from vsclib.spike_slab import mixture_responsibility

DROP, FLOOR = 0.033, 0.01
STANDARD_DEVIATION = PAPER
VARIANCE = {**PAPER, sigma2: math.sqrt(0.1)}
"""The printed reading: the narrow component has a variance of 0.1."""

Rule = Callable[[np.floating], np.floating]


def decay_of_alpha() -> Iterator[Correction | Verdict]:
    """The printed rule ends beside its threshold, even at a negative weight; clamped, at it."""

    def ends_at_the_floor(name: str, step: Callable[[type], Rule]) -> Verdict:
        ends = [_decay(step(kind), kind)[0] for kind in (np.float64, np.float32)]
        return close(name, ends, [FLOOR, FLOOR], tolerance=1e-8)

    yield correction("E22, last weight", ends_at_the_floor, printed=_printed, right=_clamped)
    ends = [_decay(_printed(kind), kind) for kind in (np.float64, np.float32)]
    yield close("E22, epochs until it stops", [epochs for _, epochs in ends], [30, 31], tolerance=0)
    yield close("E22, where single precision stops", ends[1][0], -0.023, tolerance=1e-4)
    stair = Staircase(1.0, FLOOR, DROP, every=1)
    yield correction(
        "E22, weight of the first epoch",
        lambda name, first: close(name, first, 1.0, tolerance=0),
        printed=_printed(np.float64)(np.float64(1.0)),
        right=stair(0),
    )
    yield close(
        "E22, library from epoch 30 on",
        [stair(epoch) for epoch in (30, 31, 100)],
        [FLOOR] * 3,
        tolerance=0,
    )


def variance_or_standard_deviation() -> Iterator[Correction | Verdict]:
    """As a variance, 0.1 puts half of the prior beyond 0.2; as a deviation, a twentieth."""
    yield correction(
        "E25, share of the prior beyond 0.2",
        lambda name, setting: close(name, 1 - mass_within(0.2, setting), 0.0535, tolerance=5e-4),
        printed=VARIANCE,
        right=STANDARD_DEVIATION,
    )
    readings = (STANDARD_DEVIATION, VARIANCE)
    yield close(
        "E25, both shares",
        [1 - mass_within(0.2, r) for r in readings],
        [0.053, 0.53],
        tolerance=2e-3,
    )
    yield close(
        "E25, equal responsibility at",
        [_crossing(r) for r in readings],
        [0.373, 1.130],
        tolerance=1e-3,
    )
    steepest = [_steepest(reading) for reading in readings]
    yield close(
        "E25, steepest pull at", [where for where, _ in steepest], [0.310, 0.937], tolerance=2e-3
    )
    yield close(
        "E25, steepest pull", [pull for _, pull in steepest], [-27.8, -8.17], tolerance=0.05
    )
    yield close(
        "E25, what a step of 0.1 leaves", [_kept(r) for r in readings], [0.5, 0.95], tolerance=2e-3
    )


def threshold_of_activation() -> Iterator[Correction | Verdict]:
    """At the threshold of 0.2 a code is nearly surely narrow; the odds are even at 0.373."""
    yield correction(
        "E33, p(C1 | z) at the threshold",
        lambda name, size: close(name, _responsibility(size, PAPER), 0.5, tolerance=5e-3),
        printed=0.2,
        right=0.3732,
    )
    yield close("E33, p(C1 | 0.2)", _responsibility(0.2, PAPER), 0.0073, tolerance=1e-4)
    library = mixture_responsibility(torch.tensor([0.2, 0.3732], dtype=torch.float64), PAPER[alpha])
    yield close(
        "E33, library",
        library,
        [_responsibility(size, PAPER) for size in (0.2, 0.3732)],
        tolerance=1e-9,
    )
    readings = (STANDARD_DEVIATION, VARIANCE)
    crossings = [_crossing(reading) for reading in readings]
    yield close(
        "E33, where the odds are even", [_even_odds(r) for r in readings], crossings, tolerance=1e-9
    )
    # Under the other reading of 0.1 (E25) the odds are even at 1.13 only.
    yield fails(
        close, "E33 with 0.1 as a variance", _responsibility(0.3732, VARIANCE), 0.5, tolerance=5e-3
    )


def _printed(kind: type) -> Rule:
    return lambda weight: weight - kind(DROP)


def _clamped(kind: type) -> Rule:
    return lambda weight: max(weight - kind(DROP), kind(FLOOR))


def _decay(rule: Rule, kind: type) -> tuple[float, int]:
    """Algorithm 1, which lowers alpha once an epoch: where it stops, and after how many epochs."""
    weight, epochs = kind(1.0), 0
    while weight > kind(FLOOR):
        weight, epochs = rule(weight), epochs + 1
    return float(weight), epochs


def _responsibility(size: float, setting: dict) -> float:
    """Bayes' rule with SciPy's densities."""
    wide = setting[alpha] * stats.norm(scale=setting[sigma1]).pdf(size)
    narrow = (1 - setting[alpha]) * stats.norm(scale=setting[sigma2]).pdf(size)
    return wide / (wide + narrow)


def _crossing(setting: dict) -> float:
    return optimize.brentq(lambda size: _responsibility(size, setting) - 0.5, 0.01, 3.0)


def _even_odds(setting: dict) -> float:
    """The same in closed form."""
    odds = (1 - setting[alpha]) * setting[sigma1] / (setting[alpha] * setting[sigma2])
    return math.sqrt(2 * math.log(odds) / (1 / setting[sigma2] ** 2 - 1 / setting[sigma1] ** 2))


def _steepest(setting: dict) -> tuple[float, float]:
    """Where the score is most negative for a positive code, and its value."""
    sizes = np.linspace(0.0, 2.0, 20_001)
    scores = np.asarray(at(SCORE, sizes, setting))
    return float(sizes[scores.argmin()]), float(scores.min())


def _kept(setting: dict, size: float = 1e-4, step: float = 0.1) -> float:
    """Share of a small code that one step under the prior alone leaves."""
    return 1 + step**2 / 2 * float(at(SCORE, size, setting)) / size
