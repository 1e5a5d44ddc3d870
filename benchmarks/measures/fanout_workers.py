"""One event to 76,000 readers of four workers that share a feed through Redis.

The number of readers is bounded by the descriptors of all workers. They come from as many client
processes, each with its own addresses, because an address has at most 28,000 ports. One client
publishes to the worker that accepts it; the event reaches every worker through Redis.

The clients share the cores with the workers, unlike in `fanout`. So the figures are the lateness of
the last reader on this machine, and not the speed of the server alone.
"""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from itertools import chain

from benchmarks import client, machine
from benchmarks.client import WrongAnswer
from benchmarks.measures import fanout
from benchmarks.measures.fanout import Block
from benchmarks.peer import Contender
from benchmarks.peers import REDIS, WORKERS
from benchmarks.plan import Plan
from benchmarks.process import Server
from benchmarks.readers import SETTLE, ReaderProcess
from benchmarks.report import Column, Result, Row
from benchmarks.turns import in_turns, together

READERS = 19_000
"""Readers of each worker, and of each client process."""

SPARE = 1_000
"""Further descriptors per worker, because the kernel distributes connections at random."""

KIB_PER_READER = 32
"""The memory of a reader in all processes and in the kernel."""

PROOFS = 50
"""So many readers that every worker gets some, which shows that all have started."""

READY = 0.3
"""Seconds until the clients that do not publish wait for the event."""

LONGEST = Column("longest", "longest, ms", 1)
COLUMNS = (*[column for column in fanout.COLUMNS if "to_floor" not in column.key], LONGEST)


def measure(plan: Plan) -> Iterator[Result]:
    """Yield a table for each loop."""
    wanted = 1_000 if plan.quick else READERS
    allowed = machine.allow_descriptors(wanted + SPARE) - SPARE
    bearable = machine.available_kib() // KIB_PER_READER // WORKERS
    readers = min(wanted, allowed, bearable)
    for loop in plan.loops:
        redis = Contender(REDIS, loop, "redis")
        with together([redis], ping, spread=True) as store:
            rows: list[Row] = []
            absent = store.absent
            if redis in store.servers:
                url = f"redis://{client.HOST}:{store.servers[redis].port}"
                rows, absent = _measure(plan, loop, readers, url)
        title = f"One event to {readers * WORKERS:,} readers of {WORKERS} workers, through Redis"
        yield Result(f"fanout_workers/{loop}", f"{title}, {loop}", COLUMNS, rows, absent)


def ping(port: int) -> None:
    with socket.create_connection((client.HOST, port), client.PATIENCE) as connection:
        connection.sendall(b"PING\r\n")
        if (answer := connection.recv(100)) != b"+PONG\r\n":
            raise WrongAnswer(f"Redis answered a PING with {answer!r}")


def _measure(plan: Plan, loop: str, readers: int, url: str) -> tuple[list[Row], dict[str, str]]:
    contenders = plan.contenders(loop, "fanout-workers")
    prove_all = partial(fanout.prove, readers=PROOFS)
    with ExitStack() as stack:
        served = together(contenders, prove_all, {"BENCH_REDIS": url}, spread=True)
        lineup = stack.enter_context(served)
        crowds = []

        def fill(_turn: Contender, server: Server) -> float:
            before = server.resident_kib()
            for net in range(WORKERS):
                crowd = ReaderProcess(server.port, net, core=None)
                crowds.append(stack.enter_context(crowd))
            for opened in [crowd.open(readers) for crowd in crowds]:
                opened.result()
            time.sleep(SETTLE)
            return (server.resident_kib() - before) / readers / WORKERS

        def publish(_turn: Contender, server: Server) -> Block:
            cpu = server.cpu_ns()
            publisher, *others = crowds
            waiting = [crowd.deliver(publishes=False) for crowd in others]
            time.sleep(READY)
            waiting.append(publisher.deliver())
            delays = sorted(chain.from_iterable(each.result() for each in waiting))
            cpu = server.cpu_ns() - cpu
            return Block([ns / 1e6 for ns in delays], cpu / 1000 / len(delays))

        memory = in_turns(lineup, 1, fill)
        in_turns(lineup, 1, publish)  # The first event warms up.
        blocks = in_turns(lineup, plan.few_rounds, publish)
    rows = [
        {
            **fanout.row(contender, loop, own, memory[contender][0]),
            "longest": max(block.everyone for block in own),
        }
        for contender, own in blocks.items()
    ]
    return rows, lineup.absent
