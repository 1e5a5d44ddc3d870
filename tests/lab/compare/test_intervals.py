"""The confidence interval of a median, and the statistics of objectives."""

from random import Random

import pytest

from streamserver.lab.compare.intervals import bootstrap, statistic


def test_equal_values_have_an_interval_of_width_0() -> None:
    found = bootstrap([5.0] * 20, Random(1))
    assert (found.low, found.median, found.high) == (5, 5, 5)
    assert found.excludes_zero


def test_the_same_seed_gives_the_same_bootstrap() -> None:
    values = [Random(7).gauss(0, 1) for _ in range(50)]
    assert bootstrap(values, Random(3)) == bootstrap(values, Random(3))


def test_significance() -> None:
    random = Random(2)
    assert not bootstrap([random.gauss(0, 1) for _ in range(40)], random).excludes_zero
    assert bootstrap([random.gauss(2, 1) for _ in range(40)], random).excludes_zero
    assert bootstrap([random.gauss(-2, 1) for _ in range(40)], random).excludes_zero


def test_the_interval_contains_the_true_median_at_its_confidence() -> None:
    """Of an exponential distribution, which has a known median and a long tail."""
    random, true_median = Random(5), 0.693
    tries = [
        bootstrap([random.expovariate(1) for _ in range(40)], random, rounds=200)
        for _ in range(300)
    ]
    held = sum([one.low <= true_median <= one.high for one in tries])
    assert 0.90 < held / len(tries) < 0.99


def test_more_values_narrow_the_interval() -> None:
    random = Random(9)
    few, many = [
        bootstrap([random.gauss(0, 1) for _ in range(count)], random) for count in (20, 500)
    ]
    assert many.high - many.low < (few.high - few.low) / 2


def test_there_is_no_interval_without_values() -> None:
    with pytest.raises(ValueError, match="no value"):
        bootstrap([], Random(1))


@pytest.mark.parametrize(
    ("name", "expected"),
    [("p50", 2), ("p51", 3), ("p100", 4), ("p0", -1), ("max", 4), ("mean", 2), ("p99.9", 4)],
)
def test_a_statistic(name: str, expected: float) -> None:
    assert statistic([4, 2, 3, -1], name) == expected


def test_there_is_no_statistic_without_values() -> None:
    assert statistic([], "p50") is None
