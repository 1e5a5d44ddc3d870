"""The log of a topic: the newest events, bounded, each framed once for all subscribers.

A subscriber has no queue and no copy of an event; it is a position in the log. Events that it
missed and new ones are read in the same way, so none is lost between replay and live. A client
knows a position as the id of the last event that it received. Within the process a position is
an offset, the number of the next entry to read. Offsets only grow, so an offset below ``start``
refers to an entry that was dropped.

Every entry names its predecessor. Where two consecutive entries do not fit, entries are missing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from streamserver.feed.coded_blocks import BlockCoder
from streamserver.wire import chunked
from streamserver.wire.sse import Event, Parser

ORIGIN = "0-0"
"""The position before the first event of a topic."""


class CodedEntry(NamedTuple):
    """An entry in a content coding."""

    data: memoryview
    """The event with its id, before it was encoded."""
    chunk: bytes
    """Its block, as one chunk."""
    size: int
    """Bytes of the block."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An event in the log, and what it is in the content codings of its readers."""

    id: str
    previous: str
    """The id of the event before it; ``ORIGIN`` if there is none."""
    chunk: bytes
    """The event with its id, as one chunk (RFC 9112, section 7.1)."""
    size: int
    """Bytes of the event with its id, without the framing of the chunk."""
    is_last: bool
    """Whether the topic ends with this event."""
    _coded: dict[str, CodedEntry] | None = field(default=None, compare=False, repr=False)

    @property
    def data(self) -> bytes:
        """The event with its id, for bodies that are not chunked."""
        return self.chunk[-2 - self.size : -2]

    def coded(self, coder: BlockCoder) -> CodedEntry:
        """The entry in the coding of ``coder``: encoded at the first call, for all readers."""
        coded = self._coded
        if coded is None:
            coded = {}
            object.__setattr__(self, "_coded", coded)
        if (found := coded.get(coder.coding)) is None:
            block = coder.block(self.data)
            data = memoryview(self.chunk)[-2 - self.size : -2]
            found = coded[coder.coding] = CodedEntry(data, chunked.encode(block), len(block))
        return found

    def event(self) -> Event:
        """The event as it was published, with its id; ``data`` is text."""
        return Parser(self.size).feed(self.data)[0]


def make_entry(id: str, previous: str, event: bytes, is_last: bool = False) -> Entry:
    """The entry of an event that was encoded without an id."""
    data = b"id: %b\n%b" % (id.encode(), event)
    return Entry(id, previous, chunked.encode(data), len(data), is_last)


def first_batch(entries: Iterable[Entry], size: int) -> list[Entry]:
    """The first entries, until their sizes reach ``size`` or the topic ends; at least one."""
    batch = []
    for entry in entries:
        batch.append(entry)
        size -= entry.size
        if size <= 0 or entry.is_last:
            break
    return batch


class Log:
    """The newest entries: at most ``max_events``, and at most ``max_bytes`` of chunks. The newest
    entry stays in the log even if it is larger. For each content coding of its readers an entry
    has a second chunk, which does not count: what a log holds must not depend on them. A block
    is a few bytes larger than the event at most.

    ``last_id``: the id of the newest entry, or the predecessor of the first entry to come; None if
    it is not known yet. Offsets start at 1: offset 0 is below the start of any log.
    """

    def __init__(self, max_events: int, max_bytes: int, last_id: str | None) -> None:
        self._max_events = max_events
        self._max_bytes = max_bytes
        self.end = 0
        self.reset(last_id)

    def reset(self, last_id: str | None) -> None:
        """Drop all entries; the next one follows ``last_id``, or an unknown id if it is None."""
        self._entries: dict[int, Entry] = {}
        self._offsets = {} if last_id is None else {last_id: self.end + 1}  # by id before them
        self._newest: Sequence[Entry] = ()
        self._bytes = 0
        # One offset is skipped: a subscriber at the old end has lost its place too.
        self.start = self.end = self.end + 1
        self.last_id = last_id

    def append(self, entries: Iterable[Entry]) -> None:
        """Add entries; one that does not follow the last entry resets the log first."""
        for entry in entries:
            if entry.previous != self.last_id:
                self.reset(entry.previous)
            self._entries[self.end] = entry
            self._newest = (entry,)
            self._bytes += len(entry.chunk)
            self.end += 1
            self._offsets[entry.id] = self.end
            self.last_id = entry.id
            while self.start < self.end - 1 and self._is_full():
                self._drop_first()

    def _is_full(self) -> bool:
        return self._bytes > self._max_bytes or self.end - self.start > self._max_events

    def _drop_first(self) -> None:
        entry = self._entries.pop(self.start)
        del self._offsets[entry.previous]
        self._bytes -= len(entry.chunk)
        self.start += 1

    def offset_after(self, id: str) -> int | None:
        """The offset of the entry after an id; None if the log does not know the id."""
        return self._offsets.get(id)

    def id_before(self, offset: int) -> str:
        """The id before an entry, or before the end; ValueError if it is not known."""
        entry = self._entries.get(offset)
        id = self.last_id if entry is None else entry.previous
        if id is None:
            raise ValueError("the last id of the log is not known yet")
        return id

    @property
    def newest(self) -> Entry | None:
        """The newest entry; None if the log is empty."""
        return self._newest[0] if self._newest else None

    def read(self, offset: int, size: int) -> Sequence[Entry]:
        """The entries from an offset on, about ``size`` bytes of them; at least one if any."""
        if offset == self.end - 1:  # the usual case: a subscriber that is up to date
            return self._newest
        return first_batch((self._entries[each] for each in range(offset, self.end)), size)
