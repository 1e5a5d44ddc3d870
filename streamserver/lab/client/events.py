"""The events of one response: read from a stream or from JSON lines (NDJSON), counted and timed.

Most of the client's CPU time is spent here. Nearly every read of an event stream brings complete
events of one data line each. One expression recognizes them and yields their data in a fraction of
the parser's time. The parser reads everything else: events of the type ``error``, whose type is
needed beside their data, and the first piece of a stream, which may begin with a BOM.

Events are searched for the target's stamps only if one of the first has a stamp.
"""

import re
from collections.abc import Callable, Sequence
from typing import Protocol

from streamserver.lab.client.failures import ErrorData
from streamserver.lab.client.record import KEPT, End, Record
from streamserver.lab.client.request import LINE_TYPES
from streamserver.lab.client.tracker import StreamTracker
from streamserver.lab.stamps import Stamp, read_stamp
from streamserver.wire.fields import media_type
from streamserver.wire.sse import Parser

MAX_LINE = 16 * 1024 * 1024
"""Bytes; the limit of the event stream parser."""
LOOKED_AT = 8
"""If so many first events have no stamp, later events are not searched for one."""

_HAS_NO_CR = rb"(?=[^\r]*+\Z)"
_EVENT = rb"(?:(?:id|event): (?!error\n)[^\n]*+\n)*+data: ?+([^\n]*+)\n\n"
_one = re.compile(_HAS_NO_CR + _EVENT).fullmatch
_are_plain = re.compile(_HAS_NO_CR + rb"(?:" + _EVENT + rb")++").fullmatch
_each = re.compile(_EVENT).findall


class EventStreamReader:
    """Reads an event stream in pieces of any size."""

    __slots__ = ("_parser",)

    def __init__(self) -> None:
        self._parser = Parser()

    def feed(self, piece: bytes) -> list[str]:
        """The data of the events that the piece completes; ValueError for one that is too long."""
        if self._parser.is_after_blank_line:
            one = _one(piece)
            if one is not None:
                return [one[1].decode(errors="replace")]
            if _are_plain(piece):
                return [data.decode(errors="replace") for data in _each(piece)]
        return [
            ErrorData(event.data) if event.event == "error" else event.data
            for event in self._parser.feed(piece)
        ]

    def end(self) -> list[str]:
        """No event: one without a blank line after it is discarded (WHATWG HTML, section 9.2.6)."""
        return []


class LineReader:
    """Reads lines in pieces of any size. Empty lines are skipped; CRLF ends a line too."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held = bytearray()  # an unfinished line

    def feed(self, data: bytes) -> list[str]:
        """The lines that ``data`` completes; ValueError for one that is too long."""
        first, *others = data.split(b"\n")
        self._held += first
        if len(self._held) > MAX_LINE:
            raise ValueError(f"a line of the stream exceeds {MAX_LINE} bytes")
        if not others:
            return []
        lines = [bytes(self._held), *others[:-1]]
        self._held = bytearray(others[-1])
        return [line.decode(errors="replace") for line in map(bytes.strip, lines) if line]

    def end(self) -> list[str]:
        """The last line, if the stream ended without a line end."""
        return self.feed(b"\n")


class EventObserver(Protocol):
    """An observer of each read that completed events."""

    def on_events(self, moment: int, events: int, outputs: int, stamps: Sequence[Stamp]) -> None:
        """``events`` events arrived at ``moment``, of which ``outputs`` had a piece of a model's
        answer; ``stamps``: those of the events that have one."""


class Events:
    """Counts and times the events of one body, and fills ``record``."""

    __slots__ = (
        *("_examine", "_has_stamps", "_last", "_parse", "_reader", "_record", "_room"),
        *("_stamp_looks", "_tracker", "_observer", "on_data"),
    )

    def __init__(
        self, reader: EventStreamReader | LineReader, record: Record, observer: EventObserver | None
    ) -> None:
        self._reader = reader
        self._parse = reader.feed
        self._record = record
        self._observer = observer
        self._last = 0  # when the last event arrived
        self._tracker = StreamTracker(record)
        self._examine = self._tracker.examine
        self._stamp_looks, self._has_stamps = LOOKED_AT, False
        self._room = KEPT  # the number of stamps that can still be kept
        self.on_data: Callable[[str], None] | None = None
        """Gets the data of each event."""

    def feed(self, piece: bytes, moment: int) -> None:
        """Process a piece of the body; ValueError for an event that is too long."""
        if found := self._parse(piece):
            self._add(found, moment)

    def end(self, moment: int) -> None:
        """Process the end of a complete body."""
        if found := self._reader.end():
            self._add(found, moment)

    def verdict(self) -> tuple[End, str] | None:
        """How the exchange ended, and why; None if the events are a success."""
        return self._tracker.verdict()

    def _add(self, found: list[str], moment: int) -> None:
        record = self._record
        if not record.events:
            record.first_event = moment
        elif moment - self._last > record.longest_gap:
            record.longest_gap = moment - self._last
        self._last = moment
        if record.events < KEPT:
            if len(found) == 1:
                record.arrivals.append(moment)
            else:
                record.arrivals.extend([moment] * min(len(found), KEPT - record.events))
        record.events += len(found)
        examine, outputs = self._examine, 0
        for data in found:
            outputs += examine(data, moment)
        if outputs:
            record.token_events += outputs
            record.last_token = moment
        stamps = self._stamps(found) if self._stamp_looks else ()
        if self.on_data is not None:
            for data in found:
                self.on_data(data)
        if self._observer is not None:
            self._observer.on_events(moment, len(found), outputs, stamps)

    def _stamps(self, found: list[str]) -> list[Stamp]:
        stamps = [stamp for data in found if (stamp := read_stamp(data)) is not None]
        if stamps:
            self._has_stamps = True
            if self._room:
                kept = stamps[: self._room]
                for stamp in kept:
                    self._record.stamp_numbers.extend(stamp)
                self._room -= len(kept)
        elif not self._has_stamps:
            self._stamp_looks = max(self._stamp_looks - len(found), 0)
        return stamps


def events_of(kind: str, record: Record, observer: EventObserver | None) -> Events | None:
    """A reader for a body of media type ``kind``, parameters allowed; None if it has no events."""
    kind = media_type(kind)
    if kind == "text/event-stream":
        return Events(EventStreamReader(), record, observer)
    return Events(LineReader(), record, observer) if kind in LINE_TYPES else None
