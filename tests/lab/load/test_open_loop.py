"""An open loop: it waits for nobody, and hides no wait."""

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
    assert sorted(site.held.targets) == sorted(f"/{n}" for n in range(12))
    late = run.summary.start_late
    assert late.get_total_count() == 12
    worst = max(one.began - one.planned for one in records)
    assert late.get_max_value() >= worst


async def test_who_came_while_the_server_stalled_waited_from_when_they_came(site: Site) -> None:
    """Coordinated omission: a server that stalls once makes all wait who come meanwhile.

    It stalls from the 4th request on until the 20th has come. A client that sent the next request
    only after an answer would have seen a single one that was slow.
    """
    number, gap = 20, 10 * MS
    site.held.stall = range(4, number)
    run, records = await site.run(rate="100", count=number)
    last = run.start + (number - 1) * gap
    stalled = [one for one in records if one.head >= last]
    assert len(stalled) >= number - 3
    # Each of them waited for the last one, from the moment it was due itself: the n-th before it
    # for n gaps.
    waits = sorted(one.head - one.planned for one in stalled)
    assert all(wait >= n * gap for n, wait in enumerate(waits))
    histogram = run.summary.histograms["head"]
    for n in (4, 8, 12):
        percentile = histogram.get_value_at_percentile(100 * (1 - n / number))
        assert percentile >= (number - 3 - n - 2) * gap


async def test_a_closed_loop_sees_one_slow_answer_where_an_open_one_sees_many(site: Site) -> None:
    held = site.held
    held.gate.clear()
    run = Run(site.job(concurrency="1", count=5))
    going = begin(run)
    await wait_until(lambda: held.waiting)
    held.gate.set()
    await going
    assert held.most == 1


async def test_how_late_the_client_itself_was_is_told_and_counts(site: Site) -> None:
    blocked = 60 * MS
    records: list[Record] = []

    def tell(record: Record) -> None:
        records.append(record)
        if len(records) == 3:
            time.sleep(blocked / SECOND)

    run = Run(site.job(rate="100", count=15), tell=tell)
    await run.go(monotonic_ns())
    # At least five were due while it was blocked, and one of them at its very beginning.
    late = [one for one in records if one.began - one.planned >= 10 * MS]
    assert len(late) >= 4
    assert run.summary.start_late.get_max_value() >= blocked - 10 * MS
    for one in late:
        assert one.head - one.planned >= one.began - one.planned
    # And so was its loop, for as many ticks as there are in that time.
    lags = run.summary.loop_lag
    assert lags.get_max_value() >= blocked - 10 * MS
    assert lags.get_total_count() - lags.get_count_at_value(1) >= blocked // (10 * MS) - 1


async def test_what_is_beyond_the_bound_is_counted_as_not_sent(site: Site) -> None:
    site.held.gate.clear()
    run = Run(site.job(rate="200", count=10, max_open=3))
    going = begin(run)
    await wait_until(lambda: run.summary.unsent == 7)
    site.held.gate.set()
    await going
    assert run.summary.ends == {"complete": 3}
    assert sorted(site.held.targets) == ["/0", "/1", "/2"]


async def test_it_ends_with_its_time(site: Site) -> None:
    run, records = await site.run(rate="100", duration=0.095)
    assert len(records) == 10
    assert run.summary.ends == {"complete": 10}


async def test_it_ends_with_its_profile(site: Site) -> None:
    _, records = await site.run(rate="20@0.1,100@0.1")
    assert len(records) == 2 + 10
