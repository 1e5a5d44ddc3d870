"""Charts of histograms: how many values have which duration, and percentiles."""

from collections.abc import Iterator, Sequence
from math import log10
from typing import Any

from streamserver.lab.report.charts import (
    WIDTH,
    Axis,
    across,
    chart,
    duration,
    log_across,
    log_upwards,
    polyline,
    rect,
    upwards,
)
from streamserver.lab.report.histograms import SHORTEST, Bin, all_ms, ms

NINES = (0, 90, 99, 99.9, 99.99, 99.999)
LOWEST = 1.5
"""Pixels: the height of a bar for one value of a million."""


def bars(name: str, bins: Sequence[Bin], width: int = WIDTH) -> str:
    """The distribution of a figure over a logarithmic scale."""
    x = log_across(bins[0].low, bins[-1].high, width)
    y = upwards(max(one.values for one in bins))
    return chart(f"Distribution of {name}", x, y, [_bar(x, y, one) for one in bins], width=width)


def _bar(x: Axis, y: Axis, one: Bin) -> str:
    left, right = x.scale(one.low), x.scale(one.high)
    height = max(y.scale(0) - y.scale(one.values), LOWEST)
    space = 1 if right - left > 3 else 0
    title = f"{duration(one.low)} to {duration(one.high)}: {one.values}"
    return rect(left, y.scale(0) - height, right - left - space, height, "bar", title)


def percentiles(histograms: Sequence[Any], width: int = WIDTH) -> str:
    """A curve per figure: each step to the right is ten times as rare.

    The n-th curve has the class ``c<n>``.
    """
    values = [ms(one, p) for one in histograms for p in (0, 100)]
    y = log_upwards(max(min(values), SHORTEST), max(values))
    x = across(0, len(NINES) - 1, [(n, f"{p:g}%") for n, p in enumerate(NINES)], width)
    return chart("Percentiles of each figure", x, y, _curves(x, y, histograms), width=width)


def _curves(x: Axis, y: Axis, histograms: Sequence[Any]) -> Iterator[str]:
    for kind, one in enumerate(histograms):
        # A curve ends where no value is rarer.
        last = min(log10(one.get_total_count()), len(NINES) - 1)
        steps = [last * n / 100 for n in range(101)]
        values = all_ms(one, [100 * (1 - 10**-n) for n in steps])
        points = [(x.scale(n), y.scale(value)) for n, value in zip(steps, values, strict=True)]
        yield polyline(points, f"curve c{kind}")
