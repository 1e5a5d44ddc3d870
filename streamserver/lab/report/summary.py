"""The figures of many exchanges: a histogram per milestone, and how the exchanges ended.

Each figure passes from process to process in the form in which it is merged, so the summary of
several processes is as exact as that of one.
"""

import asyncio
import pickle
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from streamserver.lab.client.record import FIGURES as RECORD_FIGURES
from streamserver.lab.client.record import MILESTONES as RESPONSE_MILESTONES
from streamserver.lab.client.record import Record
from streamserver.lab.report.counts import Evidence, Slowest, Timeline, Tokens
from streamserver.lab.report.event_counter import EventCounter
from streamserver.lab.report.flow import Flow
from streamserver.lab.report.goodput import Limit, is_good
from streamserver.lab.report.histograms import add as add_histogram
from streamserver.lab.report.histograms import from_text, ms, new_histogram, pour, to_text
from streamserver.lab.report.histograms import record as count
from streamserver.lab.report.phases import TimeSpent

MILESTONES = ("connect", "tls", *RESPONSE_MILESTONES[:-1], "gap", "last_byte")
"""``connect`` and ``tls`` count from the milestone before, ``gap`` from the event before, all
others from the planned beginning of the exchange."""
FIGURES = ("ttft", "itl", "tpot", "e2e")
"""``itl`` counts from the event with a token before, the others are those of ``Record``."""
REASONS = 20
LENGTH = 300
"""Characters of a reason."""
ANSWERS = 20
SERVERS = 5
_SUMS = ("reads", "chunks", "events", "size", "retries", "unsent", "warmed", "good")


