"""Feeds in the memory of this process."""

import time
from collections.abc import Callable
from weakref import WeakValueDictionary

from streamserver.feed.log import Entry, make_entry
from streamserver.feed.once import KEYS, Once
from streamserver.feed.topic import Bounds, Topic


class Ids:
    """Ids as Redis streams have them, ``<milliseconds since 1970>-<number>``, ever greater.

    A process that starts later has greater ones, unless the clock was set back in between. The
    ``clock`` is in seconds.
    """

    __slots__ = ("_clock", "_milliseconds", "_number")

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._milliseconds = self._number = 0

    def __call__(self) -> str:
        """The next one."""
        now = int(self._clock() * 1000)
        if now > self._milliseconds:
            self._milliseconds, self._number = now, 0
        else:
            self._number += 1
        return f"{self._milliseconds}-{self._number}"


class MemoryTopic(Topic):
    """A topic of this process."""

    def __init__(self, name: str, bounds: Bounds, ids: Ids) -> None:
        # An id of its own, so that no position of an earlier process fits by accident.
        super().__init__(name, bounds, ids())
        self._ids = ids
        self._published: dict[str, tuple[str, str]] = {}  # keys, each with fingerprint and id

    async def publish(self, event: bytes, is_last: bool, once: Once | None = None) -> str:
        """Add an event to the log; it is on its way to everybody when this returns."""
        assert self.log.last_id is not None
        if once is not None and (known := self._published.get(once.key)) is not None:
            once.check(known[0])
            return known[1]
        entry = make_entry(self._ids(), self.log.last_id, event, is_last)
        if once is not None:
            self._published[once.key] = once.fingerprint, entry.id
            if len(self._published) > KEYS:
                del self._published[next(iter(self._published))]
        self.deliver([entry])
        return entry.id

    async def newest(self) -> Entry | None:
        """The newest entry, if any is left."""
        return self.log.newest


class Memory:
    """A backend in the memory of this process. A topic lives as long as somebody has a feed of it,
    or reads it."""

    is_shared = False

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._ids = Ids(clock)
        self._topics: WeakValueDictionary[str, MemoryTopic] = WeakValueDictionary()

    def topic(self, name: str, bounds: Bounds) -> Topic:
        """The topic of a name; its bounds are those that it was first asked for with."""
        topic = self._topics.get(name)
        if topic is None:
            topic = self._topics[name] = MemoryTopic(name, bounds, self._ids)
        return topic

    async def close(self) -> None:
        """There is nothing to close."""
