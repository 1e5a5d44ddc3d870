"""Time to the first chunk, and CPU per request of ten chunks, with and without waits between them.

In `alone`, the main comparison, the handler yields to the loop after each chunk, as a producer does
that waits for its next piece: each chunk must be sent alone. In `burst` the handler never waits,
and a server may join the chunks.

`segments` counts the TCP segments of one response. Ten chunks and a last-chunk that are each sent
at once take 11; a separate head makes 12; fewer means that chunks were held back.
"""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count

from benchmarks import client, machine
from benchmarks.peer import Contender
from benchmarks.peers import FLOOR, UVICORN_HTTPTOOLS
from benchmarks.plan import Plan
from benchmarks.process import Server
from benchmarks.report import Column, Ratio, Result, Row
from benchmarks.turns import best_python_peer, in_turns, percentile, ratio, together

TITLES = {
    "alone": "Ten chunks, each alone on the wire (the main comparison)",
    "burst": "Ten chunks without a wait between them (a server may gather them)",
}
TARGETS: dict[tuple[str, str], tuple[float | None, float]] = {
    ("alone", "asyncio"): (0.95, 0.95),
    ("alone", "uvloop"): (1.05, 1.0),
    ("burst", "asyncio"): (None, 0.75),
    ("burst", "uvloop"): (None, 0.75),
}
"""For ours: the time to the first chunk against the best Python peer, the CPU against uvicorn."""
WARM_UP = 900
"""Requests before the rounds, enough for node's compiler."""

_serials = count(1)
"""Every request of a run has its own query, so that no cache of heads helps."""


@dataclass(frozen=True, slots=True)
class Size:
    """The number of requests to one server in one round: the first ones are not timed."""

    dropped: int
    timed: int


@dataclass(frozen=True, slots=True)
class Block:
    """The figures of one server in one round."""

    first: Sequence[float]
    cpu: float
    segments: float

    @property
    def median(self) -> float:
        """The median time to the first chunk in µs."""
        return statistics.median(self.first)


def measure(plan: Plan) -> Iterator[Result]:
    """Yield a table for each loop and work."""
    size = Size(dropped=5, timed=40) if plan.quick else Size(dropped=10, timed=120)
    warm_up = partial(_block, size=Size(dropped=0, timed=WARM_UP // 3 if plan.quick else WARM_UP))
    for loop in plan.loops:
        for work, title in TITLES.items():
            with together(plan.contenders(loop, work), client.prove) as lineup:
                in_turns(lineup, 1, warm_up)
                blocks = in_turns(lineup, plan.rounds, partial(_block, size=size))
            medians = {one: [block.median for block in own] for one, own in blocks.items()}
            best = best_python_peer(medians)
            yield Result(
                f"first_chunk/{work}/{loop}",
                f"{title}, {loop}",
                _columns(best, *TARGETS[work, loop]),
                _rows(blocks, best, loop, work),
                lineup.absent,
            )


def _columns(best: Contender | None, first: float | None, cpu: float) -> Sequence[Column]:
    name = f"the best Python peer, {best.peer.name}" if best else "the best Python peer"
    uvicorn, floor = UVICORN_HTTPTOOLS.name, FLOOR.name
    return (
        Column("server", "server"),
        Column("loop", "loop"),
        Column("first_median", "first chunk µs"),
        Column("first_p99", "p99 µs"),
        Ratio("first_to_uvicorn", "x uvicorn", 2, of="first_median", to=uvicorn),
        Ratio("first_to_best", "x best", 2, of="first_median", to=name, target=first),
        Column("cpu", "CPU µs"),
        Ratio("cpu_to_floor", "x floor", 2, of="cpu", to=floor),
        Ratio("cpu_to_uvicorn", "x uvicorn", 2, of="cpu", to=uvicorn, target=cpu),
        Column("segments", "segments", 1),
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


def _rows(
    blocks: Mapping[Contender, Sequence[Block]], best: Contender | None, loop: str, work: str
) -> list[Row]:
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
                "first_to_best": ratio(medians[contender], medians[best] if best else None),
                "cpu": statistics.median(cpu[contender]),
                "cpu_to_floor": ratio(cpu[contender], cpu.get(floor)),
                "cpu_to_uvicorn": ratio(cpu[contender], cpu.get(uvicorn)),
                "segments": statistics.median(b.segments for b in blocks[contender]),
            }
        )
    return rows
