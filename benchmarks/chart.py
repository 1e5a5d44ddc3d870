"""The results as horizontal bars in one SVG, for light and dark pages.

Each panel has its own scale from zero, and every bar is labelled with its figure.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from benchmarks.report import OURS, Result, Row
from streamserver.lab.report import charts

WIDTH, GAP, TITLE, BAR, STEP = 476, 16, 40, 13, 19
NAMES, VALUES = 226, 84
"""Pixels left of the bars for the names, and right of the longest for its figure."""

STYLE = """text { font-size: 12px; fill: var(--ink); } .title { font-weight: 600; }
.ours { color: var(--a); } .peer { color: var(--quiet); opacity: 0.7; }
.floor { color: var(--line); } .page { color: var(--page); }
"""


@dataclass(frozen=True, slots=True)
class Panel:
    """One column of the results whose names begin with `name`; the best row is on top."""

    name: str
    key: str
    title: str
    beside: str = ""
    """A column whose figure stands in parentheses."""
    more: bool = False
    """Whether more is better."""

    def draw(self, result: Result, x: int, y: int) -> Iterator[str]:
        """Yield the elements of this panel for a result, its upper left corner at `x`, `y`."""
        loop = result.name.rpartition("/")[2]
        yield charts.text(x, y + 24, f"{self.title}, {loop}", "title")
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
    Panel("export/", "seconds", "An export, seconds to the last byte"),
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
    """Return an SVG of all results that have a panel: figures downwards, loops side by side."""
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
    return _document(width, height, elements)


def _document(width: float, height: float, elements: Iterable[str]) -> str:
    """The drawing as a file with a background: the theme of the page around an image may differ
    from the one that the browser reports to it."""
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}" height="{height:g}">',
        f"<title>streamserver beside its peers</title><style>{charts.STYLE}{STYLE}",
        "</style>",
        charts.rect(0, 0, width, height, "page"),
        *elements,
        "</svg>\n",
    ]
    return "\n".join(lines)


def _bar(label: str, figure: str, length: float, x: int, y: int) -> Iterator[str]:
    start, base = x + NAMES, y + BAR - 2
    kind = "ours" if label.startswith(OURS) else "floor" if label == "floor" else "peer"
    yield charts.text(start - 6, base, label, "end")
    yield charts.rect(start, y, length, BAR, kind)
    yield charts.text(start + length + 6, base, figure)


def _label(row: Row) -> str:
    kind = row.get("kind", "pull")
    return f"{row['server']}" if kind == "pull" else f"{row['server']}, {kind}"


def _figure(row: Row, key: str) -> float:
    figure = row[key]
    assert isinstance(figure, (int, float)), f"{key} is not a figure"
    return figure
