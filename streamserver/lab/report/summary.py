"""What many records come to: a histogram for each milestone, and how the exchanges ended."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from streamserver.lab.client.record import Record
from streamserver.lab.report.evidence import Evidence, Track
from streamserver.lab.report.histograms import add as add_histogram
from streamserver.lab.report.histograms import new_histogram
from streamserver.lab.report.histograms import record as count
from streamserver.lab.report.slowest import Slowest
from streamserver.lab.report.timeline import Timeline
from streamserver.lab.stamps import Stamp

MILESTONES = (
    "connect",
    "tls",
    "head",
    "first_byte",
    "first_event",
    "first_reasoning",
    "first_token",
    "first_tool_call",
    "gap",
    "last_byte",
)
"""``connect`` and ``tls`` count from the milestone before, ``gap`` from the event before, and all
else from when the exchange was to begin."""
REASONS = 20
LENGTH = 300
"""Characters of a reason."""
ANSWERS = 20
_STEPS = ("connect", "tls", "gap")
_FROM_THE_PLAN = tuple(name for name in MILESTONES if name not in _STEPS)


@dataclass(slots=True)
class Summary:
    """Figures of many exchanges; add each record, or merge another process's summary."""

    ends: "Counter[str]" = field(default_factory=Counter)
    statuses: "Counter[int]" = field(default_factory=Counter)
    """0 counts the exchanges that got none."""
    reasons: "Counter[str]" = field(default_factory=Counter)
    """What went wrong, in the words of the first ``REASONS`` that differ."""
    answers: dict[int, str] = field(default_factory=dict)
    """The first line of one body for each of the first ``ANSWERS`` statuses that left no success
    and came with a body."""
    histograms: dict[str, Any] = field(
        default_factory=lambda: {name: new_histogram() for name in MILESTONES}
    )
    """Of exchanges that were served (see ``Record.is_served``), but for ``connect`` and ``tls``."""
    reads: int = 0
    chunks: int = 0
    events: int = 0
    size: int = 0
    retries: int = 0
    """Exchanges that a kept connection did not take, since it had been closed."""
    unsent: int = 0
    """Exchanges that an open loop had planned, but could not begin."""
    warmed: int = 0
    """Exchanges of the warm-up, which count nowhere else."""
    resolving: int = 0
    """How long it took to resolve the name, once and before all else, in ns."""
    began: int = 0
    """When the first exchange that counts was to begin, by ``time.monotonic_ns``."""
    ended: int = 0
    """When the last of them ended."""
    start_late: Any = field(default_factory=new_histogram)
    """How late the client began exchanges, in ns."""
    loop_lag: Any = field(default_factory=new_histogram)
    """How late the client's event loop came round, in ns."""
    evidence: Evidence = field(default_factory=Evidence)
    timeline: Timeline = field(default_factory=Timeline)
    slowest: Slowest = field(default_factory=Slowest)

    @property
    def errors(self) -> float | None:
        """The share of exchanges that did not end well, from 0 to 1; None without any.

        Those that we had to stop count neither as well nor as ended.
        """
        ended = self.ends.total() - self.ends["stopped"]
        return (ended - self.ends["complete"]) / ended if ended else None

    def flow(self, record: Record) -> "Flow":
        """What is to be told of the events of an exchange, read by read, before ``add``."""
        record.counted = True
        return Flow(self)

    def add(self, record: Record) -> None:
        """Count one exchange, which has ended."""
        ended = record.ended or record.last_byte or record.head or record.planned
        if not record.counted:
            self._replay(record)
        self.ends[record.end] += 1
        self.statuses[record.status] += 1
        if record.detail:
            self._count_reason(f"{record.end}: {record.detail}"[:LENGTH], 1)
        if record.answer:
            self._keep_answer(record.status, record.answer)
        self.reads += record.reads
        self.chunks += record.chunks
        self.size += record.size
        self.retries += record.retries
        self.began = min(self.began or record.planned, record.planned)
        self.ended = max(self.ended, ended)
        self.timeline.add(record, ended)
        self.slowest.add(record)
        self._time("connect", record.dialed or record.began, record.connected)
        self._time("tls", record.connected, record.secured)
        if record.is_served:
            for name in _FROM_THE_PLAN:
                self._time(name, record.planned, getattr(record, name))

    def merge(self, other: "Summary") -> None:
        """Take in another process's, as if its exchanges had been this one's."""
        self.ends.update(other.ends)
        self.statuses.update(other.statuses)
        for reason, times in other.reasons.items():
            self._count_reason(reason, times)
        for status, answer in other.answers.items():
            self._keep_answer(status, answer)
        for name, histogram in self.histograms.items():
            add_histogram(histogram, other.histograms[name])
        for name in ("reads", "chunks", "events", "size", "retries", "unsent", "warmed"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.resolving = max(self.resolving, other.resolving)
        self.began = min(filter(None, (self.began, other.began)), default=0)
        self.ended = max(self.ended, other.ended)
        add_histogram(self.start_late, other.start_late)
        add_histogram(self.loop_lag, other.loop_lag)
        self.evidence.merge(other.evidence)
        self.timeline.merge(other.timeline)
        self.slowest.merge(other.slowest)

    def _count_reason(self, reason: str, times: int) -> None:
        if reason in self.reasons or len(self.reasons) < REASONS:
            self.reasons[reason] += times

    def _keep_answer(self, status: int, answer: str) -> None:
        if len(self.answers) < ANSWERS:
            self.answers.setdefault(status, answer)

    def _replay(self, record: Record) -> None:
        """Count the events of one that was not watched as it ran."""
        flow = Flow(self)
        stamps = record.stamps if len(record.stamps) == len(record.arrivals) else []
        for n, arrival in enumerate(record.arrivals):
            flow.came(arrival, 1, stamps[n : n + 1])
        self.events += record.events - len(record.arrivals)

    def _time(self, name: str, begin: int, end: int) -> None:
        if end:
            count(self.histograms[name], end - begin)


class Flow:
    """Counts the events of one exchange as they come.

    An exchange may last for hours, and is looked at while it runs; so its events are not kept
    until its end, but go into the figures read by read.
    """

    __slots__ = ("_gaps", "_last", "_summary", "_track")

    def __init__(self, summary: Summary) -> None:
        self._summary = summary
        self._gaps = summary.histograms["gap"]
        self._last = 0
        self._track: Track | None = None

    def came(self, moment: int, events: int, stamps: Sequence[Stamp]) -> None:
        """A read brought so many events; ``stamps``: those that have one."""
        self._summary.events += events
        self._summary.timeline.came(moment, events)
        if self._last:
            count(self._gaps, moment - self._last)
        if events > 1:
            count(self._gaps, 0, events - 1)
        self._last = moment
        for stamp in stamps:
            self._track = self._summary.evidence.came(self._track, stamp, moment)
