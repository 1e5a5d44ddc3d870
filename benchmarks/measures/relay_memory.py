"""Resident memory of an open relayed stream that is silent, both connections included.

Each relay runs alone in a fresh process. The figure is the memory with all streams open, less the
memory before, divided by their number. One stream before warms the process up. The buffers of the
kernel do not count.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from benchmarks import machine
from benchmarks.added import cost_cells, group
from benchmarks.measures.memory import SPARE, kib_per_stream
from benchmarks.peer import Peer
from benchmarks.peers import DIRECT
from benchmarks.plan import Plan
from benchmarks.relaying import in_fresh_turns
from benchmarks.report import Column, Ratio, Result, Row

COLUMNS = (
    Column("server", "relay"),
    Column("loop", "loop"),
    Column("kib", "KiB/stream", 1),
    Ratio("kib_to_nginx", "x nginx", 2, of="kib", to="nginx"),
)
STREAMS = 1_000


def measure(plan: Plan) -> Iterator[Result]:
    """Yield a table for each loop."""
    streams = 200 if plan.quick else STREAMS
    streams = min(streams, (machine.allow_descriptors(2 * streams + SPARE) - SPARE) // 2)
    block = partial(kib_per_stream, streams=streams, path=b"/idle")
    found, absent = in_fresh_turns(plan, 1, block)
    for loop in plan.loops:
        yield Result(
            f"relay_memory/{loop}",
            f"Relays, resident memory of an idle stream at {streams:,}, {loop}",
            COLUMNS,
            _rows(group(found, loop), loop),
            absent,
        )


def _rows(found: Mapping[Peer, Sequence[float]], loop: str) -> list[Row]:
    return [
        {"server": peer.name, "loop": peer.runs_on(loop), **cells}
        for peer, cells in cost_cells("kib", found).items()
        if peer is not DIRECT
    ]
