"""The slowest exchanges, drawn phase by phase: where their time went."""

from collections.abc import Iterator

from streamserver.lab.client.record import Record
from streamserver.lab.report import svg

MS = 1_000_000
ROW = 22
"""Pixels of an exchange."""

_PHASES = (
    ("planned", "began", "waited"),
    ("began", "connected", "connect"),
    ("connected", "secured", "tls"),
    ("sent", "head", "head"),
    ("head", "first_byte", "first-byte"),
    ("first_byte", "last_byte", "body"),
)
_MARKS = ("first_reasoning", "first_token", "first_tool_call")


def waterfall(records: list[Record]) -> str:
    """The slowest exchanges, one below the other, from their planned beginning."""
    longest = max([_end(record) - record.planned for record in records]) / MS
    x = svg.across(0, longest)
    height = svg.TOP + svg.BOTTOM + ROW * len(records)
    marks = [(n, f"{n + 1}") for n in range(len(records))]
    y = svg.Axis(lambda row: svg.TOP + ROW * (row + 0.5), marks)
    drawn = [mark for row, record in enumerate(records) for mark in _exchange(x, y, row, record)]
    return svg.chart("The slowest exchanges, in ms", x, y, drawn, height)


def _exchange(x: svg.Axis, y: svg.Axis, row: int, record: Record) -> Iterator[str]:
    top = y.scale(row) - 7
    for begin, end, kind in _PHASES:
        moments = getattr(record, begin), getattr(record, end)
        if all(moments):
            left, right = [x.scale((moment - record.planned) / MS) for moment in moments]
            told = f"{kind}: {svg.duration((moments[1] - moments[0]) / MS)}"
            yield svg.box(left, top, right - left, 14, kind, told)
    for moment in record.arrivals:
        yield svg.box(x.scale((moment - record.planned) / MS), top + 3, 1, 8, "event")
    for name in _MARKS:
        if moment := getattr(record, name):
            told = f"{name.replace('_', ' ')}: {svg.duration((moment - record.planned) / MS)}"
            left = x.scale((moment - record.planned) / MS)
            yield svg.box(left - 1, top - 2, 2, 18, name.replace("_", "-"), told)
    if record.end != "complete":
        right = x.scale((_end(record) - record.planned) / MS)
        yield svg.words(right - 4, top + 11, record.end, "end")


def _end(record: Record) -> int:
    moments = (record.last_byte, *record.arrivals[-1:], record.first_byte, record.head, record.sent)
    return max([*moments, record.began, record.planned + 1])
