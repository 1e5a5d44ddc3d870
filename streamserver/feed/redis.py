"""Feeds in Redis (6.2 or newer) or Valkey, shared by all workers on all machines.

A topic is a Redis stream, and its ids are those of Redis, so they never repeat. A process with
subscribers has the newest part of the stream in memory: it is loaded once, then ``LiveReader``
appends new entries, those that this process published included, so all processes have the same
order. ``Backfill`` serves subscribers that are further behind. Entries that other programs put into
the stream are skipped.
"""

import asyncio
import logging
from typing import Any
from weakref import WeakValueDictionary

from streamserver.feed.idempotency import IdempotencyKey
from streamserver.feed.log import ORIGIN, Entry, make_entry
from streamserver.feed.redis_backfill import Backfill
from streamserver.feed.redis_client import Connections
from streamserver.feed.redis_live import LiveReader
from streamserver.feed.redis_publish import Publisher
from streamserver.feed.topic import Bounds, Start, Subscriber, Topic, unreachable

log = logging.getLogger("streamserver")

TIMEOUT = 5.0
"""Seconds that Redis has to connect, and to answer."""

FETCHES = 8
"""Backfills that fetch at a time; the other connections are left to publishers."""

LOADED = 1000
"""Entries of a topic that are in memory at first."""


class Redis:
    """A backend in the Redis at ``url``: redis://HOST:PORT/DB, rediss:// with TLS, or unix://PATH.

    ``prefix`` begins the key of each topic; its part in braces keeps all keys on one node of a
    cluster. Redis has ``timeout`` seconds to connect, and to answer. Use it in one event loop, and
    ``close`` it. ValueError for an invalid URL, RuntimeError without redis-py (the extra
    ``redis``).
    """

    is_shared = True

    def __init__(
        self, url: str, *, prefix: str = "{streamserver}:feed:", timeout: float = TIMEOUT
    ) -> None:
        self.prefix = prefix
        self.connections = Connections(url, timeout)
        self.publisher = Publisher(self.connections)
        self.live = LiveReader(self.connections, prefix)
        self.fetches = asyncio.Semaphore(FETCHES)
        self._topics: WeakValueDictionary[str, RedisTopic] = WeakValueDictionary()

    def topic(self, name: str, bounds: Bounds) -> Topic:
        """The topic of a name; the first call sets its bounds."""
        topic = self._topics.get(name)
        if topic is None:
            topic = self._topics[name] = RedisTopic(self, name, bounds)
        return topic

    async def close(self) -> None:
        """Close all connections."""
        await self.live.close()
        await self.connections.close()


class RedisTopic(Topic):
    """A topic in a Redis stream; its log is empty while it has no subscriber.

    ``position``: the id up to which the stream was read, None before the log is loaded.
    """

    def __init__(self, redis: Redis, name: str, bounds: Bounds) -> None:
        super().__init__(name, bounds, None)
        self._redis = redis
        self._key = redis.prefix + name
        self._backfill = Backfill(self, self._fetch, redis.connections.failures)
        self.position: str | None = None

    async def publish(self, event: bytes, is_last: bool, key: IdempotencyKey | None = None) -> str:
        """Add an event to the stream; it reaches subscribers here as it does elsewhere."""
        keys = [self._key, f"{self._redis.prefix}idempotency-keys:{self.name}"]
        return await self._redis.publisher.publish(keys, event, is_last, self.bounds, key)

    async def newest(self) -> Entry | None:
        """The newest entry, None if there is none. HTTPError 503 if Redis does not answer."""
        try:
            return await self._newest(self._redis.connections.client)
        except self._redis.connections.failures as error:
            log.error("a Redis command of a feed failed: %s", error)
            raise unreachable() from error

    async def _newest(self, client: Any, end: str = "+") -> Entry | None:
        count = 1
        while True:
            found = await client.xrevrange(self._key, max=end, count=count)
            for each in found:
                if entries := _entries([each]):
                    return entries[0]
            if len(found) < count:
                return None
            end, count = f"({found[-1][0].decode()}", LOADED  # behind entries of other programs

    def subscribe(self, subscriber: Subscriber) -> None:
        """As ``Topic``; the first subscriber starts the reading of the stream."""
        self._redis.live.add(self._key, self)
        super().subscribe(subscriber)

    def unsubscribe(self, subscriber: Subscriber) -> bool:
        """As ``Topic``; the last subscriber ends the reading of the stream."""
        was_subscribed = super().unsubscribe(subscriber)
        self._backfill.stop(subscriber)
        if not self.subscribers and self._redis.live.remove(self._key):
            self.position = None
            self.log.reset(None)
        return was_subscribed

    async def load(self, client: Any) -> None:
        """Load the newest part of the stream into the log."""
        found = (await client.xrevrange(self._key, count=LOADED))[::-1]
        position = found[-1][0].decode() if found else ORIGIN
        if entries := _entries(found):
            before = entries[0].previous
        else:
            newest = await self._newest(client, position)
            before = ORIGIN if newest is None else newest.id
        if self.subscribers:
            self.log.reset(before)
            self.position = position
            self.append(entries)

    def on_live(self, found: Any) -> None:
        """Append new entries of the stream."""
        if self.position is not None and self.log.last_id is not None:
            entries = _entries(found, self.position, self.log.last_id)
            self.position = found[-1][0].decode()
            self.append(entries)

    def locate(self, subscriber: Subscriber) -> bool:
        """As ``Topic``, with a backfill before any skip.

        During a backfill a subscriber is not located: the position that it reaches is not known
        yet, and entries would be delivered twice.
        """
        if self.log.last_id is None or subscriber in self._backfill:
            return False
        begins_earlier = self.log.id_before(self.log.start) != ORIGIN
        must_fetch = subscriber.position is Start.BEGINNING and begins_earlier
        if not must_fetch and self.find(subscriber):
            return True
        self._backfill.start(subscriber)
        return False

    async def _fetch(self, after: str | None, count: int) -> tuple[list[Entry], bool]:
        async with self._redis.fetches:
            at, last = after or "", ""
            while True:
                pipeline = self._redis.connections.client.pipeline(transaction=True)
                pipeline.xrange(self._key, min=f"({at}" if at else "-", count=count)
                pipeline.xrange(self._key, min=at or "-", max=at or "-", count=1)
                found, itself = await pipeline.execute()
                if itself and at == after:
                    last = at  # without it, entries may be lost between it and those found
                entries = _entries(found, at, last)
                if entries or len(found) < count:
                    return entries, bool(last)
                at = found[-1][0].decode()  # only entries of other programs so far


def _entries(found: Any, at: str = "", last: str = "") -> list[Entry]:
    """The entries that redis-py returned, without those of other programs.

    ``at``: the id that was read before them, ``last``: the id of the last entry of the feed, if it
    is known. They differ if entries of other programs are between; the next entry names one of
    those as its predecessor, and is connected to ``last`` instead.
    """
    entries = []
    for id, fields in found:
        if fields and b"event" in fields and b"previous" in fields:
            previous = fields[b"previous"].decode(errors="replace")
            if previous == at and last:
                previous = last
            last = id.decode()
            is_last = fields.get(b"last") == b"1"
            entries.append(make_entry(last, previous, fields[b"event"], is_last))
        at = id.decode()
    return entries
