"""One request sent to two URLs, and what the second adds to the first."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from random import Random
from statistics import median

from streamserver.lab.client.record import FIGURES, MILESTONES, Record
from streamserver.lab.compare.intervals import Interval, bootstrap, statistic
from streamserver.lab.report.counts import APART, TOGETHER
from streamserver.lab.report.slo import ERRORS, Judgement, Objective
from streamserver.lab.report.summary import Summary
from streamserver.lab.report.verdicts import Verdict, is_buffered

EACH_EVENT = "each event"
NAMES = (*MILESTONES, *FIGURES)
"""Parts of a record that are compared; objectives may name these, and the errors."""


@dataclass(frozen=True, slots=True)
class Pair:
    """The records of one request, sent twice."""

    direct: Record
    through: Record

    @property
    def is_complete(self) -> bool:
        """Whether both are complete and can be compared."""
        return self.direct.end == self.through.end == "complete"

    def added(self, name: str) -> int | None:
        """The delay, in ns, that the second URL adds to a milestone, counted from the request, or
        to a figure; None if one of the two has none."""
        before: int = getattr(self.direct, name)
        after: int = getattr(self.through, name)
        if not (before and after):
            return None
        return after - before - (self._shift if name in MILESTONES else 0)

    def added_to_events(self) -> list[int]:
        """The delay that is added to each event that both received."""
        both = zip(self.direct.arrivals, self.through.arrivals, strict=False)
        return [after - before - self._shift for before, after in both]

    @property
    def gathered(self) -> tuple[int, int]:
        """The number of events that arrived apart directly, and of those among them that arrived
        together through the hop. The streams must be equal; they need no stamps."""
        apart = together = 0
        gaps = zip(pairwise(self.direct.arrivals), pairwise(self.through.arrivals), strict=False)
        for (before, after), (then, now) in gaps:
            if after - before >= APART:
                apart += 1
                together += (now - then) * TOGETHER < after - before
        return apart, together

    @property
    def _shift(self) -> int:
        return self.through.sent - self.direct.sent


@dataclass(frozen=True, slots=True)
class Hop:
    """All pairs of the first URL and one other."""

    name: str
    pairs: list[Pair]
    summary: Summary
    """The summary of the exchanges with the other URL."""

    @property
    def complete(self) -> list[Pair]:
        """The pairs that are complete on both sides."""
        return [pair for pair in self.pairs if pair.is_complete]

    @property
    def same_bodies(self) -> int:
        """The number of complete pairs whose sides received the same bytes."""
        return sum([pair.direct.digest == pair.through.digest for pair in self.complete])

    def differences(self, name: str) -> list[float]:
        """What is added in each complete pair, in ns. The events of a pair are not independent, so
        each pair counts once for ``each event``, with its median."""
        complete = self.complete
        if name == EACH_EVENT:
            return [median(events) for pair in complete if (events := pair.added_to_events())]
        return [one for pair in complete if (one := pair.added(name)) is not None]

    def added(self, seed: int = 0) -> Iterator[tuple[str, Interval]]:
        """What is added to each milestone, figure and event that both sides have, in ns."""
        # Without an answer of a model, the latency would repeat the last byte.
        figures = FIGURES if self.summary.tokens.answers else ()
        for name in (*MILESTONES, EACH_EVENT, *figures):
            if values := self.differences(name):
                yield name, bootstrap(values, Random(seed))

    def judge(self, objectives: list[Objective]) -> list[Judgement]:
        """Each objective with its measured value: a statistic of what is added, or the share of
        exchanges with the other URL that did not end well."""
        return [Judgement(one, self._measured(one)) for one in objectives]

    def _measured(self, objective: Objective) -> float | None:
        if objective.milestone == ERRORS:
            return self.summary.errors
        return statistic(self.differences(objective.milestone), objective.statistic)

    @property
    def verdicts(self) -> list[Verdict]:
        """The verdict on the hop, if it buffers."""
        counts = [pair.gathered for pair in self.pairs]
        apart, together = sum([one for one, _ in counts]), sum([one for _, one in counts])
        if not is_buffered(apart, together):
            return []
        evidence = f"of {apart} events that arrived apart directly {together} arrived together"
        return [Verdict("this hop buffers", f"{evidence} through it", False)]
