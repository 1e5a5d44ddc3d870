"""How many exchanges began and ended in each part of a run: whether they pile up.

An open loop above the capacity of a service shows no error at first. Its exchanges wait, a little
longer each, and more are open from moment to moment. So the number of open exchanges is fitted with
a straight line. They pile up if the line rises by more than the scatter around it explains, and by
a share of all arrivals that matters; the share is that of the load above the capacity.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import sqrt

PARTS = 20
"""Equal parts of the measured time."""
SCATTER = 4.0
"""Standard deviations from the line that its rise must exceed: the counts of neighbouring parts
are correlated, so a rise of two is frequent without any trend."""


@dataclass(slots=True)
class Flow:
    """Exchanges that begin and end from a moment on, in ``PARTS`` equal parts. Those of the warm-up
    are included: the service has to serve them too."""

    begin: int
    """The moment in ns of ``time.monotonic_ns``, as all times are."""
    part: int
    """The duration of a part, in ns."""
    before: int = 0
    """Exchanges that are open at the beginning."""
    begun: list[int] = field(default_factory=lambda: [0] * PARTS)
    ended: list[int] = field(default_factory=lambda: [0] * PARTS)
    complete: int = 0
    """Exchanges that were complete within the parts."""

    def on_begin(self, moment: int) -> None:
        """Count an exchange that began."""
        number = (moment - self.begin) // self.part
        if number < 0:
            self.before += 1
        elif number < PARTS:
            self.begun[number] += 1

    def on_end(self, moment: int, is_complete: bool) -> None:
        """Count an exchange that ended."""
        number = (moment - self.begin) // self.part
        if number < 0:
            self.before -= 1
        elif number < PARTS:
            self.ended[number] += 1
            self.complete += is_complete

    def merge(self, other: "Flow") -> None:
        """Add the counts of another process of the same run."""
        self.before += other.before
        self.begun = [one + more for one, more in zip(self.begun, other.begun, strict=True)]
        self.ended = [one + more for one, more in zip(self.ended, other.ended, strict=True)]
        self.complete += other.complete

    @property
    def seconds(self) -> float:
        """The duration of all parts."""
        return self.part * PARTS / 1e9

    @property
    def throughput(self) -> float:
        """Exchanges per second that were complete: begun in the warm-up or later, and ended within
        the parts. It contains neither the time to fill the service nor the time to drain it."""
        return self.complete / self.seconds

    @property
    def open(self) -> list[int]:
        """The exchanges that are open at the end of each part."""
        now, counts = self.before, list[int]()
        for begun, ended in zip(self.begun, self.ended, strict=True):
            now += begun - ended
            counts.append(now)
        return counts

    def growth(self, least: float) -> float:
        """The share of the arrivals by which the open exchanges grew; 0 below the share ``least``,
        and for a rise that the scatter explains."""
        rise, scatter = _line(self.open)
        share = rise / (sum(self.begun) or 1)
        return share if share >= least and rise > SCATTER * scatter else 0.0


def _line(counts: Sequence[int]) -> tuple[float, float]:
    """The rise of the least-squares line over all parts, and the standard deviation from it, at
    least that of a value that is rounded to a whole number by chance: one half."""
    middle, mean = (len(counts) - 1) / 2, sum(counts) / len(counts)
    slope = sum([(n - middle) * (one - mean) for n, one in enumerate(counts)])
    slope /= sum([(n - middle) ** 2 for n in range(len(counts))])
    off = [one - mean - slope * (n - middle) for n, one in enumerate(counts)]
    scatter = sqrt(sum([one**2 for one in off]) / (len(counts) - 2))
    return slope * len(counts), max(scatter, 0.5)
