"""How late the target sent its events: a histogram of sent minus due, of constant size.

A bucket is at most 1/32 of the values in it, so a figure is right within about 3 %, of a
microsecond as of a minute.
"""

from typing import Any

_BITS = 5
_STEPS = 1 << _BITS
"""Buckets in each doubling."""
_LARGEST = (1 << 42) - 1
"""Nanoseconds, more than an hour: what is later counts as this."""
PERCENTILES = (50.0, 90.0, 99.0, 99.9)


class Lateness:
    """A histogram of nanoseconds."""

    __slots__ = ("_counts", "_max", "_total", "count")

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Drop all counts."""
        self._counts = [0] * (_bucket(_LARGEST) + 1)
        self.count = self._total = self._max = 0

    def add(self, late: int) -> None:
        """Count an event."""
        self.count += 1
        self._total += late
        if late > self._max:
            self._max = late
        self._counts[_bucket(late if late < _LARGEST else _LARGEST)] += 1

    def percentile(self, percent: float) -> int:
        """The lateness that this percentage of the events does not exceed; 0 without events."""
        wanted = self.count * percent / 100
        passed = 0
        for bucket, count in enumerate(self._counts):
            passed += count
            if count and passed >= wanted:
                return min(_upper_bound(bucket), self._max)
        return 0

    def summary(self) -> dict[str, Any]:
        """The figures in ms; the histogram has the upper bound and the count of each bucket."""
        used = [(bucket, count) for bucket, count in enumerate(self._counts) if count]
        return {
            "count": self.count,
            "mean_ms": _ms(self._total / self.count) if self.count else 0.0,
            **{f"p{p:g}_ms": _ms(self.percentile(p)) for p in PERCENTILES},
            "max_ms": _ms(self._max),
            "histogram_ms": [[_ms(_upper_bound(bucket)), count] for bucket, count in used],
        }


def _bucket(value: int) -> int:
    power = value.bit_length() - _BITS - 1
    return value if power <= 0 else (power << _BITS) + (value >> power)


def _upper_bound(bucket: int) -> int:
    power = (bucket >> _BITS) - 1
    return bucket if power <= 0 else ((bucket % _STEPS + _STEPS + 1) << power) - 1


def _ms(ns: float) -> float:
    return round(ns / 1_000_000, 6)
