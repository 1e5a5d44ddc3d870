"""Chunks per second of one stream that never waits, and CPU time per chunk.

The stream ends after the requested number of chunks, because many servers do not report to a
handler that its client has left, and an endless stream would run on beside the next measurement.
The number is chosen for each server before the rounds, so that all streams last equally long.

`chunks/segment` near 1 means that each chunk was sent at once; more, that the loop or the server
joined them.
"""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from benchmarks import client, machine
from benchmarks.peer import Contender
from benchmarks.peers import UVICORN_HTTPTOOLS
from benchmarks.plan import Plan
from benchmarks.process import Server
from benchmarks.report import Column, Ratio, Result, Row
from benchmarks.servers.work import CHUNK
from benchmarks.turns import Lineup, best_python_peer, in_turns, ratio, together

UVICORN = UVICORN_HTTPTOOLS.name
TRIAL = 2_000
"""Chunks of the stream by which the speed of a server is estimated."""

_buffer = memoryview(bytearray(256 * 1024))


@dataclass(frozen=True, slots=True)
class Block:
    """The figures of one server in one round."""

    rate: float
    cpu: float
    per_segment: float


def measure(plan: Plan) -> Iterator[Result]:
    """Yield a table for each loop."""
    for loop in plan.loops:
        with together(plan.contenders(loop, "long"), client.prove) as lineup:
            lengths = _lengths(lineup, seconds=0.05 if plan.quick else 0.2)
            blocks = in_turns(lineup, plan.rounds, partial(_block, lengths=lengths))
        rates = {contender: [block.rate for block in own] for contender, own in blocks.items()}
        best = best_python_peer(rates, more=True)
        yield Result(
            f"chunks/{loop}",
            f"One long stream of 58-byte chunks, {loop}",
            _columns(best),
            _rows(blocks, rates, best, loop),
            lineup.absent,
        )


def _columns(best: Contender | None) -> Sequence[Column]:
    name = f"the best Python peer, {best.peer.name}" if best else "the best Python peer"
    return (
        Column("server", "server"),
        Column("loop", "loop"),
        Column("rate", "chunks/s"),
        Ratio("rate_to_uvicorn", "x uvicorn", 2, of="rate", to=UVICORN, more=True),
        Ratio("rate_to_best", "x best", 2, of="rate", to=name, target=3, more=True),
        Column("cpu", "CPU µs/chunk", 2),
        Column("per_segment", "chunks/segment", 1),
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
        elapsed = connection.drain(chunks, chunks * len(CHUNK), _buffer)
        cpu = server.cpu_ns() - cpu
        return Block(
            rate=chunks / elapsed * 1e9,
            cpu=cpu / 1000 / chunks,
            per_segment=chunks / connection.segments(),
        )


def _rows(
    blocks: Mapping[Contender, Sequence[Block]],
    rates: Mapping[Contender, Sequence[float]],
    best: Contender | None,
    loop: str,
) -> list[Row]:
    uvicorn = rates.get(Contender(UVICORN_HTTPTOOLS, loop, "long"))
    return [
        {
            "server": contender.peer.name,
            "loop": contender.peer.runs_on(loop),
            "rate": statistics.median(rates[contender]),
            "rate_to_uvicorn": ratio(rates[contender], uvicorn),
            "rate_to_best": ratio(rates[contender], rates[best] if best else None),
            "cpu": statistics.median(block.cpu for block in blocks[contender]),
            "per_segment": statistics.median(block.per_segment for block in blocks[contender]),
        }
        for contender in sorted(blocks, key=lambda one: -statistics.median(rates[one]))
    ]
