"""A topic that is a stream in Redis, as a process reads it.

While somebody reads it the newest part is in memory: loaded once, then told by ``Following``. Who
is further behind is fed by ``Trailing``, until that part is reached. Others may have put into the
stream what they like: what is no event of ours is passed over.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from streamserver.feed.cursor import Cursor
from streamserver.feed.log import ORIGIN, Entry, make_entry
from streamserver.feed.once import Once
from streamserver.feed.topic import Bounds, Topic, unreachable
from streamserver.feed.trailing import Trailing

if TYPE_CHECKING:
    from streamserver.feed.redis import Redis

log = logging.getLogger("streamserver")

LOADED = 1000
"""Entries that a process has in memory when it begins to follow a topic."""


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

    ``at``: the id that was read before it, ``last``: that of the entry before it, if it is known;
    they differ where others have put something in between, over which the next entry is joined to
    the last.
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


class RedisTopic(Topic):
    """A topic that is a stream in Redis; ``log`` has its newest part while somebody follows it."""

    def __init__(self, backend: "Redis", name: str, key: str, bounds: Bounds) -> None:
        super().__init__(name, bounds, None)
        self._backend = backend
        self._key = key
        self._trailing = Trailing(self)
        self.position: str | None = None
        """The id up to which the stream was read; None as long as it is not followed."""

    async def publish(self, event: bytes, is_last: bool, once: Once | None = None) -> str:
        """Add an event to the stream, from where it reaches everybody, here and elsewhere."""
        return await self._backend.publish(self.name, event, is_last, self.bounds, once)

    async def newest(self) -> Entry | None:
        """The newest entry, if any is left."""
        with reached():
            return await self._newest(self._backend.client)

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
        position = found[-1][0].decode() if found else ORIGIN
        if entries := entries_of(found):
            before = entries[0].previous
        else:
            newest = await self._newest(client, position)
            before = ORIGIN if newest is None else newest.id
        if self.cursors:
            self.log.begin(before)
            self.position = position
            self.deliver(entries)

    async def _newest(self, client: Any, end: str = "+") -> Entry | None:
        count = 1
        while True:
            found = await client.xrevrange(self._key, max=end, count=count)
            for each in found:
                if entries := entries_of([each]):
                    return entries[0]
            if len(found) < count:
                return None
            end, count = f"({found[-1][0].decode()}", LOADED  # others have put that there

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
        if not self.log.has_begun:
            return False
        if self._trailing.has(cursor):  # it goes on from where that ends, or would hear it twice
            return False
        if self._trailing.reaches(cursor) and self.find(cursor):
            return True
        self._trailing.start(cursor)
        return False

    async def fetch(self, after: str | None, count: int) -> tuple[list[Entry], bool]:
        """About so many entries behind an id, or from the first on; and whether there is anything
        that ends with this id."""
        async with self._backend.fetching:
            at, last = after or "", ""
            while True:
                pipeline = self._backend.client.pipeline(transaction=True)
                pipeline.xrange(self._key, min=f"({at}" if at else "-", count=count)
                pipeline.xrange(self._key, min=at or "-", max=at or "-", count=1)
                found, itself = await pipeline.execute()
                if itself and at == after:
                    last = at  # else entries may have been lost between it and those of others
                entries = entries_of(found, at, last)
                if entries or len(found) < count:
                    return entries, bool(last)
                at = found[-1][0].decode()  # there was nothing but what others have put there
