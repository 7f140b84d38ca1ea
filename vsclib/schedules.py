"""Schedules: small frozen records that turn a training step into a value.

A schedule starts exactly at ``start``, ends exactly at ``end`` and stays between them.
"""

from dataclasses import dataclass

from torch import Tensor

from vsclib.errors import ConfigurationError


@dataclass(frozen=True)
class Linear:
    """A straight line from ``start`` to ``end``, flat before and after.

    Attributes:
        start: value up to and including step ``begin``.
        end: value from step ``until`` on.
        begin: last step at ``start``.
        until: first step at ``end``; equal to ``begin`` for a jump.

    Raises:
        ConfigurationError: ``until`` comes before ``begin``, or a step is negative.

    Source:
        Lambda warm-up, spike slope and KL weight of Tonolini et al. (2019 supplement), sections B
        and D.

    Example:
        >>> lam = Linear(start=0.0, end=1.0, begin=1_000, until=1_500)
        >>> lam(0), lam(1_250), lam(9_999)
        (0.0, 0.5, 1.0)
    """

    start: float
    end: float
    begin: int = 0
    until: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.begin <= self.until:
            raise ConfigurationError(
                f"a schedule from step {self.begin} until step {self.until} runs backwards: "
                "choose 0 <= begin <= until"
            )

    def __call__(self, step: int) -> float:
        """Value at a training step, counted from 0."""
        if step >= self.until:
            return self.end
        if step <= self.begin:
            return self.start
        share = (step - self.begin) / (self.until - self.begin)
        low, high = sorted((self.start, self.end))
        # Rounding must not carry the value past an end.
        return min(max(self.start + share * (self.end - self.start), low), high)


@dataclass(frozen=True)
class Staircase:
    """A staircase from ``start`` down to the floor ``end``, one fixed drop at a time.

    The sparse generator's alpha decays this way, one stair per epoch. The paper prints no floor:
    the decay then ends at 0.00999999999999934, at zero or below zero, depending on the drop and
    the float type (erratum E22). Here the last stair is exactly ``end``.

    Attributes:
        start: value of the first stair.
        end: value of the last stair, at most ``start``.
        drop: amount taken off at each stair, positive.
        every: steps per stair.

    Raises:
        ConfigurationError: ``end`` exceeds ``start``, ``drop`` is not positive, or ``every`` < 1.

    Source:
        Li & Han (2022), Algorithm 1.

    Example:
        >>> alpha = Staircase(start=1.0, end=0.01, drop=0.033, every=600)
        >>> alpha(0), round(alpha(600), 3), alpha(30 * 600)
        (1.0, 0.967, 0.01)
    """

    start: float
    end: float
    drop: float
    every: int

    def __post_init__(self) -> None:
        if self.end > self.start:
            raise ConfigurationError(
                f"a decay from {self.start:g} up to {self.end:g} is none: choose end <= start"
            )
        if not self.drop > 0:
            raise ConfigurationError(f"drop = {self.drop:g} is not allowed: choose drop > 0")
        if self.every < 1:
            raise ConfigurationError(
                f"every = {self.every} is not allowed: a stair lasts at least one step"
            )

    def __call__(self, step: int) -> float:
        """Value at a training step, counted from 0."""
        stair = step // self.every
        # The tolerance keeps rounding from adding a stair that differs from the end in digit 17.
        if stair and stair >= (self.start - self.end) / self.drop - 1e-9:
            return self.end
        return max(self.start - self.drop * stair, self.end)


@dataclass(frozen=True)
class Held:
    """A value that was taken from a schedule beforehand, whatever the step.

    Attributes:
        value: (), what the schedule had.
    """

    value: Tensor

    def __call__(self, step: int) -> Tensor:
        """The value."""
        return self.value


Schedule = Linear | Staircase
