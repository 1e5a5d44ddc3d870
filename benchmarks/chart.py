"""The figures as horizontal bars: one SVG, written by hand, for light pages and dark.

Each panel has a scale of its own that starts at zero, and every bar tells its figure, so that
nothing has to be read off an axis. The drawing brings its background along: a page's theme may
differ from the one that the browser reports to an image.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from benchmarks.report import Result, Row

WIDTH, GAP, TITLE, BAR, STEP = 476, 16, 40, 13, 19
NAMES, VALUES = 226, 84
"""Pixels to the left of the bars for names, and to the right of the longest for its figure."""

STYLE = """
text { font: 12px system-ui, sans-serif; fill: #24292f }
.title { font-weight: 600 }
.page { fill: #ffffff }
.peer { fill: #9aa7b4 }
.floor { fill: #d8dee4 }
.ours { fill: #0969da }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .page { fill: #0d1117 }
  .peer { fill: #57616c }
  .floor { fill: #343b44 }
  .ours { fill: #4493f8 }
}
"""


@dataclass(frozen=True, slots=True)
class Panel:
    """One figure of one kind of result: `name` begins the result's name, `key` is its column.

    The best is on top: the least, or with `more` the most. `beside` is a column to tell as well.
    """

    name: str
    key: str
    title: str
    beside: str = ""
    more: bool = False

    def draw(self, result: Result, x: int, y: int) -> Iterator[str]:
        """Yield the elements of this panel for a result, its upper left corner at `x`, `y`."""
        loop = result.name.rpartition("/")[2]
        yield f'<text class="title" x="{x}" y="{y + 24}">{escape(self.title)}, {loop}</text>'
        rows = [row for row in result.rows if row[self.key] is not None]
        longest = max(_figure(row, self.key) for row in rows)
        scale = (WIDTH - NAMES - VALUES) / longest
        ranked = sorted(rows, key=lambda row: _figure(row, self.key), reverse=self.more)
        for index, row in enumerate(ranked):
            figure = _figure(row, self.key)
            text = f"{figure:,.{0 if longest > 100 else 1}f}"
            if self.beside:
                text += f" ({_figure(row, self.beside):,.0f})"
            yield from _bar(_label(row), text, figure * scale, x, y + TITLE + index * STEP)


PANELS = (
    Panel("first_chunk/alone/", "first_median", "First chunk, median µs (p99)", "first_p99"),
    Panel("first_chunk/alone/", "cpu", "CPU, µs per request"),
    Panel("ladder/", "cpu", "The ladder: CPU, µs per request and connection"),
    Panel("ladder/", "first_median", "The ladder: first chunk, median µs"),
    Panel("chunks/", "rate", "Chunks per second (more is better)", more=True),
    Panel("memory/", "kib", "Resident memory of an idle stream, KiB"),
    Panel("fanout/", "everyone", "An event to every reader, ms until all have it (p99)", "p99"),
    Panel("fanout/", "cpu", "An event to every reader, CPU, µs per reader"),
    Panel("fanout/", "kib", "Resident memory of a reader, KiB"),
    Panel("fanout_workers/", "median", "An event to every reader, median ms (p99)", "p99"),
    Panel("download/", "mib_per_second", "Download, MiB/s (more is better)", more=True),
    Panel("relay_streams/", "added", "Relays: added to the first chunk, µs (p99)", "added_p99"),
    Panel("relay_streams/", "cpu", "Relays: CPU, µs per stream of ten chunks"),
    Panel("relay_delay/", "added", "Relays: added to each chunk, µs (p99)", "added_p99"),
    Panel("relay_events/", "cpu", "Relays: CPU, µs per event"),
    Panel("relay_tokens/", "cpu", "Relays: CPU, ns per token at full speed"),
    Panel("relay_memory/", "kib", "Relays: resident memory of an idle stream, KiB"),
)


def draw(results: Sequence[Result]) -> str:
    """Return an SVG of whatever there is a panel for: figures downwards, loops side by side."""
    elements: list[str] = []
    height = width = GAP
    measured = [result for result in results if result.rows]
    for panel in PANELS:
        beside = [result for result in measured if result.name.startswith(panel.name)]
        for column, result in enumerate(beside):
            elements += panel.draw(result, GAP + column * (WIDTH + GAP), height)
        if beside:
            height += TITLE + max(len(result.rows) for result in beside) * STEP + GAP
            width = max(width, GAP + len(beside) * (WIDTH + GAP))
    return _svg(width, height, elements)


def _svg(width: int, height: int, elements: Iterable[str]) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}">'
    page = f'<rect class="page" width="{width}" height="{height}" rx="8"/>'
    title = "<title>streamserver beside its peers</title>"
    return "\n".join([head, title, f"<style>{STYLE}</style>", page, *elements, "</svg>", ""])


def _bar(label: str, text: str, length: float, x: int, y: int) -> Iterator[str]:
    start, base = x + NAMES, y + BAR - 2
    kind = "ours" if label.startswith("streamserver") else "floor" if label == "floor" else "peer"
    yield f'<text x="{start - 6}" y="{base}" text-anchor="end">{escape(label)}</text>'
    yield f'<rect class="{kind}" x="{start}" y="{y}" width="{length:.1f}" height="{BAR}" rx="2"/>'
    yield f'<text x="{start + length + 5:.1f}" y="{base}">{text}</text>'


def _label(row: Row) -> str:
    kind = row.get("kind", "pull")
    return f"{row['server']}" if kind == "pull" else f"{row['server']}, {kind}"


def _figure(row: Row, key: str) -> float:
    figure = row[key]
    assert isinstance(figure, (int, float)), f"{key} is not a figure"
    return figure
