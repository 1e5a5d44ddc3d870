"""100,000 event streams of workers that share a feed: delivery, a reconnect storm, a restart.

An event a second is published to Redis from the beginning to the end, and every stream is checked:
an event that is lost, repeated or out of order ends the measure. The streams are opened with the
id of the first event, so each of them resumes. They live for a minute. Then half of them are
dropped at once and return. Then this happens again, while all workers are restarted.

Workers, clients and Redis share the cores. The limit of descriptors decides how many workers and
clients there are. The storms drop all streams of every second client process, so the others show
what a storm does to streams that stay.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace

from benchmarks import client, machine
from benchmarks.client import WrongAnswer
from benchmarks.crowding.clients import Clients
from benchmarks.crowding.costs import Costs, cpu_table, memory_table
from benchmarks.crowding.figures import delivery, returns
from benchmarks.crowding.publisher import Publisher
from benchmarks.crowding.reports import Report
from benchmarks.measures.fanout_workers import KIB_PER_READER, PROOFS, ping
from benchmarks.peer import Contender
from benchmarks.peers import REDIS, STREAMSERVER
from benchmarks.plan import Plan
from benchmarks.process import Server
from benchmarks.readers import Readers
from benchmarks.report import Column, Result, Row
from benchmarks.servers.work import TOPIC
from benchmarks.turns import together

FULL = 100_000, 60
QUICK = 2_000, 3
"""The streams, and the events that they receive undisturbed, one a second."""

DESCRIPTORS = 20_000
"""Of a process, unless the limit is lower."""

MOST_WORKERS = 12
"""With a low limit of descriptors there are fewer streams."""

BACK = 1.0
"""Seconds within which dropped streams return, each at a random time, which is what an EventSource
does with a random reconnection time."""

PATIENCE = 120.0
"""Seconds within which all streams must be live again."""

LOOK = 0.2
"""Seconds between two looks at the progress."""

SETTLE = 3.0
"""Seconds before memory is measured, for the acknowledgements and the buffers of the connects."""

NET = 200
"""The source addresses of the proof, which those of the clients do not contain."""

OPENED = (
    Column("phase", "streams"),
    Column("streams", "opened"),
    Column("seconds", "all live after, s", 1),
    Column("p50", "each, median, s", 2),
    Column("p99", "p99, s", 2),
    Column("longest", "longest, s", 2),
    Column("replayed", "missed events sent"),
    Column("ended", "ended"),
    Column("cut", "cut"),
    Column("refused", "503"),
    Column("failed", "no response"),
)
DELIVERED = (
    Column("phase", "live streams"),
    Column("events", "events"),
    Column("p50", "median, ms"),
    Column("p99", "p99, ms"),
    Column("longest", "longest, ms"),
    Column("worst_p50", "worst event's median, ms"),
    Column("worst_p99", "worst p99, ms"),
)


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is measured."""

    streams: int
    events: int
    workers: int
    """There are as many client processes, which have the same limit of descriptors."""
    descriptors: int


def measure(plan: Plan) -> Iterator[Result]:
    """Yield the tables, on the last loop of the plan. SystemExit names what went wrong."""
    sizes, loop = _sizes(*QUICK if plan.quick else FULL), plan.loops[-1]
    try:
        with ExitStack() as stack:
            crowd = _gather(sizes, loop, stack)
            try:
                yield from crowd.run()
            finally:
                yield from crowd.tables(f"{sizes.workers} workers, {loop}")
    except WrongAnswer as fault:
        raise SystemExit(f"crowd failed: {fault}") from fault


