"""Feeds in Redis (6.2 or newer) or Valkey: the same for all workers on all machines.

A topic is a stream. Its ids are Redis's own, so they never repeat. Each process that has readers
keeps the newest part of the log in memory and follows all of its topics over one connection; only
who is further behind than that has older entries fetched. An event comes back to the process that
published it in the same way as to any other, so that there is one order for all.
"""

import asyncio
from typing import Any
from urllib.parse import urlsplit
from weakref import WeakValueDictionary

from streamserver.extras import install_hint
from streamserver.feed import redis_url
from streamserver.feed.bell import Bell
from streamserver.feed.following import Following
from streamserver.feed.once import Once
from streamserver.feed.redis_publishing import NotConnected, Publisher
from streamserver.feed.redis_topic import RedisTopic
from streamserver.feed.topic import Bounds, Topic

TIMEOUT = 5.0
"""Seconds that Redis may take to connect, and to answer."""

CONNECTIONS = 32
"""Questions that are put to Redis at a time; others wait, or fail when the timeout is over."""

FETCHES = 8
"""Readers for whom older entries are fetched at a time; the rest is for those who publish."""


class Redis:
    """A backend in the Redis at ``url``: redis://HOST:PORT/DB, rediss:// with TLS, or unix://PATH.

    ``prefix`` goes before each topic in the name of its key; what it has in braces keeps all keys
    on one node of a cluster. Redis has ``timeout`` seconds to connect, and to answer. Use it in one
    event loop, until ``close``. ValueError for what is no such URL, RuntimeError without redis-py
    (the extra ``redis``).
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
        self._publisher: Publisher | None = None
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
        return self._client

    async def publish(
        self, topic: str, event: bytes, is_last: bool, bounds: Bounds, once: Once | None
    ) -> str:
        """Add an event to a topic; its id. HTTPError 503 and 422 as ``Publisher`` has it."""
        if self._publisher is None:
            self._publisher = Publisher(self.client)
        keys = [self._prefix + topic, f"{self._prefix}idempotency-keys:{topic}"]
        return await self._publisher.publish(keys, event, is_last, bounds, once)

    def _connect(self, timeout: float) -> Any:
        try:
            from redis.asyncio import BlockingConnectionPool
            from redis.asyncio import Redis as Client
            from redis.asyncio.retry import Retry
            from redis.backoff import NoBackoff
        except ImportError as error:
            raise RuntimeError(f"feeds in Redis need redis-py: {install_hint('redis')}") from error
        over_tcp = {"socket_keepalive": True} if urlsplit(self._url).scheme != "unix" else {}

        class Pool(BlockingConnectionPool):
            async def get_connection(self, *arguments: Any, **options: Any) -> Any:
                base: Any = super()
                try:
                    return await base.get_connection(*arguments, **options)
                except Exception as error:
                    raise NotConnected(str(error)) from error

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
        client, self._client, self._publisher = self._client, None, None
        if client is not None:
            await client.aclose()