@dataclass(slots=True)
class Summary:
    """Figures of many exchanges; add each record, or merge the summary of another process."""

    ends: "Counter[str]" = field(default_factory=Counter)
    statuses: "Counter[int]" = field(default_factory=Counter)
    """0 counts the exchanges without a response."""
    reasons: "Counter[str]" = field(default_factory=Counter)
    """Descriptions of failures, the first ``REASONS`` different ones."""
    answers: dict[int, str] = field(default_factory=dict)
    """By status, the first line of one response body; of the first ``ANSWERS`` statuses of
    exchanges that did not succeed."""
    apart: dict[str, Any] = field(
        default_factory=lambda: {name: new_histogram() for name in (*MILESTONES, *FIGURES)}
    )
    """The ``histograms`` without ``paced``."""
    paced: Any = field(default_factory=new_histogram)
    """The values that count as ``gap`` and as ``itl``, those of most events: each is counted once,
    since counting is much of the client's work for an event."""
    tokens: Tokens = field(default_factory=Tokens)
    limits: Sequence[Limit] = ()
    """What an exchange must keep to count as ``good``."""
    good: int = 0
    """Complete exchanges that kept every limit; 0 without limits."""
    reads: int = 0
    chunks: int = 0
    events: int = 0
    size: int = 0
    retries: int = 0
    """Exchanges that were sent again, because their kept connection had been closed."""
    unsent: int = 0
    """Exchanges that an open loop planned and could not begin."""
    warmed: int = 0
    """Exchanges of the warm-up, which no other figure includes."""
    resolving: int = 0
    """The duration of the one name resolution before the run, in ns."""
    began: int = 0
    """The planned beginning of the first exchange that counts, by ``time.monotonic_ns``."""
    ended: int = 0
    """The end of the last one."""
    start_late: Any = field(default_factory=new_histogram)
    """How late the client began exchanges, in ns."""
    loop_lag: Any = field(default_factory=new_histogram)
    """How late the client's event loop ran its timers, in ns."""
    evidence: Evidence = field(default_factory=Evidence)
    address: str = ""
    """The address of the server."""
    servers: dict[str, None] = field(default_factory=dict)
    """The first ``SERVERS`` different values of the field Server."""
    timeline: Timeline = field(default_factory=Timeline)
    spent: TimeSpent = field(default_factory=TimeSpent)
    slowest: Slowest = field(default_factory=Slowest)
    flow: Flow | None = None
    """On request."""

    @property
    def histograms(self) -> dict[str, Any]:
        """Per milestone and figure, of the exchanges that were served (see ``Record.is_served``);
        ``connect`` and ``tls`` of all, as ``gap`` and ``itl``, which are counted while it is
        unknown how an exchange ends; ``e2e`` of complete ones."""
        pour(self.paced, self.apart["gap"], self.apart["itl"])
        return self.apart

    @property
    def errors(self) -> float | None:
        """The share of exchanges that did not end well, from 0 to 1; None without any.

        Exchanges that the client stopped count neither as errors nor in the total.
        """
        ended = self._ended_by_itself
        return (ended - self.ends["complete"]) / ended if ended else None

    @property
    def goodput(self) -> float | None:
        """The share of exchanges that kept every limit, from 0 to 1; None without limits or without
        any exchange. Exchanges that the client stopped do not count."""
        ended = self._ended_by_itself
        return self.good / ended if self.limits and ended else None

    @property
    def _ended_by_itself(self) -> int:
        return self.ends.total() - self.ends["stopped"]

    def percentile(self, name: str, percent: float) -> float | None:
        """The value in ms that so many percent of a milestone or figure do not exceed; None without
        any. KeyError for another name."""
        histogram = self.histograms[name]
        return ms(histogram, percent) if histogram.get_total_count() else None

    def event_counter(self, record: Record) -> EventCounter:
        """A counter for the events of a running exchange, to be used until ``add``."""
        record.counted = True
        return EventCounter(self)

    def add(self, record: Record) -> None:
        """Count an exchange that has ended."""
        ended = record.ended or record.last_byte or record.head or record.planned
        if not record.counted:
            self._count_events(record)
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
        self._keep_server(record.server)
        self.timeline.add(record, ended)
        if record.end == "complete" and record.is_served:
            self.spent.add(record)
        self.slowest.add(record)
        self.good += bool(self.limits) and is_good(record, self.limits)
        self._count_duration("connect", record.dialed or record.began, record.connected)
        self._count_duration("tls", record.connected, record.secured)
        if record.is_served:
            for name in RESPONSE_MILESTONES:
                self._count_duration(name, record.planned, getattr(record, name))
            for name in RECORD_FIGURES:
                self._count_duration(name, 0, getattr(record, name))
            self.tokens.add(record)

    def merge(self, other: "Summary") -> None:
        """Add the figures of another process."""
        self.ends.update(other.ends)
        self.statuses.update(other.statuses)
        for reason, times in other.reasons.items():
            self._count_reason(reason, times)
        for status, answer in other.answers.items():
            self._keep_answer(status, answer)
        histograms = dict(other.all_histograms())
        for name, histogram in self.all_histograms():
            add_histogram(histogram, histograms[name])
        for name in _SUMS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.limits = self.limits or other.limits
        self.resolving = max(self.resolving, other.resolving)
        self.address = self.address or other.address
        self.began = min(filter(None, (self.began, other.began)), default=0)
        self.ended = max(self.ended, other.ended)
        self.tokens.merge(other.tokens)
        own, added = self.evidence, other.evidence
        own.apart += added.apart
        own.together += added.together
        own.longest_burst = max(own.longest_burst, added.longest_burst)
        for server in other.servers:
            self._keep_server(server)
        self.timeline.merge(other.timeline)
        self.spent.merge(other.spent)
        self.slowest.merge(other.slowest)
        if self.flow is None:
            self.flow = replace(other.flow) if other.flow else None
        elif other.flow is not None:
            self.flow.merge(other.flow)

    def all_histograms(self) -> Iterator[tuple[str, Any]]:
        """Every histogram, each under a name of its own."""
        yield from self.histograms.items()
        yield "tokens_per_second", self.tokens.per_second
        yield "start_late", self.start_late
        yield "loop_lag", self.loop_lag
        yield "delay", self.evidence.delay
        yield "target_late", self.evidence.target_late

    def ends_json(self) -> dict[str, Any]:
        """How the exchanges ended, as all reports have it."""
        return {
            "ended": dict(self.ends),
            "statuses": {str(status): count for status, count in self.statuses.items()},
            "answers": {str(status): answer for status, answer in self.answers.items()},
            "reasons": dict(self.reasons),
        }

    async def pack(self, *, whole: bool = True) -> bytes:
        """The summary for ``unpack``; unless it is ``whole``, without its seconds, of which a long
        run has many.

        Encoding a histogram takes a millisecond, in which no arrival could be stamped: so the
        coroutine yields to the loop after each. An exchange that ends meanwhile is in some of the
        figures only.
        """
        texts = {}
        for name, one in self.all_histograms():
            texts[name] = to_text(one)
            await asyncio.sleep(0)
        evidence = replace(self.evidence, delay=None, target_late=None)
        tokens = replace(self.tokens, per_second=None)
        bare = replace(self, apart={}, paced=None, start_late=None, loop_lag=None)
        if not whole:
            bare = replace(bare, timeline=Timeline())
        rest = replace(bare, evidence=evidence, tokens=tokens)
        return pickle.dumps((rest, texts))

    @staticmethod
    def unpack(data: bytes) -> "Summary":
        """The summary that ``pack`` wrote in another process of this run."""
        summary: Summary
        summary, texts = pickle.loads(data)
        histograms = {name: from_text(text) for name, text in texts.items()}
        summary.paced = new_histogram()
        summary.apart = {name: histograms[name] for name in (*MILESTONES, *FIGURES)}
        summary.tokens.per_second = histograms["tokens_per_second"]
        summary.start_late, summary.loop_lag = histograms["start_late"], histograms["loop_lag"]
        summary.evidence.delay = histograms["delay"]
        summary.evidence.target_late = histograms["target_late"]
        return summary

    def _count_reason(self, reason: str, times: int) -> None:
        if reason in self.reasons or len(self.reasons) < REASONS:
            self.reasons[reason] += times

    def _keep_server(self, server: str) -> None:
        if server and len(self.servers) < SERVERS:
            self.servers.setdefault(server)

    def _keep_answer(self, status: int, answer: str) -> None:
        if len(self.answers) < ANSWERS:
            self.answers.setdefault(status, answer)

    def _count_events(self, record: Record) -> None:
        """Count the events of an exchange that were not counted as they arrived."""
        counter = EventCounter(self)
        stamps = record.stamps
        if len(stamps) != len(record.arrivals):
            stamps = []
        for n, arrival in enumerate(record.arrivals):
            counter.on_events(arrival, 1, 0, stamps[n : n + 1])
        self.events += record.events - len(record.arrivals)

    def _count_duration(self, name: str, begin: int, end: int) -> None:
        if end:
            count(self.apart[name], end - begin)
