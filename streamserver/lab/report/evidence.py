"""What speaks for a hop that buffers, a target that was late, and a client that was the limit.

Gathered while the records come, since they are not kept. A gap is only evidence where the target
said when it sent both events: without its stamps nobody can tell a burst that was made on the
way from one that was sent.
"""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from streamserver.lab.report.histograms import add, new_histogram, record
from streamserver.lab.stamps import Stamp

APART = 2_000_000
"""Nanoseconds between two sendings from which on they are two: less, and a read may join them
though nothing on the way held them back."""
TOGETHER = 10
"""Events that come within this fraction of the time between their sendings came together."""


class Track(NamedTuple):
    """What of one event is to be known when the next one comes."""

    sent: int
    arrival: int
    burst: int
    """Events up to this one that were sent apart and came together."""


@dataclass(slots=True)
class Evidence:
    """Counts and histograms (of ns) over all stamped events."""

    apart: int = 0
    """Pairs of neighbouring events that were sent apart."""
    together: int = 0
    """Those of them that came together."""
    longest_burst: int = 0
    """The most events in a row that were sent apart and came together."""
    delay: Any = field(default_factory=new_histogram)
    """From sending to arrival; only true where client and target share a clock."""
    target_late: Any = field(default_factory=new_histogram)
    """From the time an event was due to its sending."""

    def came(self, before: Track | None, stamp: Stamp, arrival: int) -> Track:
        """Look at a stamped event, and at the one before it in its exchange; what to tell of
        with the next."""
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

    def merge(self, other: "Evidence") -> None:
        """Take in another process's."""
        self.apart += other.apart
        self.together += other.together
        self.longest_burst = max(self.longest_burst, other.longest_burst)
        add(self.delay, other.delay)
        add(self.target_late, other.target_late)
