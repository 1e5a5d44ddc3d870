"""The steps of the ladder beside the engine, with the same ten events: the cost of each guarantee.

Each request has its own connection, because the first steps serve only one request per connection.
So the figures include the cost of a connection and exceed those of `first_chunk`. Step 7 relays
from step 8, whose CPU time is not counted; its time to the first chunk includes both.
"""

import socket
import statistics
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from time import perf_counter_ns

from benchmarks import client, machine
from benchmarks.client import HOST, PATIENCE, WrongAnswer
from benchmarks.peer import Contender, Peer
from benchmarks.peers import STREAMSERVER
from benchmarks.plan import Plan
from benchmarks.process import Server, running
from benchmarks.report import Column, Ratio, Result
from benchmarks.turns import in_turns, ratio, together

WORK = "ladder"
ENGINE = Peer("streamserver", STREAMSERVER.command, STREAMSERVER.modules, works=frozenset({WORK}))
STEPS = {
    "1: chunks by hand": "s1_chunks",
    "2: honest ends": "s2_ends",
    "3: cancellation": "s3_cancellation",
    "4: back-pressure": "s4_backpressure",
    "5: keep-alive": "s5_keep_alive",
    "6: push": "s6_push",
    "7: relay": "s7_relay",
    "8: one write": "s8_one_write",
    "9: deadlines": "s9_deadlines",
}
RELAY, ITS_UPSTREAM = "s7_relay", "s8_one_write"
COLUMNS = (
    Column("server", "step"),
    Column("first_median", "first chunk µs"),
    Column("cpu", "CPU µs"),
    Ratio("cpu_to_engine", "x engine", 2, of="cpu", to=ENGINE.name),
    Column("segments", "segments", 1),
)
REQUEST = b"GET /counter?0 HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
EVENTS = 10


@dataclass(frozen=True, slots=True)
class Block:
    """The figures of one server in one round."""

    first: float
    cpu: float
    segments: float


def measure(plan: Plan) -> Iterator[Result]:
    """Yield one table: the steps run on asyncio alone."""
    upstream = Contender(_step("upstream", ITS_UPSTREAM), "asyncio", WORK)
    with ExitStack() as stack:
        server = stack.enter_context(running(upstream, _prove, core=machine.cores().upstream))
        contenders = [Contender(ENGINE, "asyncio", WORK)]
        for name, file in STEPS.items():
            contenders.append(Contender(_step(name, file), "asyncio", WORK, server.port))
        lineup = stack.enter_context(together(contenders, _prove))
        in_turns(lineup, 1, _block)
        blocks = in_turns(lineup, plan.rounds, _block)
    engine = next((own for one, own in blocks.items() if one.peer is ENGINE), None)
    against = None if engine is None else [block.cpu for block in engine]
    rows = [
        {
            "server": one.peer.name,
            "first_median": statistics.median(block.first for block in own),
            "cpu": statistics.median(block.cpu for block in own),
            "cpu_to_engine": ratio([block.cpu for block in own], against),
            "segments": statistics.median(block.segments for block in own),
        }
        for one, own in sorted(blocks.items(), key=lambda item: item[0].peer.name)
    ]
    title = "The ladder: ten events, a connection for each request, asyncio"
    yield Result("ladder/asyncio", title, COLUMNS, rows, lineup.absent)


def _step(name: str, file: str) -> Peer:
    command = "{python} {here}/../streamserver/learn/" + file + ".py {port}"
    if file == RELAY:
        command += " {upstream}"
    return Peer(name, command, ("h11",), works=frozenset({WORK}))


def _prove(port: int) -> None:
    received, _, _ = _ask(port)
    if received.count(b"\ndata: {") != EVENTS or not received.endswith(client.LAST_CHUNK):
        raise WrongAnswer(f"{EVENTS} events were requested, received: {received!r}")


def _block(_turn: Contender, server: Server, count: int = 50) -> Block:
    with machine.pinned(machine.cores().client):
        cpu = server.cpu_ns()
        received = [_ask(server.port) for _ in range(count)]
        cpu = server.cpu_ns() - cpu
    return Block(
        first=statistics.median(first for _, first, _ in received) / 1000,
        cpu=cpu / 1000 / count,
        segments=statistics.median(segments for _, _, segments in received),
    )


def _ask(port: int) -> tuple[bytes, int, int]:
    """Return the response, the nanoseconds from the request to the first event, the segments."""
    with socket.create_connection((HOST, port), PATIENCE) as connection:
        started = perf_counter_ns()
        connection.sendall(REQUEST)
        received, first = b"", 0
        while part := connection.recv(65536):
            stamp = perf_counter_ns()
            received += part
            if not first and b"data: " in received:
                first = stamp - started
        return received, first, client.data_segments(connection)
