"""The SVG of which charts are made: axes, bars, lines and text.

Colours are CSS variables with a value for light and one for dark displays; the class of an element
selects its colour. A chart is drawn twice, since the text of a wide one is illegible on a phone.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, log10

WIDTH, NARROW, HEIGHT = 680, 340, 260
"""Pixels of a chart, and its width on a phone."""
LEFT, RIGHT, TOP, BOTTOM = 60, 28, 14, 36
"""Pixels around the area of a chart, for the marks of its axes."""
MIN_MARKS = 3
"""Marks below which an axis cannot be read."""
_LETTER, _APART = 6.5, 10
"""Pixels of a letter, and between two marks of a horizontal axis."""

STYLE = """
:root { color-scheme: light dark; --page: #fff; --ink: #1d2326; --quiet: #59646a; --line: #dde2e5;
  --faint: #bcd6ea; --failed: #b3361f; --met: #25754a; --a: #2a78b8; --b: #b8602a; --c: #2f8f5b;
  --d: #8a4fb0; --e: #a88a12; --f: #c0417c; --g: #4a6b7c; --h: #7d5a45; }
@media screen and (prefers-color-scheme: dark) { :root { --page: #121617; --ink: #e6e4de;
  --quiet: #a0abab; --line: #2f383a; --faint: #26465e; --failed: #f09a85; --met: #7fd0a4;
  --a: #5aa5e0; --b: #e0975a; --c: #5fc792; --d: #bf8be0; --e: #d6ba48; --f: #ea83b2;
  --g: #94b0bf; --h: #c4a48f; } }
@media print { :root { color-scheme: light; } }
text { font: 12px system-ui, sans-serif; fill: var(--quiet); } .grid { stroke: var(--line); }
.middle { text-anchor: middle; } .end { text-anchor: end; } rect { fill: currentColor; }
.curve { fill: none; stroke: currentColor; stroke-width: 1.8; }
.on-narrow { display: none; }
.on-narrow svg { max-width: 30rem; }
@media screen and (max-width: 41rem) { .on-wide { display: none; } .on-narrow { display: block; } }
"""

SHAPES = (
    "m-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0z",
    "m-3.5-3.5h7v7h-7z",
    "m0-4.5l4.5 8h-9z",
    "m0-5l5 5l-5 5l-5-5z",
    "m0 4.5l4.5-8h-9z",
    "m-1.5-4.5h3v3h3v3h-3v3h-3v-3h-3v-3h3z",
)
"""Circle, square, triangle, diamond, inverted triangle and plus around a point."""
COLOURS = 10
"""The classes c0 to c9."""

Scale = Callable[[float], float]


@dataclass(frozen=True, slots=True)
class Axis:
    """A scale from values to pixels, and its marks: values with their texts."""

    scale: Scale
    marks: Sequence[tuple[float, str]]


def both_widths(draw: Callable[[int], str]) -> str:
    """What ``draw`` returns for each width; a page shows one of the two (see ``STYLE``)."""
    variants = ((WIDTH, "on-wide"), (NARROW, "on-narrow"))
    return "".join([f'<div class="{kind}">{draw(width)}</div>' for width, kind in variants])


def across(
    low: float,
    high: float,
    marks: Sequence[tuple[float, str]] | None = None,
    width: int = WIDTH,
) -> Axis:
    """A linear axis from left to right; of marks that would overlap the first is kept."""
    inner, span = width - LEFT - RIGHT, high - low or 1.0

    def scale(value: float) -> float:
        return LEFT + (value - low) / span * inner

    return Axis(scale, _apart(scale, marks or _round_marks(low, high)))


def upwards(high: float, height: int = HEIGHT) -> Axis:
    """A linear axis from 0 upwards."""
    inner = height - TOP - BOTTOM
    return Axis(lambda v: TOP + inner * (1 - v / (high or 1.0)), _round_marks(0, high))


def ms_upwards(high: float) -> Axis:
    """A linear axis of milliseconds from 0 upwards."""
    axis = upwards(high)
    return Axis(axis.scale, [(value, duration(value) if value else "0") for value, _ in axis.marks])


def log_across(low: float, high: float, width: int = WIDTH) -> Axis:
    """A logarithmic axis of milliseconds from left to right."""
    inner = across(log10(low), log10(high) if high > low else log10(low) + 1, width=width)

    def scale(value: float) -> float:
        return inner.scale(log10(max(value, low)))

    return Axis(scale, _apart(scale, _log_marks(low, high)))


def log_upwards(low: float, high: float) -> Axis:
    """A logarithmic axis of milliseconds from bottom to top; ``high`` may be below ``low``."""
    high = max(low, high)
    inner = upwards(log10(high / low) or 1.0)
    return Axis(lambda v: inner.scale(log10(max(v, low) / low)), _log_marks(low, high))


def chart(
    label: str, x: Axis, y: Axis, drawn: Iterable[str], height: int = HEIGHT, width: int = WIDTH
) -> str:
    """A chart for a page that has ``STYLE``; ``label`` describes it to screen readers."""
    lines = [
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(label)}">',
        *[_column(x.scale(value), mark, height) for value, mark in x.marks],
        *[_row(y.scale(value), mark, width) for value, mark in y.marks],
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


def mark(x: float, y: float, kind: str, title: str, *, is_square: bool = False) -> str:
    """A point of a curve, round or square, with its tooltip."""
    tooltip = f"<title>{escape(title)}</title>"
    if is_square:
        place = f'x="{x - 3.5:.1f}" y="{y - 3.5:.1f}" width="7" height="7"'
        return f'<rect class="mark {kind}" {place}>{tooltip}</rect>'
    return f'<circle class="mark {kind}" cx="{x:.1f}" cy="{y:.1f}" r="4">{tooltip}</circle>'


def shape(x: float, y: float, number: int, title: str = "") -> str:
    """The mark of the curve with a number: its shape and its colour."""
    tooltip = f"<title>{escape(title)}</title>" if title else ""
    drawn = f"M{x:.1f} {y:.1f}{SHAPES[number % len(SHAPES)]}"
    return f'<path class="mark {colour(number)}" d="{drawn}">{tooltip}</path>'


def colour(number: int) -> str:
    """The class of the colour of a curve."""
    return f"c{number % COLOURS}"


def cross(x: float, y: float, kind: str) -> str:
    """A cross around a point, so that not only the colour shows a failure."""
    return f'<path class="cross {kind}" d="M{x - 3:.1f} {y - 3:.1f}l6 6m0-6l-6 6"/>'


def _column(x: float, mark: str, height: int) -> str:
    bottom = height - BOTTOM
    line = f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{bottom}"/>'
    return line + text(x, bottom + 18, mark, "middle")


def _row(y: float, mark: str, width: int) -> str:
    line = f'<line class="grid" x1="{LEFT}" x2="{width - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
    return line + text(LEFT - 8, y + 4, mark, "end")


def _apart(scale: Scale, marks: Sequence[tuple[float, str]]) -> list[tuple[float, str]]:
    """The marks whose texts do not overlap that of the one before."""
    kept: list[tuple[float, str]] = []
    end = 0.0
    for value, mark in marks:
        middle, half = scale(value), len(mark) * _LETTER / 2
        if not kept or middle - half >= end + _APART:
            kept.append((value, mark))
            end = middle + half
    return kept


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
