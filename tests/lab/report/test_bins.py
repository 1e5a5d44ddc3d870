"""The bins of a distribution, and the marks of its axis, fit its values."""

from collections.abc import Sequence
from itertools import pairwise
from random import Random

import pytest

from streamserver.lab.report import svg
from streamserver.lab.report.bins import LEAST, MOST, Distribution, distribution
from streamserver.lab.report.charts import bars
from streamserver.lab.report.histograms import new_histogram, record

MS = 1_000_000


def binned(values: Sequence[float]) -> Distribution:
    histogram = new_histogram()
    for value in values:
        record(histogram, round(value * MS))
    return distribution(histogram)


def around(mean: float, spread: float, count: int) -> list[float]:
    chance = Random(1)
    return [chance.gauss(mean, spread) for _ in range(count)]


NARROW = around(10, 0.1, 2000)
SHAPES = [
    # Values, how many of the bins that hold half of them there are at least, and how many values
    # are shorter and longer than what is drawn.
    (NARROW, 4, 0, 0),
    ([*NARROW, 0.05, 4000], 4, 1, 1),
    ([*NARROW, *[0.0001] * 300], 4, 300, 0),  # of events that came in one read
    ([*NARROW, *around(0.1, 0.001, 400)], 1, 0, 0),  # a second hump is drawn, however far
    (around(10, 1, 100_000), 15, 8, 0),
    (around(10, 2, 100), 3, 0, 0),
    ([1, 1000], 1, 0, 0),
    ([7.0], 1, 0, 0),
    ([7.0] * 1000, 1, 0, 0),
    ([0.0000001, 0.0000002], 1, 0, 0),
    ([float(n) for n in range(1, 3000)], 3, 27, 0),
]


@pytest.mark.parametrize(("values", "least", "shorter", "longer"), SHAPES)
def test_bins_hold_all_values_and_half_of_them_lie_in_more_than_a_few(
    values: list[float], least: int, shorter: int, longer: int
) -> None:
    found, *not_drawn = binned(values)
    assert not_drawn == [shorter, longer]
    assert sum(one.values for one in found) + shorter + longer == len(values)
    assert len(found) <= MOST + 1
    assert all(one.low < one.high for one in found)
    assert all(one.high <= two.low * 1.0001 for one, two in pairwise(found))
    largest = sorted([one.values for one in found], reverse=True)
    half = next(n for n in range(1, len(found) + 1) if sum(largest[:n]) * 2 >= len(values))
    assert half >= least


def test_few_values_have_bins_too() -> None:
    assert len(binned([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]).bins) > LEAST // 2


@pytest.mark.parametrize(
    ("low", "high", "texts"),
    [
        (0.1, 100, ["100 µs", "1 ms", "10 ms", "100 ms"]),
        (1, 11, ["1 ms", "2 ms", "5 ms", "10 ms"]),
        (10, 10.5, ["10 ms", "10.1 ms", "10.2 ms", "10.3 ms", "10.4 ms", "10.5 ms"]),
        (33, 36, ["33 ms", "33.5 ms", "34 ms", "34.5 ms", "35 ms", "35.5 ms", "36 ms"]),
        (1500, 2500, ["1.6 s", "1.8 s", "2 s", "2.2 s", "2.4 s"]),
    ],
)
def test_an_axis_has_marks_however_narrow_it_is(low: float, high: float, texts: list[str]) -> None:
    axis = svg.log_across(low, high, svg.duration)
    assert [text for _, text in axis.marks] == texts


def test_a_bar_of_one_value_of_many_is_seen() -> None:
    histogram = new_histogram()
    for n in range(100):
        record(histogram, (1000 + n) * MS // 100, 10_000)
    record(histogram, 12 * MS)
    drawn = bars("gap", distribution(histogram).bins).splitlines()
    heights = [
        float(one.partition('height="')[2].partition('"')[0])
        for one in drawn
        if 'class="bar"' in one
    ]
    assert len(heights) > LEAST
    assert 1 < min(heights) < 2
