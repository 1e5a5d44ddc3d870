"""The events of a stream as bytes, for a log that gives each an id of its own.

The bytes of an event stay those of the upstream, with three exceptions. An ``id`` field becomes an
empty comment: the id of the log takes its place, because a client resumes by the last id it read.
A byte order mark is one at the beginning of a stream only. Blocks of comments alone are dropped:
the log does not keep the time between events, and a blank line behind a comment makes several
clients dispatch an event once they have read an id.
"""

import re

from streamserver.wire.sse import BOM

# A line end and a blank line; the LF of a CRLF is no line end of its own.
_event_end = re.compile(rb"(?:\r\n|\n|\r(?!\n))(?:\r\n|\n|\r)")
_id = re.compile(rb"(?<![^\r\n])id(?::[^\r\n]*)?(?=[\r\n]|\Z)")
_field = re.compile(rb"(?<![^\r\n])[^:\r\n]")
_LONGEST_LINE_END = 2


class EventSplitter:
    """Splits an event stream that is fed in pieces of any size, in linear time.

    ``held``: the unfinished event; the caller bounds its size.
    """

    __slots__ = ("_after_cr", "_is_first", "held")

    def __init__(self) -> None:
        self.held = bytearray()
        self._is_first = True  # no event was found yet
        self._after_cr = False  # an LF that comes next was added to the last event already

    def feed(self, data: bytes) -> list[bytes]:
        """The events that ``data`` completes, each with the blank line that ends it."""
        if self._after_cr:
            if not data:
                return []
            self._after_cr = False
            data = data.removeprefix(b"\n")
        held = self.held
        if (
            not held
            and data.startswith((b"data:", b"event:"))
            and data.find(b"\n\n") == len(data) - 2
            and b"\nid" not in data
            and b"\r" not in data
        ):
            self._is_first = False
            return [data]  # most pieces are one event
        searched = max(0, len(held) - _LONGEST_LINE_END)
        held += data
        events, start = [], 0
        for found in _event_end.finditer(held, searched):
            event = self._event(bytes(held[start : found.end()]))
            start = found.end()
            if event.endswith(b"\r") and start == len(held):
                # Clients dispatch the event now. An LF behind this CR, if any, belongs to it.
                self._after_cr = True
                event += b"\n"
            if event:
                events.append(event)
        del held[:start]
        return events

    def rest(self) -> bytes:
        """The unfinished event at the end of the stream, which the standard discards but lenient
        clients read; b"" if there is none."""
        rest = self._event(bytes(self.held))
        self.held.clear()
        return rest

    def _event(self, block: bytes) -> bytes:
        if self._is_first:
            block = block.removeprefix(BOM)
            self._is_first = False
        block = block.lstrip(b"\r\n")  # further blank lines
        if b"\nid" in block or b"\rid" in block or block.startswith(b"id"):
            block = _id.sub(b":", block)
        return block if _field.search(block) else b""
