"""Confidence intervals of a median."""

from random import Random

import pytest

from streamserver.lab.compare.bootstrap import interval


def test_values_that_agree_leave_no_doubt() -> None:
    found = interval([5.0] * 20, Random(1))
    assert (found.low, found.median, found.high) == (5, 5, 5)
    assert found.tells_apart


def test_the_same_seed_gives_the_same_interval() -> None:
    values = [Random(7).gauss(0, 1) for _ in range(50)]
    assert interval(values, Random(3)) == interval(values, Random(3))


def test_what_scatters_around_zero_may_be_chance() -> None:
    random = Random(2)
    assert not interval([random.gauss(0, 1) for _ in range(40)], random).tells_apart
    assert interval([random.gauss(2, 1) for _ in range(40)], random).tells_apart
    assert interval([random.gauss(-2, 1) for _ in range(40)], random).tells_apart


def test_it_holds_the_true_median_about_as_often_as_it_says() -> None:
    """Of an exponential distribution, whose median is known, and whose tail is long."""
    random, true_median = Random(5), 0.693
    tries = [
        interval([random.expovariate(1) for _ in range(40)], random, rounds=200)
        for _ in range(300)
    ]
    held = sum([one.low <= true_median <= one.high for one in tries])
    assert 0.90 < held / len(tries) < 0.99


def test_more_values_narrow_it() -> None:
    random = Random(9)
    few, many = [
        interval([random.gauss(0, 1) for _ in range(count)], random) for count in (20, 500)
    ]
    assert many.high - many.low < (few.high - few.low) / 2


def test_of_nothing_there_is_none() -> None:
    with pytest.raises(ValueError, match="no value"):
        interval([], Random(1))
