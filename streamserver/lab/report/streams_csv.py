"""Every exchange as a line of CSV (RFC 4180), written as it ends."""

import csv
from collections.abc import Iterator
from typing import TextIO

from streamserver.lab.client.record import Record
from streamserver.wire.printable import printable

MOMENTS = (
    "began",
    "dialed",
    "connected",
    "secured",
    "sent",
    "head",
    "first_byte",
    "first_event",
    "first_reasoning",
    "first_token",
    "first_tool_call",
    "last_byte",
)
COLUMNS = (
    "planned_ns",
    *[f"{name}_ms" for name in MOMENTS],
    "longest_gap_ms",
    "status",
    "end",
    "detail",
    "retries",
    "reads",
    "chunks",
    "events",
    "bytes",
)


class StreamsCsv:
    """Writes to an open file; moments are ms from ``planned``, empty where there is none."""

    def __init__(self, file: TextIO) -> None:
        self._writer = csv.writer(file)
        self._writer.writerow(COLUMNS)

    def add(self, record: Record) -> None:
        """One more line."""
        self._writer.writerow(
            [
                record.planned,
                *_moments(record),
                f"{record.longest_gap / 1e6:.6f}" if record.events > 1 else "",
                record.status or "",
                record.end,
                printable(record.detail),
                record.retries,
                record.reads,
                record.chunks,
                record.events,
                record.size,
            ]
        )


def _moments(record: Record) -> Iterator[str]:
    for name in MOMENTS:
        moment = getattr(record, name)
        yield f"{(moment - record.planned) / 1e6:.6f}" if moment else ""
