"""A feed, as an app uses it: publish here, subscribe there.

    news = Feed("news")

    @app.post("/news")
    async def tell(request: Request) -> Response:
        return Response.json({"id": await news.publish(await request.text())}, 201)

    @app.get("/news")
    async def follow(request: Request) -> Response:
        return news.subscribe(request)

An EventSource that loses its connection sends the last id it saw and gets what it missed
(WHATWG HTML, section 9.2.4). Dropped at any moment, it sees every event once and in order, as
long as the log still holds what it missed; and else one event of the type ``gap`` says so.
"""

import asyncio
import re
from collections.abc import Callable
from typing import Any, Literal, Protocol

from streamserver.feed.cursor import Start, Watcher
from streamserver.feed.log import Entry
from streamserver.feed.memory import Memory
from streamserver.feed.once import once
from streamserver.feed.reader import Lagging, Reader
from streamserver.feed.topic import Bounds, Topic, unreachable
from streamserver.kit.events import EventStream
from streamserver.kit.request import Request
from streamserver.kit.response import Response
from streamserver.kit.stream import StreamController
from streamserver.wire.problem import HTTPError
from streamserver.wire.sse import Event, encode

PARAMETER = "last-event-id"
"""The query's name for a position, for clients that cannot send the field Last-Event-ID."""

PATIENCE = 5.0
"""Seconds that a backend may take until it is said to be out of reach."""

# Nineteen digits hold any time and any number that will ever be given, and fit 64 bits: Redis
# refuses what does not. A number has one form, since ids are told apart as texts.
_NUMBER = r"(?:0|[1-9][0-9]{0,18})"
_is_position = re.compile(f"{_NUMBER}-{_NUMBER}").fullmatch


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:  # half of a pair of surrogates
        return False
    return True


class Backend(Protocol):
    """Where topics live: ``Memory`` or ``Redis``."""

    is_shared: bool
    """Whether other processes may have the same topics."""

    def topic(self, name: str, bounds: Bounds) -> Topic:
        """The topic of a name."""

    async def close(self) -> None:
        """Let go of all that is open."""


class Feed:
    """The feed of a topic; feeds of one name and one ``backend`` are the same feed.

    Without a backend it is in the memory of this process, and nobody else's. The log holds
    ``max_events`` events and ``max_bytes`` bytes at most, of which the oldest go first; in Redis
    it is forgotten ``ttl`` seconds after the last event (0: never). ``retry`` and ``heartbeat``
    are those of an ``EventStream``; ``lagging`` see ``Lagging``. ValueError names what cannot be.
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
        if not _is_text(topic):
            raise ValueError(f"a topic's name is what can be written in UTF-8, not {topic!a}")
        if max_events < 1 or max_bytes < 1:
            raise ValueError(f"a log holds 1 event and 1 byte at least: {max_events}, {max_bytes}")
        if not ttl >= 0:
            raise ValueError(f"ttl is seconds, 0 or more, not {ttl!r}")
        if lagging not in ("gap", "cut"):
            raise ValueError(f"lagging is gap or cut, not {lagging!r}")
        # What cannot be is said here, and not to the first who subscribes.
        EventStream(StreamController(), retry=retry, heartbeat=heartbeat)
        self._topic = (backend or Memory()).topic(topic, Bounds(max_events, max_bytes, ttl))
        self._retry = retry
        self._heartbeat = heartbeat
        self._lagging = lagging

    @property
    def topic(self) -> str:
        """Its name."""
        return self._topic.name

    async def publish(
        self,
        event: Any,
        *,
        last: bool = False,
        key: str | None = None,
        fingerprint: bytes | None = None,
    ) -> str:
        """Add an event, or what becomes the ``data`` of one, for all readers; its id.

        ``last``: the feed ends with it, and so do the streams of its readers; an EventSource that
        comes back, its ``position`` the id of the ``newest`` event, is best answered with 204.

        ``key``: an idempotency key. A publish that is repeated with it adds nothing and returns the
        id of the event that is there, at any worker, among the newest 10,000 keys of the topic.
        ``fingerprint``: what the key was used for, by default the event; see ``once``.

        ValueError for an event that brings an id, since the feed gives it, for one without data,
        which no client would receive, for one that is larger than the log may be, for an empty key,
        and as ``encode`` has it. HTTPError 422 for a key that was used with another fingerprint.
        HTTPError 503 when the backend is out of reach: its member ``added`` is "no", or "unknown"
        where the event may have been added, so that only a repetition with a key is safe.
        """
        event = event if isinstance(event, Event) else Event(event)
        if event.id is not None:
            raise ValueError(f"the feed gives an event its id: leave out {event.id!r}")
        if event.data is None:
            raise ValueError("an event without data reaches nobody: give it some, such as ''")
        data, most = encode(event), self._topic.bounds.bytes
        if len(data) > most:
            raise ValueError(f"an event of {len(data)} bytes, where the whole log holds {most}")
        if key is None:
            return await self._topic.publish(data, last)
        of = (data, b"last" if last else b"") if fingerprint is None else (fingerprint,)
        return await self._topic.publish(data, last, once(key, *of))

    def subscribe(
        self, request: Request, *, start: Literal["new", "beginning"] = "new"
    ) -> Response:
        """The feed as an event stream: what is missed, then what is new, in one row.

        It goes on behind the client's ``position``; without one it begins at ``start``. HTTPError
        400 for what is no position.
        """
        position = self.position(request)
        begin = Start(start) if position is None else position
        reader = Reader(self._topic, begin, self._retry, self._lagging)
        return EventStream(reader, heartbeat=self._heartbeat)

    @staticmethod
    def position(request: Request) -> str | None:
        """Where a client left off: the id in Last-Event-ID, or in the query's ``last-event-id``.

        The field goes first: an EventSource that reconnects sends it, while its URL still says
        where it once began. None without either; HTTPError 400 for what is no id.
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

    async def watch(self, hear: Callable[[Event], object]) -> Callable[[], object]:
        """Have ``hear`` called for each event that is published after this has returned.

        It is called in this process, until the function that is returned is called, and must
        neither raise nor block; ``data`` is text. HTTPError 503 when the backend is out of reach.
        """
        watcher = Watcher(self._topic, hear)
        self._topic.join(watcher)
        try:
            await asyncio.wait_for(watcher.begun, PATIENCE)
        except BaseException as error:
            self._topic.leave(watcher)
            if isinstance(error, TimeoutError):
                raise unreachable() from error
            raise
        return lambda: self._topic.leave(watcher)

    async def newest(self) -> Event | None:
        """The newest event, with its id and ``data`` as text; None if there is none.

        HTTPError 503 when the backend is out of reach.
        """
        entry: Entry | None = await self._topic.newest()
        return None if entry is None else entry.event()
