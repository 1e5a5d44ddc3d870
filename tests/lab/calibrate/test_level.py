"""How far measured figures lie from commanded ones, of exchanges made up for it."""

from array import array
from typing import Any

import pytest

from streamserver.lab.calibrate.level import Level, Tolerance, highest
from streamserver.lab.calibrate.table import outcome
from streamserver.lab.client.record import Record
from streamserver.lab.stamps import Stamp

MS = 1_000_000
DELAY = 5 * MS


def exchange(*arrived_after: int, first: int = 0) -> Record:
    """Events sent 10 ms apart; each arrived so many ns after that."""
    sent = [100 * MS + DELAY + n * 10 * MS for n in range(len(arrived_after))]
    stamps = [Stamp(n, one, one, 0, 0) for n, one in enumerate(sent)]
    arrivals = [one + after for one, after in zip(sent, arrived_after, strict=True)]
    record = Record(planned=1, sent=100 * MS - first, end="complete", stamps=stamps)
    record.arrivals, record.first_event = array("q", arrivals), arrivals[0]
    return record


def of(*records: Record) -> Level:
    level = Level(100, 100, len(records[0].arrivals))
    for record in records:
        level.add(record, DELAY)
    return level


def p50(histogram: Any) -> int:
    return int(histogram.get_value_at_percentile(50))


def test_the_excess_counts_from_the_request_less_what_was_commanded() -> None:
    level = of(exchange(2 * MS, first=MS))
    assert p50(level.first_excess) == pytest.approx(3 * MS, rel=0.001)
    assert p50(level.delay) == pytest.approx(2 * MS, rel=0.001)


def test_a_gap_is_shortened_by_what_the_event_before_it_was_late() -> None:
    level = of(exchange(8 * MS, MS), exchange(8 * MS, MS))
    assert p50(level.shortened) == pytest.approx(7 * MS, rel=0.001)
    assert level.together == 0


def test_events_of_one_read_are_counted() -> None:
    assert of(exchange(10 * MS, 0, 0)).together == 1


def test_events_that_were_sent_together_are_not() -> None:
    record = exchange(10 * MS, 0)
    first, second = record.stamps
    record.stamps = [first._replace(sent=second.sent - MS), second]
    assert of(record).together == 0


@pytest.mark.parametrize(
    ("records", "told"),
    [
        ([exchange(MS, MS, MS)], []),
        ([exchange(4 * MS)], ["first event p50 4.0 ms off"]),
        ([exchange(12 * MS)], ["first event p50 12.0 ms off", "first event p99 12.0 ms off"]),
        ([exchange(0, 15 * MS, MS)], ["gaps 14.0 ms off"]),
        ([exchange(0, 0, 10 * MS, 0)], ["gaps 10.0 ms off", "1 events joined"]),
        ([exchange(MS), Record(end="reset")], ["1 streams failed: reset"]),
        ([exchange(MS), Record(end="refused", status=404)], ["1 streams failed: refused 404"]),
        (
            [exchange(MS, MS), exchange(MS)],
            ["1 streams failed: 1 stamped events came of 2"],
        ),
        # A stream without any event measures nothing, so its load does not hold.
        (
            [exchange(MS), Record(end="complete", status=200)],
            ["1 streams failed: 0 stamped events came of 1"],
        ),
    ],
)
def test_what_does_not_hold_is_told(records: list[Record], told: list[str]) -> None:
    assert of(*records).misses(Tolerance()) == told


def test_the_highest_load_is_the_last_before_one_that_did_not_hold() -> None:
    good, bad = of(exchange(MS)), of(exchange(50 * MS))
    lucky = of(exchange(MS))
    assert highest([good, bad, lucky], Tolerance()) is good
    assert highest([bad, good], Tolerance()) is None
    assert highest([good, lucky], Tolerance()) is lucky


def test_a_level_in_which_every_stream_failed_is_no_matter_of_the_load() -> None:
    level = Level(1, 100, 1)
    level.add(Record(end="unconnected", detail="connection refused"), DELAY)
    assert outcome([level], None) == (
        "Nothing was measured: all streams failed: unconnected connection refused"
    )
    busy = of(exchange(50 * MS))
    assert "not even the lowest load" in outcome([busy], None)
    good = of(exchange(MS))
    assert outcome([good, level], good).startswith("Figures hold up to 100 streams")
