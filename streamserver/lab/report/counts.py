"""What a summary has beside its histograms: the tokens of models' answers, evidence for a hop that
buffers and for a target that was late, the seconds of a run, and its slowest exchanges.

Evidence is gathered event by event, since records are not kept. Only events with the target's
stamps count: without the time of sending, a burst made on the way cannot be distinguished from one
that was sent.
"""

import heapq
from dataclasses import dataclass, field
from typing import Any

from streamserver.lab.client.record import Record
from streamserver.lab.report.coarse import Coarse
from streamserver.lab.report.histograms import MS, new_histogram
from streamserver.lab.report.histograms import record as count

SECOND = 1_000_000_000
KEPT = 10
APART = 2_000_000
"""Nanoseconds from one sending to the next from which on they count as two: a read may join
closer ones although no hop held them back."""
TOGETHER = 10
"""Events that arrive within this fraction of the time between their sendings arrived together."""


@dataclass(slots=True)
class Evidence:
    """Counts and histograms (of ns) over all stamped events."""

    apart: int = 0
    """Pairs of neighbouring events that were sent apart."""
    together: int = 0
    """Pairs of these that arrived together."""
    longest_burst: int = 0
    """The most events in a row that were sent apart and arrived together."""
    delay: Any = field(default_factory=new_histogram)
    """From sending to arrival; valid only where client and target share a clock."""
    target_late: Any = field(default_factory=new_histogram)
    """From the time an event was due to its sending."""


@dataclass(slots=True)
class Tokens:
    """The tokens of the models' answers, of the exchanges that were served."""

    input: int = 0
    cached: int = 0
    output: int = 0
    reasoning: int = 0
    by_usage: int = 0
    """Answers whose output tokens the service reported."""
    by_events: int = 0
    """Answers whose output tokens are the number of events with a token."""
    per_second: Any = field(default_factory=new_histogram)
    """Output tokens per second of each complete exchange, in millionths: as milliseconds read as
    nanoseconds, so that one histogram serves both."""

    @property
    def answers(self) -> int:
        """The number of answers with tokens."""
        return self.by_usage + self.by_events

    def add(self, record: Record) -> None:
        """Add the tokens of an exchange."""
        self.input += record.input_tokens
        self.cached += record.cached_tokens
        self.output += record.output_tokens
        self.reasoning += record.reasoning_tokens
        self.by_usage += record.tokens_from == "usage"
        self.by_events += record.tokens_from == "events"
        if rate := record.tokens_per_second:
            count(self.per_second, round(rate * MS))

    def merge(self, other: "Tokens") -> None:
        """Add the counts of another process."""
        self.input += other.input
        self.cached += other.cached
        self.output += other.output
        self.reasoning += other.reasoning
        self.by_usage += other.by_usage
        self.by_events += other.by_events


@dataclass(slots=True)
class Second:
    """Counts of the exchanges that were due, that ended, and of the events that arrived, within
    one second."""

    begun: int = 0
    """Exchanges that were due, and that the client could begin."""
    ended: int = 0
    errors: int = 0
    events: int = 0
    first: Coarse = field(default_factory=Coarse)
    """The times to the first token, tool call or byte (see ``first_answer``) of the served
    exchanges that were due in this second."""
    whole: Coarse = field(default_factory=Coarse)
    """The times to the last byte of the complete ones."""

    def merge(self, other: "Second") -> None:
        """Add the counts of another second, or of another process for the same second."""
        self.begun += other.begun
        self.ended += other.ended
        self.errors += other.errors
        self.events += other.events
        self.first.update(other.first)
        self.whole.update(other.whole)


@dataclass(slots=True)
class Timeline:
    """Seconds by their number on the monotonic clock, which all processes of a machine share."""

    seconds: dict[int, Second] = field(default_factory=dict)

    def add(self, record: Record, ended: int) -> None:
        """Count an exchange that ended at a moment of ``time.monotonic_ns``."""
        second = self.second(ended)
        second.ended += 1
        second.errors += record.is_error
        second = self.second(record.planned)
        second.begun += 1
        if record.is_served:
            if moment := first_answer(record):
                second.first.record(moment - record.planned)
            if record.e2e:
                second.whole.record(record.e2e)

    def merge(self, other: "Timeline") -> None:
        """Add the seconds of another process."""
        for number, second in other.seconds.items():
            self.seconds.setdefault(number, Second()).merge(second)

    def second(self, moment: int) -> Second:
        """The counts of the second of a moment."""
        number = moment // SECOND
        second = self.seconds.get(number)
        if second is None:
            second = self.seconds[number] = Second()
        return second


def first_answer(record: Record) -> int:
    """The moment of the first token or tool call; without one that of the first byte, or 0."""
    return record.first_output or record.first_byte


@dataclass(slots=True)
class Slowest:
    """The ``KEPT`` records with the longest time from the planned beginning to the first token or
    tool call; without one to the first byte, without that to the end."""

    _heap: list[tuple[int, int, Record]] = field(default_factory=list)
    _added: int = 0

    def add(self, record: Record) -> None:
        """Keep the record if it is one of the slowest."""
        moment = first_answer(record) or record.ended
        self._added += 1
        entry = (moment - record.planned, -self._added, record)
        if len(self._heap) < KEPT:
            heapq.heappush(self._heap, entry)
        else:
            heapq.heappushpop(self._heap, entry)

    def records(self) -> list[Record]:
        """The records, slowest first."""
        return [record for _, _, record in sorted(self._heap, key=lambda entry: -entry[0])]

    def merge(self, other: "Slowest") -> None:
        """Add the records of another process."""
        for record in other.records():
            self.add(record)
