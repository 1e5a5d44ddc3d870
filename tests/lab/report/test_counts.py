"""The seconds of a run and its slowest exchanges, of one process and of several."""

from dataclasses import replace

import pytest

from streamserver.lab.client.record import Record
from streamserver.lab.report.coarse import Coarse
from streamserver.lab.report.counts import KEPT, SECOND, Second, Slowest, Timeline

ONE = Record(
    planned=SECOND, first_byte=SECOND + 7, last_byte=2 * SECOND + 5, status=200, end="complete"
)
CUT = Record(planned=SECOND, end="truncated")


def test_an_exchange_counts_at_its_end_and_an_event_at_its_arrival() -> None:
    timeline = Timeline()
    timeline.add(ONE, 2 * SECOND + 5)
    timeline.add(CUT, 2 * SECOND + 6)
    timeline.second(SECOND + 7).events += 2
    timeline.second(2 * SECOND).events += 1
    first, second = timeline.seconds[1], timeline.seconds[2]
    assert first == Second(begun=2, events=2, first=Coarse({7: 1}), whole=first.whole)
    assert first.whole.percentile(50) == pytest.approx(SECOND, rel=0.02)
    assert second == Second(ended=2, errors=1, events=1)


def test_latencies_of_exchanges_that_were_not_served_do_not_count() -> None:
    timeline = Timeline()
    timeline.add(Record(SECOND, first_byte=SECOND + 1, status=503, end="refused"), 2 * SECOND)
    timeline.add(Record(SECOND, first_byte=SECOND + 1, status=200, end="truncated"), 2 * SECOND)
    assert (timeline.seconds[1].first.total(), timeline.seconds[1].whole.total()) == (1, 0)


def test_two_processes_make_one_timeline() -> None:
    both, one, other = Timeline(), Timeline(), Timeline()
    for timeline, record in ((one, ONE), (other, CUT)):
        timeline.add(record, 3 * SECOND)
        both.add(record, 3 * SECOND)
        timeline.second(SECOND).events += 2
        both.second(SECOND).events += 2
    one.merge(other)
    assert one == both


def test_the_slowest_are_kept() -> None:
    slowest = Slowest()
    for took in [*range(1, 30), 100, *range(1, 5)]:
        slowest.add(Record(planned=1, first_byte=1 + took))
    kept = [record.first_byte - record.planned for record in slowest.records()]
    assert kept == [100, *range(29, 29 - KEPT + 1, -1)]


@pytest.mark.parametrize(
    ("record", "duration"),
    [
        (Record(1, first_byte=3, first_token=9, first_tool_call=20), 8),
        (Record(1, first_byte=3, first_token=20, first_tool_call=9), 8),
        (Record(1, first_byte=3, first_tool_call=9), 8),
        (Record(1, first_byte=3, ended=9), 2),
        (Record(1, ended=9), 8),
    ],
)
def test_slowness_is_the_time_to_the_first_token_or_tool_call(
    record: Record, duration: int
) -> None:
    slowest = Slowest()
    for _ in range(KEPT):
        slowest.add(Record(1, first_byte=1 + duration))
    slowest.add(replace(record, planned=record.planned - 1))
    assert slowest.records()[0].planned == 0
