"""The progress of a run: how much of it is done, and how long it still takes at most.

A duration or a profile bounds the time in which exchanges begin, and the grace period that of the
open ones after it. A number of exchanges bounds no time: it is estimated from the rate so far.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf

from streamserver.lab.report.summary import Summary


@dataclass(frozen=True, slots=True)
class Progress:
    """A run at one moment."""

    seconds: float
    """The time since the beginning of the run."""
    open: int
    """Exchanges that have begun and not ended."""
    summary: Summary
    """The exchanges that have ended, and the events of all, without those of the warm-up."""
    warming_up: bool = False
    draining: bool = False
    """Whether no further exchange begins."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The end of a run, as far as it is known."""

    seconds: float = inf
    """The time in which exchanges may begin, the warm-up included."""
    count: int | None = None
    """Exchanges that may begin, without the warm-up; at most as many in conversations."""
    grace: float = inf
    """Seconds for open exchanges to end after the last has begun."""
    each: int = 1
    """Exchanges of a round of a comparison; 1 without rounds."""

    def rounds(self, now: Progress) -> str:
        """The number of rounds that are done, of all; "" without rounds."""
        if self.each == 1 or self.count is None:
            return ""
        return f"{now.summary.ends.total() // self.each:,} of {self.count // self.each:,} rounds"

    def share(self, now: Progress) -> float | None:
        """The share that is done, from 0 to 1; None if it is unknown."""
        shares = [now.seconds / self.seconds] if self.seconds < inf else []
        shares += [now.summary.ends.total() / self.count] if self.count else []
        return min(max(shares), 1.0) if shares else None


class Clock:
    """Describes the time that remains; it keeps the moment when a run began to drain."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._drains_from: float | None = None

    def remaining(self, now: Progress) -> str:
        """The time that remains, in words."""
        plan = self._plan
        if now.draining:
            if self._drains_from is None:
                self._drains_from = now.seconds
            left = plan.grace - (now.seconds - self._drains_from)
            return f"draining: {now.open} open{_at_most(left)}"
        bounds = [*self._estimate(now)]
        if (left := plan.seconds - now.seconds) < inf:
            bounds.append(f"at most {minutes(left)}, then up to {minutes(plan.grace)} to drain")
        return ", ".join(bounds) or "unknown"

    def _estimate(self, now: Progress) -> Iterator[str]:
        ended, count = now.summary.ends.total(), self._plan.count
        measured = (now.summary.ended - now.summary.began) / 1e9
        if count and ended and measured > 0:
            yield f"about {minutes((count - ended) * measured / ended)}"


def _at_most(seconds: float) -> str:
    return f", at most {minutes(seconds)}" if seconds < inf else ""


def minutes(seconds: float) -> str:
    """A time as in 0:07, 12:34 or 1:02:03, rounded up; in words where it is unlimited."""
    if seconds == inf:
        return "any time"
    whole = max(-int(-seconds // 1), 0)
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"


class Rates:
    """Exchanges, failures and events per second between two calls."""

    def __init__(self) -> None:
        self._before: Sequence[float] = (0.0, 0, 0, 0)

    def since(self, now: Progress) -> list[float]:
        """The three rates since the call before."""
        summary = now.summary
        figures = (now.seconds, summary.ends.total(), failures(summary), summary.events)
        added = [one - before for one, before in zip(figures, self._before, strict=True)]
        self._before = figures
        return [figure / max(added[0], 1e-9) for figure in added[1:]]


def failures(summary: Summary) -> int:
    """The number of exchanges that failed; those that the client stopped did not."""
    return summary.ends.total() - summary.ends["complete"] - summary.ends["stopped"]


def causes(summary: Summary) -> Iterator[tuple[str, int, str]]:
    """The ends that are errors, the most frequent first: their count, and the first cause."""
    for end, count in summary.ends.most_common():
        if end in ("complete", "stopped"):
            continue
        reasons = [one.partition(": ")[2] for one in summary.reasons if one.startswith(f"{end}: ")]
        if end == "refused":  # the reason is in the response
            reasons += [f"status {status}: {text}" for status, text in summary.answers.items()]
            reasons += [f"status {status}" for status in summary.statuses if status >= 400]
        yield end, count, reasons[0] if reasons else ""
