"""Verdicts: what the figures say about who made them, and by which evidence.

A measurement that the client or the target spoiled says nothing about what lies between them; so
these are looked at first, and the run is then not valid.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

from streamserver.lab.report.summary import Summary

MS = 1_000_000

CLIENT_LATE = 10 * MS
"""A client that begins an exchange so late, or whose loop comes round so late, one time in a
hundred, measures itself. Well above what a busy but able machine shows."""
TARGET_LATE = 10 * MS
"""The same of the target's sendings."""
BUFFERED = 0.2
"""The share of events sent apart that come together, from which on it is no accident."""
AT_LEAST = 10
"""So many must have been late, or half of all where there are fewer than twice as many."""
ENOUGH = 10
"""Pairs of events that such a share must be of."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is so, and why one knows; ``spoils``: whether the measurement is not valid for it."""

    name: str
    evidence: str
    spoils: bool

    def __str__(self) -> str:
        return f"{self.name}: {self.evidence}"


def verdicts(summary: Summary) -> list[Verdict]:
    """Whatever there is to say, what spoils the measurement first."""
    looked = (_client_was_the_limit, _target_was_late, _hop_buffers)
    return [verdict for look in looked if (verdict := look(summary)) is not None]


def _client_was_the_limit(summary: Summary) -> Verdict | None:
    begun = _beyond(summary.start_late, CLIENT_LATE)
    lag = _beyond(summary.loop_lag, CLIENT_LATE)
    told = []
    if begun:
        told.append(f"{begun.share} of the exchanges began more than {begun.late} after their time")
    if lag:
        told.append(f"its event loop was late by more than {lag.late} for {lag.share} of the run")
    if summary.unsent:
        told.append(f"{summary.unsent} exchanges were not begun, since too many were open")
    return Verdict("the client was the limit", "; ".join(told), True) if told else None


def _target_was_late(summary: Summary) -> Verdict | None:
    found = _beyond(summary.evidence.target_late, TARGET_LATE)
    if found is None:
        return None
    told = f"it sent {found.share} of its events more than {found.late} after they were due"
    return Verdict("the target was late", told, True)


class _Beyond(NamedTuple):
    share: str
    late: str


def _beyond(histogram: Any, limit: int) -> _Beyond | None:
    """How late one in a hundred was, if that is beyond the limit; of few there must be more than
    one in a hundred, since a single stall on a busy machine spoils no run."""
    total = histogram.get_total_count()
    if not total:
        return None
    share = max(1 / 100, min(AT_LEAST / total, 1 / 2))
    late = histogram.get_value_at_percentile(100 * (1 - share))
    return _Beyond(f"{share:.0%}", _ms(late)) if late > limit else None


def _hop_buffers(summary: Summary) -> Verdict | None:
    evidence = summary.evidence
    if evidence.apart < ENOUGH or evidence.together < BUFFERED * evidence.apart:
        return None
    told = (
        f"of {evidence.apart} events that were sent apart {evidence.together} came together with"
        f" the one before, up to {evidence.longest_burst} at once; from sending to arrival it took"
        f" {_ms(_p50(evidence.delay))} at p50, {_ms(_p99(evidence.delay))} at p99"
    )
    return Verdict("this hop buffers", told, False)


def _p50(histogram: Any) -> int:
    return int(histogram.get_value_at_percentile(50))


def _p99(histogram: Any) -> int:
    return int(histogram.get_value_at_percentile(99))


def _ms(duration: int) -> str:
    return f"{duration / MS:.3g} ms"
