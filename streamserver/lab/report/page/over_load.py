"""Latency against load, over the seconds of a run.

A second with more open exchanges, or in which more were due, is one of higher load. Seconds of
nearly the same load are taken together. A run at a constant load has no such chart.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from streamserver.lab.report.charts import (
    WIDTH,
    Axis,
    across,
    chart,
    duration,
    mark,
    ms_upwards,
    polyline,
)
from streamserver.lab.report.coarse import Coarse
from streamserver.lab.report.counts import Timeline
from streamserver.lab.report.histograms import MS
from streamserver.lab.report.page.over_time import Column, columns

EACH = 10**9
"""More columns than a run has seconds."""
LEVELS = 12
LEAST_RISE = 1.5
"""The highest load must be so many times the lowest."""


class Level(NamedTuple):
    """The exchanges that were due at nearly the same load."""

    load: float
    values: Coarse


Load = Callable[[Column], float]


def open_exchanges(column: Column) -> float:
    """The load as the number of open exchanges, averaged over the beginning and the end."""
    figures = column.figures
    return column.open + (figures.ended - figures.begun) / 2


def due_exchanges(column: Column) -> float:
    """The load as the number of exchanges that were due."""
    return float(column.figures.begun)


LOADS: dict[str, Load] = {
    "open exchanges": open_exchanges,
    "exchanges due per second": due_exchanges,
}
"""The two kinds of load by their names."""


def levels(timeline: Timeline, load: Load, figure: str) -> list[Level]:
    """The latencies of ``first`` or ``whole`` by load; empty if the load did not vary."""
    seconds = [one for one in columns(timeline, EACH) if one.figures.begun]
    loads = [load(one) for one in seconds]
    if len(seconds) < 3 or max(loads) < LEAST_RISE * max(min(loads), 1):
        return []
    low, step = min(loads), (max(loads) - min(loads)) / LEVELS
    found: dict[int, tuple[list[float], Coarse]] = {}
    for column, value in zip(seconds, loads, strict=True):
        at, values = found.setdefault(min(int((value - low) / step), LEVELS - 1), ([], Coarse()))
        at.append(value)
        values.update(getattr(column.figures, figure))
    rows = [Level(sum(at) / len(at), values) for _, (at, values) in sorted(found.items())]
    return [one for one in rows if one.values]


def latency(name: str, found: list[Level], unit: str, width: int = WIDTH) -> str:
    """The median and the p99 at each level; ``unit`` is that of the load."""
    x = across(0, found[-1].load, width=width)
    y = ms_upwards(max([one.values.percentile(99) for one in found]) / MS)
    drawn = [*_curve(x, y, found, 99, 1, unit), *_curve(x, y, found, 50, 0, unit)]
    return chart(f"{name} against {unit}", x, y, drawn, width=width)


def _curve(
    x: Axis, y: Axis, found: list[Level], percent: float, kind: int, unit: str
) -> Iterator[str]:
    figures = [(one, one.values.percentile(percent) / MS) for one in found]
    points = [(x.scale(one.load), y.scale(value)) for one, value in figures]
    yield polyline(points, f"curve c{kind}")
    for (one, value), (left, top) in zip(figures, points, strict=True):
        count = one.values.total()
        title = f"{one.load:.4g} {unit}: p{percent:g} {duration(value)} of {count} exchanges"
        yield mark(left, top, f"c{kind}", title, is_square=bool(kind))
