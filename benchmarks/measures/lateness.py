"""The rate that the lab's target keeps, and how late it sends each event.

A thousand streams of 20 events a second on one core are read by a cheap client on another. The
client counts the rate; the target reports its lateness against a schedule that is fixed at the
beginning of a stream. The streams begin one after another, so that their events are spread over
time, as those of real clients are.
"""

import json
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from http.client import HTTPConnection
from typing import Any

from benchmarks import client, machine
from benchmarks.endless import EndlessStreams
from benchmarks.peer import Contender, Peer
from benchmarks.plan import Plan
from benchmarks.process import Server
from benchmarks.report import Column, Result, Row
from benchmarks.turns import in_turns, together

COMMAND = "{python} -m streamserver target --port {port} --loop {loop} --no-access-log"
TARGETS = (
    Peer("target", f"{COMMAND} --no-metrics", modules=("h11",)),
    Peer("target with metrics", f"{COMMAND} --metrics", modules=("h11", "prometheus_client")),
)
LOADS = ((1000, 20), (100, 100))
"""Streams, and events of each a second."""
SPARE = 200
SECONDS = 5.0
EVENT = b"{"
"""A byte that occurs once in each event of the target, and neither in heads nor in framing."""

COLUMNS = (
    Column("target", "target"),
    Column("loop", "loop"),
    Column("load", "streams x events/s"),
    Column("kept", "rate kept, %", 2),
    Column("median", "late p50, ms", 2),
    Column("p99", "p99, ms", 2),
    Column("max", "max, ms", 1),
    Column("cpu", "CPU of a core, %", 1),
    Column("each", "CPU µs/event", 1),
)


@dataclass(frozen=True, slots=True)
class Block:
    """The figures of one target at one load."""

    kept: float
    """The share of the commanded events that arrived."""
    lateness: dict[str, Any]
    """The members of ``/lab/lateness``."""
    load: float
    """CPU seconds per second."""
    each: float
    """CPU microseconds per event."""


def measure(plan: Plan) -> Iterator[Result]:
    """Yield one table."""
    machine.allow_descriptors(LOADS[0][0] + SPARE)
    rows: list[Row] = []
    absent: dict[str, str] = {}
    for loop in plan.loops:
        contenders = [Contender(peer, loop, "target") for peer in TARGETS]
        with together(contenders, client.is_listening) as lineup:
            for streams, rate in LOADS:
                block = partial(_block, streams=streams, rate=rate, quick=plan.quick)
                for contender, blocks in in_turns(lineup, plan.few_rounds, block).items():
                    rows.append(row_of(contender, loop, f"{streams:,} x {rate}", blocks))
        absent |= lineup.absent
    yield Result("lateness", "The target's own lateness", COLUMNS, rows, absent)


def _block(_turn: Contender, server: Server, streams: int, rate: int, quick: bool) -> Block:
    path = f"/sse?gap={1 / rate}&count={rate * 60}&_=".encode()
    crowd = EndlessStreams(server.port, path, streams, EVENT)
    return observe(server, crowd, streams * rate, 1.0 if quick else SECONDS)


def observe(server: Server, crowd: EndlessStreams, rate: int, seconds: float) -> Block:
    """Return the figures of a target while a crowd reads `rate` events a second from it."""
    with machine.pinned(machine.cores().client), crowd:
        crowd.settle()
        crowd.count(1.0)
        lateness(server, "DELETE")
        cpu = server.cpu_ns()
        events, elapsed = crowd.count(seconds)
        cpu = server.cpu_ns() - cpu
        members = json.loads(lateness(server, "GET"))
    return Block(events / elapsed / rate, members, cpu / 1e9 / elapsed, cpu / 1000 / events)


def lateness(server: Server, method: str) -> bytes:
    """Return (GET) or reset (DELETE) the figures of a target."""
    connection = HTTPConnection(client.HOST, server.port, timeout=client.PATIENCE)
    connection.request(method, "/lab/lateness")
    body = connection.getresponse().read()
    connection.close()
    return body


def row_of(contender: Contender, loop: str, load: str, blocks: Sequence[Block]) -> Row:
    """Return the medians of the blocks."""

    def median(name: str) -> float:
        return statistics.median(float(block.lateness[name]) for block in blocks)

    return {
        "target": contender.peer.name,
        "loop": contender.peer.runs_on(loop),
        "load": load,
        "kept": 100 * statistics.median(block.kept for block in blocks),
        "median": median("p50_ms"),
        "p99": median("p99_ms"),
        "max": max(block.lateness["max_ms"] for block in blocks),
        "cpu": 100 * statistics.median(block.load for block in blocks),
        "each": statistics.median(block.each for block in blocks),
    }
