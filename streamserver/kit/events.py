"""A response of server-sent events (WHATWG HTML, section 9.2)."""

import random
from collections.abc import AsyncIterable
from typing import Any

from streamserver.kit.hints import body_error
from streamserver.kit.response import HeadersInit, Response, is_stream
from streamserver.server.answer import Endless, PushBody
from streamserver.wire.sse import HEADERS, HEARTBEAT, Event, encode

RETURNS = 1000
"""Streams that return in a second, if a shutdown has ended more than 4,000. A worker opens 5,000 a
second if it has a core of its own. Those that find no room in the kernel's queue would try again
only after 1, 3, 7 and more seconds."""


class EventStream(Response):
    """Events from an async iterable or a ``StreamController``.

    An item is an ``Event``, or the ``data`` of one. The headers name the media type, without which
    an EventSource fails, and forbid caches and proxies to buffer. ``retry``: milliseconds until a
    client reconnects, sent before the first event. ``heartbeat``: seconds of silence after which a
    comment is sent between two events, so that no proxy closes the stream as idle; 0 for none, None
    for the server's setting (15).

    When the server ends the stream, at shutdown or after ``max_stream``, it sends a random
    reconnection time, so that the clients return spread out: 1 to 5 seconds, and more if it ends
    many thousand streams at once.
    """

    __slots__ = ()

    def __init__(
        self,
        events: AsyncIterable[Any] | PushBody,
        *,
        retry: int | None = None,
        heartbeat: float | None = None,
        status: int = 200,
        headers: HeadersInit = None,
    ) -> None:
        if not is_stream(events):
            raise body_error(_EVENTS, events)
        super().__init__(events, status=status, headers=headers)
        self._set_defaults(HEADERS)
        if heartbeat is not None and not heartbeat >= 0:
            raise ValueError(f"heartbeat is seconds, 0 or more, not {heartbeat!r}")
        self.encode = _encode if retry is None else _RetryFirst(retry)
        self.endless = _ENDLESS if heartbeat is None else _ENDLESS._replace(interval=heartbeat)


def _encode(item: Any) -> bytes:
    return encode(item if isinstance(item, Event) else Event(item))


class _RetryFirst:
    """Encodes events, the first one with the reconnection time before it."""

    __slots__ = ("_first",)

    def __init__(self, retry: int) -> None:
        self._first = encode(Event(retry=retry))

    def __call__(self, item: Any) -> bytes:
        first, self._first = self._first, b""
        return first + _encode(item)


def _farewell(connections: int) -> bytes:
    """The reconnection time, within which no more than `connections` return."""
    longest = max(5000, 1000 + connections * 1000 // RETURNS)
    return encode(Event(retry=random.randint(1000, longest)))


_EVENTS = "an EventStream is made of an async iterable or a StreamController"
_ENDLESS = Endless(HEARTBEAT, None, _farewell)
