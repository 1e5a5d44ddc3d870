"""Load over time, and the arrivals of an open loop."""

from itertools import islice, pairwise
from math import exp, inf

import pytest

from streamserver.lab.load.job import SECOND, Arrivals, Profile, Stage, parse


@pytest.mark.parametrize(
    ("text", "stages"),
    [
        ("100", [Stage(100, 100)]),
        ("0.5", [Stage(0.5, 0.5)]),
        ("10@30,20@30,40", [Stage(10, 10, 30), Stage(20, 20, 30), Stage(40, 40)]),
        ("0..100@60, 100@60", [Stage(0, 100, 60), Stage(100, 100, 60)]),
        ("9..1@2.5", [Stage(9, 1, 2.5)]),
        ("0@1,5", [Stage(0, 0, 1), Stage(5, 5)]),
        ("0..9@500ms,9@2m", [Stage(0, 9, 0.5), Stage(9, 9, 120)]),
    ],
)
def test_a_profile(text: str, stages: list[Stage]) -> None:
    assert parse(text) == Profile(tuple(stages))


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "'' is no stage"),
        ("fast", "'fast' is no stage"),
        ("-1", "'-1' is no stage"),
        ("1..2..3@4", "'1..2..3@4' is no stage"),
        ("10@5,,10", "'' is no stage"),
        ("1e9", "'1e9' is no stage"),
        ("1000001", "'1000001' is out of bounds"),
        ("5@0", "'5@0' is out of bounds"),
        ("5@2678401", "'5@2678401' is out of bounds"),
        ("5@32d", "'5@32d' is out of bounds"),
        ("5@soon", "'5@soon' is no stage, since 'soon' is no duration"),
        ("5@", "'5@' is no stage"),
        ("1..2", "'1..2' needs its duration"),
        ("1..2@3,4,5", "'4' needs its duration"),
        ("0", "'0' is no load at all"),
        ("0@5,0@3", "'0@5,0@3' is no load at all"),
    ],
)
def test_an_error_names_the_stage_and_the_forms(text: str, named: str) -> None:
    with pytest.raises(ValueError, match="N@DURATION is a step") as error:
        parse(text)
    assert str(error.value).startswith(named)


@pytest.mark.parametrize(
    ("text", "levels"),
    [
        ("7", {0: 7, 1000: 7}),
        ("1@10,2@10", {0: 1, 9.99: 1, 10: 2, 19.99: 2, 20: 0}),
        ("0..10@10,10@5", {0: 0, 5: 5, 10: 10, 14: 10, 15: 0}),
        ("10..0@10", {0: 10, 2.5: 7.5, 10: 0}),
    ],
)
def test_the_level_at_a_time(text: str, levels: dict[float, float]) -> None:
    profile = parse(text)
    assert {at: profile.level(at) for at in levels} == pytest.approx(levels)


@pytest.mark.parametrize(
    ("text", "seconds", "most"),
    [("3", inf, 3), ("3@4,5", inf, 5), ("3@4,1..9@2,2@1", 7, 9)],
)
def test_its_duration_and_highest_level(text: str, seconds: float, most: float) -> None:
    profile = parse(text)
    assert (profile.seconds, profile.most) == (seconds, most)


def first(text: str, number: int, kind: Arrivals = "constant", seed: int = 1) -> list[float]:
    """The first arrivals, in seconds."""
    return [at / SECOND for at in islice(parse(text).arrivals(kind, seed), number)]


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


def test_arrivals_do_not_drift() -> None:
    *_, last = islice(parse("3").arrivals("constant", 0), 3_000_001)
    assert last == 1_000_000 * SECOND


def test_poisson_arrivals_have_the_rate_and_exponential_intervals() -> None:
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


def test_arrivals_depend_on_the_seed() -> None:
    assert first("5", 50, "poisson", 7) == first("5", 50, "poisson", 7)
    assert first("5", 50, "poisson", 7) != first("5", 50, "poisson", 8)
