"""Histograms count as hdrhistogram itself does, only faster."""

from random import Random
from typing import Any

import pytest

from streamserver.lab.report.histograms import (
    LONGEST,
    add,
    add_text,
    new_histogram,
    record,
    to_text,
)

EDGES = [1, 2, 1023, 1024, 2047, 2048, 2049, 4095, 4096, 10**6, 10**9 + 1, LONGEST - 1, LONGEST]


def counted(durations: list[int]) -> Any:
    histogram = new_histogram()
    for duration in durations:
        record(histogram, duration)
    return histogram


def figures(histogram: Any) -> list[float]:
    """What tells two histograms apart."""
    percentiles = [histogram.get_value_at_percentile(p) for p in (0, 1, 50, 90, 99, 99.9, 100)]
    extremes = [histogram.get_min_value(), histogram.get_max_value(), histogram.get_mean_value()]
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


@pytest.mark.parametrize(("value", "as_"), [(0, 1), (-5, 1), (LONGEST + 1, LONGEST)])
def test_what_does_not_fit_counts_as_the_nearest_that_does(value: int, as_: int) -> None:
    assert figures(counted([value])) == figures(counted([as_]))


def test_one_duration_counts_so_many_times() -> None:
    histogram = new_histogram()
    record(histogram, 7, 3)
    assert figures(histogram) == figures(counted([7, 7, 7]))


@pytest.mark.parametrize("other", [[], [5], [10**9, 3, 3]])
@pytest.mark.parametrize("one", [[], [40, 10**7]])
def test_two_histograms_make_one(one: list[int], other: list[int]) -> None:
    in_place, over_a_pipe = counted(one), counted(one)
    add(in_place, counted(other))
    add_text(over_a_pipe, to_text(counted(other)))
    assert figures(in_place) == figures(counted(one + other))
    # What is decoded knows its extremes by their bucket; so much the digits promise.
    assert figures(over_a_pipe) == pytest.approx(figures(counted(one + other)), rel=1e-3)
