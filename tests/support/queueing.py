"""A service with slots in simulated time, and the summary that a client would have of it."""

from collections.abc import Iterable, Iterator

from streamserver.lab.client.record import Record
from streamserver.lab.client.request import RequestSpec
from streamserver.lab.load.job import Job
from streamserver.lab.load.processes import Result
from streamserver.lab.report.flow import PARTS, Flow
from streamserver.lab.report.goodput import parse_limits
from streamserver.lab.report.slo import parse
from streamserver.lab.report.summary import Summary
from streamserver.lab.sweep.search import Scale
from streamserver.lab.sweep.sweep import Prospect, Sweep, sweep

SECOND = 1_000_000_000
ORIGIN = 10**6
"""The beginning of a run, in ns: a record has no times of 0."""
SLO = "first_byte_p99=300ms,errors=1%"


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
            record = Record(ORIGIN + at, ORIGIN + at, status=200, end="complete")
            record.sent = record.planned
            record.head = record.first_byte = ORIGIN + begin + 1
            record.last_byte = record.ended = ORIGIN + end
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


async def swept(
    slots: int = 10, high: float = 100, limits: str = "", end: int = 100, slo: str = SLO
) -> Sweep:
    """A sweep of a service whose exchanges last a second; it ends early at level ``end``.
    ``limits``: of goodput, kept by half of all exchanges."""

    async def measure(job: Job, prospect: Prospect) -> Result | str:
        if prospect.number == end:
            return "it was interrupted"
        found = summary_of(job, always(1.0), slots)
        if limits:
            found.limits, found.good = parse_limits(limits), found.ends.total() // 2
        return Result(found)

    job = Job(RequestSpec("http://h/"), duration=10.0, warm_up=2.0)
    return await sweep(job, "rate", Scale(1, high, 0.2), parse(slo), measure)
