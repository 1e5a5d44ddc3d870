"""A topic: its log and its subscribers.

A subscriber is a cursor on the log. ``Subscriber.deliver`` is the one loop for replay and for live
events: it reads entries from the subscriber's offset on and passes them to ``on_entries``. When an
event is published, ``Topic.append`` adds it to the log and runs that loop for every subscriber,
in slices. A subscriber that is reached late gets in one write what was added since.

A subscriber whose offset is below the start of the log is located first: it is new, or its next
entry was dropped. If its position is in the log, that gives the offset (``Topic.find``). If not,
entries were lost: ``on_gap`` reports it, and the subscriber continues at the first entry that is
left (``Topic.skip``). A topic in Redis fetches what is no longer in memory before it skips.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import islice

from streamserver.feed.idempotency import IdempotencyKey
from streamserver.feed.log import Entry, Log
from streamserver.wire.problem import HTTPError

BATCH = 64 * 1024
"""Bytes that one step of ``deliver`` reads from the log: a backlog is sent in few writes."""

SLICE = 256
"""Subscribers that get new entries in one iteration of the loop, about 3 ms. Between two slices a
process with many thousand subscribers accepts and serves others: in one piece an event to 17,000
takes 200 ms and more, and an overloaded process would accept no more than one batch a second."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much a log holds, and for how long."""

    events: int
    bytes: int
    ttl: float
    """Seconds after the last event, 0: unlimited. A log in memory ends with its last feed."""


class Start(Enum):
    """Where a subscriber without a position begins."""

    NEW = "new"
    BEGINNING = "beginning"


class Subscriber(ABC):
    """A cursor on the log of ``topic``.

    ``position``: the id of the last event that was delivered, or where to start. ``offset``: the
    offset of the next one, 0 until the position was found in the log.
    """

    __slots__ = ("__weakref__", "offset", "position", "topic")

    def __init__(self, topic: "Topic", position: str | Start) -> None:
        self.topic = topic
        self.position = position
        self.offset = 0

    def deliver(self) -> None:
        """Pass on the entries from the offset on, as long as the subscriber is ready.

        After each batch of a backlog other subscribers run. An error ends in ``on_error`` and
        does not reach other subscribers.
        """
        log = self.topic.log
        try:
            while self.offset != log.end and self.is_ready():
                if self.offset < log.start:
                    if not self.topic.locate(self):
                        return
                    continue
                entries = log.read(self.offset, BATCH)
                self.offset += len(entries)
                self.on_entries(entries)
                if entries[-1].is_last:
                    self.on_end()
                elif self.offset != log.end:
                    asyncio.get_running_loop().call_soon(self.deliver)
                    return
        except Exception as error:
            self.on_error(error)

    @abstractmethod
    def is_ready(self) -> bool:
        """Whether the subscriber can take more entries now."""

    @abstractmethod
    def on_entries(self, entries: Sequence[Entry]) -> None:
        """Take these entries; the id of the last one becomes the ``position``."""

    @abstractmethod
    def on_end(self) -> None:
        """The topic has ended: no entry follows."""

    @abstractmethod
    def on_error(self, error: Exception) -> None:
        """Delivery to this subscriber failed."""

    @abstractmethod
    def on_start(self, id: str) -> None:
        """The position of a subscriber that began without one is known now."""

    @abstractmethod
    def on_gap(self, after: str, before: str, first: str | None) -> None:
        """The events after the id ``after``, up to the id ``before``, are lost; ``first`` is the id
        of the first event that is left."""


class Topic(ABC):
    """What all feeds of one name and one backend share."""

    def __init__(self, name: str, bounds: Bounds, last_id: str | None) -> None:
        self.name = name
        self.bounds = bounds
        self.log = Log(bounds.events, bounds.bytes, last_id)
        self.subscribers: dict[Subscriber, None] = {}
        self._rest: Iterator[Subscriber] | None = None  # of those that get the newest entries
        self._begins_again = False

    @abstractmethod
    async def publish(self, event: bytes, is_last: bool, key: IdempotencyKey | None = None) -> str:
        """Add an event, encoded without an id, to the log; its id.

        A ``key`` that was used before adds nothing; HTTPError 422 as ``IdempotencyKey.check``.
        """

    @abstractmethod
    async def newest(self) -> Entry | None:
        """The newest entry, None if there is none. HTTPError 503 if the store does not answer."""

    def subscribe(self, subscriber: Subscriber) -> None:
        """Deliver the backlog of a subscriber, and new entries from now on."""
        self.subscribers[subscriber] = None
        subscriber.deliver()

    def unsubscribe(self, subscriber: Subscriber) -> bool:
        """Deliver no more to it; False if it was not subscribed."""
        if subscriber not in self.subscribers:
            return False
        del self.subscribers[subscriber]
        return True

    def append(self, entries: Iterable[Entry]) -> None:
        """Add entries to the log and deliver them to all subscribers, the first ``SLICE`` of them
        in this call."""
        self.log.append(entries)
        if self._rest is not None:
            self._begins_again = True  # those that were served already have not got these entries
        elif len(self.subscribers) < SLICE:
            for subscriber in tuple(self.subscribers):
                subscriber.deliver()
        else:
            self._rest = iter(tuple(self.subscribers))
            self._deliver_slice()

    def _deliver_slice(self) -> None:
        some = tuple(islice(self._rest or (), SLICE))
        for subscriber in some:
            subscriber.deliver()
        if len(some) < SLICE:
            self._rest = None
            if not self._begins_again:
                return
            self._begins_again = False
            self._rest = iter(tuple(self.subscribers))
        asyncio.get_running_loop().call_soon(self._deliver_slice)

    def locate(self, subscriber: Subscriber) -> bool:
        """Give a subscriber an offset in the log; False if delivery has to wait for it."""
        if not self.find(subscriber):
            self.skip(subscriber)
        return True

    def find(self, subscriber: Subscriber) -> bool:
        """Set the offset of a subscriber from its position; False if that is not in the log."""
        position, offset = subscriber.position, self.offset_of(subscriber)
        if offset is None:
            return False
        subscriber.offset = offset
        if isinstance(position, Start):
            subscriber.position = self.log.id_before(offset)
            subscriber.on_start(subscriber.position)
        newest = self.log.newest
        if offset == self.log.end and newest is not None and newest.is_last:
            subscriber.on_end()
        return True

    def offset_of(self, subscriber: Subscriber) -> int | None:
        """The offset after a subscriber's position; None if that is not in the log."""
        match subscriber.position:
            case Start.NEW:
                return self.log.end
            case Start.BEGINNING:
                return self.log.start
            case position:
                return self.log.offset_after(position)

    def skip(self, subscriber: Subscriber) -> None:
        """Report a gap to a subscriber and move it to the first entry of the log."""
        offset, newest = self.log.start, self.log.newest
        before = self.log.id_before(offset)
        first = None if newest is None else self.log.read(offset, 1)[0].id
        subscriber.on_gap(str(subscriber.position), before, first)
        subscriber.offset, subscriber.position = offset, before


def unreachable() -> HTTPError:
    """The error of a feed whose store does not answer."""
    detail = "the feed's store is out of reach: try again"
    return HTTPError(503, detail, headers={"Retry-After": "1"})
