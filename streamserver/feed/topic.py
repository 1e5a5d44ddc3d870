"""A topic: a log, and those who read it.

How a cursor gets a place in the log, when it joins and whenever the log has moved past it:

1. ``Cursor.go_on`` sees that its number is below the log, and asks the topic to ``seek`` its place.
2. ``seek`` first tries to ``find`` it: its position is in the log, and that gives the number. A
   cursor that had no position is told by ``starts`` which one it has now.
3. If that fails, ``skip`` goes to the first entry that is still there; ``misses`` tells of the gap.
4. ``go_on`` then has it ``take`` what is behind its place, until nothing is left, and ``ends`` it
   behind a last entry.

In Redis there is more than what is in memory, so there 3 is another: ``Trailing`` fetches what lies
between, and has it taken, until ``find`` succeeds; it skips only what Redis does not have either.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass

from streamserver.feed.cursor import Cursor, Start
from streamserver.feed.log import Entry, Log
from streamserver.feed.once import Once
from streamserver.wire.problem import HTTPError


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much a log holds, and how long it outlives its last event."""

    events: int
    bytes: int
    ttl: float
    """Seconds; 0 is for ever. Where the log is this process's own, it goes with its last feed."""


def unreachable() -> HTTPError:
    """What is raised when the store of a feed does not answer."""
    detail = "the feed's store is out of reach: try again"
    return HTTPError(503, detail, headers={"Retry-After": "1"})


class Topic(ABC):
    """What the feeds of one name share in a backend."""

    def __init__(self, name: str, bounds: Bounds, last_id: str | None) -> None:
        self.name = name
        self.bounds = bounds
        self.log = Log(bounds.events, bounds.bytes, last_id)
        self.cursors: dict[Cursor, None] = {}

    @abstractmethod
    async def publish(self, event: bytes, is_last: bool, once: Once | None = None) -> str:
        """Add an event, encoded without an id, to the log for all who read it; its id.

        An event that was published ``once`` is not added again; HTTPError 422 as ``Once.check``.
        """

    @abstractmethod
    async def newest(self) -> Entry | None:
        """The newest entry, if any is left."""

    def join(self, cursor: Cursor) -> None:
        """From now on it is told of what is new."""
        self.cursors[cursor] = None
        cursor.go_on()

    def leave(self, cursor: Cursor) -> bool:
        """It is not any more; whether it was."""
        if cursor not in self.cursors:
            return False
        del self.cursors[cursor]
        return True

    def deliver(self, entries: Iterable[Entry]) -> None:
        """Add entries to the log, and write them to everybody who is there: one loop."""
        self.log.extend(entries)
        for cursor in tuple(self.cursors):
            self.go_on(cursor)

    def go_on(self, cursor: Cursor) -> None:
        """Let a cursor go on; what goes wrong with one is nothing to the others."""
        try:
            cursor.go_on()
        except Exception as error:
            cursor.fails(error)

    def go_on_soon(self, cursor: Cursor) -> None:
        """Let it go on when others have had their turn."""
        asyncio.get_running_loop().call_soon(self.go_on, cursor)

    def seek(self, cursor: Cursor) -> bool:
        """Find the place in the log of a cursor that has none, or has fallen off; whether it has
        one now."""
        if not self.find(cursor):
            self.skip(cursor)
        return True

    def find(self, cursor: Cursor) -> bool:
        """Do so if its position is in the log."""
        position, number = cursor.position, self.number_of(cursor)
        if number is None:
            return False
        cursor.next = number
        if isinstance(position, Start):
            cursor.position = self.log.id_before(number)
            cursor.starts(cursor.position)
        newest = self.log.newest
        if number == self.log.end and newest is not None and newest.is_last:
            cursor.ends()
        return True

    def number_of(self, cursor: Cursor) -> int | None:
        """The number of the entry that a cursor is to take next; None if that is not here."""
        match cursor.position:
            case Start.NEW:
                return self.log.end
            case Start.BEGINNING:
                return self.log.first
            case position:
                return self.log.number_behind(position)

    def skip(self, cursor: Cursor) -> None:
        """Have a cursor go on with the first entry that is still here, and tell it of the gap."""
        number = self.log.first
        before = self.log.id_before(number)
        newest = self.log.newest
        first = None if newest is None else self.log.read(number, 1)[0].id
        cursor.misses(str(cursor.position), before, first)
        cursor.next, cursor.position = number, before
