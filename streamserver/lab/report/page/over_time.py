"""Charts over the seconds of a run: latency, exchanges, and how many were open."""

from collections.abc import Iterator
from typing import NamedTuple

from streamserver.lab.report.charts import (
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    Axis,
    across,
    chart,
    cross,
    duration,
    ms_upwards,
    polyline,
    rect,
    upwards,
)
from streamserver.lab.report.coarse import Coarse
from streamserver.lab.report.counts import Second, Timeline
from streamserver.lab.report.histograms import MS

COLUMN = 5
"""Pixels of the narrowest column."""
LOW = 150
"""Pixels of a chart that shows a course more than figures."""


class Column(NamedTuple):
    """Neighbouring seconds that are drawn as one."""

    begin: int
    """Seconds from the beginning of the run."""
    seconds: int
    figures: Second
    open: int
    """Exchanges that were open at its end."""

    @property
    def name(self) -> str:
        """The seconds that it shows."""
        last = self.begin + self.seconds - 1
        return f"second {last}" if self.seconds == 1 else f"seconds {self.begin} to {last}"


def columns(timeline: Timeline, most: int) -> list[Column]:
    """At most ``most`` columns of equal width over the whole run."""
    first, last = min(timeline.seconds), max(timeline.seconds)
    seconds = -(-(last + 1 - first) // most)
    found, open_now = [], 0
    for begin in range(first, last + 1, seconds):
        figures = Second()
        for number in range(begin, begin + seconds):
            if number in timeline.seconds:
                figures.merge(timeline.seconds[number])
        open_now += figures.begun - figures.ended
        found.append(Column(begin - first, seconds, figures, open_now))
    return found


def _columns(timeline: Timeline, width: int) -> list[Column]:
    return columns(timeline, (width - LEFT - RIGHT) // COLUMN)


def _seconds(all_columns: list[Column], width: int) -> Axis:
    last = all_columns[-1]
    return across(0, last.begin + last.seconds, width=width)


def latency(name: str, timeline: Timeline, figure: str, width: int = WIDTH) -> str:
    """The median and p99 of ``first`` or ``whole``, by the second in which exchanges were due."""
    drawn: list[tuple[Column, Coarse]] = [
        (one, getattr(one.figures, figure)) for one in _columns(timeline, width)
    ]
    x = _seconds([one for one, _ in drawn], width)
    y = ms_upwards(max([values.percentile(99) for _, values in drawn]) / MS)

    def bars() -> Iterator[str]:
        for column, values in drawn:
            if not values:
                continue
            median, rare = values.percentile(50) / MS, values.percentile(99) / MS
            title = f"{column.name}: median {duration(median)}, p99 {duration(rare)}"
            for kind, value in (("faint", rare), ("bar", median)):
                yield _bar(x, y, column, (0, value), kind, title)

    return chart(f"{name} over time", x, y, bars(), width=width)


def exchanges(timeline: Timeline, width: int = WIDTH) -> str:
    """Exchanges per second: those that were due, and those that ended, well or not."""
    drawn = _columns(timeline, width)
    x = _seconds(drawn, width)
    most = max([max(one.figures.begun, one.figures.ended) / one.seconds for one in drawn])
    y = upwards(most)

    def bars() -> Iterator[str]:
        for one in drawn:
            ended, failed = one.figures.ended / one.seconds, one.figures.errors / one.seconds
            title = f"{one.name}: {ended:.4g} ended per second, {failed:.4g} failed"
            yield _bar(x, y, one, (0, ended - failed), "faint", title)
            if failed:
                yield _bar(x, y, one, (ended - failed, ended), "failed", title)
                yield cross(x.scale(one.begin + one.seconds / 2), TOP, "failed")
        points = [(one.begin, one.figures.begun / one.seconds, one.seconds) for one in drawn]
        yield _steps(x, y, points)

    return chart("Exchanges per second over time", x, y, bars(), width=width)


def concurrency(timeline: Timeline, width: int = WIDTH) -> str:
    """The exchanges that were open at the end of each second."""
    drawn = _columns(timeline, width)
    x = _seconds(drawn, width)
    y = upwards(max([one.open for one in drawn]), LOW)
    line = _steps(x, y, [(one.begin, one.open, one.seconds) for one in drawn])
    return chart("Open exchanges over time", x, y, [line], LOW, width)


def _bar(x: Axis, y: Axis, column: Column, ends: tuple[float, float], kind: str, title: str) -> str:
    left, right = x.scale(column.begin), x.scale(column.begin + column.seconds)
    bottom, top = y.scale(ends[0]), y.scale(ends[1])
    return rect(left, top, right - left - 1, bottom - top, kind, title)


def _steps(x: Axis, y: Axis, values: list[tuple[int, float, int]]) -> str:
    """A line with a level for each column."""
    points = []
    for begin, value, seconds in values:
        points += [(x.scale(begin), y.scale(value)), (x.scale(begin + seconds), y.scale(value))]
    return polyline(points, "curve due")
