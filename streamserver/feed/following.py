"""What is new in all topics of a process, read over one connection to Redis.

One XREAD waits for all streams at once. A topic that is added meanwhile has to be waited for too:
then the waiting is broken off and begun anew, which loses nothing, since every stream is read from
the last entry that its log has. The same holds when Redis is gone for a while: whatever was added
until it came back is read then.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from streamserver.server.workers import Backoff

log = logging.getLogger("streamserver")

BLOCK = 5.0
"""Seconds that Redis holds an XREAD without news; a connection that is silent for twice as long is
dead."""

AGAIN = 0.02
"""Seconds until the waiting is broken off again, where it went on."""

COUNT = 500
"""Entries of a stream that are read at once."""


class Followed(Protocol):
    """A topic, as far as it is followed."""

    @property
    def position(self) -> str | None:
        """The id up to which its stream was read; None if it was not, or is to be read anew."""

    async def load(self, client: Any) -> None:
        """Read the newest part of the stream."""

    def take(self, found: Any) -> None:
        """Deliver what is new in the stream."""

    def reload(self) -> None:
        """Have the stream read anew."""


class Following:
    """The topics of this process that somebody reads, by their keys."""

    __slots__ = ("_changed", "_connect", "_refused", "_task", "_topics")

    def __init__(self, connect: Callable[[float], Any]) -> None:
        """``connect(timeout)`` makes a client whose answers may take so many seconds."""
        self._connect = connect
        self._topics: dict[str, Followed] = {}
        self._refused: set[str] = set()  # keys of what is no stream; told once
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
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    async def _run(self) -> None:
        client = self._connect(2 * BLOCK)
        try:
            await self._follow(client)
        finally:
            if self._task is asyncio.current_task():
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
            except Exception as error:  # whatever it is: nobody else would follow these topics
                if not isinstance(error, RedisError | OSError | TimeoutError):
                    log.exception("the feeds cannot be followed")
                if not lost:
                    log.error("the feeds' Redis is lost, and asked until it is back: %s", error)
                lost = True
                await asyncio.sleep(backoff.delay(time.monotonic() - began))

    async def _read(self, client: Any) -> None:
        from redis.exceptions import ResponseError

        self._changed.clear()
        streams = await self._streams(client)
        if not streams:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), BLOCK)
            return
        try:
            found = await self._wait(client.xread(streams, COUNT, int(BLOCK * 1000)))
        except ResponseError:  # about one of them, and it does not say which
            for topic in self._topics.values():
                topic.reload()
            raise
        for key, entries in found or ():
            if (followed := self._topics.get(key.decode())) is not None:
                followed.take(entries)

    async def _streams(self, client: Any) -> dict[str, str]:
        """What is to be read: the keys of the streams, each with where it was read up to."""
        from redis.exceptions import ResponseError

        streams = {}
        for key, topic in list(self._topics.items()):
            if topic.position is None:
                try:
                    await topic.load(client)
                    self._refused.discard(key)
                except ResponseError as error:  # what is wrong with one is nothing to the others
                    if key not in self._refused:
                        log.error("the feed at %r cannot be read: %s", key, error)
                        self._refused.add(key)
            if topic.position is not None:
                streams[key] = topic.position
        return streams

    async def _wait(self, reading: Coroutine[Any, Any, Any]) -> Any:
        """What is read; None when other topics are to be read meanwhile."""
        waiting = asyncio.ensure_future(reading)
        changed = asyncio.ensure_future(self._changed.wait())
        try:
            await asyncio.wait((waiting, changed), return_when=asyncio.FIRST_COMPLETED)
        finally:
            changed.cancel()
            # Before Python 3.12, wait_for may miss a cancellation, and redis-py sends within one.
            while not waiting.done():
                waiting.cancel()
                await asyncio.wait([waiting], timeout=AGAIN)
            if not waiting.cancelled():
                waiting.exception()  # else nobody looks at it where we are cancelled
        return None if waiting.cancelled() else waiting.result()
