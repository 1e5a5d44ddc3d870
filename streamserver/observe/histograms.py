"""What is counted for each piece of a stream, where it happens, in plain numbers.

A client library's counter takes a lock for each step, and in a file that several processes
share it packs bytes as well: 2 µs a piece, or 6, where to write the piece costs 3. Here it is
a tenth of that, and the library is given what has come together, a few times a second.
"""

from bisect import bisect_left
from collections.abc import Sequence

FIRST_BYTE = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
"""Seconds to the first byte: from an answer that is ready to a model that thinks."""
GAP = FIRST_BYTE
"""Seconds between two pieces: from tokens at full speed to the heartbeats of an idle feed."""
LATE = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1, 5)
"""Seconds from when an event was due to when it was sent: around what timers are good for."""
DURATION = (0.01, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 6 * 3600, 24 * 3600)
"""Seconds that a stream lasts: from an answer in two pieces to a feed that is open all day."""


class Tally:
    """How many values lie in each bucket; ``counts`` has one more than ``bounds``, for the rest."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def add(self, value: float) -> None:
        """Count a value, which belongs to the first bound that is not below it."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    @property
    def is_filled(self) -> bool:
        """Whether anything was counted since the last ``flush``."""
        return any(self.counts)

    def flush(self) -> tuple[list[int], float]:
        """What was counted since the last call, and its sum."""
        flushed = self.counts, self.total
        self.counts = [0] * len(self.counts)
        self.total = 0.0
        return flushed


class RouteTally:
    """What the exchanges of one route came to. ``open_changed``: whether streams have begun or
    ended since it was last told how many are open."""

    __slots__ = ("durations", "first_bytes", "gaps", "open", "open_changed", "sent")

    def __init__(self) -> None:
        self.first_bytes = Tally(FIRST_BYTE)
        self.gaps = Tally(GAP)
        self.durations = Tally(DURATION)
        self.sent = 0
        self.open = 0
        self.open_changed = False
