"""The log of an answer in Redis, as the readers in this process follow it.

A log is loaded when the answer gets its first reader here, and dropped when the last one has left.
It is not loaded by the ``LiveReader``, which would deliver nothing to others meanwhile.
"""

import asyncio
from typing import Any

from streamserver.feed.idempotency import IdempotencyKey
from streamserver.feed.log import ORIGIN, Entry, make_entry
from streamserver.feed.redis_live import LiveReader
from streamserver.feed.topic import Bounds, Subscriber, Topic
from streamserver.proxy.failures import Failure, form_of
from streamserver.resumable.redis_calls import Scripts, unreachable
from streamserver.wire.sse import encode

COUNT = 500
"""Entries that are loaded at a time."""

LOG_IS_GONE = "the answer is lost: Redis no longer has it"

FIRST = 4096
"""Bytes of the first events that show which service's form a failure is reported in."""

RETRY = 1.0
"""Seconds until a load that failed is repeated."""

UNBOUNDED = 2**63
"""The producer keeps a log within its bounds."""


def lost_event(detail: str, target: str, first: bytes = b"") -> bytes:
    """The last event of an answer that is lost, in the form of its service; see ``form_of``."""
    return encode(form_of(target, first)(Failure(502, detail)))


class AnswerTopic(Topic):
    """The log at ``key``. It is followed while it is held, and each subscriber holds it.

    ``position``: the id up to which the stream was read, None before the log is loaded.
    """

    def __init__(self, id: str, key: str, live: LiveReader, scripts: Scripts) -> None:
        super().__init__(id, Bounds(UNBOUNDED, UNBOUNDED, 0), None)
        self._key = key
        self._live = live
        self._connections = scripts.connections
        self._holds = 0
        self._read_to = ORIGIN
        self._loading: asyncio.Task[None] | None = None
        self.position: str | None = None
        self.is_decided = asyncio.Event()
        """Whether there is a head, or will be none."""

    async def publish(self, event: bytes, is_last: bool, key: IdempotencyKey | None = None) -> str:
        """RuntimeError: only its producer adds to an answer."""
        raise RuntimeError("the events of an answer are appended by its producer")

    async def newest(self) -> Entry | None:
        """As ``Topic``."""
        try:
            found = await self._connections.client.xrevrange(self._key, count=1)
        except self._connections.failures as error:
            raise unreachable(error) from error
        return next(iter(_entries(found)), None)

    def hold(self) -> None:
        """Follow the log, until ``release``."""
        self._holds += 1
        if self._holds == 1:
            self.log.reset(ORIGIN)
            self._read_to, self.position = ORIGIN, None
            self.is_decided.clear()
            self._loading = asyncio.get_running_loop().create_task(self._load())

    def release(self) -> None:
        """The last release drops the log."""
        self._holds -= 1
        if not self._holds:
            loading, self._loading = self._loading, None
            if loading is not None:
                loading.cancel()
            self._live.remove(self._key)
            self.log.reset(None)

    def subscribe(self, subscriber: Subscriber) -> None:
        """As ``Topic``."""
        self.hold()
        super().subscribe(subscriber)

    def unsubscribe(self, subscriber: Subscriber) -> bool:
        """As ``Topic``."""
        was_subscribed = super().unsubscribe(subscriber)
        if was_subscribed:
            self.release()
        return was_subscribed

    def locate(self, subscriber: Subscriber) -> bool:
        """As ``Topic``. A position that was not read yet has to wait: the client may come from
        another process, which had read further."""
        if self.find(subscriber):
            return True
        was_read = _order(str(subscriber.position)) <= _order(self._read_to)
        return was_read and super().locate(subscriber)

    async def _load(self) -> None:
        while True:
            try:
                is_loaded = await self._read_on(self._connections.client)
                break
            except self._connections.failures:
                await asyncio.sleep(RETRY)
        if is_loaded:
            if not self.has_ended:
                self._live.add(self._key, self)
            for subscriber in tuple(self.subscribers):
                subscriber.deliver()

    async def _read_on(self, client: Any) -> bool:
        """Read to the end of the stream. False if the log was dropped meanwhile: before Python 3.12
        the cancellation of a load can be suppressed."""
        loading, found = self._loading, [None] * COUNT
        while len(found) == COUNT:
            found = await client.xrange(self._key, min=f"({self._read_to}", count=COUNT)
            if self._loading is loading:
                self._take(found)
            if self._loading is not loading:  # it may have been dropped at its end just now
                return False
        self.position = self._read_to
        return True

    async def load(self, client: Any) -> None:
        """As ``LiveTopic``."""
        await self._read_on(client)

    async def lose(self, client: Any, event: bytes) -> None:
        """End the log with this event, unless its last entry is in Redis."""
        is_held = await self._read_on(client)
        if is_held and not self.has_ended:
            number, _ = _order(self._read_to)
            self._add([make_entry(f"{number + 1}-0", f"{number}-0", event, True)])

    def on_live(self, found: Any) -> None:
        """Append new entries of the stream."""
        self._take(found)
        self.position = self._read_to

    @property
    def has_ended(self) -> bool:
        """Whether the last entry is in memory."""
        newest = self.log.newest
        return newest is not None and newest.is_last

    def first(self) -> bytes:
        """The first events that are in memory: they show the service."""
        return b"".join([entry.data for entry in self.log.read(self.log.start, FIRST)])

    def _take(self, found: Any) -> None:
        # What was read twice, by a load that the ``LiveReader`` repeats, is taken once.
        new = [each for each in found if _order(each[0].decode()) > _order(self._read_to)]
        if new:
            self._read_to = new[-1][0].decode()
            entries = _entries(new)
            if len(entries) < len(new):
                self.is_decided.set()
            self._add(entries)

    def _add(self, entries: list[Entry]) -> None:
        if entries and entries[-1].is_last:
            self._live.remove(self._key)
            self.is_decided.set()
        self.append(entries)


def _order(id: str) -> tuple[int, ...]:
    return tuple(map(int, id.split("-")))


def _entries(found: Any) -> list[Entry]:
    return [
        make_entry(f"{number}-0", f"{number - 1}-0", fields[b"event"], b"last" in fields)
        for id, fields in found
        if b"event" in fields
        for number in [_order(id.decode())[0]]
    ]
