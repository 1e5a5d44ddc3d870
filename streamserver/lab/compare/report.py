"""A finished comparison, from which the table, the JSON and the page are made."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from streamserver.lab.compare.comparison import Comparison
from streamserver.lab.compare.intervals import Interval
from streamserver.lab.compare.pairs import Hop
from streamserver.lab.report.report import MISSED, NOT_VALID, VALID_AND_MET, About
from streamserver.lab.report.slo import Judgement, Objective


@dataclass(frozen=True)
class ComparisonReport:
    """The rounds, their requests, and objectives of what each URL adds."""

    comparison: Comparison
    requests: Sequence[str] = ()
    """The method and URL of each side, without secrets."""
    objectives: list[Objective] = field(default_factory=list)
    seed: int = 0
    """The seed of the bootstrap."""
    about: About | None = None

    @cached_property
    def hops(self) -> list[Hop]:
        """What each other URL adds to the first."""
        return self.comparison.hops

    @cached_property
    def added(self) -> dict[str, dict[str, Interval]]:
        """For each other URL what it adds to each milestone, figure and event, in ns."""
        return {hop.name: dict(hop.added(self.seed)) for hop in self.hops}

    @cached_property
    def judged(self) -> list[tuple[str, Judgement]]:
        """Each objective for each other URL, whose name comes first."""
        return [(hop.name, one) for hop in self.hops for one in hop.judge(self.objectives)]

    @property
    def not_valid(self) -> list[str]:
        """Why the measurement is not valid; empty if it is."""
        missing = [self.in_words(*one) for one in self.judged if one[1].measured is None]
        return [*self.comparison.not_valid, *missing]

    @property
    def status(self) -> int:
        """The exit status: 3 if the measurement is not valid, 1 if an objective is missed."""
        if self.not_valid:
            return NOT_VALID
        return VALID_AND_MET if all(one.is_met for _, one in self.judged) else MISSED

    def in_words(self, name: str, judgement: Judgement) -> str:
        """An objective with its outcome; of several URLs also with the name."""
        return f"{name}: {judgement}" if len(self.hops) > 1 else str(judgement)
