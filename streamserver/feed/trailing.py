"""Those who are further behind than the part of a log that is in memory.

What lies between is fetched in pieces, each when the client has room for it, until the position is
one that is in memory; from there on a cursor reads like any other.
"""

import asyncio
from typing import TYPE_CHECKING

from streamserver.feed.cursor import BATCH, Cursor, Start
from streamserver.feed.log import ORIGIN, Entry, batch

if TYPE_CHECKING:
    from streamserver.feed.redis_topic import RedisTopic

FEW = 20
"""Entries that are fetched as long as nobody knows how large they are."""

MOST = 500
"""Entries that are fetched at once, at most: as many as a cursor takes at once."""

RETRY = 1.0
"""Seconds until it is tried again, when Redis did not answer."""


class Trailing:
    """The cursors of a topic for which something is being fetched."""

    __slots__ = ("_count", "_tasks", "_topic")

    def __init__(self, topic: "RedisTopic") -> None:
        self._topic = topic
        self._tasks: dict[Cursor, asyncio.Task[None]] = {}
        self._count = FEW  # entries to fetch, by the size of those that were fetched last

    def reaches(self, cursor: Cursor) -> bool:
        """Whether the log in memory reaches back to where a cursor begins."""
        log = self._topic.log
        return cursor.position is not Start.BEGINNING or log.id_before(log.first) == ORIGIN

    def has(self, cursor: Cursor) -> bool:
        """Whether something is being fetched for it."""
        return cursor in self._tasks

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

        try:
            while cursor.is_ready() and await self._step(cursor):
                pass
        except (RedisError, OSError, TimeoutError):
            asyncio.get_running_loop().call_later(RETRY, self._topic.go_on, cursor)
            return
        except Exception as error:
            cursor.fails(error)
        finally:
            self._tasks.pop(cursor, None)
        if self._topic.number_of(cursor) is not None:
            self._topic.go_on(cursor)

    async def _step(self, cursor: Cursor) -> bool:
        """Take a piece of what lies between; whether there may be more of it."""
        topic = self._topic
        after = cursor.position if isinstance(cursor.position, str) else None
        entries, is_known = await topic.fetch(after, self._count)
        if not entries and not is_known:  # of another stream, or of the future
            entries, _ = await topic.fetch(None, self._count)
        if entries:
            size = sum(entry.size for entry in entries)
            self._count = min(max(1, len(entries) * BATCH // size), MOST)
            self._take(cursor, after, entries)
        elif not is_known and not topic.find(cursor):
            topic.skip(cursor)
        return bool(entries) and topic.number_of(cursor) is None

    @staticmethod
    def _take(cursor: Cursor, after: str | None, entries: list[Entry]) -> None:
        before = entries[0].previous
        if after is None:
            cursor.starts(before)
        elif after != before:
            cursor.misses(after, before, entries[0].id)
        rest = entries
        while rest and cursor.is_ready():
            part = batch(rest, BATCH)
            rest = rest[len(part) :]
            cursor.take(part)
            if part[-1].is_last:
                cursor.ends()
