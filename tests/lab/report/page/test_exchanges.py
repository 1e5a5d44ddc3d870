"""Single exchanges: their phases in bars, in a waterfall and in tables."""

import re
from array import array
from dataclasses import replace

from streamserver.lab.report.page.exchanges import (
    legend,
    slowest_rows,
    stacked,
    time_spent,
    waterfall,
)
from support.reported import ANSWERED, CUT, MS, UNREACHED, WHOLE


def test_a_bar_has_a_segment_for_each_phase_and_names_those_that_are_wide() -> None:
    drawn = stacked([("all", {"connect": 1.0 * MS, "head": 99.0 * MS}), ("slowest", {})])
    segments = dict(re.findall(r'<rect class="(\S+)" .*?width="(\S+)"', drawn))
    assert float(segments["head"]) > 90 * float(segments["connect"])
    assert re.findall('<text class="middle on-(.*?)"', drawn) == ["head"]
    assert "head: 99 ms" in drawn


def test_the_table_has_means_and_shares() -> None:
    rows = time_spent({"connect": 1.0 * MS, "head": 3.0 * MS}, {"head": 9.0 * MS, "rest": 1.0 * MS})
    assert [*rows] == [
        ["connect", "1.000", "25.0%", "0.000"],
        ["head", "3.000", "75.0%", "9.000"],
        ["rest", "0.000", "0.0%", "1.000"],
    ]
    assert [*time_spent({}, {"head": 9.0 * MS})] == [["head", "-", "-", "9.000"]]


def test_the_waterfall_has_the_end_of_what_is_not_complete() -> None:
    drawn = waterfall([WHOLE, CUT, ANSWERED])
    assert [*re.findall(r">(\w+)</text>\n?", drawn)][-1] == "truncated"
    assert "first tool call: " in drawn
    names = [name for name, _ in legend([WHOLE, CUT, ANSWERED])]
    assert names == [
        "waited-to-begin", "connect", "head", "first-byte", "first-reasoning", "first-token",
        "rest", "first-tool-call",
    ]  # fmt: skip


def test_events_on_one_pixel_are_drawn_once() -> None:
    """An answer of a thousand events would take a tenth of a megabyte."""
    many = replace(WHOLE, arrivals=array("q", [6 * MS + n * 25_000 for n in range(1000)]))
    assert 300 < waterfall([many]).count('class="event"') <= 680


def test_the_rows_of_the_slowest() -> None:
    rows = [*slowest_rows([WHOLE, UNREACHED], began=0)]
    assert rows[0] == ["1", "0.001", "5.000", "30.000", "3", "200", "complete", "-"]
    assert rows[1][2:] == ["-", "0.000", "0", "-", "unconnected", "connection refused"]
