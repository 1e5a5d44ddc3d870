"""The events of one response: their number, arrival times, stamps and digest.

Most of the client's CPU time is spent here, so events are searched for the target's stamps only if
one of the first events has a stamp.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from streamserver.lab.client.event_data import EventData
from streamserver.lab.client.judge import Judge
from streamserver.lab.client.lines import MEDIA_TYPES, Lines
from streamserver.lab.client.record import KEPT, End, Record
from streamserver.lab.client.wanted import media_type
from streamserver.lab.stamps import Stamp, Stamps, read_stamp, without_times

LOOKED_AT = 8
"""If so many first events have no stamp, later events are not searched for one."""


class Hash(Protocol):
    """A hash object of ``hashlib``."""

    def update(self, data: bytes, /) -> None:
        """Add bytes."""

    def hexdigest(self) -> str:
        """The digest of all bytes, in hex."""


class Watch(Protocol):
    """An observer of each read that completed events."""

    def came(self, moment: int, events: int, stamps: Sequence[Stamp]) -> None:
        """So many events arrived at ``moment``; ``stamps``: those of the events that have one."""


class Events:
    """Counts and times the events of one body, and fills ``record``."""

    __slots__ = (
        *("_has_stamps", "_judge", "_kept", "_last", "_look", "_parse", "_record", "_room"),
        *("_stamp_looks", "_watch", "hash"),
    )

    def __init__(
        self, parse: Callable[[bytes], list[str]], record: Record, watch: Watch | None
    ) -> None:
        self._parse = parse
        self._record = record
        self._kept = record.stamps = Stamps()
        self._watch = watch
        self._last = 0  # when the last event arrived
        self._judge = Judge(record)
        self._look = self._judge.look
        self._stamp_looks, self._has_stamps = LOOKED_AT, False
        self._room = KEPT  # the number of stamps that can still be kept
        self.hash: Hash | None = None
        """Digests the data of the events; None: no digest is computed."""

    def feed(self, piece: bytes, moment: int) -> None:
        """Process a piece of the body; ValueError for an event that is too long."""
        if found := self._parse(piece):
            self.came(found, moment)

    def came(self, found: list[str], moment: int) -> None:
        """Process the data of events that arrived together."""
        record = self._record
        if not record.events:
            record.first_event = moment
        elif moment - self._last > record.longest_gap:
            record.longest_gap = moment - self._last
        self._last = moment
        if record.events < KEPT:
            if len(found) == 1:
                record.arrivals.append(moment)
            else:
                record.arrivals.extend([moment] * min(len(found), KEPT - record.events))
        record.events += len(found)
        look = self._look
        for data in found:
            look(data, moment)
        stamps = self._stamps(found) if self._stamp_looks else ()
        if self.hash is not None:
            for data in found:
                self.hash.update(f"{without_times(data)}\n".encode())
        if self._watch is not None:
            self._watch.came(moment, len(found), stamps)

    def end(self, moment: int) -> None:
        """Process the end of a complete body."""

    def verdict(self) -> tuple[End, str] | None:
        """How the exchange ended, and why; None if the events are a success."""
        return self._judge.verdict()

    def _stamps(self, found: list[str]) -> list[Stamp]:
        stamps = [stamp for data in found if (stamp := read_stamp(data)) is not None]
        if stamps:
            self._has_stamps = True
            if self._room:
                kept = stamps[: self._room]
                self._kept.extend(kept)
                self._room -= len(kept)
        elif not self._has_stamps:
            self._stamp_looks = max(self._stamp_looks - len(found), 0)
        return stamps


def events_of(kind: str, record: Record, watch: Watch | None) -> Events | None:
    """A reader for a body of media type ``kind``, parameters allowed; None if it has no events."""
    kind = media_type(kind)
    if kind == "text/event-stream":
        return Events(EventData().feed, record, watch)
    if kind in MEDIA_TYPES:
        return LineEvents(Lines(), record, watch)
    return None


class LineEvents(Events):
    """The events of JSON lines; the last line needs no line end."""

    __slots__ = ("_lines",)

    def __init__(self, lines: Lines, record: Record, watch: Watch | None) -> None:
        super().__init__(lines.feed, record, watch)
        self._lines = lines

    def end(self, moment: int) -> None:
        """Process the end of the body, which ends the last line too."""
        if last := self._lines.end():
            self.came(last, moment)
