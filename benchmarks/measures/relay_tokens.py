"""Tokens per second through a relay on one core: 100 streams at full speed.

A token is an event of about 200 bytes in the form of chat services, and a chunk of its own.

The relay is to be the limit, so upstream and client are cheap: the upstream passes a hundred chunks
at a time to the kernel, where they would queue before a busy relay anyway, and the client counts
one byte in large reads. With two cores both share one. `no relay` shows what they can do, and
`core busy` whether the relay was the limit. Where it is far below 100, the rate is a lower bound;
then compare the CPU time per token, which busy neighbours affect less.

Each block has a fresh process: with all streams full, a slow relay would work on for many seconds
after its clients have left.
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
from benchmarks.relaying import in_fresh_turns
from benchmarks.report import Column, Ratio, Result, Row
from benchmarks.servers.upstream import CROWD

COLUMNS = (
    Column("server", "relay"),
    Column("loop", "loop"),
    Column("rate", "tokens/s"),
    Ratio("rate_to_nginx", "x nginx", 2, of="rate", to="nginx", more=True),
    Column("busy", "core busy %"),
    Column("cpu", "CPU ns/token"),
    Ratio("cpu_to_nginx", "x nginx", 2, of="cpu", to="nginx"),
)
SETTLE = 0.5
"""Seconds to full speed. The slowest relay has not begun all streams by then."""


@dataclass(frozen=True, slots=True)
class Block:
    """The figures of one relay in one round."""

    rate: float
    busy: float
    cpu: float


def measure(plan: Plan) -> Iterator[Result]:
    """Yield a table for each loop."""
    rounds, seconds = (1, 0.8) if plan.quick else (2, 1.5)
    blocks, absent = in_fresh_turns(plan, rounds, partial(_block, seconds=seconds))
    for loop in plan.loops:
        yield Result(
            f"relay_tokens/{loop}",
            f"Relays, {CROWD} streams at full speed, {loop}",
            COLUMNS,
            _rows(group(blocks, loop), loop),
            absent,
        )


def _block(_turn: Contender, server: Server, seconds: float) -> Block:
    core = machine.cores().client
    with machine.pinned(core), EndlessStreams(server.port, b"/tokens", CROWD) as crowd:
        crowd.read_for(SETTLE)
        cpu = server.cpu_ns()
        tokens, elapsed = crowd.count(seconds)
        cpu = server.cpu_ns() - cpu
    return Block(tokens / elapsed, cpu / 1e7 / elapsed, cpu / tokens)


def _rows(blocks: Mapping[Peer, Sequence[Block]], loop: str) -> list[Row]:
    cost = cost_cells("cpu", {peer: [b.cpu for b in own] for peer, own in blocks.items()})
    rate = cost_cells("rate", {peer: [b.rate for b in own] for peer, own in blocks.items()})
    return [
        {
            "server": peer.name,
            "loop": peer.runs_on(loop),
            **rate[peer],
            "busy": statistics.median(block.busy for block in blocks[peer]),
            **cells,
        }
        for peer, cells in cost.items()
    ]
