"""What is new in all topics of a process, read over one connection to Redis.

One XREAD waits for all streams at once. A topic that is added meanwhile has to be waited for too:
then the bell is rung, and the waiting is begun anew. That loses nothing, since every stream is read
from the last entry that its log has. The same holds when Redis is gone for a while: whatever was
added until it came back is read then.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any, Protocol

from streamserver.feed.bell import Bell, end
from streamserver.server.workers import Backoff

log = logging.getLogger("streamserver")

BLOCK = 5.0
"""Seconds that Redis holds an XREAD without news; a connection that is silent for twice as long is
dead."""

AT_ONCE = 500
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

    __slots__ = ("_bell", "_connect", "_failing", "_is_rung", "_task", "_topics")

    def __init__(self, connect: Callable[[float], Any], bell: Bell) -> None:
        """``connect(timeout)`` makes a client whose answers may take so many seconds."""
        self._connect = connect
        self._bell = bell
        self._is_rung = False  # since the topics were looked at last
        self._topics: dict[str, Followed] = {}
        self._failing: set[str] = set()  # keys of what cannot be read; told once
        self._task: asyncio.Task[None] | None = None

    def add(self, key: str, topic: Followed) -> None:
        """Follow a topic, if it is not followed yet."""
        if key not in self._topics:
            self._topics[key] = topic
            self._look_again()

    def remove(self, key: str) -> bool:
        """Follow it no more; whether it was."""
        found = self._topics.pop(key, None)
        if found is not None and not self._topics:
            self._look_again()
        return found is not None

    async def close(self) -> None:
        """Follow nothing any more."""
        self._topics.clear()
        task, self._task = self._task, None
        if task is not None:
            await end(task)
        await self._bell.close()

    def _look_again(self) -> None:
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())
        elif not self._is_rung:
            self._is_rung = True
            self._bell.ring()

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
                if not lost:
                    known = isinstance(error, RedisError | OSError | TimeoutError)
                    message = "the feeds' Redis is lost, and asked until it is back: %s"
                    log.error(message, error, exc_info=None if known else error)
                lost = True
                self._bell.reset()
                await asyncio.sleep(backoff.delay(time.monotonic() - began))

    async def _read(self, client: Any) -> None:
        from redis.exceptions import ResponseError

        self._is_rung = False
        streams = await self._streams(client)
        streams[self._bell.key] = self._bell.position
        try:
            found = await client.xread(streams, AT_ONCE, int(BLOCK * 1000))
        except ResponseError:  # about one of them, and it does not say which
            for topic in self._topics.values():
                topic.reload()
            raise
        for name, entries in found or ():
            key = name.decode()
            if key == self._bell.key:
                self._bell.heard(entries)
            elif (followed := self._topics.get(key)) is not None:
                self._take(key, followed, entries)

    async def _streams(self, client: Any) -> dict[str, str]:
        """What is to be read: the keys of the streams, each with where it was read up to."""
        from redis.exceptions import RedisError, ResponseError

        streams = {}
        for key, topic in list(self._topics.items()):
            if topic.position is None:
                try:
                    await topic.load(client)
                    self._failing.discard(key)
                except ResponseError as error:
                    self._fails(key, topic, error)
                except (RedisError, OSError, TimeoutError):
                    raise
                except Exception as error:
                    self._fails(key, topic, error)
            if topic.position is not None:
                streams[key] = topic.position
        return streams

    def _take(self, key: str, topic: Followed, entries: Any) -> None:
        try:
            topic.take(entries)
        except Exception as error:
            self._fails(key, topic, error)

    def _fails(self, key: str, topic: Followed, error: Exception) -> None:
        """What is wrong with one topic is nothing to the others."""
        from redis.exceptions import ResponseError

        topic.reload()
        if key not in self._failing:
            unforeseen = None if isinstance(error, ResponseError) else error
            log.error("the feed at %r cannot be read: %s", key, error, exc_info=unforeseen)
            self._failing.add(key)
