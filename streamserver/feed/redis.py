"""Feeds in Redis (6.2 or newer) or Valkey: the same for all workers on all machines.

A topic is a stream. Its ids are Redis's own, so they never repeat. Each process that has readers
keeps the newest part of the log in memory and follows all of its topics over one connection; only
who is further behind than that has older entries fetched. An event comes back to the process that
published it in the same way as to any other, so that there is one order for all.
"""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit
from weakref import WeakValueDictionary

from streamserver.feed import redis_url
from streamserver.feed.bell import Bell
from streamserver.feed.cursor import Cursor
from streamserver.feed.following import Following
from streamserver.feed.log import ORIGIN, Entry, make_entry
from streamserver.feed.topic import Bounds, Topic, unreachable
from streamserver.feed.trailing import Trailing

log = logging.getLogger("streamserver")

TIMEOUT = 5.0
"""Seconds that Redis may take to connect, and to answer."""

LOADED = 1000
"""Entries that a process has in memory when it begins to follow a topic."""

CONNECTIONS = 32
"""Questions that are put to Redis at a time; others wait, or fail when the timeout is over."""

FETCHES = 8
"""Readers for whom older entries are fetched at a time; the rest is for those who publish."""

# An entry names the one before it, which only Redis can know. And it says how many bytes of events
# there have been up to it: MAXLEN bounds a stream by count alone, and MEMORY USAGE only guesses.
PUBLISH = """
local function get(entry, name)
  for i = 1, #entry[2], 2 do
    if entry[2][i] == name then return entry[2][i + 1] end
  end
  return ''
end
local newest = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
local bytes = (newest and tonumber(get(newest, 'bytes')) or 0) + #ARGV[1]
local id = redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[3], '*', 'event', ARGV[1],
    'previous', newest and newest[1] or '0-0', 'last', ARGV[2], 'bytes', bytes)
while true do
  local oldest = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
  local before = (tonumber(get(oldest, 'bytes')) or 0) - #get(oldest, 'event')
  if oldest[1] == id or bytes - before <= tonumber(ARGV[4]) then break end
  redis.call('XDEL', KEYS[1], oldest[1])
end
if tonumber(ARGV[5]) > 0 then redis.call('PEXPIRE', KEYS[1], ARGV[5]) end
return id
"""


class Redis:
    """A backend in the Redis at ``url``: redis://HOST:PORT/DB, rediss:// with TLS, or unix://PATH.

    ``prefix`` goes before each topic in the name of its key; what it has in braces keeps all keys
    on one node of a cluster. Redis has ``timeout`` seconds to connect, and to answer. Use it in one
    event loop, until ``close``. ValueError for what is no such URL, RuntimeError without redis-py
    (extra: redis).
    """

    is_shared = True

    def __init__(
        self, url: str, *, prefix: str = "{streamserver}:feed:", timeout: float = TIMEOUT
    ) -> None:
        self._url = url
        self._prefix = prefix
        self._timeout = timeout
        self._topics: WeakValueDictionary[str, RedisTopic] = WeakValueDictionary()
        self._client: Any = None
        self._publish: Any = None
        self.following = Following(self._connect, Bell(prefix, lambda: self.client))
        self.fetching = asyncio.Semaphore(FETCHES)
        redis_url.check(url)
        self._connect(timeout)  # nothing yet, but it says so where there is no redis-py

    def topic(self, name: str, bounds: Bounds) -> Topic:
        """The topic of a name; its bounds are those that it was first asked for with."""
        topic = self._topics.get(name)
        if topic is None:
            topic = self._topics[name] = RedisTopic(self, name, self._prefix + name, bounds)
        return topic

    @property
    def client(self) -> Any:
        """The connections for short questions."""
        if self._client is None:
            self._client = self._connect(self._timeout)
            self._publish = self._client.register_script(PUBLISH)
        return self._client

    async def publish(self, key: str, event: bytes, is_last: bool, bounds: Bounds) -> str:
        """Add an event to a stream; its id. HTTPError 503."""
        client = self.client
        limits = (bounds.events, bounds.bytes, int(bounds.ttl * 1000))
        with reached():
            id = await self._publish([key], [event, int(is_last), *limits], client)
        return str(id.decode())

    def _connect(self, timeout: float) -> Any:
        try:
            from redis.asyncio import BlockingConnectionPool as Pool
            from redis.asyncio import Redis as Client
            from redis.asyncio.retry import Retry
            from redis.backoff import NoBackoff
        except ImportError as error:
            raise RuntimeError("feeds in Redis need streamserver[redis]") from error
        over_tcp = {"socket_keepalive": True} if urlsplit(self._url).scheme != "unix" else {}
        # Never twice by itself: an event that was added, though the answer was lost, would come
        # again. And RESP2, in which all versions of redis-py answer alike.
        pool = Pool.from_url(
            self._url,
            max_connections=CONNECTIONS,
            timeout=self._timeout,
            protocol=2,
            retry=Retry(NoBackoff(), 0),
            socket_timeout=timeout,
            socket_connect_timeout=self._timeout,
            **over_tcp,
        )
        return Client.from_pool(pool)

    async def close(self) -> None:
        """Close every connection."""
        await self.following.close()
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()


