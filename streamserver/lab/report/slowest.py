"""The slowest exchanges, kept whole: what a percentile only counts, they show."""

import heapq
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from streamserver.lab.client.record import Record

KEPT = 10


@dataclass(slots=True)
class Slowest:
    """So many records that took longest from their planned beginning to the first token or tool
    call, or else to the first byte, or else to their end."""

    _heap: list[tuple[int, int, Record]] = field(default_factory=list)
    _serial: "count[int]" = field(default_factory=count)

    def add(self, record: Record) -> None:
        """Keep it if it is one of them."""
        answered = [one for one in (record.first_token, record.first_tool_call) if one]
        moment = min(answered, default=record.first_byte or record.ended)
        entry = (moment - record.planned, -next(self._serial), record)
        if len(self._heap) < KEPT:
            heapq.heappush(self._heap, entry)
        else:
            heapq.heappushpop(self._heap, entry)

    def records(self) -> list[Record]:
        """Them, the slowest first."""
        return [record for _, _, record in sorted(self._heap, key=lambda entry: -entry[0])]

    def merge(self, other: "Slowest") -> None:
        """Take in another process's."""
        for record in other.records():
            self.add(record)

    def to_json(self) -> list[dict[str, Any]]:
        """The records, for ``from_json``."""
        return [record.to_json() for record in self.records()]

    @classmethod
    def from_json(cls, told: list[dict[str, Any]]) -> "Slowest":
        """What ``to_json`` told."""
        slowest = cls()
        for record in told:
            slowest.add(Record.from_json(record))
        return slowest
