"""Resident memory of a stream that has sent its first event and waits for the next.

One server at a time, a fresh process each: the memory after all streams are open, less that
before, by their number. What one stream before has warmed up is not counted, nor are the kernel's
buffers, which are the same for all.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from functools import partial

from benchmarks import client, machine
from benchmarks.peer import Contender
from benchmarks.plan import Plan
from benchmarks.process import Server
from benchmarks.report import Column, Result, Row
from benchmarks.turns import in_turns, together

STREAMS = 3_000
KINDS = {
    "idle": "pull",
    "idle-push": "push",
    "idle-events": "heartbeats",
}
COLUMNS = (
    Column("server", "server"),
    Column("loop", "loop"),
    Column("kind", "stream"),
    Column("kib", "KiB/stream", 1),
)
SPARE = 100
"""Descriptors that client and server need for anything but streams."""

SETTLE = 0.5
"""Seconds for a server to finish what it does after the first event has gone out."""


def measure(plan: Plan) -> Iterator[Result]:
    """Yield a table for each loop."""
    streams = 300 if plan.quick else STREAMS
    streams = min(streams, machine.allow_descriptors(streams + SPARE) - SPARE)
    for loop in plan.loops:
        found: dict[Contender, float] = {}
        absent: dict[str, str] = {}
        for contender in plan.contenders(loop, *KINDS):
            with together([contender], _warm_up) as lineup:
                blocks = in_turns(lineup, 1, partial(kib_per_stream, streams=streams))
            found.update({contender: kib for contender, [kib] in blocks.items()})
            absent |= lineup.absent
        yield Result(
            f"memory/{loop}",
            f"Resident memory of an idle stream at {streams:,}, {loop}",
            COLUMNS,
            _rows(found),
            absent,
        )


def _warm_up(port: int) -> None:
    with client.Connection(port) as connection:
        connection.first_chunk(0)


def kib_per_stream(
    _turn: Contender, server: Server, streams: int, path: bytes = b"/stream"
) -> float:
    """Return the resident KiB that each of `streams` open streams takes."""
    before = server.resident_kib()
    with ExitStack() as stack:
        for serial in range(streams):
            connection = stack.enter_context(client.Connection(server.port, path))
            connection.first_chunk(serial)
        time.sleep(SETTLE)
        return (server.resident_kib() - before) / streams


def _rows(found: Mapping[Contender, float]) -> list[Row]:
    return [
        {
            "server": contender.peer.name,
            "loop": contender.peer.runs_on(contender.loop),
            "kind": KINDS[contender.work],
            "kib": found[contender],
        }
        for contender in sorted(found, key=lambda contender: found[contender])
    ]
