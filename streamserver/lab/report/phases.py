"""The phases of an exchange, one after the other from its planned beginning to its end."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from streamserver.lab.client.record import Record

PHASES = {
    "waited to begin": "from the planned beginning to the one by the client",
    "connect": "to the open connection",
    "TLS": "to the end of the handshake",
    "send": "until the request was sent",
    "head": "to the head of the response",
    "first byte": "to the first byte of the body",
    "first reasoning": "to the first piece of reasoning",
    "first token": "to the first token or tool call",
    "rest": "to the last byte",
}
"""All phases in their order, each with its end; it begins at the end of the one before."""


class Phase(NamedTuple):
    """A part of an exchange; times are in ns of ``time.monotonic_ns``."""

    name: str
    begin: int
    end: int


def phases(record: Record) -> Iterator[Phase]:
    """The phases that an exchange has reached. Together they fill the time up to its end."""
    before = record.planned
    for name, moment in zip(PHASES, _moments(record), strict=True):
        if moment > before:
            yield Phase(name, before, moment)
            before = moment


def _moments(record: Record) -> tuple[int, ...]:
    """The end of each phase; 0 for one that was not reached."""
    return (
        *(record.began, record.connected, record.secured, record.sent, record.head),
        *(record.first_byte, record.first_reasoning, record.first_output),
        record.last_byte or max(record.ended, *record.arrivals[-1:], 0),
    )


@dataclass(slots=True)
class TimeSpent:
    """The time that complete exchanges spent in each phase."""

    exchanges: int = 0
    sums: list[int] = field(default_factory=lambda: [0] * len(PHASES))
    """Nanoseconds of each phase, in their order."""

    def add(self, record: Record) -> None:
        """Count an exchange. Its phases are not made, since every exchange of a run is counted."""
        self.exchanges += 1
        before = record.planned
        for n, moment in enumerate(_moments(record)):
            if moment > before:
                self.sums[n] += moment - before
                before = moment

    def merge(self, other: "TimeSpent") -> None:
        """Add the exchanges of another process."""
        self.exchanges += other.exchanges
        self.sums = [one + added for one, added in zip(self.sums, other.sums, strict=True)]

    @property
    def means(self) -> dict[str, float]:
        """Nanoseconds per exchange, of each phase that took time."""
        sums = zip(PHASES, self.sums, strict=True)
        return {name: total / self.exchanges for name, total in sums if total}
