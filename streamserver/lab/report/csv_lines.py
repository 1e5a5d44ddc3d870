"""The lines of CSV (RFC 4180): one for each exchange, and the summary that they add up to.

A column has the version, so that any program reads the file without a special rule. Moments are
in milliseconds from the planned beginning, empty if not reached. The times between events are
histograms in the compressed form of HdrHistogram, which libraries in many languages read: a list of
them would exceed the size of a cell in spreadsheet programs.

Text of a peer is escaped: control characters, and a first character that makes a spreadsheet
program take the cell for a formula.
"""

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from os import PathLike
from typing import Any, NamedTuple, TextIO, get_args

from streamserver.lab.client.record import End, Record, TokensFrom
from streamserver.lab.report.goodput import Limit, is_good, parse_limits
from streamserver.lab.report.histograms import MS, count_all, new_histogram, to_text
from streamserver.lab.report.histograms import record as count
from streamserver.lab.report.summary import LENGTH, Summary
from streamserver.wire.printable import printable

VERSION = 2
"""The version of the columns. It is raised when one changes its meaning or is removed."""
FORMULAS = ("=", "+", "-", "@", "'")
"""Texts that begin with one of these get an apostrophe before them."""


MOST = 10**18
"""The largest number that is read; that of a moment, in ns, is 31 years."""


class Column(NamedTuple):
    """A column: its name, which ends with its unit, and its meaning."""

    name: str
    meaning: str
    write: Callable[[Record], object] | None
    """The cell for a record; None if it depends on the limits of goodput too."""
    read: Callable[[Record, str], object] | None = None
    """Fills a record from a cell that is not empty; None if other columns imply it."""


def _moment(name: str, meaning: str) -> Column:
    def write(record: Record) -> str:
        moment = getattr(record, name)
        return _ms(moment - record.planned) if moment else ""

    def read(record: Record, cell: str) -> None:
        setattr(record, name, record.planned + round(float(cell) * MS))

    return Column(f"{name}_ms", meaning, write, read)


def _number(name: str, meaning: str, column: str = "") -> Column:
    def read(record: Record, cell: str) -> None:
        number = int(cell)
        if not 0 <= number <= MOST:
            raise ValueError(f"{cell[:40]!r} is not a number from 0 to {MOST}")
        setattr(record, name, number)

    return Column(column or name, meaning, lambda record: getattr(record, name), read)


def _text(name: str, meaning: str, allowed: Sequence[str] = ()) -> Column:
    """A text, one of those that are allowed if there are any."""

    def write(record: Record) -> str:
        return _escaped(getattr(record, name)[:LENGTH])

    def read(record: Record, cell: str) -> None:
        if allowed and cell not in allowed:
            raise ValueError(f"{cell[:40]!r} is none of {', '.join(filter(None, allowed))}")
        setattr(record, name, cell.removeprefix("'"))

    return Column(name, meaning, write, read)


def _escaped(text: str) -> str:
    text = printable(text)
    return f"'{text}" if text.startswith(FORMULAS) else text


def _duration(name: str, meaning: str) -> Column:
    """A duration that other columns imply."""

    def write(record: Record) -> str:
        duration = getattr(record, name)
        return _ms(duration) if duration else ""

    return Column(f"{name}_ms", meaning, write)


def _histogram(name: str, meaning: str) -> Column:
    def write(record: Record) -> str:
        if not (counts := getattr(record, name)):
            return ""
        histogram = new_histogram()
        count_all(histogram, counts)
        return to_text(histogram)

    return Column(name, meaning, write)


def _read_gap(record: Record, cell: str) -> None:
    record.longest_gap = round(float(cell) * MS)


def _rate(record: Record) -> str:
    return f"{record.tokens_per_second:.3f}" if record.tokens_per_second else ""


def _gap(record: Record) -> str:
    return _ms(record.longest_gap) if record.events > 1 else ""


COLUMNS = (
    Column("version", f"of these columns: {VERSION}", lambda record: VERSION),
    # Moments count from it, so it is read before them.
    _number("planned", "planned beginning, by the monotonic clock of the machine", "planned_ns"),
    _moment("began", "the client began; in a closed loop, this is the planned beginning"),
    _moment("dialed", "the client began to connect; empty on a kept connection, as the next two"),
    _moment("connected", "the connection was open"),
    _moment("secured", "the TLS handshake was complete"),
    _moment("sent", "the kernel had the whole request"),
    _moment("head", "the head of the final response was complete"),
    _moment("first_byte", "first byte of the body"),
    _moment("first_event", "first event, or line of JSON"),
    _moment("first_reasoning", "first piece of a model's reasoning"),
    _moment("first_token", "first piece of a model's text, or of a refusal"),
    _moment("first_tool_call", "first name of a tool, or piece of its input"),
    _moment("last_token", "last piece of reasoning, text or tool call"),
    _moment("last_byte", "end of a body that is complete by its framing"),
    _moment("ended", "the client was done with the exchange"),
    _duration("ttft", "time to the first token or tool call"),
    _duration("tpot", "time per output token after the first"),
    _duration("e2e", "time to the last byte, of a complete exchange"),
    Column("output_tokens_per_s", "output tokens by e2e", _rate),
    _number("input_tokens", "tokens of the prompt, as reported"),
    _number("cached_tokens", "those read from a cache, as reported"),
    _number("output_tokens", "tokens of the answer, reasoning included"),
    _number("reasoning_tokens", "those of reasoning, as reported"),
    _text("tokens_from", "source of output_tokens: usage, events, or empty", get_args(TokensFrom)),
    _number("token_events", "events with a piece of the answer"),
    Column("longest_gap_ms", "longest time between two events", _gap, _read_gap),
    _number("turn", "turn of its conversation, from 1"),
    _number("status", "status of the response; 0 without one"),
    _text("end", "how the exchange ended", get_args(End)),
    _text("detail", f"what went wrong, up to {LENGTH} characters"),
    _text("answer", "first line of the body of a failure"),
    _text("server", "field Server of the response"),
    _number("retries", "1 if it was sent again, since a kept connection had been closed"),
    _number("reads", "reads from the socket"),
    _number("chunks", "chunks of the chunked coding"),
    _number("events", "events, or lines of JSON"),
    _number("size", "bytes of the body, without framing", "bytes"),
    Column("limits", "limits of goodput, as of --goodput", None),
    Column("good", "1 if it is complete within these limits, else 0; empty without any", None),
    _histogram("gaps", "times between neighbouring events, in ns, as an HdrHistogram"),
    _histogram("itls", "times between neighbouring events with a token, in the same form"),
)
SIDE = "side"
SIDES = 20
"""Names of sides that an error lists."""
OF_A_COMPARISON = {
    "round": "number of the round, from 0; only with --compare, as the next one",
    SIDE: "name of the URL: direct for the first",
}
"""The columns before the others that a comparison has, with their meanings."""


