"""What is new in all topics of a process, read over one connection to Redis.

One XREAD waits for all streams at once. A topic that is added meanwhile has to be waited for too:
then the waiting is broken off and begun anew, which loses nothing, since every stream is read from
the last entry that its log has. The same holds when Redis is gone for a while: whatever was added
until it came back is read then.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any, Protocol

from streamserver.server.workers import Backoff

log = logging.getLogger("streamserver")

BLOCK = 5.0
"""Seconds that Redis holds an XREAD without news; a connection that is silent for twice as long is
dead."""

COUNT = 500
"""Entries of a stream that are read at once."""


class Followed(Protocol):
    """A topic, as far as it is followed."""

    @property
    def log(self) -> Any:
        """Its log."""

    async def load(self, client: Any) -> None:
        """Read the newest part of the stream."""

    def take(self, found: Any) -> None:
        """Deliver what is new in the stream."""


class Following:
    """The topics of this process that somebody reads, by their keys."""

    __slots__ = ("_changed", "_connect", "_task", "_topics")

    def __init__(self, connect: Callable[[float], Any]) -> None:
        """``connect(timeout)`` makes a client whose answers may take so many seconds."""
        self._connect = connect
        self._topics: dict[str, Followed] = {}
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def add(self, key: str, topic: Followed) -> None:
        """Follow a topic, if it is not followed yet."""
        if key not in self._topics:
            self._topics[key] = topic
            self._changed.set()
            if self._task is None:
                self._task = asyncio.get_running_loop().create_task(self._run())

    def remove(self, key: str) -> bool:
        """Follow it no more; whether it was."""
        found = self._topics.pop(key, None)
        if not self._topics:
            self._changed.set()
        return found is not None

    async def close(self) -> None:
        """Follow nothing any more."""
        self._topics.clear()
        self._changed.set()
        if self._task is not None:
            await self._task

    async def _run(self) -> None:
        client = self._connect(2 * BLOCK)
        try:
            await self._follow(client)
        finally:
            self._task = None
            await client.aclose()

    async def _follow(self, client: Any) -> None:
        from redis.exceptions import RedisError

        backoff, lost = Backoff(first=0.05, bound=1.0, calm=1.0), False
        while self._topics:
            began = time.monotonic()
            try:
                while self._topics:
                    await self._read(client)
                    if lost:
                        log.warning("the feeds' Redis is back")
                        lost = False
            except (RedisError, OSError, TimeoutError) as error:
                if not lost:
                    log.error("the feeds' Redis is lost, and asked until it is back: %s", error)
                lost = True
                await asyncio.sleep(backoff.delay(time.monotonic() - began))

    async def _read(self, client: Any) -> None:
        self._changed.clear()
        for topic in list(self._topics.values()):
            if topic.log.last_id is None:
                await topic.load(client)
        streams = {
            key: topic.log.last_id
            for key, topic in self._topics.items()
            if topic.log.last_id is not None
        }
        if not streams:
            return
        waiting = asyncio.ensure_future(client.xread(streams, COUNT, int(BLOCK * 1000)))
        changed = asyncio.ensure_future(self._changed.wait())
        try:
            await asyncio.wait((waiting, changed), return_when=asyncio.FIRST_COMPLETED)
        finally:
            changed.cancel()
            if not waiting.done():
                waiting.cancel()
                await asyncio.wait([waiting])
        if waiting.cancelled():
            return
        for key, found in waiting.result():
            if (followed := self._topics.get(key.decode())) is not None:
                followed.take(found)
