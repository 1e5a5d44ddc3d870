"""Histograms of few counters, for figures that are kept for each second of a run.

An HDR histogram takes 270 KiB; a run of an hour has 3,600 seconds. A bucket here is at most 1/32 of
its duration wide, which is less than a line in a chart.
"""

from collections import Counter
from collections.abc import Iterator
from math import ceil

_BITS = 6
"""Leading bits of a duration that select its bucket, within its power of two."""


class Coarse(Counter[int]):
    """The number of durations in each bucket that has one."""

    def record(self, duration: int) -> None:
        """Count a duration in ns; one below 0 counts as 0."""
        power = max(duration.bit_length() - _BITS, 0)
        self[power << _BITS | max(duration, 0) >> power] += 1

    def percentile(self, percent: float) -> float:
        """The middle, in ns, of the bucket that holds a percentile; 0 without any duration."""
        left = ceil(self.total() * percent / 100)
        for middle, count in self._middles():
            left -= count
            if left <= 0:
                return middle
        return 0.0

    def _middles(self) -> Iterator[tuple[float, int]]:
        for bucket, count in sorted(self.items()):
            power, digits = bucket >> _BITS, bucket & (1 << _BITS) - 1
            yield (digits + 0.5) * (1 << power) if power else float(digits), count
