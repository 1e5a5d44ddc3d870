"""Backfill: a subscriber that is behind the part of a log in memory gets the older entries from
Redis, in batches, each when its client has room for it. When its position is in memory, it
continues like any other subscriber.
"""

import asyncio
from collections.abc import Awaitable, Callable

from streamserver.feed.log import Entry, first_batch
from streamserver.feed.topic import BATCH, Subscriber, Topic

FIRST_COUNT = 20
"""Entries that are fetched while their size is unknown."""

MAX_COUNT = 500
"""Entries that are fetched at a time, at most."""

RETRY = 1.0
"""Seconds until a fetch that failed is repeated."""

Fetch = Callable[[str | None, int], Awaitable[tuple[list[Entry], bool]]]
"""Fetches entries: about so many after an id (None: from the first on), and whether that id is
known in the store."""


class Backfill:
    """The subscribers of one topic for which older entries are fetched; ``failures`` are the
    exceptions after which a fetch is repeated."""

    def __init__(self, topic: Topic, fetch: Fetch, failures: tuple[type[Exception], ...]) -> None:
        self._topic = topic
        self._fetch = fetch
        self._failures = failures
        self._tasks: dict[Subscriber, asyncio.Task[None]] = {}
        self._count = FIRST_COUNT  # adapted to the size of the entries

    def __contains__(self, subscriber: Subscriber) -> bool:
        return subscriber in self._tasks

    def start(self, subscriber: Subscriber) -> None:
        """Fetch the entries between a subscriber's position and the log in memory."""
        task = asyncio.get_running_loop().create_task(self._backfill(subscriber))
        self._tasks[subscriber] = task

    def stop(self, subscriber: Subscriber) -> None:
        """Cancel the fetch of a subscriber that has left."""
        if (task := self._tasks.pop(subscriber, None)) is not None:
            task.cancel()

    async def _backfill(self, subscriber: Subscriber) -> None:
        try:
            while subscriber.is_ready() and await self._step(subscriber):
                pass
        except self._failures:
            asyncio.get_running_loop().call_later(RETRY, subscriber.deliver)
            return
        except Exception as error:
            subscriber.on_error(error)
        finally:
            self._tasks.pop(subscriber, None)
        if self._topic.offset_of(subscriber) is not None:
            subscriber.deliver()

    async def _step(self, subscriber: Subscriber) -> bool:
        """Fetch and deliver one batch; whether another one is needed."""
        position = subscriber.position
        after = position if isinstance(position, str) else None
        entries, is_known = await self._fetch(after, self._count)
        if not entries and not is_known:  # an id of another stream, or of the future
            entries, _ = await self._fetch(None, self._count)
        if entries:
            size = sum(entry.size for entry in entries)
            self._count = min(max(1, len(entries) * BATCH // size), MAX_COUNT)
            self._deliver(subscriber, after, entries)
        elif not is_known and not self._topic.find(subscriber):
            self._topic.skip(subscriber)
        return bool(entries) and self._topic.offset_of(subscriber) is None

    @staticmethod
    def _deliver(subscriber: Subscriber, after: str | None, entries: list[Entry]) -> None:
        before = entries[0].previous
        if after is None:
            subscriber.on_start(before)
        elif after != before:
            subscriber.on_gap(after, before, entries[0].id)
        subscriber.position = before  # even if it is not ready for the entries now
        while entries and subscriber.is_ready():
            batch = first_batch(entries, BATCH)
            entries = entries[len(batch) :]
            subscriber.on_entries(batch)
            if batch[-1].is_last:
                subscriber.on_end()
