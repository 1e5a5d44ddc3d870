"""Those who are further behind than the part of a log that is in memory.

What lies between is fetched in pieces, each when the client has room for it, until the position is
one that is in memory; from there on a cursor reads like any other.
"""

import asyncio
from typing import TYPE_CHECKING

from streamserver.feed.cursor import Cursor, Start
from streamserver.feed.log import ORIGIN, Entry

if TYPE_CHECKING:
    from streamserver.feed.redis import RedisTopic

COUNT = 200
"""Entries that are fetched at once."""

RETRY = 1.0
"""Seconds until it is tried again, when Redis did not answer."""


class Trailing:
    """The cursors of a topic for which something is being fetched."""

    __slots__ = ("_tasks", "_topic")

    def __init__(self, topic: "RedisTopic") -> None:
        self._topic = topic
        self._tasks: dict[Cursor, asyncio.Task[None]] = {}

    def reaches(self, cursor: Cursor) -> bool:
        """Whether the log in memory reaches back to where a cursor begins."""
        log = self._topic.log
        return cursor.position is not Start.BEGINNING or log.id_before(log.first) == ORIGIN

    def start(self, cursor: Cursor) -> None:
        """Fetch what lies between a cursor and the log, if that is not being done."""
        if cursor not in self._tasks:
            loop = asyncio.get_running_loop()
            self._tasks[cursor] = loop.create_task(self._close_up(cursor))

    def stop(self, cursor: Cursor) -> None:
        """It has left."""
        if (task := self._tasks.pop(cursor, None)) is not None:
            task.cancel()

    async def _close_up(self, cursor: Cursor) -> None:
        from redis.exceptions import RedisError

        loop = asyncio.get_running_loop()
        try:
            while cursor.is_ready() and await self._step(cursor):
                pass
        except (RedisError, OSError, TimeoutError):
            loop.call_later(RETRY, cursor.go_on)
        finally:
            self._tasks.pop(cursor, None)
        if self._topic.number_of(cursor) is not None:
            cursor.go_on()

    async def _step(self, cursor: Cursor) -> bool:
        """Take a piece of what lies between; whether there may be more of it."""
        topic = self._topic
        position = cursor.position
        after = position if isinstance(position, str) else None
        entries, newest = await topic.older(after, COUNT)
        if not cursor.is_ready():
            return False
        if entries:
            self._take(cursor, after, entries)
        elif newest is None or newest.id != after:
            topic.skip(cursor)
        return bool(entries) and topic.number_of(cursor) is None

    @staticmethod
    def _take(cursor: Cursor, after: str | None, entries: list[Entry]) -> None:
        before = entries[0].previous
        if after is None:
            cursor.starts(before)
        elif after != before:
            cursor.misses(after, before, entries[0].id)
        if cursor.is_ready():
            cursor.take(entries)
            if entries[-1].is_last:
                cursor.ends()
