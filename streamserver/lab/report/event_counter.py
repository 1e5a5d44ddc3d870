"""Counts the events of running exchanges: gaps, ITL, the seconds of the run, evidence for a hop.

An exchange may last for hours and is shown while it runs, so its events are counted read by read,
and not kept until its end. This is much of the client's work for an event.
"""

from collections.abc import Sequence
from typing import Any, Protocol

from streamserver.lab.report.counts import APART, SECOND, TOGETHER, Evidence, Second, Timeline
from streamserver.lab.report.histograms import record as count
from streamserver.lab.stamps import Stamp


class Counts(Protocol):
    """The part of a summary that events change."""

    events: int
    apart: dict[str, Any]
    paced: Any
    evidence: Evidence
    timeline: Timeline


class EventCounter:
    """Counts the events of one exchange as they arrive."""

    __slots__ = (
        *("_arrival", "_burst", "_gaps", "_itls", "_last", "_last_output", "_paced", "_second"),
        *("_second_end", "_sent", "_summary"),
    )

    def __init__(self, summary: Counts) -> None:
        self._summary = summary
        self._paced = summary.paced
        self._gaps, self._itls = summary.apart["gap"], summary.apart["itl"]
        self._second, self._second_end = Second(), 0
        self._last = self._last_output = 0
        # Of the last stamped event, and how many up to it were sent apart and arrived together.
        self._sent = self._arrival = 0
        self._burst = 1

    def on_events(self, moment: int, events: int, outputs: int, stamps: Sequence[Stamp]) -> None:
        """Count the ``events`` of one read, of which ``outputs`` have a piece of a model's answer;
        ``stamps`` are of those that have one."""
        if moment >= self._second_end:
            self._second = self._summary.timeline.second(moment)
            self._second_end = moment - moment % SECOND + SECOND
        self._summary.events += events
        self._second.events += events
        if outputs and self._last_output == self._last:
            if self._last:
                count(self._paced, moment - self._last)
        else:
            if self._last:
                count(self._gaps, moment - self._last)
            if outputs and self._last_output:
                count(self._itls, moment - self._last_output)
        if events > 1:
            self._count_together(events - 1, max(outputs - 1, 0))
        self._last = moment
        if outputs:
            self._last_output = moment
        for stamp in stamps:
            self._add_evidence(stamp, moment)

    def _count_together(self, gaps: int, itls: int) -> None:
        """Count the zeros of the events that arrived in one read."""
        if itls:
            count(self._paced, 0, itls)
        if gaps > itls:
            count(self._gaps, 0, gaps - itls)

    def _add_evidence(self, stamp: Stamp, arrival: int) -> None:
        evidence = self._summary.evidence
        count(evidence.delay, arrival - stamp.sent)
        count(evidence.target_late, stamp.late)
        sent_apart = stamp.sent - self._sent if self._sent else 0
        if sent_apart >= APART:
            is_together = (arrival - self._arrival) * TOGETHER < sent_apart
            self._burst = self._burst + 1 if is_together else 1
            evidence.apart += 1
            evidence.together += is_together
            evidence.longest_burst = max(evidence.longest_burst, self._burst)
        self._sent, self._arrival = stamp.sent, arrival
