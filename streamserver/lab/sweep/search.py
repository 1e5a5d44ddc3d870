"""The search for the highest load that meets the objectives, without a clock or a socket.

The loads double until one is missed. Then the interval between the highest load that was met and
the lowest that was missed is divided at its geometric mean, until their ratio is within the
precision. A load that was missed is measured once more, and counts as missed only if it is missed
again: another program may have used the machine meanwhile, and one wrong verdict would exclude all
higher loads. If one of the measurements was not valid, it counts as missed after three misses.
Every load that is tried lies inside the interval that is left, so the number of trials is bounded
for any outcomes, also for those that contradict each other.
"""

from dataclasses import dataclass
from math import log10, sqrt
from typing import Literal, NamedTuple

FACTOR = 2.0
"""The factor from one rising load to the next."""
DIGITS = 4
"""Significant digits of a load: the smallest precision needs three."""
MISSES, MOST_MISSES = 2, 3
"""Misses of a load after which it counts as missed: of valid measurements, and of all."""
MIN_PRECISION, MAX_PRECISION = 0.01, 0.5

Purpose = Literal["rising", "narrowing", "confirming"]


@dataclass(frozen=True, slots=True)
class Scale:
    """The loads that a search may try."""

    low: float
    """The first one."""
    high: float
    precision: float = 0.05
    """The search ends when the lowest missed load exceeds the highest met one by this share."""
    is_whole: bool = False
    """Whether a load is a whole number, as a concurrency is."""


class Trial(NamedTuple):
    """A load to measure, and the reason."""

    load: float
    purpose: Purpose


class Search:
    """Measure ``next`` and ``add`` the outcome, until ``next`` is None."""

    def __init__(self, scale: Scale) -> None:
        self.scale = scale
        self.best: float | None = None
        """The highest load that was met."""
        self.missed: float | None = None
        """The lowest load that counts as missed."""
        self._doubted: float | None = None
        """A load that was missed, but does not count as missed yet."""
        self._misses = self._valid_misses = 0

    @property
    def next(self) -> Trial | None:
        """The next load; None when the search has ended."""
        if self._doubted is not None:
            return Trial(self._doubted, "confirming")
        return _next(self.scale, self.best, self.missed)

    def add(self, is_met: bool, is_valid: bool = True) -> None:
        """Add the outcome of ``next``, and whether the measurement was valid."""
        trial = self.next
        assert trial is not None
        self._misses += 1
        self._valid_misses += is_valid
        if is_met:
            self.best = trial.load
        elif self._valid_misses >= MISSES or self._misses >= MOST_MISSES:
            self.missed = trial.load
        else:
            self._doubted = trial.load
            return
        self._doubted = None
        self._misses = self._valid_misses = 0

    @property
    def most_left(self) -> int:
        """The largest number of measurements that may be left."""
        if self._doubted is None:
            return _most_left(self.scale, self.best, self.missed)
        return _most_left_after(self.scale, self.best, self.missed, self._doubted) - self._misses


def _next(scale: Scale, best: float | None, missed: float | None) -> Trial | None:
    if best is None:
        return Trial(scale.low, "rising") if missed is None else None
    if missed is None:
        return None if best >= scale.high else Trial(min(best * FACTOR, scale.high), "rising")
    is_close = missed <= best * (1 + scale.precision)
    if is_close or (scale.is_whole and missed - best <= 1):
        return None
    return Trial(_between(best, missed, scale.is_whole), "narrowing")


def _between(best: float, missed: float, is_whole: bool) -> float:
    middle = sqrt(best * missed)
    if is_whole:
        return float(min(max(round(middle), best + 1), missed - 1))
    return round(middle, DIGITS - 1 - int(log10(middle) // 1))


def _most_left(scale: Scale, best: float | None, missed: float | None) -> int:
    trial = _next(scale, best, missed)
    return 0 if trial is None else _most_left_after(scale, best, missed, trial.load)


def _most_left_after(scale: Scale, best: float | None, missed: float | None, load: float) -> int:
    """The largest number if ``load`` is next. It may be tried ``MOST_MISSES`` times, and its last
    outcome may be any."""
    return MOST_MISSES + max(_most_left(scale, load, missed), _most_left(scale, best, load))
