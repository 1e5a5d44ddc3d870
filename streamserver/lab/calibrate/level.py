"""One load, and how far what was measured lies from what was commanded.

The target says when it sent each event, so the difference is not guessed: what the client measured
beyond that is the way between the two processes, and the client itself.
"""

from dataclasses import dataclass, field
from typing import Any

from streamserver.lab.client.record import Record
from streamserver.lab.report.evidence import APART
from streamserver.lab.report.histograms import new_histogram
from streamserver.lab.report.histograms import record as count

MS = 1_000_000


@dataclass(frozen=True, slots=True)
class Tolerance:
    """Up to where figures are said to hold; in ns."""

    first_p50: int = 3 * MS
    first_p99: int = 10 * MS
    """Of what the first event took beyond what was commanded."""
    gap: int = 10 * MS
    """By how much 99 of 100 gaps may be shorter than the target's."""
    joined: float = 0.01
    """The share of events that may come in one read with the event before: of these the gap is
    lost, however short it was."""


@dataclass(slots=True)
class Level:
    """So many streams, each with so many events, at a rate in events per second."""

    streams: int
    rate: float
    each: int
    """Events of a stream. A stream that brings another number of them has failed."""
    first_excess: Any = field(default_factory=new_histogram)
    """What the first event took beyond the delay that was commanded, from the request on."""
    delay: Any = field(default_factory=new_histogram)
    """From the target's sending of an event to its arrival here."""
    shortened: Any = field(default_factory=new_histogram)
    """By how much a gap is below the one that the target sent; 1 ns for one that is not."""
    target_late: Any = field(default_factory=new_histogram)
    events: int = 0
    together: int = 0
    """Events that came in the same read as the one before, though they were sent apart."""
    failed: int = 0
    reason: str = ""
    """Why the first of them failed."""

    def add(self, record: Record, first_delay: int) -> None:
        """Count one exchange, whose first event was due ``first_delay`` ns after the head."""
        if reason := self._failure(record):
            self.failed += 1
            self.reason = self.reason or reason
            return
        count(self.first_excess, record.first_event - record.sent - first_delay)
        before = None
        for stamp, arrival in zip(record.stamps, record.arrivals, strict=True):
            self.events += 1
            count(self.delay, arrival - stamp.sent)
            count(self.target_late, stamp.late)
            if before is not None:
                sent, came = stamp.sent - before[0], arrival - before[1]
                count(self.shortened, sent - came)
                self.together += came == 0 and sent >= APART
            before = stamp.sent, arrival

    def _failure(self, record: Record) -> str:
        """Why the exchange measures nothing; "" if it does."""
        if record.end != "complete":
            return f"{record.end} {record.detail or record.status or ''}".strip()
        if len(record.stamps) != self.each or len(record.arrivals) != self.each:
            return f"{len(record.stamps)} stamped events came of {self.each}"
        return ""

    def misses(self, tolerance: Tolerance) -> list[str]:
        """What does not hold; empty if all does."""
        limits = (
            ("first event p50", self.first_excess, 50, tolerance.first_p50),
            ("first event p99", self.first_excess, 99, tolerance.first_p99),
            ("gaps", self.shortened, 99, tolerance.gap),
        )
        found = [(name, one.get_value_at_percentile(p), most) for name, one, p, most in limits]
        told = [f"{name} {value / MS:.1f} ms off" for name, value, most in found if value > most]
        if self.together > tolerance.joined * self.events:
            told.append(f"{self.together} events joined")
        if self.failed:
            told.append(f"{self.failed} streams failed: {self.reason}")
        return told


def highest(levels: list[Level], tolerance: Tolerance) -> Level | None:
    """The highest load up to which everything held; None if not even the first did.

    What lies beyond one that did not hold counts no more, even if it held by luck.
    """
    found = None
    for level in levels:
        if level.misses(tolerance):
            break
        found = level
    return found
