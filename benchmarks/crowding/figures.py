"""The figures of a phase, from the reports of all client processes."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from benchmarks.crowding.reports import Report
from benchmarks.turns import percentile

Delays = Sequence[tuple[int, int]]
"""Nanoseconds from the publication of an event, and how many streams got it then."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """Milliseconds from the publication of an event to the streams that are live.

    `worst_p50` and `worst_p99` are the largest of single events.
    """

    events: int
    p50: float
    p99: float
    longest: float
    worst_p50: float
    worst_p99: float


@dataclass(frozen=True, slots=True)
class Returns:
    """How streams were opened: seconds from the end of a stream to the head of the next one."""

    streams: int
    p50: float
    p99: float
    longest: float
    replayed: int
    """Events that they had missed."""
    ended: int
    cut: int
    refused: int
    failed: int


def delivery(reports: Iterable[Report]) -> Delivery | None:
    """Return the figures of all events of the reports; None if no live stream got one."""
    by_event: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for report in reports:
        for number, delay, streams in report.arrivals:
            by_event[number].append((delay, streams))
    if not by_event:
        return None
    each = [_percentiles(delays) for delays in by_event.values()]
    p50, p99, longest = _percentiles([delay for delays in by_event.values() for delay in delays])
    return Delivery(
        len(by_event), p50, p99, longest, max(one[0] for one in each), max(one[1] for one in each)
    )


def returns(reports: Sequence[Report]) -> Returns:
    """Return the figures of all streams of the reports."""
    seconds = [each for report in reports for each in report.returns] or [0.0]
    return Returns(
        sum([len(report.returns) for report in reports]),
        percentile(seconds, 50),
        percentile(seconds, 99),
        max(seconds),
        sum([report.replayed for report in reports]),
        sum([report.ended for report in reports]),
        sum([report.cut for report in reports]),
        sum([report.refused for report in reports]),
        sum([report.failed for report in reports]),
    )


def _percentiles(delays: Delays) -> tuple[float, float, float]:
    """Return the median, the 99th percentile and the largest of the delays, in milliseconds."""
    ordered = sorted(delays)
    total = sum([streams for _, streams in ordered])
    found: list[float] = []
    ranks, passed = (total * 0.5, total * 0.99), 0
    for delay, streams in ordered:
        passed += streams
        while len(found) < len(ranks) and passed >= ranks[len(found)]:
            found.append(delay / 1e6)
    return found[0], found[1], ordered[-1][0] / 1e6
