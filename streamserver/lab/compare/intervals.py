"""Statistics of differences: the median with its confidence interval, and percentiles."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from random import Random
from statistics import fmean, median

ROUNDS = 2000
CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Interval:
    """A median, and its confidence interval at the level ``CONFIDENCE``."""

    median: float
    low: float
    high: float

    @property
    def bounds(self) -> tuple[float, float]:
        """The ends of the interval."""
        return self.low, self.high

    @property
    def excludes_zero(self) -> bool:
        """Whether the difference is significant."""
        return self.low > 0 or self.high < 0


def bootstrap(values: Sequence[float], random: Random, rounds: int = ROUNDS) -> Interval:
    """The confidence interval of the values' median; ValueError if there is none.

    By the percentile method (Efron, 1979): n of the n values are drawn with replacement, over and
    over, and the medians of the draws scatter like those of repeated measurements. It assumes
    nothing about the distribution, which for latencies has a long tail and often two modes.
    """
    if not values:
        raise ValueError("there is no value to take the median of")
    count = len(values)
    medians = sorted([median(random.choices(values, k=count)) for _ in range(rounds)])
    beyond = round((1 - CONFIDENCE) / 2 * rounds)
    return Interval(median(values), medians[beyond], medians[-1 - beyond])


def statistic(values: Sequence[float], name: str) -> float | None:
    """The statistic of an objective, ``mean``, ``max`` or a percentile as in ``p99``; None without
    any value. A percentile is the smallest value that so many percent do not exceed."""
    if not values:
        return None
    if name == "mean":
        return fmean(values)
    percent = 100.0 if name == "max" else float(name[1:])
    return sorted(values)[max(ceil(len(values) * percent / 100), 1) - 1]
