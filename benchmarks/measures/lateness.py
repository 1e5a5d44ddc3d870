"""Whether the lab's target keeps the rate it is commanded, and how late it is with each event.

A thousand streams of 20 events a second, on one core, read by one cheap client on another. The
rate is what the client counts; lateness is what the target tells of itself, from when an event was
due by a grid that was fixed when its stream began. Streams begin one after another, so that their
events are spread over time, as those of real clients are.
"""

import json
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from http.client import HTTPConnection
from typing import Any

from benchmarks import client, machine
from benchmarks.crowd import Crowd
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
"""What stands once in each event of the target, and in no head and no framing."""

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
    """What one target did at one load."""

    kept: float
    """Events that came, of each that was commanded."""
    lateness: dict[str, Any]
    """As ``/lab/lateness`` tells it."""
    load: float
    """CPU seconds a second."""
    each: float
    """CPU microseconds of an event."""


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
                    rows.append(_row(contender, loop, f"{streams:,} x {rate}", blocks))
        absent |= lineup.absent
    yield Result("lateness", "The target's own lateness", COLUMNS, rows, absent)


def _block(_turn: Contender, server: Server, streams: int, rate: int, quick: bool) -> Block:
    path = f"/sse?gap={1 / rate}&count={rate * 60}&_=".encode()
    core = machine.cores().client
    with machine.pinned(core), Crowd(server.port, path, streams, EVENT) as crowd:
        crowd.settle()
        crowd.count(1.0)
        _lateness(server, "DELETE")
        cpu = server.cpu_ns()
        events, elapsed = crowd.count(1.0 if quick else SECONDS)
        cpu = server.cpu_ns() - cpu
        told = json.loads(_lateness(server, "GET"))
    kept = events / elapsed / (streams * rate)
    return Block(kept, told, cpu / 1e9 / elapsed, cpu / 1000 / events)


def _lateness(server: Server, method: str) -> bytes:
    connection = HTTPConnection(client.HOST, server.port, timeout=client.PATIENCE)
    connection.request(method, "/lab/lateness")
    told = connection.getresponse().read()
    connection.close()
    return told


def _row(contender: Contender, loop: str, load: str, blocks: Sequence[Block]) -> Row:
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
