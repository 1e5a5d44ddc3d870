"""How late the target itself was: sent minus due, of each event.

A histogram of constant size. Its buckets grow with what they hold, 32 to each doubling, so that a
figure is right within 3 %, be it of a microsecond or of a minute.
"""

from typing import Any

_BITS = 5
_FINE = 1 << _BITS
_LARGEST = (1 << 42) - 1
"""Nanoseconds: more than an hour; what is later counts as this late."""
PERCENTILES = (50.0, 90.0, 99.0, 99.9)


class Lateness:
    """Counts nanoseconds."""

    __slots__ = ("_counts", "_max", "_total", "count")

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget all of it."""
        self._counts = [0] * (_bucket(_LARGEST) + 1)
        self.count = self._total = self._max = 0

    def add(self, late: int) -> None:
        """Count an event that was so late."""
        self.count += 1
        self._total += late
        if late > self._max:
            self._max = late
        self._counts[_bucket(late if late < _LARGEST else _LARGEST)] += 1

    def percentile(self, percent: float) -> int:
        """The lateness that so many percent of the events do not exceed; 0 if there were none."""
        wanted = self.count * percent / 100
        passed = 0
        for bucket, count in enumerate(self._counts):
            passed += count
            if count and passed >= wanted:
                return min(_largest_of(bucket), self._max)
        return 0

    def told(self) -> dict[str, Any]:
        """The distribution, in ms; the histogram has the upper bound of each bucket in use."""
        return {
            "count": self.count,
            "mean_ms": _ms(self._total / self.count) if self.count else 0.0,
            **{f"p{p:g}_ms": _ms(self.percentile(p)) for p in PERCENTILES},
            "max_ms": _ms(self._max),
            "histogram_ms": [
                [_ms(_largest_of(bucket)), count]
                for bucket, count in enumerate(self._counts)
                if count
            ],
        }


def _bucket(value: int) -> int:
    above = value.bit_length() - _BITS - 1
    return value if above <= 0 else (above << _BITS) + (value >> above)


def _largest_of(bucket: int) -> int:
    above = (bucket >> _BITS) - 1
    if above <= 0:
        return bucket
    return (((bucket & (_FINE - 1)) + _FINE + 1) << above) - 1


def _ms(ns: float) -> float:
    return round(ns / 1_000_000, 6)
