"""A run: its warm-up, its end, its shares."""

import asyncio
import gc
import time
from collections.abc import AsyncIterator
from io import BytesIO
from time import monotonic_ns
from typing import Any

import pytest

from lab.load.conftest import MS, SECOND, Site, begin, in_order, shares
from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.lab.client.record import Record
from streamserver.lab.client.request import RequestSpec
from streamserver.lab.load.job import Job, Share, parse
from streamserver.lab.load.processes import read_job, write_message
from streamserver.lab.load.run import TICK, LagProbe, Run
from streamserver.lab.report.histograms import new_histogram
from streamserver.lab.report.summary import Summary
from support.inprocess import Serve
from support.waiting import wait_until


async def test_the_warm_up_is_not_measured(site: Site) -> None:
    run, records = await site.run(rate="100", warm_up=0.1, count=5)
    assert (run.summary.warmed, len(records)) == (10, 5)
    assert run.summary.ends.total() == 5
    assert run.summary.histograms["head"].get_total_count() == 5
    assert [one.planned - run.start for one in records] == [(10 + n) * 10 * MS for n in range(5)]
    assert run.summary.began == run.count_from == run.start + 100 * MS
    assert len(site.gated.targets) == 15


async def test_the_flow_has_the_exchanges_of_each_part(site: Site) -> None:
    site.gated.gate.clear()
    job = site.job(rate="100", warm_up=0.05, duration=0.2, counts_flow=True)
    parts = [Run(job, Share(index, 2)) for index in range(2)]
    going = asyncio.gather(*[part.execute(start) for start in [monotonic_ns()] for part in parts])
    await wait_until(lambda: site.gated.waiting == 25)
    site.gated.gate.set()
    await going
    summary = Summary()
    for part in parts:
        summary.merge(Summary.unpack(await part.summary.pack()))
    assert summary.flow is not None
    assert summary.flow.seconds == 0.2
    assert summary.flow.before + sum(summary.flow.begun) == 25
    assert summary.flow.open[-1] + summary.flow.complete == 25
    assert (await site.run(rate="100", count=1))[0].summary.flow is None


async def test_a_warm_up_comes_before_the_profile_at_its_first_level(site: Site) -> None:
    job = site.job(rate="5..9@2,3", warm_up=4.0, duration=10)
    assert [job.profile.level(at) for at in (0, 3.9, 4, 5, 7)] == [5, 5, 5, 7, 3]
    assert job.seconds == 14


@pytest.mark.parametrize(
    ("options", "seconds"),
    [
        ({"rate": "1", "duration": 5.0}, 5.0),
        ({"rate": "1@3", "duration": 5.0}, 3.0),
        ({"rate": "1@3,2@4"}, 7.0),
        ({"concurrency": "1@3", "warm_up": 2.0}, 5.0),
    ],
)
async def test_how_long_exchanges_may_begin(
    site: Site, options: dict[str, Any], seconds: float
) -> None:
    assert site.job(**options).seconds == seconds


async def _endless(request: Request) -> Response:
    async def ticks() -> AsyncIterator[bytes]:
        while True:
            yield b"data: 1\n\n"
            await asyncio.sleep(0.005)

    return Response(ticks(), headers=[("content-type", "text/event-stream")])


async def test_open_exchanges_count_when_the_run_is_stopped(serve: Serve) -> None:
    served = await serve(_endless)
    run = Run(Job(RequestSpec(served.url), concurrency=parse("3"), count=9))
    going = begin(run)
    # Events count as they arrive, not at the end of their stream.
    await wait_until(lambda: run.progress().summary.events >= 30)
    assert (run.progress().open, run.progress().draining) == (3, False)
    run.stop()
    await going
    summary = run.summary
    assert summary.ends == {"stopped": 3}
    assert (summary.errors, summary.slowest.records()[0].status) == (None, 200)
    assert summary.histograms["first_event"].get_total_count() == 3
    assert summary.histograms["gap"].get_total_count() == summary.events - 3
    assert sum(second.events for second in summary.timeline.seconds.values()) == summary.events


async def test_open_exchanges_are_cut_after_the_grace_period(serve: Serve) -> None:
    served = await serve(_endless)
    run = Run(Job(RequestSpec(served.url), rate=parse("100"), count=2, grace=0.05))
    await asyncio.wait_for(run.execute(monotonic_ns()), 5)
    assert run.summary.ends == {"stopped": 2}


