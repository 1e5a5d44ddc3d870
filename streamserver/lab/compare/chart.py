"""What each URL adds: a mark for each median, with its confidence interval, beside a line at 0."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from streamserver.lab.compare.intervals import Interval
from streamserver.lab.report.charts import (
    BOTTOM,
    TOP,
    WIDTH,
    Axis,
    across,
    chart,
    colour,
    shape,
    text,
)
from streamserver.lab.report.histograms import MS
from streamserver.lab.report.table import label

NAME, MARK = 22, 16
"""Pixels of the name of a figure, and of a mark below it."""
CAP = 4
"""Pixels of half an end of an interval."""
_SPACE = 0.04
"""The share of the axis that is empty at either end."""

Added = Mapping[str, Mapping[str, Interval]]
"""For each URL, what it adds to each figure, in ns."""


class Group(NamedTuple):
    """The intervals of one figure, each with the number and the name of its URL."""

    name: str
    intervals: Sequence[tuple[int, str, Interval]]


def added_chart(added: Added, width: int = WIDTH) -> str:
    """The chart of at least one interval, in ms."""
    groups = [*_groups(added)]
    ends = [end / MS for group in groups for _, _, one in group.intervals for end in one.bounds]
    low, high = min(0.0, *ends), max(0.0, *ends)
    space = (high - low or 1.0) * _SPACE
    x = across(low - space, high + space, width=width)
    height = TOP + BOTTOM + sum([NAME + MARK * len(group.intervals) for group in groups])
    zero = x.scale(0)
    line = f'<line class="zero" x1="{zero:.1f}" x2="{zero:.1f}" y1="{TOP}" y2="{height - BOTTOM}"/>'
    drawn = [line, *_drawn(x, groups)]
    return chart("What each URL adds, in ms", x, Axis(float, []), drawn, height, width)


def _groups(added: Added) -> Iterator[Group]:
    names = dict.fromkeys([name for one in added.values() for name in one])
    for name in names:
        of_urls = enumerate(added.items())
        yield Group(name, [(n, url, one[name]) for n, (url, one) in of_urls if name in one])


def _drawn(x: Axis, groups: Sequence[Group]) -> Iterator[str]:
    y = float(TOP)
    for group in groups:
        yield text(0, y + 15, label(group.name))
        y += NAME
        for number, url, one in group.intervals:
            yield from _interval(x, y + MARK / 2, number, f"{url}, {label(group.name)}", one)
            y += MARK


def _interval(x: Axis, y: float, number: int, name: str, one: Interval) -> Iterator[str]:
    left, right = [x.scale(end / MS) for end in one.bounds]
    lines = f"M{left:.1f} {y - CAP:.1f}v{2 * CAP}M{right:.1f} {y - CAP:.1f}v{2 * CAP}"
    yield f'<path class="whisker {colour(number)}" d="M{left:.1f} {y:.1f}H{right:.1f}{lines}"/>'
    median, low, high = [f"{value / MS:+.3f}" for value in (one.median, *one.bounds)]
    yield shape(x.scale(one.median / MS), y, number, f"{name}: {median} ms ({low} to {high})")
