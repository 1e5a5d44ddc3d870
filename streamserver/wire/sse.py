r"""Server-sent events: messages in a text stream (WHATWG HTML, section 9.2).

An event is a few lines of "field: value" and a blank line; a line that begins with a colon
is a comment:

    id: 7\nevent: tick\ndata: {"count":7}\n\n      : still here\n\n

The format has no escapes. Text of several lines travels as several data fields, which the
receiver joins again; the other fields hold one line, and a line end smuggled into one would
begin a field, or an event, of the smuggler's own. So ``encode`` refuses it there.

``Parser`` is the other side. It follows the standard's interpreter to the letter, for any
cut of the bytes, and in linear time: pieces are gathered, and no byte is looked at twice
because another one came.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

from streamserver.wire.fields import UNBUFFERED

MEDIA_TYPE = "text/event-stream"

HEARTBEAT = b":\n\n"
"""An empty comment with a blank line, so that parsers which split at blank lines skip it too."""

HEADERS = (("content-type", MEDIA_TYPE), *UNBUFFERED)
"""The fields of a response that is an event stream."""

_LINE_END = re.compile(r"[\r\n]")
_LINE_END_OR_NUL = re.compile(r"[\r\n\0]")
_BOM = b"\xef\xbb\xbf"
_RETRY_DIGITS = 18  # 64 bits; the standard has no limit, but int() takes ever longer

# UTF-8 is the format's only encoding, so escapes would only make the text longer and harder
# to read in a terminal. NaN is refused, since no other JSON reader would take it.
_to_json = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a stream; a field that is None is not sent."""

    data: Any = None
    """str, bytes of UTF-8, or anything JSON takes; from a ``Parser`` always str.

    For a JSON null write ``"null"``.
    """
    event: str | None = None
    """The event's type. None means "message", which is what a browser then fires."""
    id: str | int | None = None
    """What a client that reconnects sends back as Last-Event-ID; "" makes it forget."""
    retry: int | None = None
    """Milliseconds that a client shall wait before it reconnects."""
    comment: str | None = None
    """Text that clients ignore. A comment alone keeps a quiet connection open."""


def encode(event: Event) -> bytes:
    """``event`` as bytes, with the blank line that ends it.

    CR, LF and CRLF in ``data`` and ``comment`` divide them into several lines, and arrive as
    LF. ValueError for a line end in ``event`` or ``id``, a NUL in ``id``, a ``retry`` that is
    no whole number from 0, text that UTF-8 cannot hold, or an event without any field;
    TypeError for an ``event`` or a ``comment`` that is no text, and TypeError or ValueError for
    data that JSON does not take.
    """
    lines = []
    if event.comment is not None:
        lines.append(_lines("", _checked("comment", event.comment)))
    if event.event is not None:
        lines.append(_line("event", _checked("event", event.event), _LINE_END))
    if event.id is not None:
        lines.append(_line("id", str(event.id), _LINE_END_OR_NUL))
    if event.retry is not None:
        lines.append(_retry(event.retry))
    if event.data is not None:
        lines.append(_lines("data", _text(event.data)))
    if not lines:
        raise ValueError("an event needs at least one field (for a JSON null: data='null')")
    return ("".join(lines) + "\n").encode()


def _checked(field: str, value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"an event's {field} is str, not {type(value).__name__}")
    return value


def _line(field: str, value: str, forbidden: re.Pattern[str]) -> str:
    if forbidden.search(value):
        raise ValueError(f"an event's {field} may not contain {forbidden.pattern}: {value!r}")
    return f"{field}: {value}\n"


def _lines(field: str, value: str) -> str:
    value = value.replace("\r\n", "\n").replace("\r", "\n")
    return f"{field}: " + value.replace("\n", f"\n{field}: ") + "\n"


def _retry(value: int) -> str:
    if type(value) is not int or value < 0:  # True is an int, but no time
        raise ValueError(f"an event's retry is milliseconds, a whole number from 0: {value!r}")
    return f"retry: {value}\n"


def _text(data: Any) -> str:
    if isinstance(data, str):
        return data
    return data.decode() if isinstance(data, bytes) else _to_json(data)


class Parser:
    """Reads an event stream in pieces of any size (WHATWG HTML, section 9.2.6).

    Only CR, LF and CRLF end a line. Comments and unknown fields are ignored, bytes that are
    not UTF-8 become U+FFFD, and an event whose blank line never came is never given.
    """

    __slots__ = (
        "_after_cr",
        "_data",
        "_event",
        "_id",
        "_is_lost",
        "_line",
        "_max_event",
        "_started",
        "last_event_id",
        "retry",
    )

    def __init__(self, max_event: int = 16 * 1024 * 1024) -> None:
        """``max_event``: bytes that the data gathered for an event, and a line, have together."""
        self.last_event_id: str | None = None
        """The id as of the last blank line; None as long as the stream gave none."""
        self.retry: int | None = None
        """Milliseconds to wait before reconnecting; None as long as the stream said nothing."""
        self._max_event = max_event
        self._is_lost = False  # whether an event or a line was too long
        self._started = False  # whether the first line, which may begin with a BOM, is past
        self._after_cr = False  # whether an LF, if it comes next, belongs to the CR before it
        self._line = bytearray()  # a line that has not ended
        self._data = bytearray()  # each data line of the event, with an LF
        self._event = ""
        self._id: str | None = None  # becomes last_event_id with the blank line, not before

    def feed(self, data: bytes) -> list[Event]:
        """The events that ``data`` completes, each as soon as its blank line ends.

        Their ``data`` is str, and their ``id`` the last that the stream gave, in this event
        or before it; ``retry`` and ``comment`` are None. ValueError when ``max_event`` is
        exceeded, now and ever after: the stream is lost, with what else was in this piece.
        """
        events: list[Event] = []
        for line in self._lines(data):
            self._check(len(line))
            if not self._started:
                self._started = True
                line = line.removeprefix(_BOM)
            if line:
                self._field(line)
            else:
                self._dispatch(events)
        self._check(len(self._line))
        return events

    def _lines(self, data: bytes) -> list[bytes]:
        """The lines that ``data`` completes, without their ends. An unfinished one is kept."""
        if not data:
            return []
        if self._after_cr:
            data = data.removeprefix(b"\n")
        self._after_cr = data.endswith(b"\r")
        lines = data.splitlines()  # of bytes: at CR, LF and CRLF only
        rest = lines.pop() if lines and not data.endswith((b"\r", b"\n")) else b""
        if lines and self._line:
            lines[0] = bytes(self._line + lines[0])
            self._line.clear()
        self._line += rest
        return lines

    def _check(self, length: int) -> None:
        if self._is_lost or len(self._data) + length > self._max_event:
            self._is_lost = True
            limit = self._max_event
            raise ValueError(f"an event of the stream, or a line of it, exceeds {limit} bytes")

    def _field(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._data += value + b"\n"
        elif name == b"event":
            self._event = value.decode(errors="replace")
        elif name == b"id" and b"\0" not in value:
            self._id = value.decode(errors="replace")
        elif name == b"retry" and value.isdigit() and len(value) <= _RETRY_DIGITS:
            self.retry = int(value)

    def _dispatch(self, events: list[Event]) -> None:
        self.last_event_id = self._id
        if self._data:
            data = self._data[:-1].decode(errors="replace")
            events.append(Event(data, self._event or None, self._id))
            self._data.clear()
        self._event = ""
