"""The arrivals of a body: when which bytes came, and whether they ended between two events.

A path that passes events on as they are written delivers whole events: each read ends where an
event ends. A hop that fills a buffer delivers its size, and ends in the middle of a line.
"""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from streamserver.lab.client.request import LINE_TYPES
from streamserver.lab.inspect.recording import Message
from streamserver.wire.fields import media_type
from streamserver.wire.sse import MEDIA_TYPE, EventScanner

Kind = Literal["events", "lines", ""]
"""Of an event stream, of JSON lines, or of anything else."""
Cut = Literal["", "event", "line"]
"""Where bytes end: between events, between two lines of one event, or within a line."""

_line = rb"(?:(?:data|event|id|retry)?:[^\r\n]*|data)(?:\r\n?|\n)"
_begins_events = re.compile(rb"(?:\xef\xbb\xbf)?(?:" + _line + rb")++(?:\r\n?|\n)").match
_SAMPLE = 64 * 1024


class Arrival(NamedTuple):
    """The part of the decoded body that arrived at one time."""

    at: float
    size: int
    events: int
    """Those that it completed; a comment, or a block without data, counts as one."""
    cut: Cut


class Group(NamedTuple):
    """Arrivals without a pause between them."""

    first: float
    last: float
    size: int
    events: int
    cut: Cut


@dataclass(frozen=True, slots=True)
class Body:
    """The body of a message, as it arrived."""

    kind: Kind
    arrivals: Sequence[Arrival]

    @property
    def events(self) -> int:
        """The number of events, comments and blocks without data."""
        return sum(one.events for one in self.arrivals)

    @property
    def noun(self) -> str:
        """The name of its units."""
        return "lines" if self.kind == "lines" else "events"

    def groups(self, pause: float) -> list[Group]:
        """The arrivals, divided where nothing came for ``pause`` seconds."""
        found: list[Group] = []
        for one in self.arrivals:
            if found and one.at - found[-1].last < pause:
                last = found[-1]
                size, events = last.size + one.size, last.events + one.events
                found[-1] = Group(last.first, one.at, size, events, one.cut)
            else:
                found.append(Group(one.at, one.at, *one[1:]))
        return found


def read_body(message: Message) -> Body:
    """The arrivals of the decoded body of ``message``."""
    kind = kind_of(message)
    scanner = _Lines() if kind == "lines" else _Blocks()
    arrivals = [
        Arrival(at, len(data), scanner.count(data), scanner.cut) for at, data in _by_time(message)
    ]
    return Body(kind, arrivals)


def is_unfinished(message: Message) -> bool:
    """Whether the body ends within an event, which a client then discards (WHATWG HTML, section
    9.2.6). A last line of JSON needs no line end."""
    body = read_body(message)
    is_whole = body.kind != "events" or not body.arrivals or not body.arrivals[-1].cut
    return not is_whole and not message.problem


def kind_of(message: Message) -> Kind:
    """The kind that the media type names, or else the body shows."""
    return declared_kind(message) or apparent_kind(message)


def declared_kind(message: Message) -> Kind:
    """The kind that the media type names."""
    name = media_type(dict(message.fields).get("content-type"))
    return "events" if name == MEDIA_TYPE else "lines" if name in LINE_TYPES else ""


def apparent_kind(message: Message) -> Kind:
    """The kind that the beginning of the body shows."""
    data = sample(message)
    if _begins_events(data):
        return "events"
    lines = data.split(b"\n")[:-1][:2]
    return "lines" if len(lines) == 2 and all(map(_is_object, lines)) else ""


def why_no_stream(message: Message) -> str:
    """Why a response with status 200 is a document and no stream; "" if it may be a stream."""
    if message.framing == "none":
        return "the response has no body"
    if message.framing == "length" and not kind_of(message):
        return "the response is a document: it has a Content-Length, and neither events nor lines"
    return ""


def sample(message: Message) -> bytes:
    """The beginning of the decoded body."""
    data = bytearray()
    for piece in message.decoded:
        data += piece.data[:_SAMPLE]
        if len(data) >= _SAMPLE:
            break
    return bytes(data)


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _by_time(message: Message) -> Iterable[tuple[float, bytes]]:
    """The decoded pieces, those of one read together."""
    at, data = 0.0, bytearray()
    for piece in message.decoded:
        if data and piece.at != at:
            yield at, bytes(data)
            data.clear()
        at = piece.at
        data += piece.data
    if data:
        yield at, bytes(data)


class _Blocks(EventScanner):
    """Counts the blocks of an event stream."""

    def __init__(self) -> None:
        super().__init__(longest_id=0)
        self._is_open = False

    def count(self, data: bytes) -> int:
        """The number of blocks that ``data`` completes."""
        blocks = 0
        for line in self._lines(data):
            blocks += self._is_open and not line
            self._is_open = bool(line)
        return blocks

    @property
    def cut(self) -> Cut:
        """Where the bytes so far end."""
        return "line" if self._held else "event" if self._is_open else ""


class _Lines:
    """Counts lines."""

    def __init__(self) -> None:
        self.cut: Cut = ""

    def count(self, data: bytes) -> int:
        """The number of lines that ``data`` completes."""
        self.cut = "" if data.endswith(b"\n") else "line"
        return data.count(b"\n")
