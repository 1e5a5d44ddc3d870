"""What many records come to: a histogram for each milestone, and how the exchanges ended."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from streamserver.lab.client.record import Record

LONGEST = 3600 * 1_000_000_000
"""Nanoseconds that a histogram holds; longer ones count as that."""
MILESTONES = ("connect", "head", "first_byte", "first_event", "first_token", "gap", "last_byte")


def new_histogram() -> Any:
    """An HDR histogram of nanoseconds: every value is kept to three digits.

    RuntimeError that says what to install where the library is not there.
    """
    try:
        from hdrh.histogram import HdrHistogram
    except ImportError as error:
        needed = "percentiles need hdrhistogram: pip install 'streamserver[lab]'"
        raise RuntimeError(needed) from error
    return HdrHistogram(1, LONGEST, 3)


@dataclass(slots=True)
class Summary:
    """Figures of many exchanges; add each record, or merge another process's summary."""

    ends: "Counter[str]" = field(default_factory=Counter)
    statuses: "Counter[int]" = field(default_factory=Counter)
    histograms: dict[str, Any] = field(
        default_factory=lambda: {name: new_histogram() for name in MILESTONES}
    )
    reads: int = 0
    chunks: int = 0
    events: int = 0
    size: int = 0

    def add(self, record: Record) -> None:
        """Count one exchange."""
        self.ends[record.end] += 1
        self.statuses[record.status] += 1
        self.reads += record.reads
        self.chunks += record.chunks
        self.events += record.events
        self.size += record.size
        begin = record.planned
        self._time("connect", record.began, record.connected)
        for name in ("head", "first_byte", "first_event", "first_token", "last_byte"):
            self._time(name, begin, getattr(record, name))
        arrivals = record.arrivals
        for n in range(1, len(arrivals)):
            self._time("gap", arrivals[n - 1], arrivals[n])

    def _time(self, name: str, begin: int, end: int) -> None:
        if end:
            self.histograms[name].record_value(min(max(end - begin, 1), LONGEST))
