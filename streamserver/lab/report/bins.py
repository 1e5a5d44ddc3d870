"""The bins of a distribution: as many as its values can fill.

Bins are equally wide on a logarithmic scale. Sixteen to a decade are enough for two humps; a narrow
distribution has more, as Freedman and Diaconis (1981) have it: twice the interquartile range,
divided by the cube root of the number of values.

A few values that lie far away would leave all others in one bin. So up to one in a hundred on
either side is counted and not drawn, and so are events of one read, which have no time between
them.
"""

from collections import Counter
from collections.abc import Sequence
from math import floor, log10
from typing import Any, NamedTuple

MS = 1_000_000
SHORTEST = 0.001
"""Milliseconds: what is shorter is drawn as this."""
FAR = 3
"""Interquartile ranges beyond the quartiles, from which on a value lies far away."""
RARE = 0.01
LEAST, MOST = 10, 300
WIDEST = 1 / 16
"""Of a decade."""
RESOLUTION = 2 * log10(1.001)
"""The histograms keep three digits: narrower bins would be empty by turns."""


class Bin(NamedTuple):
    """How many values lie from ``low`` to ``high``, in ms."""

    low: float
    high: float
    values: int


class Distribution(NamedTuple):
    """The bins that have values, in their order, and the numbers of values that are not drawn."""

    bins: list[Bin]
    shorter: int
    longer: int


_Counted = Sequence[tuple[float, int]]
"""Logarithms of milliseconds in their order, and how often each was counted."""


def distribution(histogram: Any) -> Distribution:
    """That of a histogram which is not empty."""
    items = histogram.get_recorded_iterator()
    whole = [(_log(one.value_iterated_to), one.count_added_in_this_iter_step) for one in items]
    apart = [one for one in whole if one[0] > log10(SHORTEST)] or whole
    lower, upper = _at(apart, 0.25), _at(apart, 0.75)
    far = FAR * max(upper - lower, RESOLUTION)
    shorter = [one for one in apart if one[0] < lower - far]
    longer = [one for one in apart if one[0] > upper + far]
    rare = RARE * _count(apart)
    first = len(shorter) if _count(shorter) <= rare else 0
    last = len(apart) - (len(longer) if _count(longer) <= rare else 0)
    together = _count(whole) - _count(apart)
    return Distribution(
        _bins(apart[first:last], upper - lower),
        together + _count(apart[:first]),
        _count(apart[last:]),
    )


def _bins(drawn: _Counted, quartiles_apart: float) -> list[Bin]:
    low, span = drawn[0][0], drawn[-1][0] - drawn[0][0]
    width = 2 * quartiles_apart / _count(drawn) ** (1 / 3)
    width = max(min(max(min(width, WIDEST), span / MOST), span / LEAST), RESOLUTION)
    last = max(floor(span / width - 1e-9), 0)
    counts: Counter[int] = Counter()
    for at, count in drawn:
        counts[min(floor((at - low) / width), last)] += count
    return [
        Bin(10 ** (low + number * width), 10 ** (low + (number + 1) * width), count)
        for number, count in counts.items()
    ]


def _at(counted: _Counted, share: float) -> float:
    """The value that so large a share does not exceed."""
    wanted = share * _count(counted)
    passed = 0
    for at, count in counted:
        passed += count
        if passed >= wanted:
            return at
    return counted[-1][0]


def _count(counted: _Counted) -> int:
    return sum([count for _, count in counted])


def _log(duration: float) -> float:
    return log10(max(duration / MS, SHORTEST))
