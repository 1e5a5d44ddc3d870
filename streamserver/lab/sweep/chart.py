"""The chart of a sweep: latency against throughput, with the knee marked.

Below the knee a higher load brings throughput, above it only latency. The levels are connected in
the order of their loads, so above the knee the curve turns upwards.
"""

from collections.abc import Iterator, Sequence

from streamserver.lab.report.charts import (
    BOTTOM,
    HEIGHT,
    RIGHT,
    TOP,
    WIDTH,
    Axis,
    across,
    chart,
    cross,
    duration,
    log_upwards,
    mark,
    polyline,
    text,
)
from streamserver.lab.report.histograms import MS, SHORTEST
from streamserver.lab.report.table import label
from streamserver.lab.sweep.level import Level
from streamserver.lab.sweep.sweep import Sweep
from streamserver.lab.sweep.table import UNITS

PERCENTILES = ((99, 1), (50, 0))
"""The percentiles, each with the number of its curve's class."""
LEGEND = (
    ("curve c0", "median, circles"),
    ("curve c1", "p99, squares"),
    ("failed", "a cross: objectives missed"),
)
SPACE = 1.1
"""The factor by which the axes exceed the highest throughput and the lowest latency."""
_SIDE = 0.6
"""The share of the width from which on a text is to the left of its line."""


def drawn_levels(sweep: Sweep) -> list[Level]:
    """The levels with a latency, in the order of their loads; of two at one load the later one."""
    latest = {level.load: level for level in sweep.levels}
    levels = [latest[load] for load in sorted(latest)]
    return [one for one in levels if one.ms(_figure(sweep), 50) is not None]


def latency_chart(sweep: Sweep, width: int = WIDTH) -> str:
    """The chart; "" without any latency."""
    levels, name = drawn_levels(sweep), _figure(sweep)
    if not levels:
        return ""
    values = [one.ms(name, percent) or 0.0 for one in levels for percent, _ in PERCENTILES]
    limits = _limits(sweep, name)
    x = across(0, SPACE * max([one.achieved for one in levels]), width=width)
    low = max(min([*values, *limits]), SHORTEST) / SPACE
    y = log_upwards(low, max(*values, *limits, 2 * low))
    drawn = [
        *[_limit(x, y, limit, width) for limit in limits],
        *_knee(sweep, x, width),
        *[part for percent, kind in PERCENTILES for part in _curve(x, y, levels, percent, kind)],
    ]
    return chart(_label(sweep), x, y, drawn, width=width)


def _figure(sweep: Sweep) -> str:
    return sweep.levels[0].latency if sweep.levels else ""


def _label(sweep: Sweep) -> str:
    shown = f"{label(_figure(sweep))} against complete exchanges per second"
    if sweep.best is None:
        return shown
    return f"{shown}; the knee is at {sweep.best.load:g}{UNITS[sweep.kind]}"


def _limits(sweep: Sweep, name: str) -> list[float]:
    """The objectives of the drawn figure, in ms."""
    return [one.limit / MS for one in sweep.objectives if one.milestone == name]


def _limit(x: Axis, y: Axis, limit: float, width: int) -> str:
    left, top = x.scale(0), y.scale(limit)
    line = polyline([(left, top), (width - RIGHT, top)], "curve limit")
    return line + text(left + 6, top - 5, f"objective {duration(limit)}")


def _knee(sweep: Sweep, x: Axis, width: int) -> Iterator[str]:
    best = sweep.best
    if best is None:
        return
    at = x.scale(best.achieved)
    yield polyline([(at, TOP), (at, HEIGHT - BOTTOM)], "curve knee")
    shown = f"knee: {best.load:g}{UNITS[sweep.kind]}"
    is_right = at > _SIDE * width
    yield text(at + (-6 if is_right else 6), TOP + 10, shown, "knee end" if is_right else "knee")


def _curve(x: Axis, y: Axis, levels: Sequence[Level], percent: int, kind: int) -> Iterator[str]:
    name = levels[0].latency
    figures = [(one, value) for one in levels if (value := one.ms(name, percent)) is not None]
    points = [(x.scale(one.achieved), y.scale(value)) for one, value in figures]
    yield polyline(points, f"curve c{kind}")
    for (one, value), (left, top) in zip(figures, points, strict=True):
        title = (
            f"{one.load:g}{UNITS[one.kind]}: {one.achieved:.4g} complete exchanges/s,"
            f" p{percent} {duration(float(f'{value:.4g}'))}"
        )
        yield mark(left, top, f"c{kind}", title, is_square=bool(kind))
        if one.limit is not None:
            yield cross(left, top, "failed")
