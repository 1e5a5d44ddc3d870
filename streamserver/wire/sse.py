r"""Server-sent events: messages in a text stream (WHATWG HTML, section 9.2).

An event is a few lines of "field: value" and a blank line. A line that begins with a colon
is a comment:

    id: 7\nevent: tick\ndata: {"count":7}\n\n      : keep-alive\n\n

The format has no escapes. Text of several lines is sent as several data fields, which the
receiver joins. The other fields hold one line: a line end inside a value would begin another
field, or another event, so ``encode`` refuses it.

``EventScanner`` is the receiving side that all readers of event streams here share: it finds
lines, fields and event boundaries. ``Parser`` makes ``Event`` objects of them.
"""

import re
from typing import Any, NamedTuple

from streamserver.wire.fields import UNBUFFERED
from streamserver.wire.json_text import to_json

MEDIA_TYPE = "text/event-stream"

HEARTBEAT = b":\n\n"
"""An empty comment. Its blank line is for parsers that split the stream at blank lines."""

HEADERS = (("content-type", MEDIA_TYPE), *UNBUFFERED)
"""The fields of a response that is an event stream."""

BOM = b"\xef\xbb\xbf"

_line_end = re.compile(r"[\r\n]")
_line_end_or_nul = re.compile(r"[\r\n\0]")
_RETRY_DIGITS = 18  # 64 bits: the standard has no limit, but int() is quadratic


class Event(NamedTuple):
    """One event of a stream; a field that is None is not sent."""

    data: Any = None
    """str, bytes of UTF-8, or a value for JSON; from a ``Parser`` always str.

    For a JSON null write ``"null"``.
    """
    event: str | None = None
    """The event's type. Browsers take None for "message"."""
    id: str | int | None = None
    """The client sends it as Last-Event-ID when it reconnects; "" resets it."""
    retry: int | None = None
    """The reconnection time in milliseconds."""
    comment: str | None = None
    """Text that clients ignore. A comment alone keeps an idle connection open."""


def encode(event: Event) -> bytes:
    """``event`` as bytes, with the blank line that ends it.

    CR, LF and CRLF in ``data`` and ``comment`` divide them into several lines, and arrive as
    LF. ValueError for a line end in ``event`` or ``id``, a NUL in ``id``, a ``retry`` that is
    not a whole number from 0, text that UTF-8 cannot encode, or an event without fields;
    TypeError for an ``event`` or a ``comment`` that is not str; TypeError or ValueError for
    data that JSON cannot represent.
    """
    data, kind, id, retry, comment = event
    text = ""
    if comment is not None:
        text = _lines("", _checked("comment", comment))
    if kind is not None:
        text += _line("event", _checked("event", kind), _line_end)
    if id is not None:
        text += _line("id", str(id), _line_end_or_nul)
    if retry is not None:
        if type(retry) is not int or retry < 0:  # True is an int too
            raise ValueError(f"an event's retry is milliseconds, a whole number from 0: {retry!r}")
        text += f"retry: {retry}\n"
    if isinstance(data, str):
        text += _lines("data", data)
    elif isinstance(data, bytes):
        text += _lines("data", data.decode())
    elif data is not None:
        text += f"data: {to_json(data)}\n"  # JSON escapes line ends
    if not text:
        raise ValueError("an event needs at least one field (for a JSON null: data='null')")
    return f"{text}\n".encode()


def _checked(field: str, value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"an event's {field} is str, not {type(value).__name__}")
    return value


def _line(field: str, value: str, forbidden: re.Pattern[str]) -> str:
    if forbidden.search(value):
        raise ValueError(f"an event's {field} may not contain {forbidden.pattern}: {value!r}")
    return f"{field}: {value}\n"


def _lines(field: str, value: str) -> str:
    if "\r" in value:
        value = value.replace("\r\n", "\n").replace("\r", "\n")
    if "\n" in value:
        value = value.replace("\n", f"\n{field}: ")
    return f"{field}: {value}\n"


