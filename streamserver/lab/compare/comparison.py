"""Pairs of exchanges, one direct and one through a hop, and what the hop adds.

The two of a pair are asked one right after the other, so whatever else the machine does meets
both alike, and differences are taken within pairs.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from statistics import median

from streamserver.lab.client.record import Record
from streamserver.lab.compare.bootstrap import LEVEL, Interval, interval
from streamserver.lab.report.summary import Summary
from streamserver.lab.report.verdicts import verdicts

MS = 1_000_000
MOMENTS = ("head", "first_byte", "first_event", "first_token", "last_byte")
_ROW = "{:<14}{:>12}{:>12}{:>12}    {}"


@dataclass(frozen=True, slots=True)
class Pair:
    """The same request twice."""

    direct: Record
    through: Record

    @property
    def is_whole(self) -> bool:
        """Whether both ended well, so that they can be compared."""
        return self.direct.end == self.through.end == "complete"

    @property
    def has_same_body(self) -> bool:
        """Whether both brought the same bytes."""
        return self.direct.digest == self.through.digest

    def added_to(self, moment: str) -> int | None:
        """How much later, in ns after the request was sent, it was there through the hop."""
        before, after = [getattr(record, moment) for record in self._both]
        return after - self.through.sent - (before - self.direct.sent) if before and after else None

    def added_to_events(self) -> list[int]:
        """The same for each event that both brought."""
        direct, through = self._both
        shift = through.sent - direct.sent
        both = zip(direct.arrivals, through.arrivals, strict=False)
        return [after - before - shift for before, after in both]

    @property
    def _both(self) -> tuple[Record, Record]:
        return self.direct, self.through


@dataclass(slots=True)
class Comparison:
    """Many pairs."""

    pairs: list[Pair] = field(default_factory=list)
    direct: Summary = field(default_factory=Summary)
    through: Summary = field(default_factory=Summary)

    def add(self, direct: Record, through: Record) -> None:
        """One more pair."""
        self.pairs.append(Pair(direct, through))
        self.direct.add(direct)
        self.through.add(through)

    def added(self, seed: int = 0) -> Iterator[tuple[str, Interval]]:
        """What the hop adds to each moment that was measured, and to an event, in ns."""
        whole = [pair for pair in self.pairs if pair.is_whole]
        for moment in MOMENTS:
            added = [one for pair in whole if (one := pair.added_to(moment)) is not None]
            if added:
                yield moment, interval(added, Random(seed))
        # A pair's events are no independent values: so each pair counts once, with its median.
        events = [median(added) for pair in whole if (added := pair.added_to_events())]
        if events:
            yield "each event", interval(events, Random(seed))

    @property
    def same_bodies(self) -> int:
        """In how many pairs both brought the same bytes."""
        return sum([pair.is_whole and pair.has_same_body for pair in self.pairs])


def table(comparison: Comparison, seed: int = 0) -> str:
    """The comparison as text, in ms."""
    return "\n".join(_lines(comparison, seed)) + "\n"


def _lines(comparison: Comparison, seed: int) -> Iterator[str]:
    yield _ROW.format("ms, median", "direct", "through", "added", f"{LEVEL:.0%} interval")
    for name, added in comparison.added(seed):
        both = [_shown(summary, name) for summary in (comparison.direct, comparison.through)]
        told = f"{added.low / MS:+.3f} to {added.high / MS:+.3f}"
        if not added.tells_apart:
            told += ", which may be chance"
        yield _ROW.format(name.replace("_", " "), *both, f"{added.median / MS:+.3f}", told)
    yield ""
    whole = sum([pair.is_whole for pair in comparison.pairs])
    yield f"pairs       {len(comparison.pairs)}, of which {whole} ended well on both sides"
    yield f"bodies      the same bytes in {comparison.same_bodies} of {whole}"
    for name, summary in (("direct", comparison.direct), ("through", comparison.through)):
        for verdict in verdicts(summary):
            yield f"{name:<12}{verdict}"


def _shown(summary: Summary, name: str) -> str:
    histogram = summary.histograms.get(name)
    return f"{histogram.get_value_at_percentile(50) / MS:.3f}" if histogram else ""
