"""Feeds in the memory of this process."""

import time
from collections.abc import Callable, Sequence
from weakref import WeakValueDictionary

from streamserver.feed.idempotency import KEYS, IdempotencyKey
from streamserver.feed.log import Entry, make_entry
from streamserver.feed.topic import Bounds, Topic


class MemoryTopic(Topic):
    """A topic of this process; ``next_id`` makes the ids of its events."""

    def __init__(self, name: str, bounds: Bounds, next_id: Callable[[], str]) -> None:
        # The first position is a new id: no position of an earlier process is valid here.
        super().__init__(name, bounds, next_id())
        self._next_id = next_id
        self._keys: dict[str, tuple[str, str]] = {}  # each with its fingerprint and event id

    async def publish(self, event: bytes, is_last: bool, key: IdempotencyKey | None = None) -> str:
        """Add an event to the log and write it to all subscribers."""
        if key is not None and (used := self._keys.get(key.key)) is not None:
            key.check(used[0])
            return used[1]
        id = self.add([event], is_last)
        if key is not None:
            self._keys[key.key] = key.fingerprint, id
            if len(self._keys) > KEYS:
                del self._keys[next(iter(self._keys))]
        return id

    def add(self, events: Sequence[bytes], is_last: bool = False) -> str:
        """Add events, at least one, which share a write; the id of the last one. ``is_last``:
        whether the topic ends with it."""
        entries, previous = [], self.log.last_id
        assert previous is not None
        for number, event in enumerate(events, 1):
            id = self._next_id()
            entries.append(make_entry(id, previous, event, is_last and number == len(events)))
            previous = id
        self.append(entries)
        return previous

    async def newest(self) -> Entry | None:
        """The newest entry, None if there is none."""
        return self.log.newest


class Memory:
    """A backend in the memory of this process. A topic exists as long as it has a feed or a
    subscriber. ``clock`` returns seconds since 1970."""

    is_shared = False

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._milliseconds = self._number = 0
        self._topics: WeakValueDictionary[str, MemoryTopic] = WeakValueDictionary()

    def next_id(self) -> str:
        """A new id, ``<milliseconds>-<number>`` as in Redis streams, greater than all before. A
        process that starts later makes greater ones, unless the clock was set back."""
        now = int(self._clock() * 1000)
        if now > self._milliseconds:
            self._milliseconds, self._number = now, 0
        else:
            self._number += 1
        return f"{self._milliseconds}-{self._number}"

    def topic(self, name: str, bounds: Bounds) -> MemoryTopic:
        """The topic of a name; the first call sets its bounds."""
        topic = self._topics.get(name)
        if topic is None:
            topic = self._topics[name] = MemoryTopic(name, bounds, self.next_id)
        return topic

    async def close(self) -> None:
        """Nothing is open."""
