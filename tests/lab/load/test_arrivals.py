"""When an open loop begins each exchange."""

from itertools import islice, pairwise
from math import exp

import pytest

from streamserver.lab.load.arrivals import SECOND, Arrivals, arrivals
from streamserver.lab.load.profile import parse


def first(text: str, number: int, kind: Arrivals = "constant", seed: int = 1) -> list[float]:
    """The first arrivals, in seconds."""
    return [at / SECOND for at in islice(arrivals(parse(text), kind, seed), number)]


@pytest.mark.parametrize(
    ("text", "number", "times"),
    [
        ("10", 5, [0, 0.1, 0.2, 0.3, 0.4]),
        ("2@1,4@1", 9, [0, 0.5, 1, 1.25, 1.5, 1.75]),
        ("0@3,1", 3, [3, 4, 5]),
        # The n-th arrival of a ramp is where the area below it is n: t**2 / 2, then 1 - (2-t)**2/2.
        ("0..2@2", 9, [0, 2**0.5]),
        ("2..0@2", 9, [0, 2 - 2**0.5]),
        ("0..10@10,10@0.35", 60, [*[(2 * n) ** 0.5 for n in range(50)], 10, 10.1, 10.2, 10.3]),
    ],
)
def test_constant_arrivals_follow_the_rate(text: str, number: int, times: list[float]) -> None:
    assert first(text, number) == pytest.approx(times, abs=1e-8)


def test_they_never_drift() -> None:
    *_, last = islice(arrivals(parse("3"), "constant", 0), 3_000_001)
    assert last == 1_000_000 * SECOND


def test_poisson_arrivals_have_the_rate_and_come_in_clusters() -> None:
    times = first("50", 20_000, "poisson")
    gaps = [after - before for before, after in pairwise(times)]
    assert min(gaps) >= 0
    assert sum(gaps) / len(gaps) == pytest.approx(1 / 50, rel=0.03)
    # Of exponential times exp(-1) are longer than the mean, and exp(-3) than three times that.
    for times_mean in (1, 3):
        longer = sum(gap > times_mean / 50 for gap in gaps) / len(gaps)
        assert longer == pytest.approx(exp(-times_mean), rel=0.1)


def test_poisson_arrivals_follow_a_ramp() -> None:
    times = first("0..200@100", 100_000, "poisson")
    assert len(times) == pytest.approx(10_000, rel=0.05)
    assert sum(time < 50 for time in times) == pytest.approx(2_500, rel=0.1)


def test_a_seed_makes_them_repeat_and_another_does_not() -> None:
    assert first("5", 50, "poisson", 7) == first("5", 50, "poisson", 7)
    assert first("5", 50, "poisson", 7) != first("5", 50, "poisson", 8)
