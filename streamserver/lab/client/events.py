"""The events of one response: when the first came, the first token, and how long they lay apart.

Most of the client's CPU time is spent here. So the target's stamps are only looked for as long as
one of the first events had one.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from streamserver.lab.client.datas import Datas
from streamserver.lab.client.judge import Judge
from streamserver.lab.client.lines import MEDIA_TYPES, Lines
from streamserver.lab.client.record import KEPT, End, Record
from streamserver.lab.client.wanted import media_type
from streamserver.lab.stamps import Stamp, Stamps, read_stamp, without_times

LOOKED_AT = 8
"""Events without a stamp after which none is expected."""


class Hash(Protocol):
    """What digests bytes, as ``hashlib`` has it."""

    def update(self, data: bytes, /) -> None:
        """Take further bytes."""

    def hexdigest(self) -> str:
        """What all of them come to."""


class Watch(Protocol):
    """Who is told of each read that brought events."""

    def came(self, moment: int, events: int, stamps: Sequence[Stamp]) -> None:
        """So many came at a moment; ``stamps``: those that have one."""


class Events:
    """Takes the pieces of one body; ``record`` is filled as they come."""

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
        self._last = 0  # when an event came last
        self._judge = Judge(record)
        self._look = self._judge.look
        self._stamp_looks, self._has_stamps = LOOKED_AT, False
        self._room = KEPT  # for further stamps
        self.hash: Hash | None = None
        """What digests the data of the events, if that is wanted."""

    def feed(self, piece: bytes, moment: int) -> None:
        """A piece of the body that came at a moment; ValueError if it is no such stream."""
        if found := self._parse(piece):
            self.came(found, moment)

    def came(self, found: list[str], moment: int) -> None:
        """The data of events that came together."""
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
        """The body has ended properly."""

    def verdict(self) -> tuple[End, str] | None:
        """The end of the exchange and its reason, unless the events so far are a success."""
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
    """What reads a body of a media type, with its parameters or without; None if it has no events.

    Event streams have events, and of JSON lines each line is one.
    """
    kind = media_type(kind)
    if kind == "text/event-stream":
        return Events(Datas().feed, record, watch)
    if kind in MEDIA_TYPES:
        return LineEvents(Lines(), record, watch)
    return None


class LineEvents(Events):
    """JSON lines: the last need not have an end of its own."""

    __slots__ = ("_lines",)

    def __init__(self, lines: Lines, record: Record, watch: Watch | None) -> None:
        super().__init__(lines.feed, record, watch)
        self._lines = lines

    def end(self, moment: int) -> None:
        """The body has ended, and with it the last line."""
        if last := self._lines.end():
            self.came(last, moment)
