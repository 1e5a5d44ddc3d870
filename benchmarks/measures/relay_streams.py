"""The time that a relay adds to the first chunk, and the CPU time of a relayed stream.

One request at a time on connections that are kept on both sides, each with another query. The
upstream sends ten chunks, one per millisecond, so that each is relayed alone. The added time is
that to the first chunk less the median of direct requests in the same round.

`segments` counts the TCP segments of one response: fewer than 11 means that chunks were held back.
"""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count

from benchmarks import client, machine
from benchmarks.added import added_cells, cost_cells, group
from benchmarks.peer import Contender, Peer
from benchmarks.plan import Plan
from benchmarks.process import Server
from benchmarks.relaying import relaying
from benchmarks.report import Column, Ratio, Result, Row
from benchmarks.turns import in_turns

COLUMNS = (
    Column("server", "relay"),
    Column("loop", "loop"),
    Column("median", "first chunk µs"),
    Column("added", "added µs"),
    Column("added_p99", "added p99 µs"),
    Ratio("added_to_nginx", "x nginx", 2, of="added", to="nginx", target=1.5),
    Column("cpu", "CPU µs/stream"),
    Ratio("cpu_to_nginx", "x nginx", 2, of="cpu", to="nginx", target=2),
    Column("segments", "segments", 1),
)

_serials = count(1)
"""Every request of a run has its own query, so that no cache of heads helps."""


@dataclass(frozen=True, slots=True)
class Block:
    """The figures of one relay in one round."""

    first: Sequence[float]
    cpu: float
    segments: float


def measure(plan: Plan) -> Iterator[Result]:
    """Yield a table for each loop."""
    timed, warm_up = (12, 20) if plan.quick else (10, 60)
    with relaying(plan) as (lineup, _):
        in_turns(lineup, 1, partial(_block, timed=warm_up))
        blocks = in_turns(lineup, plan.rounds, partial(_block, timed=timed))
    for loop in plan.loops:
        yield Result(
            f"relay_streams/{loop}",
            f"Relays, a stream of ten chunks, {loop}",
            COLUMNS,
            _rows(group(blocks, loop), loop),
            lineup.absent,
        )


def _block(_turn: Contender, server: Server, timed: int) -> Block:
    with client.Connection(server.port) as connection, machine.pinned(machine.cores().client):
        for _ in range(3):
            connection.exchange(next(_serials))
        segments, cpu = connection.segments(), server.cpu_ns()
        first = [connection.exchange(next(_serials)) / 1000 for _ in range(timed)]
        cpu, segments = server.cpu_ns() - cpu, connection.segments() - segments
    return Block(first, cpu / 1000 / timed, segments / timed)


def _rows(blocks: Mapping[Peer, Sequence[Block]], loop: str) -> list[Row]:
    added = added_cells({peer: [b.first for b in own] for peer, own in blocks.items()})
    cost = cost_cells("cpu", {peer: [b.cpu for b in own] for peer, own in blocks.items()})
    return [
        {
            "server": peer.name,
            "loop": peer.runs_on(loop),
            **added[peer],
            **cost[peer],
            "segments": statistics.median(block.segments for block in blocks[peer]),
        }
        for peer in added
    ]
