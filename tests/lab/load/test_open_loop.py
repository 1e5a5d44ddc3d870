"""An open loop: it does not wait for responses, and counts every delay."""

import time
from time import monotonic_ns

from lab.load.conftest import MS, SECOND, Site, begin
from streamserver.lab.client.record import Record
from streamserver.lab.load.run import Run
from support.waiting import wait_until


async def test_exchanges_begin_when_they_are_due(site: Site) -> None:
    run, records = await site.run(rate="100", count=12)
    by_plan = sorted(records, key=lambda record: record.planned)
    assert [one.planned - run.start for one in by_plan] == [n * 10 * MS for n in range(12)]
    assert all(one.planned <= one.began <= one.sent for one in records)
    assert sorted(site.gated.targets) == sorted(f"/{n}" for n in range(12))
    late = run.summary.start_late
    assert late.get_total_count() == 12
    worst = max(one.began - one.planned for one in records)
    assert late.get_max_value() >= worst


async def test_requests_during_a_stall_are_measured_from_when_they_were_due(site: Site) -> None:
    """Coordinated omission: one stall of the server delays all requests that arrive during it.

    It stalls from the 4th request until the 20th has arrived. A client that waits for a response
    before the next request would measure a single slow one.
    """
    number, gap = 20, 10 * MS
    site.gated.stall = range(4, number)
    run, records = await site.run(rate="100", count=number)
    last = run.start + (number - 1) * gap
    stalled = [one for one in records if one.head >= last]
    assert len(stalled) >= number - 3
    # Each waited until the last one was due: the n-th before it for n gaps.
    waits = sorted(one.head - one.planned for one in stalled)
    assert all(wait >= n * gap for n, wait in enumerate(waits))
    histogram = run.summary.histograms["head"]
    for n in (4, 8, 12):
        percentile = histogram.get_value_at_percentile(100 * (1 - n / number))
        assert percentile >= (number - 3 - n - 2) * gap


async def test_a_closed_loop_measures_one_slow_response_in_the_same_stall(site: Site) -> None:
    gated = site.gated
    gated.gate.clear()
    run = Run(site.job(concurrency="1", count=5))
    going = begin(run)
    await wait_until(lambda: gated.waiting)
    gated.gate.set()
    await going
    assert gated.most == 1


async def test_the_lateness_of_the_client_is_reported_and_counts(site: Site) -> None:
    blocked = 60 * MS
    records: list[Record] = []

    def on_record(record: Record) -> None:
        records.append(record)
        if len(records) == 3:
            time.sleep(blocked / SECOND)

    run = Run(site.job(rate="100", count=15), on_record=on_record)
    await run.execute(monotonic_ns())
    # At least five were due while it was blocked, one of them at the beginning.
    late = [one for one in records if one.began - one.planned >= 10 * MS]
    assert len(late) >= 4
    assert run.summary.start_late.get_max_value() >= blocked - 10 * MS
    for one in late:
        assert one.head - one.planned >= one.began - one.planned
    # The lag of the loop is counted for each tick in that time.
    lags = run.summary.loop_lag
    assert lags.get_max_value() >= blocked - 10 * MS
    assert lags.get_total_count() - lags.get_count_at_value(1) >= blocked // (10 * MS) - 1


async def test_exchanges_beyond_max_open_are_counted_as_not_sent(site: Site) -> None:
    site.gated.gate.clear()
    run = Run(site.job(rate="200", count=10, max_open=3))
    going = begin(run)
    await wait_until(lambda: run.summary.unsent == 7)
    site.gated.gate.set()
    await going
    assert run.summary.ends == {"complete": 3}
    assert sorted(site.gated.targets) == ["/0", "/1", "/2"]


async def test_it_ends_with_its_duration(site: Site) -> None:
    run, records = await site.run(rate="100", duration=0.095)
    assert len(records) == 10
    assert run.summary.ends == {"complete": 10}


async def test_it_ends_with_its_profile(site: Site) -> None:
    _, records = await site.run(rate="20@0.1,100@0.1")
    assert len(records) == 2 + 10
