"""What the figures of a report look like: distributions, percentiles, and the time line."""

from collections.abc import Iterator, Sequence
from math import log10
from typing import Any

from streamserver.lab.report import svg
from streamserver.lab.report.bins import MS, SHORTEST, Bin
from streamserver.lab.report.timeline import Second, Timeline

NINES = (0, 90, 99, 99.9, 99.99, 99.999)
LOWEST = 1.5
"""Pixels: a bar that stands for one value of a million is still seen."""


def bars(name: str, found: Sequence[Bin]) -> str:
    """How often a milestone took how long, on a logarithmic scale."""
    x = svg.log_across(found[0].low, found[-1].high, svg.duration)
    y = svg.upwards(max(one.values for one in found))
    return svg.chart(f"Distribution of {name}", x, y, [_bar(x, y, one) for one in found])


def _bar(x: svg.Axis, y: svg.Axis, one: Bin) -> str:
    left, right = x.scale(one.low), x.scale(one.high)
    height = max(y.scale(0) - y.scale(one.values), LOWEST)
    space = 1 if right - left > 3 else 0
    told = f"{svg.duration(one.low)} to {svg.duration(one.high)}: {one.values}"
    return svg.box(left, y.scale(0) - height, right - left - space, height, "bar", told)


def percentiles(histograms: Sequence[Any]) -> str:
    """Each milestone up to its rarest value: every step to the right is ten times as rare.

    The n-th curve is of the class ``c<n>``.
    """
    values = [one.get_value_at_percentile(p) / MS for one in histograms for p in (0, 100)]
    y = svg.log_upwards(max(min(values), SHORTEST), max(values), svg.duration)
    x = svg.across(0, len(NINES) - 1, [(n, f"{p:g}%") for n, p in enumerate(NINES)])
    return svg.chart("Percentiles of each milestone", x, y, _curves(x, y, histograms))


def _curves(x: svg.Axis, y: svg.Axis, histograms: Sequence[Any]) -> Iterator[str]:
    for kind, one in enumerate(histograms):
        # As far as there are values that many times as rare.
        last = min(log10(one.get_total_count()), len(NINES) - 1)
        steps = [last * n / 100 for n in range(101)]
        points = [(n, one.get_value_at_percentile(100 * (1 - 10**-n)) / MS) for n in steps]
        yield svg.path([(x.scale(n), y.scale(ms)) for n, ms in points], f"curve c{kind}")


def time_line(timeline: Timeline) -> str:
    """The mean and the latest first byte of each second, and where exchanges failed."""
    first, last = min(timeline.seconds), max(timeline.seconds) + 1
    slowest = max([one.slowest for one in timeline.seconds.values()]) / MS
    x, y = svg.across(0, last - first), svg.upwards(slowest)
    seconds = sorted(timeline.seconds.items())
    drawn = [mark for number, one in seconds for mark in _second(x, y, number - first, one)]
    return svg.chart("First byte over time, in ms for each second", x, y, drawn)


def _second(x: svg.Axis, y: svg.Axis, at: int, one: Second) -> Iterator[str]:
    left, width = x.scale(at), x.scale(at + 1) - x.scale(at)
    told = f"second {at}: {one.ended} ended, {one.events} events, {one.errors} failed"
    if one.measured:
        bottom, mean = y.scale(0), one.first_byte / one.measured
        for kind, figure in (("faint", one.slowest), ("bar", mean)):
            top = y.scale(figure / MS)
            yield svg.box(left, top, width - 1, bottom - top, kind, told)
    if one.errors:
        yield svg.box(left, svg.TOP, width - 1, 5, "failed", told)
