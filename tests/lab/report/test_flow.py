"""Exchanges pile up, or only vary: what the counts of a level show."""

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamserver.lab.client.request import RequestSpec
from streamserver.lab.load.job import Job, parse
from streamserver.lab.report.flow import PARTS, Flow
from support.queueing import SECOND, always, summary_of

LEAST = 0.025


def flow(seconds: float) -> Flow:
    """One that begins at 0."""
    return Flow(0, round(seconds * SECOND) // PARTS)


def job(rate: float, **options: Any) -> Job:
    """A job at a constant rate."""
    return Job(RequestSpec("http://h/"), rate=parse(f"{rate:.6f}"), **options)


@pytest.mark.parametrize("slots", [1, 4, 32])
@pytest.mark.parametrize("lifetime", [0.5, 2.0])
def test_a_constant_load_above_the_capacity_piles_up(slots: int, lifetime: float) -> None:
    capacity = slots / lifetime
    # At least as long as four exchanges, and with arrivals enough to count.
    seconds = max(4 * lifetime, 60 / capacity)
    for share, piles_up in ((0.5, False), (0.8, False), (0.98, False), (1.08, True), (2, True)):
        level = job(share * capacity, warm_up=1.5 * lifetime, duration=seconds)
        found = summary_of(level, always(lifetime), slots).flow
        assert found is not None
        assert bool(found.growth(LEAST)) is piles_up, (share, found.open)
        assert found.throughput == pytest.approx(min(share, 1) * capacity, rel=0.07)


def test_random_arrivals_below_the_capacity_rarely_pile_up() -> None:
    def growth(share: float, seed: int) -> float:
        random = Random(seed)
        services = iter(lambda: random.lognormvariate(-1, 0.3), 0.0)
        level = job(share * 20, warm_up=2, duration=20, arrivals="poisson", seed=seed)
        found = summary_of(level, services, 8).flow
        return found.growth(LEAST) if found else 0

    assert sum(growth(0.7, seed) > 0 for seed in range(20)) <= 1
    assert sum(growth(1.3, seed) > 0 for seed in range(20)) >= 19


def test_the_warm_up_counts_as_open_and_the_end_does_not() -> None:
    found = flow(20)
    for at in (-2, -1, 0.5, 19.5, 20, 25):
        found.on_begin(round(at * SECOND))
    for at, is_complete in ((-0.5, True), (1.5, True), (1.5, False), (21, True)):
        found.on_end(round(at * SECOND), is_complete)
    assert found.before == 1
    assert (found.begun[0], found.begun[-1], sum(found.begun)) == (1, 1, 2)
    assert found.open == [2, *[0] * 18, 1]
    assert (found.seconds, found.throughput) == (20, 1 / 20)


@given(
    st.lists(st.tuples(st.integers(-10, 25), st.integers(0, 20)), max_size=60), st.integers(1, 4)
)
def test_the_flows_of_processes_add_up(exchanges: list[tuple[int, int]], of: int) -> None:
    whole, parts = flow(10), [flow(10) for _ in range(of)]
    for number, (begin, lasts) in enumerate(exchanges):
        for one in (whole, parts[number % of]):
            one.on_begin(begin * SECOND // 2)
            one.on_end((begin + lasts) * SECOND // 2, is_complete=lasts % 2 == 0)
    first, *others = parts
    for one in others:
        first.merge(one)
    assert first == whole
    assert min(whole.open) >= 0
    assert flow(10).growth(0) == 0
