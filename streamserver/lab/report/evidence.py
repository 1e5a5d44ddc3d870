"""What speaks for a hop that buffers, a target that was late, and a client that was the limit.

Gathered while the records come, since they are not kept. A gap is only evidence where the target
said when it sent both events: without its stamps nobody can tell a burst that was made on the
way from one that was sent.
"""

from dataclasses import dataclass, field
from typing import Any

from streamserver.lab.client.record import Record
from streamserver.lab.report.histograms import new_histogram, record

APART = 2_000_000
"""Nanoseconds between two sendings from which on they are two: less, and a read may join them
though nothing on the way held them back."""
TOGETHER = 10
"""Events that come within this fraction of the time between their sendings came together."""


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

    def add(self, one: Record) -> None:
        """Look at the stamped events of one exchange."""
        if not one.stamps or len(one.stamps) != len(one.arrivals):
            return
        burst, before, arrived = 1, one.stamps[0], one.arrivals[0]
        for stamp, arrival in zip(one.stamps, one.arrivals, strict=True):
            record(self.delay, arrival - stamp.sent)
            record(self.target_late, stamp.late)
            sent_apart = stamp.sent - before.sent
            if sent_apart >= APART:
                self.apart += 1
                if (arrival - arrived) * TOGETHER < sent_apart:
                    self.together += 1
                    burst += 1
                else:
                    burst = 1
                self.longest_burst = max(self.longest_burst, burst)
            before, arrived = stamp, arrival
