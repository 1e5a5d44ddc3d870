"""Histograms of few counters keep percentiles within a fraction of the duration."""

from random import Random

import pytest

from streamserver.lab.report.coarse import Coarse


@pytest.mark.parametrize("largest", [30, 1000, 10**6, 10**9, 3600 * 10**9])
def test_percentiles_are_near_the_exact_ones(largest: int) -> None:
    chance = Random(largest)
    values = sorted(chance.randrange(largest) for _ in range(1001))
    coarse = Coarse()
    for value in values:
        coarse.record(value)
    assert coarse.total() == 1001
    assert len(coarse) < 32 * largest.bit_length()
    for percent in (0.1, 50, 99, 100):
        exact = values[max(round(1001 * percent / 100 + 0.499) - 1, 0)]
        assert coarse.percentile(percent) == pytest.approx(exact, rel=0.02, abs=0.5)


def test_what_is_below_zero_counts_as_zero_and_nothing_is_zero() -> None:
    coarse = Coarse()
    assert coarse.percentile(50) == 0
    coarse.record(-5)
    assert coarse == {0: 1}
