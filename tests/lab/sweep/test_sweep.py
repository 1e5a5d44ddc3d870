"""A sweep: its levels, its end, and what it names as the limit.

The service is simulated, so a sweep of minutes takes no time.
"""

import re
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from streamserver.lab.client.record import Record
from streamserver.lab.client.request import RequestSpec
from streamserver.lab.load.job import Arrivals, Job
from streamserver.lab.load.processes import Result
from streamserver.lab.report.histograms import record as count
from streamserver.lab.report.slo import parse
from streamserver.lab.report.summary import Summary
from streamserver.lab.sweep.level import Kind
from streamserver.lab.sweep.search import Scale
from streamserver.lab.sweep.sweep import Prospect, Sweep, sweep
from support.queueing import always, summary_of
from support.reported import MS, REFUSED, UNREACHED

SLO = parse("first_byte_p99=300ms,errors=1%")
JOB = Job(RequestSpec("http://h/"), duration=10.0, warm_up=2.0)
SCALE = Scale(1, 1000)
Serve = Callable[[Job, Prospect], Summary]


async def swept(
    serve: Serve, job: Job = JOB, kind: Kind = "rate", scale: Scale = SCALE, **options: Any
) -> Sweep:
    """The sweep of a service."""

    async def measure(level: Job, prospect: Prospect) -> Result | str:
        return Result(serve(level, prospect), **options)

    return await sweep(job, kind, scale, SLO, measure)


def slots(number: int, lifetime: float) -> Serve:
    """A service that answers so many exchanges at once."""
    return lambda job, prospect: summary_of(job, always(lifetime), number)


def knee(found: Sweep) -> float:
    assert found.best is not None
    return found.best.load


@pytest.mark.parametrize(("number", "lifetime"), [(1, 0.2), (1, 6.0), (3, 1.0), (30, 1.0)])
async def test_the_knee_of_a_service_with_slots(number: int, lifetime: float) -> None:
    capacity = number / lifetime
    found = await swept(slots(number, lifetime), scale=Scale(0.1, 1000))
    assert 0.9 * capacity <= knee(found) <= 1.1 * capacity
    assert found.limit is not None
    assert found.limit.party == "service"
    assert (found.status, found.not_valid) == (0, [])
    assert found.best is not None
    assert found.best.timing.duration >= 4 * lifetime


@pytest.mark.parametrize("seed", range(3))
async def test_the_knee_of_random_arrivals_and_lifetimes(seed: int) -> None:
    def serve(job: Job, prospect: Prospect) -> Summary:
        random = Random(f"{seed}/{prospect.number}")
        services = iter(lambda: random.lognormvariate(0, 0.5) / 1.133, 0.0)
        return summary_of(job, services, 25)

    arrivals: Arrivals = "poisson"
    job = Job(JOB.request, duration=20.0, warm_up=4.0, arrivals=arrivals, seed=seed)
    assert 19 <= knee(await swept(serve, job)) <= 27.5


async def test_levels_use_other_seeds_and_measure_the_flow() -> None:
    jobs: list[Job] = []

    def serve(job: Job, prospect: Prospect) -> Summary:
        jobs.append(job)
        return summary_of(job, always(0.1), 1)

    await swept(serve)
    assert len({job.seed for job in jobs}) == len(jobs)
    assert all(job.counts_flow for job in jobs)
    assert [str(job.rate) for job in jobs[:4]] == ["1", "2", "4", "8"]


async def test_a_level_that_is_too_short_for_its_exchanges_is_measured_again() -> None:
    found = await swept(slots(10, 30.0), scale=Scale(0.1, 100, precision=0.2))
    assert [one.load for one in found.levels[:3]] == [0.1, 0.1, 0.2]
    assert found.levels[0].timing == (2, 100)
    for level in found.levels[1:]:
        assert [*level.timing] == pytest.approx([30, 120], rel=0.01)
    assert knee(found) == pytest.approx(10 / 30, rel=0.2)


async def test_a_level_lasts_until_enough_exchanges_have_arrived() -> None:
    found = await swept(slots(10, 1.0))
    durations = {one.load: one.timing.duration for one in found.levels}
    assert (durations[1], durations[2], durations[4], durations[8]) == (40, 20, 10, 10)


async def test_a_doubtful_miss_is_measured_again() -> None:
    measured: list[float] = []

    def serve(job: Job, prospect: Prospect) -> Summary:
        measured.append(prospect.trial.load)
        disturbed = measured == [1, 2, 4]
        return summary_of(job, always(1.0), 1 if disturbed else 10)

    found = await swept(serve)
    assert measured[:5] == [1, 2, 4, 4, 8]
    assert 9 <= knee(found) <= 10.5


