"""What many records come to: a histogram for each milestone, and how the exchanges ended."""

from collections import Counter
from dataclasses import dataclass, field
from time import monotonic_ns
from typing import Any

from streamserver.lab.client.record import Record
from streamserver.lab.report.evidence import Evidence
from streamserver.lab.report.histograms import new_histogram
from streamserver.lab.report.histograms import record as count
from streamserver.lab.report.slowest import Slowest
from streamserver.lab.report.timeline import Timeline

MILESTONES = ("connect", "head", "first_byte", "first_event", "first_token", "gap", "last_byte")


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
    unsent: int = 0
    """Exchanges that an open loop had planned, but could not begin."""
    start_late: Any = field(default_factory=new_histogram)
    """How late the client began exchanges, in ns."""
    loop_lag: Any = field(default_factory=new_histogram)
    """How late the client's event loop came round, in ns."""
    evidence: Evidence = field(default_factory=Evidence)
    timeline: Timeline = field(default_factory=Timeline)
    slowest: Slowest = field(default_factory=Slowest)

    @property
    def errors(self) -> float | None:
        """The share of exchanges that did not end well, from 0 to 1; None without any."""
        ended = self.ends.total()
        return (ended - self.ends["complete"]) / ended if ended else None

    def add(self, record: Record) -> None:
        """Count one exchange."""
        self.ends[record.end] += 1
        self.statuses[record.status] += 1
        self.reads += record.reads
        self.chunks += record.chunks
        self.events += record.events
        self.size += record.size
        self.evidence.add(record)
        self.timeline.add(record, record.last_byte or monotonic_ns())
        self.slowest.add(record)
        begin = record.planned
        self._time("connect", record.began, record.connected)
        for name in ("head", "first_byte", "first_event", "first_token", "last_byte"):
            self._time(name, begin, getattr(record, name))
        arrivals = record.arrivals
        for n in range(1, len(arrivals)):
            self._time("gap", arrivals[n - 1], arrivals[n])

    def _time(self, name: str, begin: int, end: int) -> None:
        if end:
            count(self.histograms[name], end - begin)