class StreamsCsv:
    """Writes a line per exchange to an open file. ``limits``: of goodput; ``is_comparison``:
    whether each exchange has a round and a side."""

    def __init__(
        self, file: TextIO, limits: Sequence[Limit] = (), *, is_comparison: bool = False
    ) -> None:
        first = OF_A_COMPARISON if is_comparison else ()
        self._writer = csv.DictWriter(file, [*first, *[column.name for column in COLUMNS]])
        self._writer.writeheader()
        self._limits = limits

    def add_round(self, number: int, records: Mapping[str, Record]) -> None:
        """Write the lines of a round, whose records have the names of their sides."""
        for side, record in records.items():
            self._write(record, {"round": number, SIDE: _escaped(side)})

    def add(self, record: Record) -> None:
        """Write a line."""
        self._write(record, {})

    def _write(self, record: Record, first: dict[str, object]) -> None:
        cells = first | {one.name: one.write(record) for one in COLUMNS if one.write}
        cells["limits"] = ",".join([limit.text for limit in self._limits])
        cells["good"] = int(is_good(record, self._limits)) if self._limits else ""
        self._writer.writerow(cells)


def read_csv(path: str | PathLike[str], side: str | None = None) -> Summary:
    """The summary of the exchanges in a file; see ``streamserver.lab.read_csv``."""
    summary, others = Summary(), dict[str, None]()
    with open(path, encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, strict=True)
        for number, cells in _lines(reader, path):
            if (name := cells.get(SIDE, "").removeprefix("'")) == (side or ""):
                try:
                    _add(summary, cells)
                except ValueError as error:
                    raise ValueError(f"{path}, line {number}: {error}") from error
            elif len(others) < SIDES:
                others[name] = None
        if side is not None and SIDE not in (reader.fieldnames or ()):
            raise ValueError(f"{path} has no side {side!r}: it is not of a comparison")
    if others and not summary.ends:
        named = "no side is named" if side is None else f"it has no side {side!r}"
        raise ValueError(f"{path} is of a comparison, and {named}: {', '.join(map(repr, others))}")
    return summary


def _lines(
    reader: "csv.DictReader[str]", path: str | PathLike[str]
) -> Iterator[tuple[int, dict[str, Any]]]:
    names = reader.fieldnames or ()
    missing = [column.name for column in COLUMNS if column.name not in names]
    if missing:
        wrong = f"it lacks the columns {', '.join(missing)}"
        raise ValueError(f"{path} is not a CSV of bench of version {VERSION}: {wrong}")
    try:
        for cells in reader:
            if None in cells or None in cells.values():
                raise csv.Error(f"it does not have the {len(names)} cells of the first line")
            yield reader.line_num, cells
    except (csv.Error, UnicodeError) as error:
        raise ValueError(f"{path}, line {reader.line_num}: {error}") from error


def _add(summary: Summary, cells: dict[str, str]) -> None:
    if cells["version"] != str(VERSION):
        raise ValueError(f"version {cells['version']!r}, where {VERSION} is read")
    record = Record(counted=True)
    for column in COLUMNS:
        if column.read is not None and (cell := cells[column.name]):
            try:
                column.read(record, cell)
            except (ValueError, OverflowError) as error:
                raise ValueError(f"{column.name}: {error}") from error
    if (limits := cells["limits"]) and not summary.limits:
        summary.limits = tuple(parse_limits(limits))
    summary.add(record)
    summary.events += record.events
    if record.began > record.planned:  # in an open loop
        count(summary.start_late, record.began - record.planned)
    for name, figure in (("gaps", "gap"), ("itls", "itl")):
        _add_histogram(summary.apart[figure], cells[name], name)


def _add_histogram(histogram: Any, cell: str, name: str) -> None:
    if not cell:
        return
    try:
        histogram.decode_and_add(cell)
    except Exception as error:  # of base64, zlib, ctypes or hdrhistogram, by what is wrong
        raise ValueError(f"{name}: {cell[:40]!r} is not an HdrHistogram: {error}") from error


def _ms(duration: int) -> str:
    return f"{duration / MS:.6f}"
