"""Whoever reads a topic: a position in its log that moves on."""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from enum import Enum
from typing import TYPE_CHECKING

from streamserver.feed.log import Entry
from streamserver.wire.sse import Event

if TYPE_CHECKING:
    from streamserver.feed.topic import Topic

log = logging.getLogger("streamserver")

BATCH = 64 * 1024
"""Bytes that a cursor takes from the log at once: what has piled up goes out in one write."""


class Start(Enum):
    """Where a subscriber without a position of its own begins."""

    NEW = "new"
    BEGINNING = "beginning"


class Cursor(ABC):
    """A position in the log of ``topic``.

    ``position``: the id of the last event that was taken, or where to start. ``next``: the number
    of the next, where the cursor ``has_place``.
    """

    __slots__ = ("__weakref__", "next", "position", "topic")

    def __init__(self, topic: "Topic", position: str | Start) -> None:
        self.topic = topic
        self.position = position
        self.next = 0

    @property
    def has_place(self) -> bool:
        """Whether its place in the log was ever found; it may have fallen off since."""
        return self.next != 0  # which stands below any log

    def go_on(self) -> None:
        """Take what there is. The one loop for events that were missed and for those that are new;
        a cursor that is far behind lets others have their turn after each batch."""
        entries = self.topic.log
        while self.next != entries.end and self.is_ready():
            if self.next < entries.first:
                if not self.topic.seek(self):
                    return
                continue
            batch = entries.read(self.next, BATCH)
            self.next += len(batch)
            self.take(batch)
            if batch[-1].is_last:
                self.ends()
            elif self.next != entries.end:
                return self.topic.go_on_soon(self)

    @abstractmethod
    def is_ready(self) -> bool:
        """Whether more can be taken now."""

    @abstractmethod
    def take(self, entries: Sequence[Entry]) -> None:
        """Take these events; the last of them is the new ``position``."""

    @abstractmethod
    def ends(self) -> None:
        """The topic has ended: there will be no more."""

    @abstractmethod
    def fails(self, error: Exception) -> None:
        """Something went wrong with this cursor alone: a ``Reader`` ends, cut, while a ``Watcher``
        only logs it and hears of the next event all the same."""

    @abstractmethod
    def starts(self, id: str) -> None:
        """The position that a client without one has now."""

    @abstractmethod
    def misses(self, after: str, before: str, first: str | None) -> None:
        """Events behind ``after`` are lost; ``before`` is the last of them, and ``first`` the first
        that is still there."""


class Watcher(Cursor):
    """Calls a function for each new event, in this process; it must not raise.

    ``begun`` is done when the watcher has its place in the log.
    """

    __slots__ = ("_hear", "begun")

    def __init__(self, topic: "Topic", hear: Callable[[Event], object]) -> None:
        super().__init__(topic, Start.NEW)
        self._hear = hear
        self.begun = asyncio.get_running_loop().create_future()

    def is_ready(self) -> bool:
        """It always is, until it has left."""
        return self in self.topic.cursors

    def take(self, entries: Sequence[Entry]) -> None:
        """Tell each of them."""
        for entry in entries:
            self.position = entry.id
            if self.is_ready():
                self._hear(entry.event())

    def ends(self) -> None:
        """It hears nothing any more."""

    def fails(self, error: Exception) -> None:
        """What it was told raised."""
        log.error("a watcher of the feed %r failed", self.topic.name, exc_info=error)

    def starts(self, id: str) -> None:
        """Tell whoever waits for it."""
        if not self.begun.done():
            self.begun.set_result(None)

    def misses(self, after: str, before: str, first: str | None) -> None:
        """What is lost cannot be told."""
