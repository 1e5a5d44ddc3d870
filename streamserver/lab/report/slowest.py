"""The slowest exchanges, kept whole: what a percentile only counts, they show."""

import heapq
from dataclasses import dataclass, field
from itertools import count

from streamserver.lab.client.record import Record

KEPT = 10


@dataclass(slots=True)
class Slowest:
    """So many records that took longest from their planned beginning to the first token, or else
    to the first byte, or else to their end."""

    _heap: list[tuple[int, int, Record]] = field(default_factory=list)
    _serial: "count[int]" = field(default_factory=count)

    def add(self, record: Record) -> None:
        """Keep it if it is one of them."""
        moment = record.first_token or record.first_byte or record.last_byte or record.sent
        entry = (moment - record.planned, -next(self._serial), record)
        if len(self._heap) < KEPT:
            heapq.heappush(self._heap, entry)
        else:
            heapq.heappushpop(self._heap, entry)

    def records(self) -> list[Record]:
        """Them, the slowest first."""
        return [record for _, _, record in sorted(self._heap, key=lambda entry: -entry[0])]
