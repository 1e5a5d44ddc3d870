"""Charts over the seconds of a run: seconds are joined to columns, and failures have marks."""

import re

import pytest

from streamserver.lab.client.record import Record
from streamserver.lab.report.charts import NARROW, WIDTH
from streamserver.lab.report.counts import SECOND, Timeline
from streamserver.lab.report.page.over_time import (
    COLUMN,
    columns,
    concurrency,
    exchanges,
    latency,
)


def timeline_of(seconds: int) -> Timeline:
    """A second with one exchange of 3.5 s each; every tenth fails."""
    timeline = Timeline()
    for n in range(seconds):
        due = (100 + n) * SECOND
        record = Record(due, due, first_byte=due + 10**6, last_byte=due + 3 * SECOND, status=200)
        record.end = "truncated" if n % 10 == 9 else "complete"
        timeline.add(record, due + 3 * SECOND + SECOND // 2)
    return timeline


@pytest.mark.parametrize(("most", "widths"), [(100, 1), (33, 1), (32, 2), (11, 3), (1, 33)])
def test_neighbouring_seconds_are_joined_to_columns_of_equal_width(most: int, widths: int) -> None:
    found = columns(timeline_of(30), most)
    assert len(found) <= most
    assert {one.seconds for one in found} == {widths}
    assert [one.begin for one in found] == [*range(0, 33, widths)]
    assert sum(one.figures.begun for one in found) == sum(one.figures.ended for one in found) == 30
    assert found[-1].open == 0
    if widths == 1:
        assert [one.open for one in found[:6]] == [1, 2, 3, 3, 3, 3]
        assert (found[2].name, found[2].figures.first.total()) == ("second 2", 1)
    if widths == 3:
        assert found[1].name == "seconds 3 to 5"


@pytest.mark.parametrize("width", [WIDTH, NARROW])
def test_a_long_run_has_no_more_columns_than_pixels(width: int) -> None:
    timeline = timeline_of(900)
    drawn = latency("First byte", timeline, "first", width)
    bars = re.findall('<rect class="bar"', drawn)
    assert 30 < len(bars) <= width / COLUMN
    assert "seconds 0 to " in drawn


def test_a_second_with_failures_has_a_bar_and_a_cross() -> None:
    drawn = exchanges(timeline_of(30))
    assert len(re.findall('<rect class="failed"', drawn)) == 3
    assert len(re.findall('<path class="cross failed"', drawn)) == 3
    assert "1 ended per second, 1 failed" in drawn


def test_open_exchanges_are_a_line() -> None:
    drawn = concurrency(timeline_of(30))
    [points] = re.findall('<polyline class="curve due" points="(.*?)"', drawn)
    assert len(points.split()) == 2 * 33
