"""The charts of a report: distributions, percentiles, the timeline, the slowest exchanges."""

from collections.abc import Iterator, Sequence
from math import log10
from typing import Any

from streamserver.lab.client.record import Record
from streamserver.lab.report import svg
from streamserver.lab.report.histograms import MS, SHORTEST, Bin, ms
from streamserver.lab.report.timeline import Second, Timeline

NINES = (0, 90, 99, 99.9, 99.99, 99.999)
LOWEST = 1.5
"""Pixels: the height of a bar for one value of a million."""
ROW = 22
"""Pixels of an exchange."""
_PHASES = {
    "waited": ("planned", "began"),
    "connect": ("began", "connected"),
    "TLS": ("connected", "secured"),
    "to the head": ("sent", "head"),
    "to the first byte": ("head", "first_byte"),
    "body": ("first_byte", "last_byte"),
}
_MOMENTS = {
    "first reasoning": "first_reasoning",
    "first token": "first_token",
    "first tool call": "first_tool_call",
}
WATERFALL = (*_PHASES, "event", *_MOMENTS)
"""The names of what a waterfall shows; the class of an element is its name with hyphens."""


def bars(name: str, bins: Sequence[Bin]) -> str:
    """The distribution of a milestone over a logarithmic scale."""
    x = svg.log_across(bins[0].low, bins[-1].high)
    y = svg.upwards(max(one.values for one in bins))
    return svg.chart(f"Distribution of {name}", x, y, [_bar(x, y, one) for one in bins])


def _bar(x: svg.Axis, y: svg.Axis, one: Bin) -> str:
    left, right = x.scale(one.low), x.scale(one.high)
    height = max(y.scale(0) - y.scale(one.values), LOWEST)
    space = 1 if right - left > 3 else 0
    title = f"{svg.duration(one.low)} to {svg.duration(one.high)}: {one.values}"
    return svg.rect(left, y.scale(0) - height, right - left - space, height, "bar", title)


def percentiles(histograms: Sequence[Any]) -> str:
    """A curve per milestone: each step to the right is ten times as rare.

    The n-th curve has the class ``c<n>``.
    """
    values = [ms(one, p) for one in histograms for p in (0, 100)]
    y = svg.log_upwards(max(min(values), SHORTEST), max(values))
    x = svg.across(0, len(NINES) - 1, [(n, f"{p:g}%") for n, p in enumerate(NINES)])
    return svg.chart("Percentiles of each milestone", x, y, _curves(x, y, histograms))


def _curves(x: svg.Axis, y: svg.Axis, histograms: Sequence[Any]) -> Iterator[str]:
    for kind, one in enumerate(histograms):
        # A curve ends where no value is rarer.
        last = min(log10(one.get_total_count()), len(NINES) - 1)
        steps = [last * n / 100 for n in range(101)]
        points = [(x.scale(n), y.scale(ms(one, 100 * (1 - 10**-n)))) for n in steps]
        yield svg.polyline(points, f"curve c{kind}")


def time_line(timeline: Timeline) -> str:
    """The mean and the latest first byte of each second, and the seconds with failures."""
    first, last = min(timeline.seconds), max(timeline.seconds) + 1
    slowest = max([one.slowest for one in timeline.seconds.values()]) / MS
    x, y = svg.across(0, last - first), svg.upwards(slowest)
    seconds = sorted(timeline.seconds.items())
    drawn = [mark for number, one in seconds for mark in _second(x, y, number - first, one)]
    return svg.chart("First byte over time, in ms for each second", x, y, drawn)


def _second(x: svg.Axis, y: svg.Axis, number: int, one: Second) -> Iterator[str]:
    left, width = x.scale(number), x.scale(number + 1) - x.scale(number)
    title = f"second {number}: {one.ended} ended, {one.events} events, {one.errors} failed"
    if one.measured:
        bottom, mean = y.scale(0), one.first_byte / one.measured
        for kind, figure in (("faint", one.slowest), ("bar", mean)):
            top = y.scale(figure / MS)
            yield svg.rect(left, top, width - 1, bottom - top, kind, title)
    if one.errors:
        yield svg.rect(left, svg.TOP, width - 1, 5, "failed", title)


def waterfall(records: list[Record]) -> str:
    """A row per exchange with its phases, from the planned beginning."""
    longest = max([_end(record) - record.planned for record in records]) / MS
    x = svg.across(0, longest)
    height = svg.TOP + svg.BOTTOM + ROW * len(records)
    marks = [(n, f"{n + 1}") for n in range(len(records))]
    y = svg.Axis(lambda row: svg.TOP + ROW * (row + 0.5), marks)
    drawn = [mark for row, record in enumerate(records) for mark in _exchange(x, y, row, record)]
    return svg.chart("The slowest exchanges, in ms", x, y, drawn, height)


def _exchange(x: svg.Axis, y: svg.Axis, row: int, record: Record) -> Iterator[str]:
    def at(moment: int) -> float:
        return x.scale((moment - record.planned) / MS)

    top = y.scale(row) - 7
    for phase, milestones in _PHASES.items():
        begin, end = [getattr(record, name) for name in milestones]
        if begin and end:
            title = f"{phase}: {svg.duration((end - begin) / MS)}"
            yield svg.rect(at(begin), top, at(end) - at(begin), 14, css_class(phase), title)
    for arrival in record.arrivals:
        yield svg.rect(at(arrival), top + 3, 1, 8, "event")
    for name, milestone in _MOMENTS.items():
        if moment := getattr(record, milestone):
            title = f"{name}: {svg.duration((moment - record.planned) / MS)}"
            yield svg.rect(at(moment) - 1, top - 2, 2, 18, css_class(name), title)
    if record.end != "complete":
        yield svg.text(at(_end(record)) - 4, top + 11, record.end, "end")


def css_class(name: str) -> str:
    """The class of the elements with this name in ``WATERFALL``."""
    return name.replace(" ", "-")


def _end(record: Record) -> int:
    moments = (record.last_byte, *record.arrivals[-1:], record.first_byte, record.head, record.sent)
    return max([*moments, record.began, record.planned + 1])