async def test_the_bound_of_the_loads() -> None:
    found = await swept(slots(1000, 0.1), scale=Scale(1, 30))
    assert (knee(found), found.limit, found.status) == (30, None, 0)


async def test_not_even_the_lowest_load() -> None:
    found = await swept(slots(1, 2.0))
    assert (found.best, found.status, len(found.levels)) == (None, 1, 2)


def refusing(summary: Summary) -> Summary:
    """With a fifth of all exchanges refused."""
    for _ in range(summary.ends.total() // 4):
        summary.add(REFUSED)
    return summary


def late_client(summary: Summary) -> Summary:
    """With a client that was late for all exchanges."""
    for _ in range(summary.ends.total()):
        count(summary.start_late, 50 * MS)
    return summary


def late_target(summary: Summary) -> Summary:
    """With a target that was late for all events."""
    for _ in range(1000):
        count(summary.evidence.target_late, 50 * MS)
    return summary


def unsent(summary: Summary) -> Summary:
    """With exchanges that could not begin."""
    summary.unsent = 5
    return summary


def cut(summary: Summary) -> Summary:
    """With an exchange that did not end."""
    summary.add(Record(1, 1, head=2, status=200, end="stopped"))
    return summary


@pytest.mark.parametrize(
    ("change", "party", "evidence", "lowest"),
    [
        (refusing, "target", r"errors=1%: missed, [\d.]+% \(refused \d+\)", 1),
        (late_client, "client", r"\d% of the exchanges began more than 50 ms after their time", 3),
        (late_target, "target", "it sent 1% of its events more than 50 ms after they were due", 3),
        (unsent, "client", "5 exchanges were not begun, since too many were open", 3),
        (cut, "service", "1 exchanges did not end within --grace", 1),
    ],
)
async def test_the_limit_is_named(
    change: Callable[[Summary], Summary], party: str, evidence: str, lowest: int
) -> None:
    def serve(job: Job, prospect: Prospect) -> Summary:
        summary = summary_of(job, always(0.1), 100)
        return change(summary) if prospect.trial.load > limit else summary

    limit = 30.0
    found = await swept(serve)
    assert 28 <= knee(found) <= 30
    assert (found.limit and found.limit.party, found.status) == (party, 0)
    assert found.limit is not None
    assert re.search(evidence, found.limit.evidence)
    limit = 0.0
    found = await swept(serve)
    assert (found.best, found.status) == (None, lowest)


async def test_a_slow_service_is_the_limit_although_the_client_may_open_no_more() -> None:
    found = await swept(lambda job, prospect: unsent(summary_of(job, always(1.0), 1)))
    parties = [one.limit.party for one in found.levels if one.limit]
    assert parties == ["client"] * 3
    found = await swept(lambda job, prospect: unsent(summary_of(job, always(2.0), 1)))
    parties = [one.limit.party for one in found.levels if one.limit]
    assert parties == ["service"] * 2


async def test_a_service_that_cannot_be_reached_is_not_judged() -> None:
    def serve(job: Job, prospect: Prospect) -> Summary:
        summary = Summary()
        summary.add(UNREACHED)
        return summary

    found = await swept(serve)
    assert (len(found.levels), found.status) == (1, 3)
    assert found.not_valid == [
        "no exchange received a response: unconnected 1 (unconnected: connection refused)"
    ]


async def test_an_objective_without_a_value_ends_the_sweep() -> None:
    async def measure(level: Job, prospect: Prospect) -> Result | str:
        return Result(summary_of(level, always(0.1), 10))

    found = await sweep(JOB, "rate", SCALE, parse("first_token_p99=1s"), measure)
    assert (len(found.levels), found.status) == (1, 3)
    assert "first_token_p99=1s: nothing of the kind was measured" in found.not_valid


async def test_a_process_that_died_makes_the_sweep_invalid() -> None:
    found = await swept(slots(10, 1.0), problems=["process 1 ended early"])
    assert (len(found.levels), found.status) == (1, 3)


async def test_an_early_end_keeps_the_levels_so_far() -> None:
    async def measure(level: Job, prospect: Prospect) -> Result | str:
        return Result(summary_of(level, always(0.1), 100)) if prospect.number < 4 else "no more"

    found = await sweep(JOB, "rate", SCALE, SLO, measure)
    assert (len(found.levels), found.not_valid, found.status) == (3, ["no more"], 3)
    assert knee(found) == 4
