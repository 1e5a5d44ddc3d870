"""A chart's bones in SVG, written by hand: a frame, scales, and their marks."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, log10

WIDTH, HEIGHT = 680, 260
LEFT, RIGHT, TOP, BOTTOM = 64, 28, 12, 36
"""Pixels around the area that is drawn in, for the marks of the scales."""

FEW = 3
"""Marks below which a scale cannot be read."""

Scale = Callable[[float], float]


@dataclass(frozen=True, slots=True)
class Axis:
    """A scale and its marks: a value and its text each."""

    scale: Scale
    marks: Sequence[tuple[float, str]]


def across(low: float, high: float, marks: Sequence[tuple[float, str]] | None = None) -> Axis:
    """A linear axis from left to right."""
    width = WIDTH - LEFT - RIGHT
    span = high - low or 1.0
    return Axis(lambda v: LEFT + (v - low) / span * width, marks or _round_marks(low, high))


def upwards(high: float) -> Axis:
    """A linear axis from zero upwards."""
    height = HEIGHT - TOP - BOTTOM
    return Axis(lambda v: TOP + height * (1 - v / (high or 1.0)), _round_marks(0, high))


def log_across(low: float, high: float, text: Callable[[float], str]) -> Axis:
    """A logarithmic axis from left to right."""
    inner = across(log10(low), log10(high) if high > low else log10(low) + 1)
    return Axis(lambda v: inner.scale(log10(max(v, low))), _log_marks(low, high, text))


def log_upwards(low: float, high: float, text: Callable[[float], str]) -> Axis:
    """A logarithmic axis from bottom to top."""
    inner = upwards(log10(high / low) or 1.0)
    return Axis(lambda v: inner.scale(log10(max(v, low) / low)), _log_marks(low, high, text))


def chart(label: str, x: Axis, y: Axis, drawn: Iterable[str], height: int = HEIGHT) -> str:
    """A whole chart; ``label`` says in words what it shows, for those who do not see it."""
    lines = [
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(label)}">',
        *[_column(x.scale(value), text, height) for value, text in x.marks],
        *[_row(y.scale(value), text) for value, text in y.marks],
        *drawn,
        "</svg>",
    ]
    return "\n".join(lines)


def path(points: Iterable[tuple[float, float]], kind: str) -> str:
    """A line through points in pixels."""
    steps = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline class="{kind}" points="{steps}"/>'


def box(x: float, y: float, width: float, height: float, kind: str, title: str = "") -> str:
    """A filled rectangle; ``title`` is shown when somebody points at it."""
    told = f"<title>{escape(title)}</title>" if title else ""
    size = f'width="{max(width, 0.5):.1f}" height="{max(height, 0):.1f}"'
    return f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" {size}>{told}</rect>'


def words(x: float, y: float, text: str, kind: str = "") -> str:
    """Text that ends or begins at a point, as its class says."""
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}">{escape(text)}</text>'


def _column(x: float, text: str, height: int) -> str:
    bottom = height - BOTTOM
    line = f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{bottom}"/>'
    return line + words(x, bottom + 18, text, "middle")


def _row(y: float, text: str) -> str:
    line = f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
    return line + words(LEFT - 8, y + 4, text, "end")


def _round_marks(low: float, high: float) -> list[tuple[float, str]]:
    """Four to ten marks at 1, 2 or 5 times a power of ten."""
    span = (high - low) or 1.0
    step = 10.0 ** floor(log10(span / 4))
    step *= next(by for by in (1, 2, 5, 10) if span / (step * by) <= 8)
    first = ceil(low / step)
    return [(n * step, f"{n * step:g}") for n in range(first, floor(high / step) + 1)]


def _log_marks(low: float, high: float, text: Callable[[float], str]) -> list[tuple[float, str]]:
    """Marks at powers of ten, within less than three of these also at 2 and 5 times them, and
    where fewer than three such marks lie, at round values."""
    decades = range(floor(log10(low)), ceil(log10(high)) + 1)
    steps = (1, 2, 5) if high / low < 1000 else (1,)
    marks = [step * 10.0**decade for decade in decades for step in steps]
    marks = [mark for mark in marks if low <= mark <= high]
    if len(marks) < FEW:
        marks = [mark for mark, _ in _round_marks(low, high) if low <= mark <= high]
    return [(mark, text(mark)) for mark in marks]


def duration(ms: float) -> str:
    """Milliseconds as people write them."""
    if ms >= 1000:
        return f"{ms / 1000:.5g} s"
    return f"{ms:.5g} ms" if ms >= 1 else f"{ms * 1000:.5g} µs"
