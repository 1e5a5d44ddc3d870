"""The delay that a relay adds to each chunk of one open stream, a chunk every 10 ms.

The upstream writes the time of sending into each chunk, by the clock that the client reads as soon
as `recv` returns. The added delay is this one less the median of direct requests in the same round.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from benchmarks import client, machine
from benchmarks.added import added_cells, group
from benchmarks.peer import Contender, Peer
from benchmarks.plan import Plan
from benchmarks.process import Server
from benchmarks.relaying import relaying
from benchmarks.report import Column, Ratio, Result, Row
from benchmarks.turns import in_turns

COLUMNS = (
    Column("server", "relay"),
    Column("loop", "loop"),
    Column("median", "delay µs"),
    Column("added", "added µs"),
    Column("added_p99", "added p99 µs"),
    Ratio("added_to_nginx", "x nginx", 2, of="added", to="nginx"),
)
DROPPED = 5
"""Chunks at the beginning of a stream that do not count."""

Delays = Sequence[float]


def measure(plan: Plan) -> Iterator[Result]:
    """Yield a table for each loop."""
    chunks = 15 if plan.quick else 50
    with relaying(plan) as (lineup, _):
        blocks = in_turns(lineup, plan.few_rounds, partial(_block, chunks=chunks))
    for loop in plan.loops:
        yield Result(
            f"relay_delay/{loop}",
            f"Relays, one open stream, a chunk every 10 ms, {loop}",
            COLUMNS,
            _rows(group(blocks, loop), loop),
            lineup.absent,
        )


def _block(_turn: Contender, server: Server, chunks: int) -> Delays:
    core = machine.cores().client
    with client.Connection(server.port, b"/stamped") as connection, machine.pinned(core):
        delays = connection.delays(DROPPED + chunks)
    return [delay / 1000 for delay in delays[DROPPED:]]


def _rows(blocks: Mapping[Peer, Sequence[Delays]], loop: str) -> list[Row]:
    return [
        {"server": peer.name, "loop": peer.runs_on(loop), **added}
        for peer, added in added_cells(blocks).items()
    ]
