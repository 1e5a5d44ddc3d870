"""Token deltas in gzip and zstd: bytes on the wire, CPU time per delta, resident memory.

A thousand deltas of chat completions, each written alone and flushed. The bytes are those of the
chunked body, its framing included. Each coding has a server process of its own; "identity" is the
same handler with `compress`, for a client that accepts no coding.

The memory is that of an open stream, as in `memory`, soon after 40 deltas. When these streams have
been silent for so long that their compressors are freed, as many again are opened. What these add
is what a silent stream keeps, since an allocator returns little to the system, but uses it again.
In a fresh process, 10,000 streams are aborted one after another; the figure is what it has grown.
"""

import socket
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import NamedTuple

from benchmarks import client, machine
from benchmarks.client import WrongAnswer
from benchmarks.measures.memory import SETTLE, SPARE
from benchmarks.peer import Contender
from benchmarks.plan import Plan
from benchmarks.process import Server
from benchmarks.readers import RESET
from benchmarks.report import OURS, Column, Ratio, Result, Row
from benchmarks.servers.deltas import DELTAS
from benchmarks.servers.work import CODED_TOKENS
from benchmarks.turns import in_turns, ratio, together
from streamserver.server.state import REST

IDENTITY = "identity"
STREAMS = 1_000
BEFORE = 40
"""Deltas after which a stream is silent."""
ABORTS, WARM_UP = 10_000, 200
"""Streams that are aborted, and those before, which warm the process up."""
COLUMNS = (
    Column("server", "coding"),
    Column("loop", "loop"),
    Column("bytes", "bytes/delta", 1),
    Ratio("share", "x identity", 3, of="bytes", to=IDENTITY, target=0.2),
    Column("cpu", "CPU µs/delta", 2),
    Ratio("cpu_to_identity", "x identity", 2, of="cpu", to=IDENTITY, target=2),
    Column("active", "KiB/stream", 1),
    Column("again", "KiB/another", 1),
    Column("left", "KiB after aborts"),
)


@dataclass(frozen=True, slots=True)
class Block:
    """The figures of one response: the bytes of its body, and nanoseconds."""

    size: int
    cpu: int


class Memory(NamedTuple):
    """Resident KiB of a stream, and of one that is opened when others are silent."""

    active: float
    again: float


def measure(plan: Plan) -> Iterator[Result]:
    """Yield a table for each loop."""
    streams = 200 if plan.quick else STREAMS
    streams = min(streams, (machine.allow_descriptors(2 * streams + SPARE) - SPARE) // 2)
    for loop in plan.loops:
        with together(plan.contenders(loop, *CODED_TOKENS), _prove) as lineup:
            in_turns(lineup, 1, _block)  # The first response warms up.
            blocks = in_turns(lineup, plan.rounds, _block)
            memory = in_turns(lineup, 1, partial(_memory, streams=streams))
        with together(plan.contenders(loop, *CODED_TOKENS), _prove) as fresh:
            left = in_turns(fresh, 1, partial(_left, aborts=ABORTS // 20 if plan.quick else ABORTS))
        found = {one: kib._asdict() | {"left": left[one][0]} for one, [kib] in memory.items()}
        title = f"{len(DELTAS):,} token deltas in a content coding, {loop}"
        rows = _rows(blocks, found)
        yield Result(f"compression/{loop}", title, COLUMNS, rows, lineup.absent)


def _coding(contender: Contender) -> str:
    return contender.work.partition("-")[2]


def _connection(port: int, coding: str, path: bytes = b"/stream") -> client.Connection:
    return client.Connection(port, path, fields=b"Accept-Encoding: %b\r\n" % coding.encode())


def _prove(port: int) -> None:
    with _connection(port, IDENTITY) as connection:
        if _read(connection, IDENTITY) < len(b"".join(DELTAS)):
            raise WrongAnswer("deltas are missing")


def _block(contender: Contender, server: Server) -> Block:
    coding = _coding(contender)
    with _connection(server.port, coding) as connection, machine.pinned(machine.cores().client):
        cpu = server.cpu_ns()
        size = _read(connection, coding)
        return Block(size, server.cpu_ns() - cpu)


def _read(connection: client.Connection, coding: str) -> int:
    """Request all deltas; return the bytes of the body."""
    connection.send(len(DELTAS))
    received = _read_head(connection, coding)
    size = len(received)
    while not received.endswith(client.LAST_CHUNK):
        if not (more := connection.socket.recv(65536)):
            raise WrongAnswer("closed before the last-chunk")
        size += len(more)
        received = received[-len(client.LAST_CHUNK) :] + more
    return size


def _read_head(connection: client.Connection, coding: str) -> bytes:
    """Read and check the head; return what follows it."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.socket.recv(65536)
    head, _, rest = received.partition(b"\r\n\r\n")
    if (b"content-encoding: %b\r\n" % coding.encode() in head) == (coding == IDENTITY):
        raise WrongAnswer(f"{coding} was requested, received: {head!r}")
    return rest


def _memory(contender: Contender, server: Server, streams: int) -> Memory:
    kib = [server.resident_kib()]
    coding = _coding(contender)
    with ExitStack() as stack:
        for _ in Memory._fields:
            for _ in range(streams):
                connection = stack.enter_context(_connection(server.port, coding, b"/idle"))
                connection.send(BEFORE)
                _read_head(connection, coding)
            time.sleep(SETTLE)
            kib.append(server.resident_kib())
            time.sleep(2 * REST)
    return Memory(*[(after - before) / streams for before, after in pairwise(kib)])


def _left(contender: Contender, server: Server, aborts: int) -> float:
    """Abort so many streams; return the KiB by which the server has grown."""
    before = 0
    for count in (WARM_UP, aborts):
        before = server.resident_kib()
        for _ in range(count):
            with _connection(server.port, _coding(contender), b"/idle") as connection:
                connection.send(BEFORE)
                _read_head(connection, _coding(contender))
                connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        time.sleep(SETTLE)
    return server.resident_kib() - before


def _rows(
    blocks: Mapping[Contender, Sequence[Block]], memory: Mapping[Contender, Mapping[str, float]]
) -> list[Row]:
    plain = next((own for one, own in blocks.items() if _coding(one) == IDENTITY), [])
    size, cost = [block.size for block in plain], [block.cpu for block in plain]
    rows: list[Row] = []
    for contender, own in blocks.items():
        is_compared = bool(plain) and own is not plain
        cpu = [block.cpu for block in own]
        rows.append(
            {
                "server": f"{OURS}, {_coding(contender)}",
                "loop": contender.loop,
                "bytes": own[0].size / len(DELTAS),
                "share": own[0].size / size[0] if is_compared else None,
                "cpu": statistics.median(cpu) / 1000 / len(DELTAS),
                "cpu_to_identity": ratio(cpu, cost) if is_compared else None,
                **memory[contender],
            }
        )
    return rows
