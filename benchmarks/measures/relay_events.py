"""The CPU time of a relayed event: 100 open streams, 2,000 events a second in all.

The events are spread evenly over time, so a relay wakes for nearly every one. The table also has
the rate that arrives, because a relay that falls behind would appear cheap.
"""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from benchmarks import machine
from benchmarks.added import cost_cells, group
from benchmarks.endless import EndlessStreams
from benchmarks.peer import Contender, Peer
from benchmarks.plan import Plan
from benchmarks.process import Server
from benchmarks.relaying import await_silence, relaying
from benchmarks.report import Column, Ratio, Result, Row
from benchmarks.servers.upstream import CROWD
from benchmarks.turns import in_turns

COLUMNS = (
    Column("server", "relay"),
    Column("loop", "loop"),
    Column("rate", "events/s"),
    Column("cpu", "CPU µs/event", 1),
    Ratio("cpu_to_nginx", "x nginx", 2, of="cpu", to="nginx"),
)


@dataclass(frozen=True, slots=True)
class Block:
    """The figures of one relay in one round."""

    rate: float
    cpu: float


def measure(plan: Plan) -> Iterator[Result]:
    """Yield a table for each loop."""
    with relaying(plan) as (lineup, upstream):
        block = partial(_block, upstream=upstream, seconds=0.2 if plan.quick else 0.5)
        blocks = in_turns(lineup, plan.few_rounds, block)
    for loop in plan.loops:
        yield Result(
            f"relay_events/{loop}",
            f"Relays, {CROWD} open streams with 2,000 events a second in all, {loop}",
            COLUMNS,
            _rows(group(blocks, loop), loop),
            lineup.absent,
        )


def _block(_turn: Contender, server: Server, upstream: int, seconds: float) -> Block:
    with machine.pinned(machine.cores().client):
        with EndlessStreams(server.port, b"/events", CROWD) as crowd:
            crowd.settle()
            cpu = server.cpu_ns()
            events, elapsed = crowd.count(seconds)
            cpu = server.cpu_ns() - cpu
        await_silence(upstream)
    return Block(events / elapsed, cpu / 1000 / events)


def _rows(blocks: Mapping[Peer, Sequence[Block]], loop: str) -> list[Row]:
    cost = cost_cells("cpu", {peer: [b.cpu for b in own] for peer, own in blocks.items()})
    return [
        {
            "server": peer.name,
            "loop": peer.runs_on(loop),
            "rate": statistics.median(block.rate for block in blocks[peer]),
            **cells,
        }
        for peer, cells in cost.items()
    ]
