"""The log of a topic: the newest events, bounded, each framed once for all who read it.

A subscriber is a position in the log, and nothing more: no queue, no copy. What was missed and
what is new are read in the same way, so nothing can fall between the two. Positions are known by
two names. Everybody outside knows the id of the event before it, which is what a client that
reconnects sends back. In here it is the number of the event after it, which only counts up; so
whoever stands below ``first`` has fallen off.

Every entry names its predecessor, wherever it was published. Two entries that come one after the
other and do not fit together are how a hole shows, whoever made it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from streamserver.wire import chunked
from streamserver.wire.sse import Event, Parser

ORIGIN = "0-0"
"""The id before the first event that a topic ever had."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An event in the log."""

    id: str
    previous: str
    """The id of the event before it, ``ORIGIN`` if there was none."""
    chunk: bytes
    """The event with its id, as one chunk (RFC 9112, section 7.1)."""
    size: int
    """Bytes of the event alone."""
    is_last: bool
    """Whether the topic ends with it."""

    @property
    def data(self) -> bytes:
        """The event alone, for bodies that are not chunked."""
        return self.chunk[-2 - self.size : -2]

    def event(self) -> Event:
        """The event as it was published, with its id; ``data`` is text."""
        return Parser(self.size).feed(self.data)[0]


def make_entry(id: str, previous: str, event: bytes, is_last: bool = False) -> Entry:
    """An entry of an event that was encoded without an id."""
    data = b"id: %b\n%b" % (id.encode(), event)
    return Entry(id, previous, chunked.encode(data), len(data), is_last)


def batch(entries: Iterable[Entry], size: int) -> list[Entry]:
    """The first of them, of about ``size`` bytes, one at least, and none behind a last one."""
    taken = []
    for entry in entries:
        taken.append(entry)
        size -= entry.size
        if size <= 0 or entry.is_last:
            break
    return taken


class Log:
    """The newest entries: ``max_events`` at most, whose chunks have ``max_bytes`` at most. The
    newest of all is always there, however large: who is there has to get it.

    ``last_id``: the id that the first entry must name as its predecessor; None where that is not
    known yet. Numbers are given from 1 on; so 0 stands below any log.
    """

    __slots__ = (
        "_bytes",
        "_entries",
        "_max_bytes",
        "_max_events",
        "_newest",
        "_numbers",
        "end",
        "first",
        "last_id",
    )

    def __init__(self, max_events: int, max_bytes: int, last_id: str | None) -> None:
        self._max_events = max_events
        self._max_bytes = max_bytes
        self._entries: dict[int, Entry] = {}
        self._numbers: dict[str, int] = {}  # of the entry behind an id
        self._newest: Sequence[Entry] = ()
        self._bytes = 0
        self.first = self.end = 0
        self.last_id: str | None = None
        if last_id is not None:
            self.begin(last_id)

    @property
    def has_begun(self) -> bool:
        """Whether it is known which entry comes next."""
        return self.last_id is not None

    def begin(self, last_id: str) -> None:
        """Begin, or begin again, behind an event that is not in the log: all others fall off."""
        self._entries.clear()
        self._numbers = {last_id: self.end + 1}
        self._newest = ()
        self._bytes = 0
        # One number is skipped, so that whoever stood at the end before has fallen off too.
        self.first = self.end = self.end + 1
        self.last_id = last_id

    def forget(self) -> None:
        """Drop all entries; nobody is at any position that is known."""
        self.begin("")
        self._numbers.clear()
        self.last_id = None

    def extend(self, entries: Iterable[Entry]) -> None:
        """Add entries, each the successor of the one before; where one is not, begin there anew."""
        for entry in entries:
            if entry.previous != self.last_id:
                self.begin(entry.previous)
            self._entries[self.end] = entry
            self._newest = (entry,)
            self._bytes += len(entry.chunk)
            self.end += 1
            self._numbers[entry.id] = self.end
            self.last_id = entry.id
            while self.first < self.end - 1 and self._is_full():
                self._drop_first()

    def _is_full(self) -> bool:
        return self._bytes > self._max_bytes or self.end - self.first > self._max_events

    def _drop_first(self) -> None:
        entry = self._entries.pop(self.first)
        del self._numbers[entry.previous]
        self._bytes -= len(entry.chunk)
        self.first += 1

    def number_behind(self, id: str) -> int | None:
        """The number that follows an id; None if the id is not in the log."""
        return self._numbers.get(id)

    @property
    def newest(self) -> Entry | None:
        """The newest entry, if any is left."""
        return self._entries.get(self.end - 1)

    def id_before(self, number: int) -> str:
        """The id of the event before a number that is in the log, or is its end."""
        entry = self._entries.get(number)
        id = self.last_id if entry is None else entry.previous
        if id is None:
            raise ValueError("the log has not begun")
        return id

    def read(self, number: int, size: int) -> Sequence[Entry]:
        """The entries from a number on, of about ``size`` bytes; one at least, if there is one."""
        if number == self.end - 1:
            return self._newest
        return batch((self._entries[each] for each in range(number, self.end)), size)
