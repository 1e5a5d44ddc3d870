"""Single exchanges: the phases in which their time went, in a waterfall and in tables."""

from collections.abc import Iterator, Mapping, Sequence

from streamserver.lab.client.record import Record
from streamserver.lab.report.charts import (
    BOTTOM,
    LEFT,
    TOP,
    WIDTH,
    Axis,
    across,
    chart,
    duration,
    rect,
    text,
)
from streamserver.lab.report.counts import first_answer
from streamserver.lab.report.histograms import MS
from streamserver.lab.report.phases import PHASES, phases

ROW = 22
"""Pixels of an exchange in a waterfall."""
BAR = 34
"""Pixels of a bar of phases, with the space around it."""
_LETTER = 7
"""Pixels of a letter in a bar."""
_MOMENTS = ("first_reasoning", "first_token", "first_tool_call")
SLOWEST = ("number", "due, s", "first, ms", "end, ms", "events", "status", "end", "reason")

Means = Mapping[str, float]
"""The mean time of exchanges in each phase, in ns."""


def css_class(phase: str) -> str:
    """The class of the elements of a phase."""
    return phase.replace(" ", "-")


def stacked(rows: Sequence[tuple[str, Means]], width: int = WIDTH) -> str:
    """A bar for each row, its phases one after the other."""
    longest = max([sum(one.values()) for _, one in rows]) / MS
    x = across(0, longest, width=width)
    marks = [(n, name) for n, (name, _) in enumerate(rows)]
    y = Axis(lambda row: TOP + BAR * (row + 0.5), marks)
    drawn = [part for row, (_, one) in enumerate(rows) for part in _phases(x, y, row, one)]
    return chart("Where the time went, in ms", x, y, drawn, TOP + BOTTOM + BAR * len(rows), width)


def _phases(x: Axis, y: Axis, row: int, means: Means) -> Iterator[str]:
    begin, top = 0.0, y.scale(row) - 11
    for name, mean in means.items():
        end = begin + mean / MS
        left, right = x.scale(begin), x.scale(end)
        yield rect(left, top, right - left, 22, css_class(name), f"{name}: {duration(mean / MS)}")
        if len(name) * _LETTER < right - left:
            yield text((left + right) / 2, top + 15, name, f"middle on-{css_class(name)}")
        begin = end


def time_spent(all_complete: Means, slowest: Means) -> Iterator[Sequence[str]]:
    """The rows of a table: each phase, its mean, its share, and its mean in the slowest."""
    whole = sum(all_complete.values())
    for name in PHASES:
        mean, of_slowest = all_complete.get(name, 0.0), slowest.get(name, 0.0)
        if mean or of_slowest:
            shown = [f"{mean / MS:.3f}", f"{mean / whole:.1%}"] if whole else ["-", "-"]
            yield [name, *shown, f"{of_slowest / MS:.3f}"]


def legend(records: Sequence[Record]) -> Iterator[tuple[str, str]]:
    """The classes and names of the phases and moments in a waterfall."""
    used = {phase.name for record in records for phase in phases(record)}
    for name in PHASES:
        if name in used:
            yield css_class(name), name
    if any(record.first_tool_call for record in records):
        yield "first-tool-call", "first tool call"


def waterfall(records: Sequence[Record], width: int = WIDTH) -> str:
    """A row per exchange with its phases, from the planned beginning."""
    longest = max([_length(record) for record in records]) / MS
    x = across(0, longest, width=width)
    height = TOP + BOTTOM + ROW * len(records)
    marks = [(n, f"{n + 1}") for n in range(len(records))]
    y = Axis(lambda row: TOP + ROW * (row + 0.5), marks)
    drawn = [part for row, record in enumerate(records) for part in _exchange(x, y, row, record)]
    return chart("The slowest exchanges, in ms", x, y, drawn, height, width)


def _exchange(x: Axis, y: Axis, row: int, record: Record) -> Iterator[str]:
    def at(moment: int) -> float:
        return x.scale((moment - record.planned) / MS)

    top = y.scale(row) - 7
    for name, begin, end in phases(record):
        title = f"{name}: {duration((end - begin) / MS)}"
        yield rect(at(begin), top, at(end) - at(begin), 14, css_class(name), title)
    before = -1.0
    for arrival in record.arrivals:
        if (place := at(arrival)) >= before + 1:  # no two on one pixel
            before = place
            yield rect(place, top + 3, 1, 8, "event")
    for milestone in _MOMENTS:
        if moment := getattr(record, milestone):
            name = milestone.replace("_", " ")
            title = f"{name}: {duration((moment - record.planned) / MS)}"
            yield rect(at(moment) - 1, top - 2, 2, 18, css_class(name), title)
    if record.end != "complete":
        right = at(record.planned + _length(record))
        if right > LEFT + len(record.end) * _LETTER:
            yield text(right - 4, top + 11, record.end, "end on-rest")
        else:
            yield text(right + 4, top + 11, record.end)


def _length(record: Record) -> int:
    return max([phase.end - record.planned for phase in phases(record)], default=1)


def slowest_rows(records: Sequence[Record], began: int) -> Iterator[Sequence[str]]:
    """A row of ``SLOWEST`` per exchange; ``began`` is the beginning of the run."""
    for number, record in enumerate(records):
        answered = first_answer(record)
        yield [
            f"{number + 1}",
            f"{(record.planned - began) / 1e9:.3f}",
            f"{(answered - record.planned) / MS:.3f}" if answered else "-",
            f"{_length(record) / MS:.3f}",
            *(f"{record.events}", f"{record.status or '-'}", record.end, record.detail or "-"),
        ]
