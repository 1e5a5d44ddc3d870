"""Evidence for a hop that buffers and for a target that was late, gathered event by event.

Records are not kept. Only events with the target's stamps count: without the time of sending, a
burst made on the way cannot be distinguished from one that was sent.
"""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from streamserver.lab.report.histograms import new_histogram, record
from streamserver.lab.stamps import Stamp

APART = 2_000_000
"""Nanoseconds from one sending to the next from which on they count as two: a read may join
closer ones although no hop held them back."""
TOGETHER = 10
"""Events that arrive within this fraction of the time between their sendings arrived together."""


class Track(NamedTuple):
    """The event before, of the same exchange."""

    sent: int
    arrival: int
    burst: int
    """Events in a row up to this one that were sent apart and arrived together."""


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
    """From sending to arrival; true only where client and target share a clock."""
    target_late: Any = field(default_factory=new_histogram)
    """From the time an event was due to its sending."""

    def add(self, before: Track | None, stamp: Stamp, arrival: int) -> Track:
        """Count a stamped event; return the ``before`` of the next one of its exchange."""
        record(self.delay, arrival - stamp.sent)
        record(self.target_late, stamp.late)
        if before is None:
            return Track(stamp.sent, arrival, 1)
        burst = before.burst
        sent_apart = stamp.sent - before.sent
        if sent_apart >= APART:
            self.apart += 1
            if (arrival - before.arrival) * TOGETHER < sent_apart:
                self.together += 1
                burst += 1
            else:
                burst = 1
            if burst > self.longest_burst:
                self.longest_burst = burst
        return Track(stamp.sent, arrival, burst)