@contextmanager
def reached() -> Iterator[None]:
    """HTTPError 503 when Redis does not answer, or refuses."""
    from redis.exceptions import RedisError

    try:
        yield
    except (RedisError, OSError, TimeoutError) as error:
        log.error("the feeds' Redis: %s", error)
        raise unreachable() from error


def entries_of(found: Any, at: str = "", last: str = "") -> list[Entry]:
    """What a stream holds, as entries; what others may have put there is left out.

    ``at``: the id that was read before it, ``last``: that of the entry before it; they differ
    where others have put something in between, over which the next entry is joined to the last.
    """
    entries = []
    for id, fields in found:
        if fields and b"event" in fields and b"previous" in fields:
            previous = fields[b"previous"].decode(errors="replace")
            if previous == at:
                previous = last
            last = id.decode()
            entries.append(make_entry(last, previous, fields[b"event"], is_last(fields)))
        at = id.decode()
    return entries


def is_last(fields: dict[bytes, bytes]) -> bool:
    """Whether the topic ends with this entry of its stream."""
    return fields.get(b"last") == b"1"


class RedisTopic(Topic):
    """A topic that is a stream in Redis; ``log`` has its newest part while somebody follows it."""

    def __init__(self, backend: Redis, name: str, key: str, bounds: Bounds) -> None:
        super().__init__(name, bounds, None)
        self._backend = backend
        self._key = key
        self._trailing = Trailing(self)
        self.position: str | None = None
        """The id up to which the stream was read; None as long as it is not followed."""

    async def publish(self, event: bytes, is_last: bool) -> str:
        """Add an event to the stream, from where it reaches everybody, here and elsewhere."""
        return await self._backend.publish(self._key, event, is_last, self.bounds)

    async def newest(self) -> Entry | None:
        """The newest entry, if any is left."""
        with reached():
            found = await self._backend.client.xrevrange(self._key, count=1)
        return next(iter(entries_of(found)), None)

    # Following what is new

    def join(self, cursor: Cursor) -> None:
        """From now on it is told of what is new; the first has the stream followed."""
        self._backend.following.add(self._key, self)
        super().join(cursor)

    def leave(self, cursor: Cursor) -> bool:
        """It is not any more; with the last one the log is forgotten."""
        was_here = super().leave(cursor)
        self._trailing.stop(cursor)
        if not self.cursors and self._backend.following.remove(self._key):
            self.position = None
            self.log.forget()
        return was_here

    async def load(self, client: Any) -> None:
        """Read the newest part of the stream."""
        found = (await client.xrevrange(self._key, count=LOADED))[::-1]
        if self.cursors:
            entries = entries_of(found)
            self.log.begin(entries[0].previous if entries else ORIGIN)
            self.position = found[-1][0].decode() if found else ORIGIN
            self.deliver(entries)

    def take(self, found: Any) -> None:
        """Deliver what is new in the stream."""
        if self.position is not None and self.log.last_id is not None:
            entries = entries_of(found, self.position, self.log.last_id)
            self.position = found[-1][0].decode()
            self.deliver(entries)

    def reload(self) -> None:
        """Read the newest part of the stream again, before anything else."""
        self.position = None

    # Those who are far behind

    def seek(self, cursor: Cursor) -> bool:
        """Find a cursor's place in the log; one that is behind its beginning is told what lies
        between as soon as Redis gives it."""
        if self.log.last_id is None:
            return False
        if self._trailing.has(cursor):  # it goes on from where that ends, or would hear it twice
            return False
        if self._trailing.reaches(cursor) and self.find(cursor):
            return True
        self._trailing.start(cursor)
        return False

    async def older(self, after: str | None, count: int) -> tuple[list[Entry], bool]:
        """About so many entries behind an id, or from the first on; and whether there is anything
        that ends with this id."""
        async with self._backend.fetching:
            at, last = after, after or ""
            while True:
                pipeline = self._backend.client.pipeline(transaction=True)
                pipeline.xrange(self._key, min="-" if at is None else f"({at}", count=count)
                pipeline.xrange(self._key, min=at or "-", max=at or "-", count=1)
                found, itself = await pipeline.execute()
                entries = entries_of(found, at or "", last)
                if entries or len(found) < count:
                    return entries, bool(itself)
                at = found[-1][0].decode()  # there was nothing but what others have put there
