"""Histograms: the counts of their buckets, the sum, and the flush."""

import pytest

from streamserver.observe.metrics import DURATION, FIRST_BYTE, GAP
from streamserver.observe.prometheus import Histogram

BOUNDS = (1.0, 2.0, 5.0)
VALUES = [
    (0.0, 0),
    (0.999, 0),
    (1.0, 0),  # a bound belongs to its own bucket: `le` is less or equal
    (1.001, 1),
    (5.0, 2),
    (5.1, 3),
    (1e9, 3),
]


@pytest.mark.parametrize(("value", "bucket"), VALUES)
def test_a_value_lies_in_the_first_bucket_that_is_not_below_it(value: float, bucket: int) -> None:
    histogram = Histogram(BOUNDS)
    histogram.observe(value)
    counts, total = histogram.flush()
    assert [index for index, count in enumerate(counts) if count] == [bucket]
    assert total == value


def test_what_was_flushed_is_gone() -> None:
    histogram = Histogram(BOUNDS)
    histogram.observe(1)
    histogram.observe(3)
    assert histogram.flush() == ([1, 0, 1, 0], 4.0)
    assert histogram.flush() == ([0, 0, 0, 0], 0.0)


@pytest.mark.parametrize(
    ("bounds", "least", "most"),
    [(FIRST_BYTE, 0.001, 60), (GAP, 0.001, 60), (DURATION, 0.01, 24 * 3600)],
)
def test_buckets_reach_as_far_as_streams_do(
    bounds: tuple[float, ...], least: float, most: float
) -> None:
    assert bounds == tuple(sorted(set(bounds)))
    assert (bounds[0], bounds[-1]) == (least, most)
