"""One load of a sweep: its figures, and what limits it.

A load is met if all objectives are met, if the exchanges do not pile up, and if neither the client
nor the target was late. The reasons are examined in the order in which they explain each other:
figures of a late client or target measure that lateness; a service that fails or is slow makes
exchanges pile up; and when they pile up, the client reaches ``--max-open``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from streamserver.lab.report.histograms import ms
from streamserver.lab.report.slo import ERRORS, Judgement
from streamserver.lab.report.summary import Summary
from streamserver.lab.report.verdicts import client_lateness, target_lateness, unsent
from streamserver.lab.sweep.search import Trial

Kind = Literal["rate", "concurrency"]
Party = Literal["client", "target", "service"]
LIFETIMES = 4
"""A level lasts at least as long as this many median exchanges: above the capacity by a share s,
the open exchanges grow by s in each of them."""
ARRIVALS = 2.0
"""By how many the open exchanges must grow, at a rate above the capacity by the precision of the
search, while a level lasts: fewer may be chance."""
TOO_SHORT = 0.8
"""A level that lasted less than this share of what it needs is measured again."""
LATENCIES = ("ttft", "first_event", "first_byte", "head")
PACES = ("tpot", "gap")


@dataclass(frozen=True, slots=True)
class Limit:
    """Why a load is not met."""

    party: Party
    """``client``: this program was late, or may not open more exchanges. ``target``: its stamps
    show lateness, or it fails. ``service``: it answers later than the objectives allow."""
    reason: str
    """The reason in a few words."""
    evidence: str
    is_valid: bool = True
    """Whether the figures measure the service at all: those of a late client do not."""

    def __str__(self) -> str:
        return f"the {self.party}: {self.evidence}"


class Timing(NamedTuple):
    """Seconds of a level: first those that are not measured, while the service fills."""

    settle: float
    duration: float

    def at(self, kind: Kind, load: float, precision: float) -> "Timing":
        """The timing at a load, extended if too few exchanges would arrive."""
        enough = ARRIVALS / precision / load if kind == "rate" else 0.0
        return self._replace(duration=max(self.duration, enough))

    def extended(self, needed: "Timing") -> "Timing":
        """The longer of both timings."""
        return Timing(max(self.settle, needed.settle), max(self.duration, needed.duration))

    def is_enough(self, needed: "Timing") -> bool:
        """Whether a level with this timing need not be measured again."""
        return all(one >= TOO_SHORT * other for one, other in zip(self, needed, strict=True))


@dataclass(frozen=True, slots=True)
class Level:
    """A measured load."""

    kind: Kind
    trial: Trial
    timing: Timing
    summary: Summary
    judgements: Sequence[Judgement]
    precision: float
    """The precision of the search."""

    @property
    def load(self) -> float:
        """Exchanges per second that were due, or concurrent exchanges."""
        return self.trial.load

    @property
    def achieved(self) -> float:
        """Complete exchanges per second in the measured time."""
        return self.summary.flow.throughput if self.summary.flow else 0.0

    @property
    def goodput(self) -> float | None:
        """Complete exchanges per second that kept all limits of --goodput; None without limits."""
        share = self.summary.goodput
        complete = self.summary.ends["complete"]
        if share is None:
            return None
        return self.achieved * self.summary.good / complete if complete else 0.0

    @property
    def open(self) -> float:
        """The mean number of open exchanges in the measured time."""
        counts = self.summary.flow.open if self.summary.flow else [0]
        return sum(counts) / len(counts)

    @property
    def tokens_per_second(self) -> float:
        """Output tokens per second of all exchanges: the mean of an answer by the throughput, so
        that the time in which the last answers end does not count."""
        tokens = self.summary.tokens
        return tokens.output / tokens.answers * self.achieved if tokens.answers else 0.0

    @property
    def latency(self) -> str:
        """The name of the first figure of ``LATENCIES`` that was measured."""
        return self._first_of(LATENCIES)

    @property
    def pace(self) -> str:
        """The name of the first figure of ``PACES`` that was measured."""
        return self._first_of(PACES)

    @property
    def limit(self) -> Limit | None:
        """Why the load is not met; None if it is."""
        summary = self.summary
        if late := client_lateness(summary):
            return Limit("client", "late", late, is_valid=False)
        if late := target_lateness(summary):
            return Limit("target", "late", late, is_valid=False)
        if missed := self._missed():
            return missed
        if cut := summary.ends["stopped"]:
            return Limit("service", "not ended", f"{cut} exchanges did not end within --grace")
        if share := self.growth:
            return Limit("service", "exchanges pile up", self._piled_up(share))
        if refused := unsent(summary):
            return Limit("client", "too many open", refused, is_valid=False)
        return None

    @property
    def growth(self) -> float:
        """The share of the arrivals by which the open exchanges of an open loop grew, if that shows
        a load above the capacity; else 0."""
        flow = self.summary.flow
        return flow.growth(self.precision / 2) if flow and self.kind == "rate" else 0.0

    @property
    def unmeasured(self) -> list[str]:
        """The objectives for which there is no value."""
        return [str(one) for one in self.judgements if one.measured is None]

    @property
    def needed(self) -> Timing:
        """The timing that the duration of its exchanges calls for."""
        usual, long = self.ms("e2e", 50) or 0.0, self.ms("e2e", 90) or 0.0
        return Timing(long / 1000, LIFETIMES * usual / 1000)

    def ms(self, name: str, percentile: float) -> float | None:
        """The percentile of a figure in ms; None if it was not measured."""
        histogram: Any = self.summary.histograms.get(name)
        if histogram is None or not histogram.get_total_count():
            return None
        return ms(histogram, percentile)

    def _first_of(self, names: Sequence[str]) -> str:
        histograms = self.summary.histograms
        return next((name for name in names if histograms[name].get_total_count()), names[0])

    def _missed(self) -> Limit | None:
        """The first objective that is missed, that of the errors before others."""
        missed = [one for one in self.judgements if one.measured is not None and not one.is_met]
        if not missed:
            return None
        first = min(missed, key=lambda one: one.objective.milestone != ERRORS)
        if first.objective.milestone == ERRORS:
            return Limit("target", first.objective.text, f"{first}{_failures(self.summary)}")
        return Limit("service", first.objective.text, str(first))

    def _piled_up(self, share: float) -> str:
        flow = self.summary.flow
        assert flow is not None
        counts = flow.open
        grew = f"open exchanges grew from {counts[0]} to {counts[-1]} in {flow.seconds:g} s"
        return f"{grew}, by {share:.1%} of the arrivals: more arrive than are served"


def _failures(summary: Summary) -> str:
    ends = ", ".join(
        f"{end} {count}" for end, count in summary.ends.most_common() if end != "complete"
    )
    reasons = "".join(f", {reason}" for reason, _ in summary.reasons.most_common(1))
    return f" ({ends}{reasons})"
