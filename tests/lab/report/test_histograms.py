"""Histograms count as hdrhistogram does, and their bins fit the values."""

from collections.abc import Sequence
from itertools import pairwise
from random import Random
from typing import Any

import pytest

from streamserver.lab.report.histograms import (
    LONGEST,
    MAX_BINS,
    MIN_BINS,
    MS,
    Distribution,
    add,
    all_ms,
    distribution,
    from_text,
    mean,
    ms,
    new_histogram,
    pour,
    record,
    steps,
    to_text,
)

PERCENTILES = [0, 1, 50, 90, 99, 99.9, 100]
EDGES = [1, 2, 1023, 1024, 2047, 2048, 2049, 4095, 4096, 10**6, 10**9 + 1, LONGEST - 1, LONGEST]


def counted(durations: list[int]) -> Any:
    histogram = new_histogram()
    for duration in durations:
        record(histogram, duration)
    return histogram


def figures(histogram: Any) -> list[float]:
    """Figures by which two histograms are compared."""
    percentiles = histogram.get_percentile_to_value_dict(PERCENTILES).values()
    extremes = [histogram.get_min_value(), histogram.get_max_value(), mean(histogram)]
    return [histogram.get_total_count(), *extremes, *percentiles]


@pytest.mark.parametrize("value", EDGES)
def test_a_duration_is_counted_where_hdrhistogram_counts_it(value: int) -> None:
    theirs = new_histogram()
    assert theirs.record_value(value)
    assert figures(counted([value])) == figures(theirs)


def test_many_are_counted_as_hdrhistogram_counts_them() -> None:
    chance, theirs = Random(5), new_histogram()
    durations = [int(10 ** chance.uniform(0, 12.5)) for _ in range(2000)]
    for duration in durations:
        theirs.record_value(duration)
    assert figures(counted(durations)) == figures(theirs)


def test_a_histogram_is_poured_into_others() -> None:
    first, second, source = counted([5, 70]), counted([]), counted([3, 900_000])
    pour(source, first, second)
    assert figures(first) == figures(counted([5, 70, 3, 900_000]))
    assert figures(second) == figures(counted([3, 900_000]))
    assert figures(source) == figures(new_histogram())
    record(source, 8)
    pour(source, second)
    assert figures(second) == figures(counted([3, 900_000, 8]))
    pour(source, second)
    assert figures(second) == figures(counted([3, 900_000, 8]))


SPREAD = Random(6)


@pytest.mark.parametrize(
    "durations",
    [[], *([edge] for edge in EDGES), [int(10 ** SPREAD.uniform(0, 12.5)) for _ in range(300)]],
    ids=["none", *map(str, EDGES), "many"],
)
def test_figures_are_those_that_hdrhistogram_reads(durations: list[int]) -> None:
    histogram = counted(durations)
    percentiles = [*PERCENTILES[::-1], 50, 33.3, 99.999]
    theirs = [histogram.get_value_at_percentile(each) / MS for each in percentiles]
    assert all_ms(histogram, percentiles) == theirs
    assert [ms(histogram, each) for each in percentiles] == theirs
    if len(durations) != 1:  # it takes 25 ms, and a step is below
        assert mean(histogram) == pytest.approx(histogram.get_mean_value(), rel=1e-15)
    recorded = [
        (item.value_iterated_to, item.count_added_in_this_iter_step)
        for item in histogram.get_recorded_iterator()
    ]
    assert [(low + width - 1, count) for low, width, count in steps(histogram)] == recorded


@pytest.mark.parametrize(
    ("count", "percentile", "rank"),
    [
        (8, 90, 8), (10, 90, 9), (3, 50, 2), (2, 50, 1), (1, 99, 1), (101, 99, 100), (160, 99, 159),
        (1000, 99.9, 999), (1001, 99.9, 1000), (5, 0, 1), (5, 100, 5),
    ],
)  # fmt: skip
def test_a_percentile_is_the_value_that_so_many_do_not_exceed(
    count: int, percentile: float, rank: int
) -> None:
    histogram = counted(list(range(1, count + 1)))
    assert ms(histogram, percentile) * MS == pytest.approx(rank)


def test_a_histogram_without_values_has_percentiles_of_0() -> None:
    assert all_ms(new_histogram(), [50, 100]) == [0, 0]


@pytest.mark.parametrize(("value", "as_"), [(0, 1), (-5, 1), (LONGEST + 1, LONGEST)])
def test_a_duration_out_of_range_counts_as_the_nearest_in_range(value: int, as_: int) -> None:
    assert figures(counted([value])) == figures(counted([as_]))


def test_a_duration_is_counted_several_times() -> None:
    histogram = new_histogram()
    record(histogram, 7, 3)
    assert figures(histogram) == figures(counted([7, 7, 7]))


@pytest.mark.parametrize("other", [[], [5], [10**9, 3, 3]])
@pytest.mark.parametrize("one", [[], [40, 10**7]])
def test_two_histograms_are_added(one: list[int], other: list[int]) -> None:
    in_place, over_a_pipe = counted(one), counted(one)
    add(in_place, counted(other))
    add(over_a_pipe, from_text(to_text(counted(other))))
    assert figures(in_place) == figures(counted(one + other))
    # A decoded histogram has its extremes with three digits only.
    assert figures(over_a_pipe) == pytest.approx(figures(counted(one + other)), rel=1e-3)


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
    # Values, the least number of bins that hold half of them, and how many values are not drawn
    # because they are shorter or longer.
    (NARROW, 4, 0, 0),
    ([*NARROW, 0.05, 4000], 4, 1, 1),
    ([*NARROW, *[0.0001] * 300], 4, 300, 0),  # gaps between events of one read
    ([*NARROW, *around(0.1, 0.001, 400)], 1, 0, 0),  # a distant second hump is drawn
    (around(10, 1, 100_000), 15, 8, 0),
    (around(10, 2, 100), 3, 0, 0),
    ([1, 1000], 1, 0, 0),
    ([7.0], 1, 0, 0),
    ([7.0] * 1000, 1, 0, 0),
    ([0.0000001, 0.0000002], 1, 0, 0),
    ([float(n) for n in range(1, 3000)], 3, 27, 0),
]


@pytest.mark.parametrize(("values", "least", "shorter", "longer"), SHAPES)
def test_bins_hold_all_values_and_spread_half_of_them(
    values: list[float], least: int, shorter: int, longer: int
) -> None:
    found, *not_drawn = binned(values)
    assert not_drawn == [shorter, longer]
    assert sum(one.values for one in found) + shorter + longer == len(values)
    assert len(found) <= MAX_BINS + 1
    assert all(one.low < one.high for one in found)
    assert all(one.high <= two.low * 1.0001 for one, two in pairwise(found))
    largest = sorted([one.values for one in found], reverse=True)
    half = next(n for n in range(1, len(found) + 1) if sum(largest[:n]) * 2 >= len(values))
    assert half >= least


def test_few_values_are_spread_too() -> None:
    assert len(binned([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]).bins) > MIN_BINS // 2
