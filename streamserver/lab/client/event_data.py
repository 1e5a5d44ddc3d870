"""The data of events, read from an event stream or from JSON lines (NDJSON).

Nearly every read of an event stream brings complete events of one data line each. One expression
recognizes them and yields their data in a fraction of the parser's time. The parser reads
everything else, the first piece of a stream included, which may begin with a BOM. It also reads
events of the type ``error``, whose type is needed beside their data.
"""

import re

from streamserver.wire.sse import Parser

LINE_TYPES = frozenset(
    f"application/{name}" for name in ("jsonl", "x-jsonl", "jsonlines", "x-ndjson", "ndjson")
)
MAX_LINE = 16 * 1024 * 1024
"""Bytes; the limit of the event stream parser."""

_HAS_NO_CR = rb"(?=[^\r]*+\Z)"
_EVENT = rb"(?:(?:id|event): (?!error\n)[^\n]*+\n)*+data: ([^\n]*+)\n\n"
_one = re.compile(_HAS_NO_CR + _EVENT).fullmatch
_are_plain = re.compile(_HAS_NO_CR + rb"(?:" + _EVENT + rb")++").fullmatch
_each = re.compile(_EVENT).findall


class ErrorData(str):
    """The data of an event of the type ``error``."""

    __slots__ = ()


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