def _sizes(streams: int, events: int) -> Sizes:
    """Return what the limits of this machine allow."""
    limit = machine.allow_descriptors(DESCRIPTORS)
    # The kernel spreads connections at random, and a worker keeps some descriptors for itself.
    room = limit * 7 // 8 if limit > 10_000 else limit // 3
    streams = min(streams, machine.available_kib() // KIB_PER_READER, room * MOST_WORKERS)
    return Sizes(streams, events, max(2, -(-streams // room)), limit)


def _gather(sizes: Sizes, loop: str, stack: ExitStack) -> "Crowd":
    """Start all programs, until the end of `stack`."""
    redis = Contender(REDIS, loop, "redis")
    store = stack.enter_context(together([redis], ping, spread=True))
    if redis not in store.servers:
        raise WrongAnswer(f"Redis: {store.absent[REDIS.name]}")
    url = f"redis://{client.HOST}:{store.servers[redis].port}"
    command = f"{STREAMSERVER.command} --workers {sizes.workers}"
    workers = Contender(replace(STREAMSERVER, command=command), loop, "crowd")
    lineup = stack.enter_context(together([workers], _prove, {"BENCH_REDIS": url}, spread=True))
    if workers not in lineup.servers:
        raise WrongAnswer(f"the workers: {lineup.absent[STREAMSERVER.name]}")
    server = lineup.servers[workers]
    publisher = stack.enter_context(Publisher(url, TOPIC))
    clients = stack.enter_context(Clients(server.port, sizes.workers, sizes.descriptors))
    return Crowd(sizes, server, clients, publisher, store.servers[redis])


def _prove(port: int) -> None:
    with Readers(port, NET) as readers:
        readers.open(PROOFS)


class Crowd:
    """The phases of the measure."""

    def __init__(
        self, sizes: Sizes, server: Server, clients: Clients, publisher: Publisher, redis: Server
    ) -> None:
        self._sizes = sizes
        self._supervisor = server.pids[0]
        self._clients = clients
        self._publisher = publisher
        self._redis = redis
        self._opened: list[Row] = []
        self._delivered: list[Row] = []

    def run(self) -> Iterator[Result]:
        """Run all phases, and yield what the streams cost."""
        empty = self._costs()
        yield self._open(empty)
        time.sleep(SETTLE)
        yield memory_table(empty, self._costs(), self._sizes.streams)
        yield self._live()
        self._storm("half dropped")
        self._storm("half dropped, all restarted", meanwhile=self._restart)

    def tables(self, served_by: str) -> Iterator[Result]:
        """Yield what was counted so far."""
        title = f"{self._sizes.streams:,} streams of {served_by}"
        yield Result("crowd/delivery", f"An event a second to {title}", DELIVERED, self._delivered)
        yield Result("crowd/streams", f"Opening {title}", OPENED, self._opened)

    # The phases

    def _open(self, empty: Costs) -> Result:
        streams, started = self._sizes.streams, time.monotonic()
        self._clients.open(streams, self._publisher.first_id)
        self._until_live()
        opened = self._costs()
        self._count("opened and resumed", started, self._clients.reports())
        return cpu_table("opening", "opening a stream", empty, opened, streams)

    def _live(self) -> Result:
        self._clients.reports()
        before, first = self._costs(), self._publisher.newest
        _until("events", lambda: self._publisher.newest >= first + self._sizes.events)
        self._until_live()
        after, last = self._costs(), self._publisher.newest
        self._deliver("undisturbed", self._clients.reports())
        sent = self._sizes.streams * (last - first)
        return cpu_table("cpu", "an event to one stream", before, after, sent)

    def _storm(self, phase: str, meanwhile: Callable[[], None] = lambda: None) -> None:
        self._clients.reports()
        started = time.monotonic()
        self._clients.drop(self._clients.all[::2], BACK)
        meanwhile()
        self._until_live()
        reports = self._clients.reports()
        self._count(phase, started, reports)
        self._deliver(f"{phase}: these", reports[::2])
        self._deliver(f"{phase}: the others", reports[1::2])

    def _restart(self) -> None:
        before = self._workers()
        os.kill(self._supervisor, signal.SIGHUP)
        _until("the old workers to end", lambda: not before & self._workers())

    # What they wait for and count

    def _until_live(self) -> None:
        """Wait until all streams are live and have every event that was published before."""
        published, streams = self._publisher.newest, self._sizes.streams

        def are_live() -> bool:
            self._publisher.check()
            progress = self._clients.progress()
            return progress.live == streams and progress.lowest > published

        _until(f"{streams} streams that have event {published}", are_live)

    def _workers(self) -> set[int]:
        return set(machine.family(self._supervisor)[1:])

    def _costs(self) -> Costs:
        clients = [each.pid for each in self._clients.all]
        parts = {"workers": sorted(self._workers()), "clients": clients, "Redis": self._redis.pids}
        return Costs.now({**parts, "publisher": [os.getpid()]})

    def _count(self, phase: str, started: float, reports: Sequence[Report]) -> None:
        row: Row = {"phase": phase, "seconds": time.monotonic() - started}
        self._opened.append({**row, **asdict(returns(reports))})

    def _deliver(self, phase: str, reports: Sequence[Report]) -> None:
        if found := delivery(reports):
            self._delivered.append({"phase": phase, **asdict(found)})


def _until(what: str, condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise WrongAnswer(f"waited {PATIENCE:g} s for {what}")
        time.sleep(LOOK)
