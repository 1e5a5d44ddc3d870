"""The time to the first chunk, and the CPU time of a whole response of ten chunks.

Two works. In `alone`, the main one, the handler lets the loop turn after each chunk, as every real
producer does that waits for its next one; so nothing entitles a server to hold a chunk back. In
`burst` the handler never waits, and a server may gather chunks, as node does: cheap, but not
streaming.

`segments` is what came over the wire for one response: 11 is the least for ten chunks and a
last-chunk that each go out at once, 12 has a head by itself, fewer means chunks held back.
"""

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count

from benchmarks import client, machine
from benchmarks.peer import Contender
from benchmarks.peers import FLOOR, UVICORN_HTTPTOOLS
from benchmarks.plan import Plan
from benchmarks.process import Server
from benchmarks.report import Column, Result, Row
from benchmarks.turns import in_turns, percentile, ratio, together

TITLES = {
    "alone": "Ten chunks, each alone on the wire (the main comparison)",
    "burst": "Ten chunks without a wait between them (a server may gather them)",
}
COLUMNS = (
    Column("server", "server"),
    Column("loop", "loop"),
    Column("first_median", "first chunk µs"),
    Column("first_p99", "p99 µs"),
    Column("first_to_uvicorn", "x uvicorn", 2),
    Column("cpu", "CPU µs"),
    Column("cpu_to_floor", "x floor", 2),
    Column("cpu_to_uvicorn", "x uvicorn", 2),
    Column("segments", "segments", 1),
)
WARM_UP = 900
"""Requests before the rounds, so that node's compiler too has done its work."""

_serials = count(1)
"""Every request of a run has a query of its own, so that no cache of heads can help."""


@dataclass(frozen=True, slots=True)
class Size:
    """How many requests one server is sent in one turn: the first are not timed."""

    dropped: int
    timed: int


@dataclass(frozen=True, slots=True)
class Block:
    """What one server did in one round."""

    first: Sequence[float]
    cpu: float
    segments: float

    @property
    def median(self) -> float:
        """The median time to the first chunk in µs."""
        return statistics.median(self.first)


def measure(plan: Plan) -> Iterator[Result]:
    """Yield a table for each loop and work."""
    size = Size(dropped=10, timed=60) if plan.quick else Size(dropped=40, timed=400)
    warm_up = partial(_block, size=Size(dropped=0, timed=WARM_UP // 3 if plan.quick else WARM_UP))
    for loop in plan.loops:
        for work, title in TITLES.items():
            with together(plan.contenders(loop, work), client.prove) as lineup:
                in_turns(lineup, 1, warm_up)
                blocks = in_turns(lineup, plan.rounds, partial(_block, size=size))
            yield Result(
                f"first_chunk/{work}/{loop}",
                f"{title}, {loop}",
                COLUMNS,
                _rows(blocks, loop, work),
                lineup.absent,
            )


def _block(_turn: Contender, server: Server, size: Size) -> Block:
    core = machine.cores().client
    with client.Connection(server.port) as connection, machine.pinned(core):
        for _ in range(size.dropped):
            connection.exchange(next(_serials))
        segments, cpu = connection.segments(), server.cpu_ns()
        first = [connection.exchange(next(_serials)) / 1000 for _ in range(size.timed)]
        cpu, segments = server.cpu_ns() - cpu, connection.segments() - segments
    return Block(first, cpu / 1000 / size.timed, segments / size.timed)


def _rows(blocks: dict[Contender, list[Block]], loop: str, work: str) -> list[Row]:
    medians = {contender: [block.median for block in own] for contender, own in blocks.items()}
    cpu = {contender: [block.cpu for block in own] for contender, own in blocks.items()}
    floor = Contender(FLOOR, loop, work)
    uvicorn = Contender(UVICORN_HTTPTOOLS, loop, work)
    rows: list[Row] = []
    for contender in sorted(blocks, key=lambda contender: statistics.median(cpu[contender])):
        first = [each for block in blocks[contender] for each in block.first]
        rows.append(
            {
                "server": contender.peer.name,
                "loop": contender.peer.runs_on(loop),
                "first_median": percentile(first, 50),
                "first_p99": percentile(first, 99),
                "first_to_uvicorn": ratio(medians[contender], medians.get(uvicorn)),
                "cpu": statistics.median(cpu[contender]),
                "cpu_to_floor": ratio(cpu[contender], cpu.get(floor)),
                "cpu_to_uvicorn": ratio(cpu[contender], cpu.get(uvicorn)),
                "segments": statistics.median(b.segments for b in blocks[contender]),
            }
        )
    return rows
