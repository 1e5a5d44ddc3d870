"""The events of one response: when the first came, the first token, and how long they lay apart.

Here is what a busy client spends its time with. So what only some streams have is looked for in
their first events, and no longer if it is not there: the target's stamps, and the JSON of a model.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from streamserver.lab.client.datas import Datas
from streamserver.lab.client.lines import MEDIA_TYPES, Lines
from streamserver.lab.client.record import KEPT, Record
from streamserver.lab.client.tokens import is_the_end, kind_of, tells_of_an_error
from streamserver.lab.stamps import Stamp, Stamps, read_stamp, without_times

LOOKED_AT = 8
"""Events without a stamp, or without a model's JSON, after which none is expected."""


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
        *("_error", "_is_chat", "_kept", "_last", "_last_data", "_looks", "_parse", "_record"),
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
        self._last_data = ""
        self._is_chat = False
        self._error = ""  # an event that tells of one
        self._looks = self._stamp_looks = LOOKED_AT
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
        self._last, self._last_data = moment, found[-1]
        if record.events < KEPT:
            room = KEPT - record.events
            record.arrivals.extend([moment] * min(len(found), room))
        record.events += len(found)
        if self._looks:
            self._look(found, moment)
        elif self._is_chat:
            self._look_for_errors(found)
        stamps = self._stamps(found) if self._stamp_looks else ()
        if self.hash is not None:
            for data in found:
                self.hash.update(f"{without_times(data)}\n".encode())
        if self._watch is not None:
            self._watch.came(moment, len(found), stamps)

    def end(self, moment: int) -> str:
        """The body has ended properly: why the stream has not; "" if it has, too."""
        if not self._is_chat:
            return ""
        if self._error:
            return f"an event tells of an error: {self._error[:200]}"
        if not is_the_end(self._last_data):
            return f"its last event is not the end of an answer: {self._last_data[:80]!r}"
        return ""

    def _look(self, found: list[str], moment: int) -> None:
        """Look for the first token, and whether this is a model's answer at all."""
        record = self._record
        for data in found:
            kind = kind_of(data)
            if kind == "none":
                if not self._is_chat:
                    self._looks -= 1
            else:
                self._is_chat = True
            if kind == "reasoning" and not record.first_reasoning:
                record.first_reasoning = moment
            if kind == "token":
                record.first_token = moment
            if record.first_token or not self._looks:
                self._looks = 0
                break
        self._look_for_errors(found)

    def _look_for_errors(self, found: list[str]) -> None:
        for data in found:
            if tells_of_an_error(data):
                self._is_chat, self._error = True, data

    def _stamps(self, found: list[str]) -> list[Stamp]:
        stamps = []
        for data in found:
            stamp = read_stamp(data)
            if stamp is not None:
                stamps.append(stamp)
        kept = self._kept
        if stamps:
            if len(kept) < KEPT:
                kept.extend(stamps[: KEPT - len(kept)])
        elif not kept:
            self._stamp_looks = max(self._stamp_looks - len(found), 0)
        return stamps


def events_of(kind: str, record: Record, watch: Watch | None) -> Events | None:
    """What reads a body of a media type, with its parameters or without; None if it has no events.

    Event streams have events, and of JSON lines each line is one.
    """
    kind = kind.partition(";")[0].strip().lower()
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

    def end(self, moment: int) -> str:
        """The body has ended, and with it the last line."""
        if last := self._lines.end():
            self.came(last, moment)
        return ""
