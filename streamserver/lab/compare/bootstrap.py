"""How sure one may be of a median: its confidence interval by the bootstrap.

Of the n values n are drawn with replacement, over and over; the medians of these draws scatter
as those of repeated measurements would (Efron, 1979, the percentile method). It asks nothing of
the distribution, which for latencies has a long tail and often two humps.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from statistics import median

ROUNDS = 2000
LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Interval:
    """A median, and between which values the true one lies with the confidence ``LEVEL``."""

    median: float
    low: float
    high: float

    @property
    def tells_apart(self) -> bool:
        """Whether zero lies outside: the difference is more than chance."""
        return self.low > 0 or self.high < 0


def interval(values: Sequence[float], random: Random, rounds: int = ROUNDS) -> Interval:
    """The interval of the values' median; ValueError if there is none."""
    if not values:
        raise ValueError("there is no value to take the median of")
    count = len(values)
    medians = sorted([median(random.choices(values, k=count)) for _ in range(rounds)])
    beyond = round((1 - LEVEL) / 2 * rounds)
    return Interval(median(values), medians[beyond], medians[-1 - beyond])
