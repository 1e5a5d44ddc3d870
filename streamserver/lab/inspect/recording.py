"""What an inspection records: the bytes of one response, each read with its time, and what they
mean.

A ``Recording`` holds the facts. ``Message`` is their interpretation (RFC 9112), made once, so that
the display and all verdicts read the same one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from streamserver.wire.sse import Event

End = Literal["complete", "closed", "reset", "stopped", "timeout", "failed"]
"""How the recording ended. ``complete``: the framing of the body ended. ``closed``, ``reset``: the
server closed or reset the connection. ``stopped``: the inspector closed it, because it had seen
enough. ``timeout``: the server sent nothing for too long. ``failed``: no connection, or bytes that
are no HTTP."""

DONE = "[DONE]"
"""The data of the last event of a chat completion."""
Framing = Literal["none", "length", "chunked", "close"]


class Read(NamedTuple):
    """The bytes of one read."""

    at: float
    """Seconds since the request was sent."""
    data: bytes


def method_of(request: bytes) -> str:
    """The method of an encoded request."""
    return request[: request.find(b" ")].decode("latin-1")


@dataclass(frozen=True, slots=True)
class Recording:
    """One request and the bytes of its response."""

    request: bytes
    reads: Sequence[Read]
    end: End
    ended: float
    """Seconds since the request was sent."""
    detail: str = ""
    """What a failure was, in words."""
    connected: float = 0.0
    """Seconds that the connection took, TLS included."""
    alpn: str | None = None
    """The protocol that the server chose by ALPN, "" if it chose none, None without TLS."""
    sent_at: int = 0
    """``time.monotonic_ns`` when the request was sent, to which the stamps of the lab's target
    compare on one machine; 0: unknown."""
    stalled: float = 0.0
    """The longest time in seconds by which this process was late while it recorded: reads may be
    late by as much."""

    @property
    def method(self) -> str:
        """That of the request."""
        return method_of(self.request)


class Piece(NamedTuple):
    """A part of the body: of one chunk, or of one read where there are no chunks."""

    at: float
    """When its last byte arrived, in seconds since the request was sent."""
    data: bytes


class TimedEvent(NamedTuple):
    """An event of the decoded body.

    ``event.id`` is the last id of the stream, set by this event or an earlier one, and
    ``event.retry`` the value that came with this event.
    """

    at: float
    """When its last byte arrived, in seconds since the request was sent."""
    event: Event


@dataclass(frozen=True, slots=True)
class Message:
    """The meaning of a recording."""

    recording: Recording
    version: str = ""
    """Of the status line, as in "HTTP/1.1"."""
    status: int = 0
    """0 if no final head arrived."""
    fields: Sequence[tuple[str, str]] = ()
    """Names in lower case."""
    head_at: float = 0.0
    """When the head was complete, in seconds since the request was sent."""
    framing: Framing = "none"
    pieces: Sequence[Piece] = ()
    """The body without its transfer coding; content codings are still applied."""
    decoded: Sequence[Piece] = ()
    """The body without its content coding: what could be decoded at each time."""
    events: Sequence[TimedEvent] = ()
    """Of an event stream, or of JSON lines (``data`` is the line)."""
    comments: Sequence[float] = ()
    """The times of the comments of an event stream, such as heartbeats."""
    retry: int | None = None
    """The reconnection time in milliseconds, with or without an event; None: never set."""
    is_complete: bool = False
    """Whether the end of the framing arrived; False for close-delimited bodies."""
    trailers: Sequence[tuple[str, str]] = ()
    undecoded: str = ""
    """Why the body could not be decoded here at all, as when a library is missing: no fault of the
    server. ``decoded`` and ``events`` are then empty."""
    problem: str = ""
    """Why the bytes could not be read further, "" if they could."""

    def value(self, name: str) -> str:
        """The values of a field, joined by commas; "" without it."""
        return ", ".join([value for own, value in self.fields if own == name])


def identified(events: Iterable[TimedEvent]) -> list[TimedEvent]:
    """Those of the events that set an id.

    An event without one has the last id of the stream, so one with the same id as the event before
    it may have none; the first of them has.
    """
    last, found = None, []
    for one in events:
        if one.event.id not in ("", None, last):
            found.append(one)
            last = one.event.id
    return found
