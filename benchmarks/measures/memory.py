"""Resident memory of an open stream that is silent: pulled, pushed, with heartbeats.

Each server runs alone in a fresh process. The figure is the memory with all streams open, less the
memory before, divided by their number. One stream before warms the process up. The buffers of the
kernel do not count; they are the same for all.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from functools import partial

from benchmarks import client, machine
from benchmarks.peer import Contender
from benchmarks.plan import Plan
from benchmarks.process import Server
from benchmarks.report import Column, Ratio, Result, Row
from benchmarks.turns import best_python_peer, in_turns, together

STREAMS = 3_000
KINDS = {
    "idle": "pull",
    "idle-push": "push",
    "idle-events": "heartbeats",
}
SPARE = 100
"""Descriptors that client and server need besides those of the streams."""

SETTLE = 0.5
"""Seconds for a server to finish its work after the first event."""


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
        best = best_python_peer({one: [kib] for one, kib in found.items() if one.work == "idle"})
        name = f"a pulled stream of {best.peer.name}" if best else "a pulled stream of a peer"
        columns = (
            Column("server", "server"),
            Column("loop", "loop"),
            Column("kind", "stream"),
            Column("kib", "KiB/stream", 1),
            Ratio("kib_to_best", "x best", 2, of="kib", to=name),
        )
        title = f"Resident memory of an idle stream at {streams:,}, {loop}"
        yield Result(f"memory/{loop}", title, columns, _rows(found, best), absent)


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


def _rows(found: Mapping[Contender, float], best: Contender | None) -> list[Row]:
    return [
        {
            "server": contender.peer.name,
            "loop": contender.peer.runs_on(contender.loop),
            "kind": KINDS[contender.work],
            "kib": found[contender],
            "kib_to_best": found[contender] / found[best] if best else None,
        }
        for contender in sorted(found, key=lambda contender: found[contender])
    ]
