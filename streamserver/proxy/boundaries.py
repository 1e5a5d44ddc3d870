"""The position of a relayed event stream: between two events, or inside one.

A relay that adds an event or a comment to a stream depends on it. Bytes added inside an
unfinished event become part of that event, and its ``id`` could make a client that reconnects
skip an event that it has not received.
"""

from streamserver.wire.sse import EventScanner

LONGEST_ID = 4096
"""Bytes of an id that is kept; a longer one is ignored."""
_LONGEST_LINE = len(b"id: ") + LONGEST_ID + 1


class Boundaries(EventScanner):
    """Follows an event stream, in bounded memory."""

    __slots__ = ("_has_data",)

    def __init__(self) -> None:
        super().__init__(LONGEST_ID)
        self._has_data = False  # whether the unfinished event has a data field

    def feed(self, data: bytes) -> None:
        """Follow a piece of the stream."""
        if (
            self.is_after_blank_line
            and data.endswith(b"\n\n")
            and b"\nid" not in data
            and b"\r" not in data
            and not data.startswith(b"id")
        ):
            return  # whole events without an id: most streams consist of them
        self._interpret(self._lines(data))
        del self._held[_LONGEST_LINE:]

    def end_event(self) -> bytes:
        """The bytes that end the unfinished event, if there is one, so that another can follow.

        Its data is incomplete, so its type becomes ``incomplete``, which no client listens for. A
        NUL invalidates an id or a reconnection time that was cut, and the id is set back to that
        of the last complete event.
        """
        if self.is_between_events:
            return b""
        cut = b"\0\n" if self._held else b""
        self.feed(cut)
        rest = b"id: " + (self._last_id or b"") + b"\n"
        if self._has_data:
            rest += b"event: incomplete\n"
        rest += b"\n"
        self.feed(rest)
        return cut + rest

    def _on_field(self, name: bytes, value: bytes) -> None:
        if name == b"data":
            self._has_data = True

    def _on_event_end(self) -> None:
        self._has_data = False
