"""A response made of server-sent events (WHATWG HTML, section 9.2).

The headers that people forget are set here: the type, without which no EventSource reads
it, and the two that keep caches and proxies from gathering what should flow.
"""

import random
from collections.abc import AsyncIterable
from typing import Any

from streamserver.kit.mistakes import wrong_body
from streamserver.kit.response import HeadersInit, Response, is_stream
from streamserver.server.answer import Endless, PushBody
from streamserver.wire.sse import HEADERS, HEARTBEAT, Event, encode


class EventStream(Response):
    """Events from an async iterable or a push ``StreamController``; each is sent whole, at once.

    An item is an ``Event``, or what becomes the ``data`` of one. ``retry``: how long, in
    milliseconds, the client shall wait before it reconnects; sent ahead of the first event.
    ``heartbeat``: the longest silence in seconds, filled with a comment so that nothing on
    the way takes the stream for dead; 0 for none, None for the server's setting (15). A
    heartbeat only ever stands between two events.

    The server may end the stream (at shutdown, or after ``max_stream``): then the client is
    told to reconnect after a random time, so that not all of them return at once.
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
            raise wrong_body(_EVENTS, events)
        super().__init__(events, status, headers)
        for name, value in HEADERS:
            if name not in self.headers:
                self.headers.append(name, value)
        if heartbeat is not None and not heartbeat >= 0:
            raise ValueError(f"heartbeat is seconds, 0 or more, not {heartbeat!r}")
        self.encode = _encode if retry is None else _WithRetry(retry)
        self.endless = _ENDLESS if heartbeat is None else _ENDLESS._replace(interval=heartbeat)


def _encode(item: Any) -> bytes:
    return encode(item if isinstance(item, Event) else Event(item))


class _WithRetry:
    """Encodes events, the first of them with the reconnection time before it."""

    __slots__ = ("_first",)

    def __init__(self, retry: int) -> None:
        self._first = encode(Event(retry=retry))

    def __call__(self, item: Any) -> bytes:
        first, self._first = self._first, b""
        return first + _encode(item)


def _farewell() -> bytes:
    """From one to five seconds: a new server should be up, and its clients spread out."""
    return encode(Event(retry=random.randint(1000, 5000)))


_EVENTS = "an EventStream is made of an async iterable or a StreamController"
_ENDLESS = Endless(HEARTBEAT, None, _farewell)
