"""The public side of a feed: publish events, subscribe clients, watch within the process.

    news = Feed("news")

    @app.post("/news")
    async def publish(request: Request) -> Response:
        return Response.json({"id": await news.publish(await request.text())}, 201)

    @app.get("/news")
    async def subscribe(request: Request) -> Response:
        return news.subscribe(request)

An EventSource that loses its connection sends the id of the last event that it received, and gets
the events after it (WHATWG HTML, section 9.2.4). Each event arrives once and in order, as long as
the log still holds it; otherwise one event of the type ``gap`` reports the loss.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal, Protocol

from streamserver.feed.idempotency import make_key
from streamserver.feed.memory import Memory
from streamserver.feed.subscribers import (
    AnnouncedSubscriber,
    HTTPSubscriber,
    Lagging,
    LocalSubscriber,
)
from streamserver.feed.topic import Bounds, Start, Topic, unreachable
from streamserver.kit.events import EventStream
from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.kit.stream import StreamController
from streamserver.wire.problem import HTTPError
from streamserver.wire.sse import Event, encode

PARAMETER = "last-event-id"
"""The query parameter for a position, for clients that cannot send Last-Event-ID."""

TIMEOUT = 5.0
"""Seconds until a backend that does not answer is reported as out of reach."""

# Redis refuses numbers above 64 bits; 19 digits fit. Ids are compared as text, so a number has
# only one form.
_NUMBER = r"(?:0|[1-9][0-9]{0,18})"
_is_position = re.compile(f"{_NUMBER}-{_NUMBER}").fullmatch


class Backend(Protocol):
    """Where topics are stored: ``Memory`` or ``Redis``."""

    is_shared: bool
    """Whether other processes have the same topics."""

    def topic(self, name: str, bounds: Bounds) -> Topic:
        """The topic of a name."""

    async def close(self) -> None:
        """Close all connections."""


class Feed:
    """The feed of a topic; feeds with the same name and ``backend`` are the same feed.

    Without a backend it is in the memory of this process. The log holds at most ``max_events``
    events and ``max_bytes`` bytes, the oldest are dropped first; in Redis it expires ``ttl``
    seconds after the last event (0: never). Behind ``compress`` it holds the events once more in
    each coding, encoded for all readers. ``retry`` and ``heartbeat`` as in ``EventStream``;
    ``lagging`` as in ``Lagging``. ValueError for a value that is not allowed.
    """

    __slots__ = ("_heartbeat", "_lagging", "_retry", "_topic")

    def __init__(
        self,
        topic: str,
        backend: Backend | None = None,
        *,
        max_events: int = 10_000,
        max_bytes: int = 16 * 1024 * 1024,
        ttl: float = 0.0,
        retry: int | None = 1000,
        heartbeat: float | None = None,
        lagging: Lagging = "gap",
    ) -> None:
        if any("\ud800" <= character <= "\udfff" for character in topic):
            raise ValueError(f"the name of a topic must be encodable in UTF-8, not {topic!a}")
        if max_events < 1 or max_bytes < 1:
            given = f"not {max_events} and {max_bytes}"
            raise ValueError(f"max_events and max_bytes must be 1 or more, {given}")
        if not ttl >= 0:
            raise ValueError(f"ttl must be 0 or more seconds, not {ttl!r}")
        if lagging not in ("gap", "cut"):
            raise ValueError(f"lagging must be 'gap' or 'cut', not {lagging!r}")
        # This validates retry and heartbeat here rather than at the first subscriber.
        EventStream(StreamController(), retry=retry, heartbeat=heartbeat)
        self._topic = (backend or Memory()).topic(topic, Bounds(max_events, max_bytes, ttl))
        self._retry = retry
        self._heartbeat = heartbeat
        self._lagging = lagging

    @property
    def topic(self) -> str:
        """The name of the topic."""
        return self._topic.name

    async def publish(
        self,
        event: Any,
        *,
        last: bool = False,
        key: str | None = None,
        fingerprint: bytes | None = None,
    ) -> str:
        """Add an ``Event``, or the ``data`` of one, for all subscribers; its id.

        ``last``: the feed ends with this event, and so do the streams of its subscribers. Answer an
        EventSource that reconnects after it with 204: its ``position`` is the id of ``newest``.

        ``key``: an idempotency key. A publish that is repeated with it adds nothing and returns the
        id of the first event, at any worker, for the newest 10,000 keys of the topic.
        ``fingerprint``: what the key was used for, by default the event.

        ValueError for an event with an id (the feed assigns it), without data (no client would
        receive it), larger than the log, for an empty key, and as ``encode``. HTTPError 422 for a
        key that was used with another fingerprint. HTTPError 503 if the backend is out of reach:
        its member ``added`` is "no", or "unknown" if the event may have been added, in which case
        only a repetition with a key is safe.
        """
        event = event if isinstance(event, Event) else Event(event)
        if event.id is not None:
            raise ValueError(f"the feed assigns the id of an event: omit {event.id!r}")
        if event.data is None:
            raise ValueError("an event without data is not dispatched: set data, for example ''")
        data, limit = encode(event), self._topic.bounds.bytes
        if len(data) > limit:
            raise ValueError(f"the event has {len(data)} bytes, the log holds at most {limit}")
        if key is None:
            return await self._topic.publish(data, last)
        use = (data, b"last" if last else b"") if fingerprint is None else (fingerprint,)
        return await self._topic.publish(data, last, make_key(key, *use))

    def subscribe(
        self,
        request: Request,
        *,
        start: Literal["new", "beginning"] = "new",
        announce: bool = False,
    ) -> Response:
        """The feed as an event stream: missed events first, then new ones.

        It begins after the client's ``position``, or at ``start`` if the client sent none; with
        ``announce`` the latter begins with an event of the type ``position``, for scripts that
        resume on another connection. HTTPError 400 for an invalid position.
        """
        position = self.position(request)
        begin = Start(start) if position is None else position
        kind = AnnouncedSubscriber if announce else HTTPSubscriber
        subscriber = kind(self._topic, begin, self._retry, self._lagging)
        return EventStream(subscriber, heartbeat=self._heartbeat)

    @staticmethod
    def position(request: Request) -> str | None:
        """The id in Last-Event-ID, or in the query parameter ``last-event-id``; None without one.

        The field has precedence: an EventSource that reconnects sends it, while its URL still has
        the position where it first began. HTTPError 400 for an invalid id.
        """
        for name, given in (
            ("Last-Event-ID", request.last_event_id),
            (PARAMETER, request.query.get(PARAMETER)),
        ):
            if not given:
                continue
            if _is_position(given):
                return given
            allowed = "the id of an event of this feed, as in 1795372067428-0"
            shown = ascii(given[:40])
            raise HTTPError(
                400, f"{name} must be {allowed}, not {shown}", parameter=name, allowed=allowed
            )
        return None

    @asynccontextmanager
    async def watch(self) -> AsyncIterator[AsyncIterator[Event]]:
        """Iterate over new events in this process: all that are published after the context is
        entered, until the feed or the context ends.

            async with news.watch() as events:
                async for event in events:
                    ...

        ``data`` is text. A loop that is slower than the log gets ``gap`` events, as a client does.
        HTTPError 503 on entry if the backend is out of reach.
        """
        subscriber = LocalSubscriber(self._topic)
        try:
            try:
                async with asyncio.timeout(TIMEOUT):
                    await subscriber.start()
            except TimeoutError as error:
                raise unreachable() from error
            yield subscriber
        finally:
            subscriber.close()

    async def newest(self) -> Event | None:
        """The newest event, with its id and ``data`` as text; None if there is none.

        HTTPError 503 if the backend is out of reach.
        """
        entry = await self._topic.newest()
        return None if entry is None else entry.event()
