"""The figures of the histogram, compared with those of all values."""

import random

import pytest

from streamserver.lab.target.pacing import Lateness


def test_figures_are_right_within_three_percent() -> None:
    draw = random.Random(1)
    values = sorted(round(draw.lognormvariate(12, 2)) for _ in range(5000))
    lateness = Lateness()
    for value in values:
        lateness.add(value)
    for percent in (1.0, 50.0, 90.0, 99.0, 99.9, 100.0):
        exact = values[round(len(values) * percent / 100) - 1]
        assert exact <= lateness.percentile(percent) <= exact * 33 / 32
    summary = lateness.summary()
    assert summary["count"] == len(values)
    assert summary["max_ms"] == values[-1] / 1e6
    assert summary["mean_ms"] == pytest.approx(sum(values) / len(values) / 1e6, rel=1e-6)
    bounds = [bound for bound, _ in summary["histogram_ms"]]
    assert bounds == sorted(set(bounds))
    assert sum(count for _, count in summary["histogram_ms"]) == len(values)


@pytest.mark.parametrize("value", [0, 1, 31, 32, 33, 63, 64, 65, 2**20 - 1, 2**20, 2**40 + 7])
def test_no_value_lies_beyond_its_bucket(value: int) -> None:
    lateness = Lateness()
    lateness.add(value)
    lateness.add(value * 2)
    assert value <= lateness.percentile(50) <= value + value // 32
    assert lateness.percentile(100) == value * 2  # not beyond the maximum


def test_without_events_all_is_zero_as_after_a_reset() -> None:
    lateness = Lateness()
    nothing = lateness.summary()
    assert nothing["count"] == nothing["p99_ms"] == nothing["max_ms"] == nothing["mean_ms"] == 0
    lateness.add(5)
    lateness.reset()
    assert lateness.summary() == nothing


def test_its_size_does_not_grow() -> None:
    lateness = Lateness()
    lateness.add(10**18)
    assert lateness.summary()["max_ms"] == 10**12
    assert len(lateness.summary()["histogram_ms"]) == 1