async def test_an_internal_error_ends_the_run_and_is_raised(site: Site) -> None:
    def on_record(record: Record) -> None:
        raise ZeroDivisionError

    run = Run(site.job(concurrency="1", count=3), on_record=on_record)
    with pytest.raises(ZeroDivisionError):
        await run.execute(monotonic_ns())


@pytest.mark.parametrize("of", [2, 3, 4])
@pytest.mark.parametrize("load", [{"rate": "200"}, {"concurrency": "4"}])
async def test_the_shares_of_several_processes_add_up(
    site: Site, load: dict[str, str], of: int
) -> None:
    parts = shares(site.job(**load, count=20), of)
    start = monotonic_ns()
    await asyncio.gather(*[part.execute(start) for part in parts])
    assert sorted(site.gated.targets) == sorted(f"/{n}" for n in range(20))
    summary = Summary()
    for part in parts:
        summary.merge(part.summary)
    assert summary.ends == {"complete": 20}
    assert summary.histograms["head"].get_total_count() == 20


async def test_poisson_arrivals_of_two_processes_are_those_of_one(site: Site) -> None:
    options: dict[str, Any] = {"rate": "400", "count": 30, "arrivals": "poisson", "seed": 3}
    _, alone = await site.run(**options)
    start = min(record.planned for record in alone)
    planned: list[int] = []
    parts = [
        Run(site.job(**options), Share(index, 2), lambda record: planned.append(record.planned))
        for index in range(2)
    ]
    begun = monotonic_ns()
    await asyncio.gather(*[part.execute(begun) for part in parts])
    assert sorted(at - min(planned) for at in planned) == sorted(
        record.planned - start for record in alone
    )


@pytest.mark.parametrize("whole", [0, 1, 2, 3, 10, 11])
@pytest.mark.parametrize("of", [1, 2, 3])
def test_the_size_of_a_share(whole: int, of: int) -> None:
    parts = [Share(index, of).part(whole) for index in range(of)]
    assert parts == [len(range(index, whole, of)) for index in range(of)]


def test_a_job_is_the_same_after_a_pipe() -> None:
    request = RequestSpec("http://h/{n}", "POST", (("a", "b"), ("c", "d")), b"\0\xff", 3)
    job = Job(
        request,
        rate=parse("1..5@3,5"),
        arrivals="poisson",
        count=7,
        insecure=True,
        sends_records=True,
    )
    for one in (job, Job(request, concurrency=parse("3@1"), duration=2.5)):
        sent = write_message({"job": one, "share": Share(1, 4)})
        assert read_job(BytesIO(sent)) == (one, Share(1, 4))


async def test_a_blocked_loop_is_late_for_each_tick() -> None:
    lags = new_histogram()
    begin_ = monotonic_ns()
    probe = LagProbe(lags, begin_)
    await asyncio.sleep(0)
    time.sleep(0.1)
    await wait_until(lambda: lags.get_total_count() >= 11)
    probe.stop()
    late = [lags.get_value_at_percentile(p) for p in (50, 100)]
    assert late[1] >= 90 * MS
    assert late[0] >= 30 * MS
    assert TICK == SECOND // 100


async def test_only_the_slowest_records_are_kept(site: Site) -> None:
    gc.collect()
    gc.freeze()  # The search is among newer objects.
    run = Run(site.job(concurrency="4", count=60))
    await run.execute(monotonic_ns())
    assert run.summary.ends == {"complete": 60}
    gc.collect()
    kept = [one for one in gc.get_objects() if isinstance(one, Record)]
    assert len(kept) == len(run.summary.slowest.records()) == 10


async def test_nothing_begins_early(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even with timers that fire early, as those of some loops do."""
    sleep = asyncio.sleep
    monkeypatch.setattr(asyncio, "sleep", lambda seconds: sleep(seconds * 0.9))
    records: list[Record] = []
    run = Run(site.job(rate="100", count=5), on_record=records.append)
    start = monotonic_ns() + 20 * MS
    await run.execute(start)
    assert run.summary.warmed == 0
    assert [one.planned - start for one in in_order(records)] == [n * 10 * MS for n in range(5)]
    assert all(one.began >= one.planned for one in records)
