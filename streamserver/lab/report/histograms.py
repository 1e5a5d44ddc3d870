"""HDR histograms of durations: three significant digits at any size, in fixed memory.

They are those of ``hdrhistogram``, whose encoded form other tools read too. Its ``record_value``
takes 3 µs, too much for a client that counts four values per event: ``record`` writes into the same
counters directly. They are read directly too, and only those from the minimum to the maximum: its
iterator takes 20 ms for a mean, and a report has dozens.

A chart shows a histogram in bins of equal width on a logarithmic scale. Sixteen per decade show two
humps; a narrow distribution gets narrower bins by the rule of Freedman and Diaconis (1981): twice
the interquartile range, divided by the cube root of the number of values. Up to one percent of
outliers at either end are counted but not drawn: they would squeeze all other values into one bin.
The gaps of zero between events of one read are not drawn either.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from ctypes import memset, sizeof
from itertools import accumulate
from math import ceil, floor, log10
from sys import maxsize
from typing import Any, NamedTuple

from streamserver.extras import install_hint

MS = 1_000_000
LONGEST = 3600 * 1_000_000_000
"""The largest duration in ns; longer ones count as this."""
_DIGITS = 3
_HALF = 10
"""Three digits need 2**11 steps per power of two, of which the lower half belongs to the power
below."""
_MASK = 2 ** (_HALF + 1) - 1

SHORTEST = 0.001
"""Milliseconds: shorter durations are drawn as this."""
OUTLIER = 3
"""Interquartile ranges beyond a quartile from which on a value is an outlier."""
OUTLIERS = 0.01
"""The largest share of values that is not drawn at either end."""
MIN_BINS, MAX_BINS = 10, 300
WIDEST = 1 / 16
"""Decades per bin."""
NARROWEST = 2 * log10(1.001)
"""Decades per bin: with three digits per value, narrower bins would be empty alternately."""


def new_histogram() -> Any:
    """An empty ``HdrHistogram`` of nanoseconds; RuntimeError with a hint where it is missing."""
    try:
        from hdrh.histogram import HdrHistogram
    except ImportError as error:
        needed = f"percentiles need hdrhistogram: {install_hint('lab')}"
        raise RuntimeError(needed) from error
    return HdrHistogram(1, LONGEST, _DIGITS)


def record(histogram: Any, duration: int, count: int = 1) -> None:
    """Count a duration in ns ``count`` times; one below 1 ns counts as 1 ns."""
    if duration < 1:
        duration = 1
    elif duration > LONGEST:
        duration = LONGEST
    power = (duration | _MASK).bit_length() - _HALF - 1
    histogram.counts[(power << _HALF) + (duration >> power)] += count
    histogram.total_count += count
    if duration < histogram.min_value:
        histogram.min_value = duration
    if duration > histogram.max_value:
        histogram.max_value = duration


def bucket(duration: int) -> int:
    """The smallest duration in ns that ``record`` counts as equal to this one."""
    duration = min(max(duration, 1), LONGEST)
    power: int = (duration | _MASK).bit_length() - _HALF - 1
    return duration >> power << power


def count_all(histogram: Any, counts: Mapping[int, int]) -> None:
    """Count each duration in ns as many times as ``counts`` has it."""
    for duration, count in counts.items():
        record(histogram, duration, count)


def add(histogram: Any, other: Any) -> None:
    """Add the counts of ``other``; an empty one would set the minimum to 0."""
    if other.get_total_count():
        histogram.add(other)


def pour(histogram: Any, *others: Any) -> None:
    """Add the counts to each of the others, and empty it. Its own ``reset`` takes a millisecond."""
    if not histogram.get_total_count():
        return
    for other in others:
        add(other, histogram)
    memset(histogram.counts, 0, sizeof(histogram.counts))
    histogram.total_count, histogram.min_value, histogram.max_value = 0, maxsize, 0


class Step(NamedTuple):
    """The number of values that count as equal, those of ``width`` ns from ``low``."""

    low: int
    width: int
    values: int


def steps(histogram: Any) -> list[Step]:
    """The steps that are not empty, in order."""
    if not histogram.get_total_count():
        return []
    first, last = _index(histogram.min_value), _index(histogram.max_value)
    counts = histogram.counts[first : last + 1]
    return [_step(index, count) for index, count in enumerate(counts, first) if count]


def _index(duration: int) -> int:
    power: int = (duration | _MASK).bit_length() - _HALF - 1
    return (power << _HALF) + (duration >> power)


def _step(index: int, count: int) -> Step:
    power = max((index >> _HALF) - 1, 0)
    return Step(index - (power << _HALF) << power, 1 << power, count)


def mean(histogram: Any) -> float:
    """The mean in ns, with each duration as the middle of its step; 0 if it is empty."""
    found = steps(histogram)
    total = sum([(low + width // 2) * values for low, width, values in found])
    return total / max(sum([step.values for step in found]), 1)


def ms(histogram: Any, percentile: float) -> float:
    """The value at a percentile in milliseconds: the smallest that so many percent of the values
    do not exceed (the nearest-rank method). 100 is the maximum."""
    return all_ms(histogram, [percentile])[0]


def all_ms(histogram: Any, percentiles: Sequence[float]) -> list[float]:
    """The values at these percentiles in milliseconds; 0 if it is empty."""
    found = steps(histogram) or [Step(0, 1, 0)]
    passed = [*accumulate(step.values for step in found)]

    def value(percentile: float) -> int:
        # Not hdrhistogram's rank, which is rounded: its p90 of 8 values is the seventh.
        rank = ceil(round(passed[-1] * percentile / 100, 6))
        step = found[bisect_left(passed, max(rank, 1)) if passed[-1] else 0]
        return step.low + step.width - 1 if percentile else step.low

    return [value(percentile) / MS for percentile in percentiles]


def to_text(histogram: Any) -> str:
    """The histogram in hdrhistogram's compressed form; "" if it is empty."""
    return histogram.encode().decode("ascii") if histogram.get_total_count() else ""


