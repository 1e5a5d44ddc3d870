"""Verdicts: what the figures show about the client, the target and the hop between them.

A client or a target that was late invalidates the measurement of everything between them: these
verdicts come first. Exchanges without a response measure no service either: the URL may name the
wrong port, or the network may be down. Responses with errors are a finding.
"""

from dataclasses import dataclass
from typing import Any

from streamserver.lab.report.histograms import MS, ms
from streamserver.lab.report.progress import causes
from streamserver.lab.report.summary import Summary

CLIENT_LATE = 10 * MS
"""A client whose exchanges or timers are this late in one case of a hundred measures itself. A busy
but sufficient machine stays well below."""
TARGET_LATE = 10 * MS
"""The same for the sendings of the target."""
BUFFERED = 0.2
"""The least share of events sent apart that arrive together behind a hop that buffers."""
AT_LEAST = 10
"""The least number of late values; half of all where there are fewer than twice as many."""
ENOUGH = 10
"""Pairs of events that such a share needs."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A finding, its evidence, and whether it invalidates the measurement."""

    name: str
    evidence: str
    invalidates: bool

    def __str__(self) -> str:
        return f"{self.name}: {self.evidence}"


def verdicts(summary: Summary) -> list[Verdict]:
    """All verdicts, those that invalidate the measurement first."""
    judges = (_client_was_the_limit, _target_was_late, _hop_buffers)
    return [verdict for judge in judges if (verdict := judge(summary)) is not None]


def unreached(summary: Summary) -> str:
    """Why no exchange received a response; "" if one did."""
    if not summary.ends.total():
        return "no exchange counts: none began, or all belong to the warm-up"
    if summary.statuses.total() > summary.statuses[0]:
        return ""
    return f"no exchange received a response: {_ends(summary)}"


def failed(summary: Summary) -> str:
    """Why no exchange ended well; "" if one did."""
    if summary.ends["complete"]:
        return ""
    return unreached(summary) or f"no exchange ended well: {_ends(summary)}"


def _ends(summary: Summary) -> str:
    """The ends with the first cause: ``refused 20 (refused: status 503: overloaded)``."""
    counts = ", ".join(f"{end} {count}" for end, count in summary.ends.most_common())
    found = [f" ({end}: {cause})" for end, _, cause in causes(summary) if cause]
    return counts + "".join(found[:1])


def client_lateness(summary: Summary) -> str:
    """By how much the client was too late for its figures to be valid; "" if it was not."""
    found = []
    if excess := _excess(summary.start_late, CLIENT_LATE):
        share, late = excess
        found.append(f"{share} of the exchanges began more than {late} after their time")
    if excess := _excess(summary.loop_lag, CLIENT_LATE):
        share, late = excess
        found.append(f"its event loop was late by more than {late} for {share} of the run")
    return "; ".join(found)


def unsent(summary: Summary) -> str:
    """How many exchanges were not sent; "" if all were."""
    count = summary.unsent
    return f"{count} exchanges were not begun, since too many were open" if count else ""


def target_lateness(summary: Summary) -> str:
    """By how much the target was too late for the figures to be valid; "" if it was not."""
    excess = _excess(summary.evidence.target_late, TARGET_LATE)
    if excess is None:
        return ""
    share, late = excess
    return f"it sent {share} of its events more than {late} after they were due"


def _client_was_the_limit(summary: Summary) -> Verdict | None:
    found = "; ".join(filter(None, [client_lateness(summary), unsent(summary)]))
    return Verdict("the client was the limit", found, True) if found else None


def _target_was_late(summary: Summary) -> Verdict | None:
    found = target_lateness(summary)
    return Verdict("the target was late", found, True) if found else None


def _excess(histogram: Any, limit: int) -> tuple[str, str] | None:
    """A share and how late it was, if that is beyond the limit: one percent, or more of few values,
    because a single stall on a busy machine does not invalidate a run."""
    total = histogram.get_total_count()
    if not total:
        return None
    share = max(1 / 100, min(AT_LEAST / total, 1 / 2))
    late = ms(histogram, 100 * (1 - share))
    return (f"{share:.0%}", f"{late:.3g} ms") if late * MS > limit else None


def is_buffered(apart: int, together: int) -> bool:
    """Whether so many of the events that were apart arrived together that a hop buffers."""
    return apart >= ENOUGH and together >= BUFFERED * apart


def _hop_buffers(summary: Summary) -> Verdict | None:
    evidence = summary.evidence
    if not is_buffered(evidence.apart, evidence.together):
        return None
    found = (
        f"of {evidence.apart} events that were sent apart {evidence.together} came together with"
        f" the one before, up to {evidence.longest_burst} at once; from sending to arrival it took"
        f" {ms(evidence.delay, 50):.3g} ms at p50, {ms(evidence.delay, 99):.3g} ms at p99"
    )
    return Verdict("this hop buffers", found, False)
