"""The charts of a report, and the SVG of which they are made: axes, bars, lines and text.

Colours are CSS variables with a value for light and one for dark displays; the class of an element
selects its colour.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, log10
from typing import Any

from streamserver.lab.client.record import Record
from streamserver.lab.report.counts import Second, Timeline
from streamserver.lab.report.histograms import MS, SHORTEST, Bin, all_ms, ms

WIDTH, HEIGHT = 680, 260
LEFT, RIGHT, TOP, BOTTOM = 64, 28, 12, 36
"""Pixels around the area of a chart, for the marks of its axes."""
MIN_MARKS = 3
"""Marks below which an axis cannot be read."""

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
_MOMENTS = ("first_reasoning", "first_token", "first_tool_call")
WATERFALL = (*_PHASES, "event", *[name.replace("_", " ") for name in _MOMENTS])
"""The names of what a waterfall shows; the class of an element is its name with hyphens."""

STYLE = """
:root { color-scheme: light dark; --page: #fff; --ink: #1d2326; --quiet: #59646a; --line: #dde2e5;
  --faint: #bcd6ea; --failed: #b3361f; --a: #2a78b8; --b: #b8602a; --c: #2f8f5b;
  --d: #8a4fb0; --e: #a88a12; --f: #c0417c; --g: #4a6b7c; --h: #7d5a45; }
@media (prefers-color-scheme: dark) { :root { --page: #121617; --ink: #e6e4de; --quiet: #a0abab;
  --line: #2f383a; --faint: #26465e; --failed: #f09a85; --a: #5aa5e0; --b: #e0975a;
  --c: #5fc792; --d: #bf8be0; --e: #d6ba48; --f: #ea83b2; --g: #94b0bf;
  --h: #c4a48f; } }
text { font: 11px system-ui, sans-serif; fill: var(--quiet); } .grid { stroke: var(--line); }
.middle { text-anchor: middle; } .end { text-anchor: end; } rect { fill: currentColor; }
.curve { fill: none; stroke: currentColor; stroke-width: 1.8; }
"""

Scale = Callable[[float], float]


@dataclass(frozen=True, slots=True)
class Axis:
    """A scale from values to pixels, and its marks: values with their texts."""

    scale: Scale
    marks: Sequence[tuple[float, str]]


def across(low: float, high: float, marks: Sequence[tuple[float, str]] | None = None) -> Axis:
    """A linear axis from left to right."""
    width = WIDTH - LEFT - RIGHT
    span = high - low or 1.0
    return Axis(lambda v: LEFT + (v - low) / span * width, marks or _round_marks(low, high))


def upwards(high: float) -> Axis:
    """A linear axis from 0 upwards."""
    height = HEIGHT - TOP - BOTTOM
    return Axis(lambda v: TOP + height * (1 - v / (high or 1.0)), _round_marks(0, high))


def log_across(low: float, high: float) -> Axis:
    """A logarithmic axis of milliseconds from left to right."""
    inner = across(log10(low), log10(high) if high > low else log10(low) + 1)
    return Axis(lambda v: inner.scale(log10(max(v, low))), _log_marks(low, high))


def log_upwards(low: float, high: float) -> Axis:
    """A logarithmic axis of milliseconds from bottom to top."""
    inner = upwards(log10(high / low) or 1.0)
    return Axis(lambda v: inner.scale(log10(max(v, low) / low)), _log_marks(low, high))


def chart(label: str, x: Axis, y: Axis, drawn: Iterable[str], height: int = HEIGHT) -> str:
    """A chart for a page that has ``STYLE``; ``label`` describes it to screen readers."""
    lines = [
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(label)}">',
        *[_column(x.scale(value), mark, height) for value, mark in x.marks],
        *[_row(y.scale(value), mark) for value, mark in y.marks],
        *drawn,
        "</svg>",
    ]
    return "\n".join(lines)


def polyline(points: Iterable[tuple[float, float]], kind: str) -> str:
    """A line through points in pixels, of the class ``kind``."""
    steps = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline class="{kind}" points="{steps}"/>'


def rect(x: float, y: float, width: float, height: float, kind: str, title: str = "") -> str:
    """A filled rectangle of the class ``kind``; ``title`` is its tooltip."""
    tooltip = f"<title>{escape(title)}</title>" if title else ""
    size = f'width="{max(width, 0.5):.1f}" height="{max(height, 0):.1f}"'
    return f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" {size}>{tooltip}</rect>'


def text(x: float, y: float, content: str, kind: str = "") -> str:
    """Text that begins at a point; with the class ``end`` or ``middle`` it is aligned to it."""
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}">{escape(content)}</text>'


def _column(x: float, mark: str, height: int) -> str:
    bottom = height - BOTTOM
    line = f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{bottom}"/>'
    return line + text(x, bottom + 18, mark, "middle")


def _row(y: float, mark: str) -> str:
    line = f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
    return line + text(LEFT - 8, y + 4, mark, "end")


def _round_marks(low: float, high: float) -> list[tuple[float, str]]:
    """Four to ten marks at multiples of 1, 2 or 5 times a power of ten."""
    span = (high - low) or 1.0
    step = 10.0 ** floor(log10(span / 4))
    step *= next(by for by in (1, 2, 5, 10) if span / (step * by) <= 8)
    first = ceil(low / step)
    return [(n * step, f"{n * step:g}") for n in range(first, floor(high / step) + 1)]


def _log_marks(low: float, high: float) -> list[tuple[float, str]]:
    """Marks at powers of ten; below three decades also at 2 and 5 times them; at round values
    where these are too few."""
    decades = range(floor(log10(low)), ceil(log10(high)) + 1)
    steps = (1, 2, 5) if high / low < 1000 else (1,)
    marks = [step * 10.0**decade for decade in decades for step in steps]
    marks = [mark for mark in marks if low <= mark <= high]
    if len(marks) < MIN_MARKS:
        marks = [mark for mark, _ in _round_marks(low, high) if low <= mark <= high]
    return [(mark, duration(mark)) for mark in marks]


def duration(ms: float) -> str:
    """Milliseconds with the unit that suits their size."""
    if ms >= 1000:
        return f"{ms / 1000:.5g} s"
    return f"{ms:.5g} ms" if ms >= 1 else f"{ms * 1000:.5g} µs"


# Charts


def bars(name: str, bins: Sequence[Bin]) -> str:
    """The distribution of a milestone over a logarithmic scale."""
    x = log_across(bins[0].low, bins[-1].high)
    y = upwards(max(one.values for one in bins))
    return chart(f"Distribution of {name}", x, y, [_bar(x, y, one) for one in bins])


def _bar(x: Axis, y: Axis, one: Bin) -> str:
    left, right = x.scale(one.low), x.scale(one.high)
    height = max(y.scale(0) - y.scale(one.values), LOWEST)
    space = 1 if right - left > 3 else 0
    title = f"{duration(one.low)} to {duration(one.high)}: {one.values}"
    return rect(left, y.scale(0) - height, right - left - space, height, "bar", title)


def percentiles(histograms: Sequence[Any]) -> str:
    """A curve per milestone: each step to the right is ten times as rare.

    The n-th curve has the class ``c<n>``.
    """
    values = [ms(one, p) for one in histograms for p in (0, 100)]
    y = log_upwards(max(min(values), SHORTEST), max(values))
    x = across(0, len(NINES) - 1, [(n, f"{p:g}%") for n, p in enumerate(NINES)])
    return chart("Percentiles of each milestone", x, y, _curves(x, y, histograms))


def _curves(x: Axis, y: Axis, histograms: Sequence[Any]) -> Iterator[str]:
    for kind, one in enumerate(histograms):
        # A curve ends where no value is rarer.
        last = min(log10(one.get_total_count()), len(NINES) - 1)
        steps = [last * n / 100 for n in range(101)]
        values = all_ms(one, [100 * (1 - 10**-n) for n in steps])
        points = [(x.scale(n), y.scale(value)) for n, value in zip(steps, values, strict=True)]
        yield polyline(points, f"curve c{kind}")


def time_line(timeline: Timeline) -> str:
    """The mean and the latest first byte of each second, and the seconds with failures."""
    first, last = min(timeline.seconds), max(timeline.seconds) + 1
    slowest = max([one.slowest for one in timeline.seconds.values()]) / MS
    x, y = across(0, last - first), upwards(slowest)
    seconds = sorted(timeline.seconds.items())
    drawn = [mark for number, one in seconds for mark in _second(x, y, number - first, one)]
    return chart("First byte over time, in ms for each second", x, y, drawn)


def _second(x: Axis, y: Axis, number: int, one: Second) -> Iterator[str]:
    left, width = x.scale(number), x.scale(number + 1) - x.scale(number)
    title = f"second {number}: {one.ended} ended, {one.events} events, {one.errors} failed"
    if one.measured:
        bottom, mean = y.scale(0), one.first_byte / one.measured
        for kind, figure in (("faint", one.slowest), ("bar", mean)):
            top = y.scale(figure / MS)
            yield rect(left, top, width - 1, bottom - top, kind, title)
    if one.errors:
        yield rect(left, TOP, width - 1, 5, "failed", title)


def waterfall(records: list[Record]) -> str:
    """A row per exchange with its phases, from the planned beginning."""
    longest = max([_end(record) - record.planned for record in records]) / MS
    x = across(0, longest)
    height = TOP + BOTTOM + ROW * len(records)
    marks = [(n, f"{n + 1}") for n in range(len(records))]
    y = Axis(lambda row: TOP + ROW * (row + 0.5), marks)
    drawn = [mark for row, record in enumerate(records) for mark in _exchange(x, y, row, record)]
    return chart("The slowest exchanges, in ms", x, y, drawn, height)


def _exchange(x: Axis, y: Axis, row: int, record: Record) -> Iterator[str]:
    def at(moment: int) -> float:
        return x.scale((moment - record.planned) / MS)

    top = y.scale(row) - 7
    for phase, milestones in _PHASES.items():
        begin, end = [getattr(record, name) for name in milestones]
        if begin and end:
            title = f"{phase}: {duration((end - begin) / MS)}"
            yield rect(at(begin), top, at(end) - at(begin), 14, css_class(phase), title)
    for arrival in record.arrivals:
        yield rect(at(arrival), top + 3, 1, 8, "event")
    for milestone in _MOMENTS:
        if moment := getattr(record, milestone):
            name = milestone.replace("_", " ")
            title = f"{name}: {duration((moment - record.planned) / MS)}"
            yield rect(at(moment) - 1, top - 2, 2, 18, css_class(name), title)
    if record.end != "complete":
        yield text(at(_end(record)) - 4, top + 11, record.end, "end")


def css_class(name: str) -> str:
    """The class of the elements with this name in ``WATERFALL``."""
    return name.replace(" ", "-")


def _end(record: Record) -> int:
    moments = (record.last_byte, *record.arrivals[-1:], record.first_byte, record.head, record.sent)
    return max([*moments, record.began, record.planned + 1])
