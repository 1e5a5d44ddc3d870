"""Chunks per second of one long stream, as fast as the client takes them, and CPU time per chunk.

The stream ends, after as many chunks as were asked for: many servers never tell a handler that
its client has gone, so that an endless one would run on beside the measurements that follow. How
many chunks last long enough is found out for each server before the rounds begin.

`chunks/segment` near 1 means that each chunk went out at once, more that the loop or the server
gathered them; for that, a stream as fast as this one gives them a right.
"""

import statistics
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from benchmarks import client, machine
from benchmarks.peer import Contender
from benchmarks.peers import UVICORN_HTTPTOOLS
from benchmarks.plan import Plan
from benchmarks.process import Server
from benchmarks.report import Column, Result, Row
from benchmarks.turns import Lineup, in_turns, ratio, together

COLUMNS = (
    Column("server", "server"),
    Column("loop", "loop"),
    Column("rate", "chunks/s"),
    Column("rate_to_uvicorn", "x uvicorn", 2),
    Column("cpu", "CPU µs/chunk", 2),
    Column("per_segment", "chunks/segment", 1),
)
TRIAL = 2_000
"""Chunks of the stream from which a server's speed is guessed."""

_buffer = memoryview(bytearray(256 * 1024))


@dataclass(frozen=True, slots=True)
class Block:
    """What one server did in one round."""

    rate: float
    cpu: float
    per_segment: float


def measure(plan: Plan) -> Iterator[Result]:
    """Yield a table for each loop."""
    for loop in plan.loops:
        with together(plan.contenders(loop, "long"), client.prove) as lineup:
            lengths = _lengths(lineup, seconds=0.1 if plan.quick else 0.5)
            blocks = in_turns(lineup, plan.rounds, partial(_block, lengths=lengths))
        yield Result(
            f"chunks/{loop}",
            f"One long stream of 58-byte chunks, {loop}",
            COLUMNS,
            _rows(blocks, loop),
            lineup.absent,
        )


def _lengths(lineup: Lineup, seconds: float) -> dict[Contender, int]:
    """Return for each server how many chunks take it about `seconds`."""
    trial = dict.fromkeys(lineup.servers, TRIAL)
    return {
        contender: int(max(TRIAL, seconds * block.rate))
        for contender, [block] in in_turns(lineup, 1, partial(_block, lengths=trial)).items()
    }


def _block(contender: Contender, server: Server, lengths: Mapping[Contender, int]) -> Block:
    chunks = lengths[contender]
    core = machine.cores().client
    with client.Connection(server.port) as connection, machine.pinned(core):
        cpu = server.cpu_ns()
        elapsed = connection.drain(chunks, _buffer)
        cpu = server.cpu_ns() - cpu
        return Block(
            rate=chunks / elapsed * 1e9,
            cpu=cpu / 1000 / chunks,
            per_segment=chunks / connection.segments(),
        )


def _rows(blocks: dict[Contender, list[Block]], loop: str) -> list[Row]:
    rates = {contender: [block.rate for block in own] for contender, own in blocks.items()}
    uvicorn = Contender(UVICORN_HTTPTOOLS, loop, "long")
    return [
        {
            "server": contender.peer.name,
            "loop": contender.peer.runs_on(loop),
            "rate": statistics.median(rates[contender]),
            "rate_to_uvicorn": ratio(rates[contender], rates.get(uvicorn)),
            "cpu": statistics.median(block.cpu for block in own),
            "per_segment": statistics.median(block.per_segment for block in own),
        }
        for contender, own in sorted(
            blocks.items(), key=lambda item: -statistics.median(rates[item[0]])
        )
    ]
