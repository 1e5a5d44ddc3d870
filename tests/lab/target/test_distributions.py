"""The factors have a mean of 1, and the spread and shape of their distribution."""

from itertools import islice
from statistics import fmean, pstdev

import pytest

from streamserver.lab.target.distributions import (
    DEFAULT_SPREADS,
    MAX_FACTOR,
    NAMES,
    factors,
    max_factor,
)

MANY = 20_000


def drawn(name: str, spread: float) -> list[float]:
    return [*islice(factors(name, spread, "1"), MANY)]


@pytest.mark.parametrize("spread", [0.0, 0.25, 0.5, 1.0])
@pytest.mark.parametrize("name", NAMES)
def test_the_mean_is_one_and_the_factors_are_bounded(name: str, spread: float) -> None:
    numbers = drawn(name, spread)
    assert fmean(numbers) == pytest.approx(1, abs=0.03)
    assert min(numbers) >= 0
    assert max(numbers) <= max_factor(name) <= MAX_FACTOR


@pytest.mark.parametrize(
    ("name", "spread", "deviation"),
    [
        ("none", 0.5, 0),
        ("uniform", 0.5, 0.5 / 3**0.5),
        ("normal", 0.25, 0.25),
        ("lognormal", 0.5, 0.5),
        ("exponential", 1.0, 1.0),
        ("exponential", 0.5, 0.5),
    ],
)
def test_the_spread_is_the_requested_one(name: str, spread: float, deviation: float) -> None:
    assert pstdev(drawn(name, spread)) == pytest.approx(deviation, rel=0.05)


@pytest.mark.parametrize(
    ("name", "below", "share"),
    [
        ("uniform", 0.75, 0.25),  # of those from 0.5 to 1.5
        ("normal", 0.75, 0.159),  # a standard deviation below
        ("lognormal", 1.0, 0.593),  # the median is below the mean
        ("exponential", 1.0, 0.632),  # 1 - 1/e
    ],
)
def test_the_shape_is_that_of_the_distribution(name: str, below: float, share: float) -> None:
    numbers = drawn(name, DEFAULT_SPREADS[name])
    assert sum(number < below for number in numbers) / MANY == pytest.approx(share, abs=0.015)