class EventScanner:
    """Finds the lines, fields and events of a stream that is fed in pieces of any size.

    Only CR, LF and CRLF end a line. A subclass feeds ``_interpret`` with what ``_lines``
    returns; it gets each field but ``id``, and each end of an event.
    """

    __slots__ = (
        *("_after_cr", "_held", "_id", "_is_first", "_last_id", "_longest_id"),
        "is_after_blank_line",
    )

    def __init__(self, longest_id: int) -> None:
        """``longest_id``: bytes; an id that is longer is ignored."""
        self.is_after_blank_line = False
        """Whether nothing has followed the last blank line. Complete events whose only line end
        is LF then change nothing but ids, and need not be fed."""
        self._longest_id = longest_id
        self._is_first = True  # the first line may begin with a BOM
        self._after_cr = False  # an LF that comes next is the second half of a CRLF
        self._held = bytearray()  # an unfinished line, which the subclass bounds
        self._id: bytes | None = None  # becomes the last id at the next blank line
        self._last_id: bytes | None = None

    @property
    def is_between_events(self) -> bool:
        """Whether no event and no comment has begun since the last blank line."""
        return self.is_after_blank_line or (self._is_first and not self._held)

    def _lines(self, data: bytes) -> list[bytes]:
        """The lines that ``data`` completes, without their ends."""
        if not data:
            return []
        if self._after_cr:
            data = data.removeprefix(b"\n")
        self._after_cr = data.endswith(b"\r")
        lines = data.splitlines()  # of bytes: at CR, LF and CRLF only
        rest = lines.pop() if lines and not data.endswith((b"\r", b"\n")) else b""
        held = self._held
        if lines:
            if held:
                lines[0] = bytes(held + lines[0])
                held.clear()
            if self._is_first:
                self._is_first = False
                lines[0] = lines[0].removeprefix(BOM)
            self.is_after_blank_line = not (lines[-1] or rest)
        elif rest:
            self.is_after_blank_line = False
        held += rest
        return lines

    def _interpret(self, lines: list[bytes]) -> None:
        """Process lines as in section 9.2.6."""
        for line in lines:
            if line:
                name, _, value = line.partition(b":")
                value = value.removeprefix(b" ")
                if name != b"id":
                    self._on_field(name, value)
                elif b"\0" not in value and len(value) <= self._longest_id:
                    self._id = value
            else:
                self._last_id = self._id
                self._on_event_end()

    def _on_field(self, name: bytes, value: bytes) -> None:
        """Process a field of the unfinished event; a comment has no name."""

    def _on_event_end(self) -> None:
        """Process a blank line."""


class Parser(EventScanner):
    """Reads the events of a stream that is fed in pieces of any size, in linear time.

    Comments and unknown fields are ignored, bytes that are not UTF-8 become U+FFFD, and an
    event whose blank line never arrives is discarded.
    """

    __slots__ = ("_data", "_event", "_events", "_is_lost", "_max_event", "retry")

    def __init__(self, max_event: int = 16 * 1024 * 1024) -> None:
        """``max_event``: the limit in bytes of a line, and of the data of an event."""
        super().__init__(max_event)
        self.retry: int | None = None
        """The reconnection time in milliseconds; None before the stream has set it."""
        self._max_event = max_event
        self._is_lost = False  # whether the limit was exceeded
        self._data = bytearray()  # each data line of the unfinished event, with an LF
        self._event = b""
        self._events: list[Event] = []

    @property
    def last_event_id(self) -> str | None:
        """The id at the last blank line; None before the stream has set it."""
        return None if self._last_id is None else self._last_id.decode("utf-8", "replace")

    def feed(self, data: bytes) -> list[Event]:
        """The events that ``data`` completes, each as soon as its blank line ends.

        Their ``data`` is str, and their ``id`` is the last one of the stream, set by this event
        or an earlier one; ``retry`` and ``comment`` are None. ValueError when ``max_event`` is
        exceeded, and at each later call; the other events of this piece are lost.
        """
        size = len(self._held) + len(data)
        lines = self._lines(data)
        if self._is_lost or (size > self._max_event and self._has_long_line(lines)):
            self._refuse()
        self._interpret(lines)
        events, self._events = self._events, []
        return events

    def _has_long_line(self, lines: list[bytes]) -> bool:
        return max(map(len, [*lines, self._held])) > self._max_event

    def _refuse(self) -> None:
        self._is_lost = True
        limit = self._max_event
        raise ValueError(f"an event of the stream, or a line of it, exceeds {limit} bytes")

    def _on_field(self, name: bytes, value: bytes) -> None:
        if name == b"data":
            self._data += value + b"\n"
            if len(self._data) > self._max_event:
                self._refuse()
        elif name == b"event":
            self._event = value
        elif name == b"retry" and value.isdigit() and len(value) <= _RETRY_DIGITS:
            self.retry = int(value)

    def _on_event_end(self) -> None:
        if self._data:
            data = self._data[:-1].decode("utf-8", "replace")
            event = self._event.decode("utf-8", "replace") if self._event else None
            self._events.append(Event(data, event, self.last_event_id))
            self._data.clear()
        self._event = b""
