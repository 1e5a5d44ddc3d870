"""Pairs of exchanges, one direct and one through a hop, and what the hop adds.

The two of a pair are asked one right after the other, so whatever else the machine does meets
both alike, and differences are taken within pairs.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from random import Random
from statistics import median

from streamserver.lab.client.record import Record
from streamserver.lab.compare.bootstrap import Interval, interval
from streamserver.lab.report.evidence import APART, TOGETHER
from streamserver.lab.report.summary import Summary
from streamserver.lab.report.verdicts import BUFFERED, ENOUGH, Verdict, failed, verdicts

MOMENTS = (
    *("head", "first_byte", "first_event"),
    *("first_reasoning", "first_token", "first_tool_call", "last_byte"),
)


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
    def gathered(self) -> tuple[int, int]:
        """How many events came apart from the one before directly, and how many of these came
        together with it through the hop: this needs no stamps, only the same stream twice."""
        apart = together = 0
        gaps = zip(pairwise(self.direct.arrivals), pairwise(self.through.arrivals), strict=False)
        for (before, after), (then, now) in gaps:
            if after - before >= APART:
                apart += 1
                together += (now - then) * TOGETHER < after - before
        return apart, together

    @property
    def _both(self) -> tuple[Record, Record]:
        return self.direct, self.through


@dataclass(slots=True)
class Comparison:
    """Many pairs."""

    pairs: list[Pair] = field(default_factory=list)
    direct: Summary = field(default_factory=Summary)
    through: Summary = field(default_factory=Summary)

    @property
    def sides(self) -> tuple[tuple[str, Summary], ...]:
        """Each side's name and figures."""
        return ("direct", self.direct), ("through", self.through)

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
    def whole(self) -> int:
        """How many pairs ended well on both sides."""
        return sum([pair.is_whole for pair in self.pairs])

    @property
    def same_bodies(self) -> int:
        """In how many of these both brought the same bytes."""
        return sum([pair.is_whole and pair.has_same_body for pair in self.pairs])

    @property
    def verdicts(self) -> list[Verdict]:
        """What there is to say of the hop."""
        counts = [pair.gathered for pair in self.pairs]
        apart, together = sum([one for one, _ in counts]), sum([one for _, one in counts])
        if apart < ENOUGH or together < BUFFERED * apart:
            return []
        told = f"of {apart} events that came apart directly {together} came together through it"
        return [Verdict("this hop buffers", told, False)]

    @property
    def not_valid(self) -> list[str]:
        """Why it says nothing; empty if it is valid."""
        spoiled = {str(one): None for one in verdicts(self.direct) if one.spoils}
        spoiled |= {str(one): None for one in verdicts(self.through) if one.spoils}
        if self.whole:
            return [*spoiled]
        why = [f"{side}: {reason}" for side, summary in self.sides if (reason := failed(summary))]
        return ["no pair ended well on both sides", *why, *spoiled]
