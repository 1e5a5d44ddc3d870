"""Verdicts: what the figures say about who made them, and by which evidence.

A measurement that the client or the target spoiled says nothing about what lies between them; so
these are looked at first, and the run is then not valid.
"""

from dataclasses import dataclass
from typing import Any

from streamserver.lab.report.summary import Summary

MS = 1_000_000

CLIENT_LATE = 10 * MS
"""A client that begins an exchange so late, or whose loop comes round so late, at p99, measures
itself. Well above what a busy but able machine shows."""
TARGET_LATE = 10 * MS
"""The same of the target's sendings."""
BUFFERED = 0.2
"""The share of events sent apart that come together, from which on it is no accident."""
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
    begun, lag = _p99(summary.start_late), _p99(summary.loop_lag)
    told = []
    if begun > CLIENT_LATE:
        told.append(f"1% of the exchanges began more than {_ms(begun)} after their time")
    if lag > CLIENT_LATE:
        told.append(f"its event loop was late by more than {_ms(lag)} for 1% of the run")
    if summary.unsent:
        told.append(f"{summary.unsent} exchanges were not begun, since too many were open")
    return Verdict("the client was the limit", "; ".join(told), True) if told else None


def _target_was_late(summary: Summary) -> Verdict | None:
    late = _p99(summary.evidence.target_late)
    if late <= TARGET_LATE:
        return None
    told = f"it sent 1% of its events more than {_ms(late)} after they were due"
    return Verdict("the target was late", told, True)


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