def from_text(text: str) -> Any:
    """The histogram that ``to_text`` wrote."""
    histogram = new_histogram()
    if text:
        histogram.decode_and_add(text)
    return histogram


class Bin(NamedTuple):
    """The number of values from ``low`` to ``high``, in ms."""

    low: float
    high: float
    values: int


class Distribution(NamedTuple):
    """The bins that are not empty, in order, and how many values are not drawn at either end."""

    bins: list[Bin]
    shorter: int
    longer: int


_Counts = Sequence[tuple[float, int]]
"""Logarithms of milliseconds in order, each with its count."""


def distribution(histogram: Any) -> Distribution:
    """The bins of a histogram that is not empty."""
    counts = [
        (log10(max((low + width - 1) / MS, SHORTEST)), count)
        for low, width, count in steps(histogram)
    ]
    apart = [item for item in counts if item[0] > log10(SHORTEST)] or counts
    lower, upper = _quantile(apart, 0.25), _quantile(apart, 0.75)
    reach = OUTLIER * max(upper - lower, NARROWEST)
    shorter = [item for item in apart if item[0] < lower - reach]
    longer = [item for item in apart if item[0] > upper + reach]
    rare = OUTLIERS * _total(apart)
    first = len(shorter) if _total(shorter) <= rare else 0
    last = len(apart) - (len(longer) if _total(longer) <= rare else 0)
    zeros = _total(counts) - _total(apart)
    bins = _bins(apart[first:last], upper - lower)
    return Distribution(bins, zeros + _total(apart[:first]), _total(apart[last:]))


def _bins(counts: _Counts, interquartile_range: float) -> list[Bin]:
    low, span = counts[0][0], counts[-1][0] - counts[0][0]
    width = min(2 * interquartile_range / _total(counts) ** (1 / 3), WIDEST)
    width = max(min(max(width, span / MAX_BINS), span / MIN_BINS), NARROWEST)
    last = max(floor(span / width - 1e-9), 0)
    values: Counter[int] = Counter()
    for position, count in counts:
        values[min(floor((position - low) / width), last)] += count
    return [
        Bin(10 ** (low + number * width), 10 ** (low + (number + 1) * width), count)
        for number, count in values.items()
    ]


def _quantile(counts: _Counts, share: float) -> float:
    """The smallest value that at least ``share`` of all values do not exceed."""
    passed = [*accumulate(count for _, count in counts)]
    return counts[bisect_left(passed, share * passed[-1])][0]


def _total(counts: _Counts) -> int:
    return sum([count for _, count in counts])
