"""Latency against load: seconds of nearly the same load are taken together."""

import re

from streamserver.lab.client.record import Record
from streamserver.lab.report.counts import SECOND, Timeline
from streamserver.lab.report.page.over_load import (
    LEVELS,
    due_exchanges,
    latency,
    levels,
    open_exchanges,
)

MS = 1_000_000


def timeline_of(rates: list[int]) -> Timeline:
    """Seconds with so many exchanges, each as long as there are ms in the rate."""
    timeline = Timeline()
    for n, rate in enumerate(rates):
        for number in range(rate):
            due = (50 + n) * SECOND + number
            first = due + rate * MS
            record = Record(due, due, first_byte=first, last_byte=first, status=200)
            record.end = "complete"
            timeline.add(record, first)
    return timeline


def test_each_level_has_the_latencies_at_its_load() -> None:
    found = levels(timeline_of([10, 20, 40, 20, 10, 40]), due_exchanges, "first")
    assert [one.load for one in found] == [10, 20, 40]
    assert [one.values.total() for one in found] == [20, 40, 80]
    assert [round(one.values.percentile(50) / MS) for one in found] == [10, 20, 40]


def test_many_loads_become_a_few_levels() -> None:
    found = levels(timeline_of([*range(1, 200)]), due_exchanges, "whole")
    assert len(found) == LEVELS
    assert sum(one.values.total() for one in found) == sum(range(1, 200))


def test_a_constant_load_has_no_levels() -> None:
    assert levels(timeline_of([10, 11, 12, 10, 9]), due_exchanges, "first") == []
    assert levels(timeline_of([1, 9]), due_exchanges, "first") == []
    assert levels(timeline_of([1, 5, 9]), open_exchanges, "first") == [], "none outlast a second"


def test_the_load_is_the_mean_of_the_open_exchanges() -> None:
    timeline = Timeline()
    for n in range(10):
        for number in range(n):  # each second begins one more, and each exchange takes two seconds
            due = n * SECOND + number
            end = due + 2 * SECOND
            record = Record(due or 1, 1, first_byte=end, last_byte=end, status=200, end="complete")
            timeline.add(record, end)
    found = levels(timeline, open_exchanges, "first")
    assert found[-1].load > 2 * found[0].load
    assert found[-1].load == 16  # 15 at the beginning of the last second, and 17 at its end


def test_both_curves_have_marks_of_their_own_shape() -> None:
    found = levels(timeline_of([10, 20, 40]), due_exchanges, "first")
    drawn = latency("First byte", found, "exchanges due per second")
    assert len(re.findall('<circle class="mark c0"', drawn)) == 3
    assert len(re.findall('<rect class="mark c1"', drawn)) == 3
    assert "40 exchanges due per second: p99" in drawn
