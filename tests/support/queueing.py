"""A service with slots in simulated time, and the summary that a client would have of it."""

from collections.abc import Iterable, Iterator

from streamserver.lab.client.record import Record
from streamserver.lab.load.job import Job
from streamserver.lab.report.flow import PARTS, Flow
from streamserver.lab.report.summary import Summary

SECOND = 1_000_000_000
FOREVER = 10**6


def served(
    arrivals: Iterable[int], services: Iterator[float], slots: int
) -> Iterator[tuple[int, int, int]]:
    """When each exchange arrives, gets a slot, and ends, in ns: in order of arrival, with
    ``slots`` at once, each for the next of the ``services``, in seconds."""
    free = [0] * slots
    for at in arrivals:
        free.sort()
        begin = max(free[0], at)
        free[0] = begin + round(next(services) * SECOND)
        yield at, begin, free[0]


def flow_of(exchanges: Iterable[tuple[int, int, int]], settle: float, seconds: float) -> Flow:
    """The flow of the ``seconds`` after the warm-up."""
    begin = round(settle * SECOND)
    found = Flow(begin, round(seconds * SECOND) // PARTS)
    for at, _, end in exchanges:
        found.on_begin(at)
        found.on_end(end, is_complete=True)
    return found


def summary_of(job: Job, services: Iterator[float], slots: int) -> Summary:
    """The figures of an open loop; an exchange has its first byte when it gets its slot."""
    within = list(_first(job))
    exchanges = [*served(within, services, slots)]
    found = Summary(flow=flow_of(exchanges, job.warm_up, job.duration))
    for at, begin, end in exchanges:
        if at >= job.warm_up * SECOND:
            record = Record(FOREVER + at, FOREVER + at, status=200, end="complete")
            record.sent = record.planned
            record.head = record.first_byte = FOREVER + begin + 1
            record.last_byte = record.ended = FOREVER + end
            found.add(record)
    return found


def _first(job: Job) -> Iterator[int]:
    """The arrivals within the job."""
    for at in job.arrival_times():
        if at >= job.seconds * SECOND:
            return
        yield at


def always(value: float) -> Iterator[float]:
    """The same service time for all."""
    while True:
        yield value
