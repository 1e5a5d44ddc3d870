"""The delay that a client adds to each event: ours beside aiohttp and httpx.

The target writes the time of sending into each event, by the clock that every client reads when it
has the event. The delay of a client is part of every latency measured with it. Target and client
have a core each.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product

from benchmarks import client, machine
from benchmarks.client import WrongAnswer
from benchmarks.peer import Contender, Peer
from benchmarks.plan import Plan
from benchmarks.process import ROOT, Server
from benchmarks.report import Column, Result, Row
from benchmarks.turns import in_turns, percentile, together

TARGET = Peer(
    "target", "{python} -m streamserver target --port {port} --no-access-log", works=frozenset()
)
CLIENTS = {
    "streamserver bench": "ours",
    "aiohttp": "aiohttp_client",
    "httpx": "httpx_client",
}
STREAMS = (1, 100, 1000)
EVENTS, GAP = 20, 0.1
COLUMNS = (
    Column("client", "client"),
    Column("streams", "streams"),
    Column("first_median", "first event, ms", 2),
    Column("first_p99", "p99", 2),
    Column("median", "each event, ms", 2),
    Column("p99", "p99", 2),
    Column("cpu", "CPU µs/event", 1),
)


@dataclass(frozen=True, slots=True)
class Block:
    """The delays of the events of each stream in ms, and the client's CPU µs per event."""

    delays: Sequence[Sequence[float]]
    cpu: float


def measure(plan: Plan) -> Iterator[Result]:
    """Yield one table."""
    machine.allow_descriptors(2 * STREAMS[-1])
    counts = STREAMS[:2] if plan.quick else STREAMS
    blocks: dict[tuple[str, int], list[Block]] = {}
    with together([Contender(TARGET, plan.loops[0], "target")], client.is_listening) as lineup:
        for _ in range(plan.few_rounds):
            for name, streams in product(CLIENTS, counts):
                read = partial(_read, module=CLIENTS[name], streams=streams)
                for block in in_turns(lineup, 1, read).values():
                    blocks.setdefault((name, streams), []).extend(block)
    rows = [_row(name, streams, some) for (name, streams), some in blocks.items()]
    title = f"The delay that clients add: streams of {EVENTS} events, one every {GAP * 1000:g} ms"
    yield Result("clients", title, COLUMNS, rows, lineup.absent)


def _read(_turn: Contender, server: Server, module: str, streams: int) -> Block:
    url = f"http://{client.HOST}:{server.port}/sse?count={EVENTS}&gap={GAP}&stamps=1"
    command = [sys.executable, "-m", f"benchmarks.clients.{module}", url, str(streams)]
    with machine.pinned(machine.cores().client):
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
        assert process.stdout is not None
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = status
    delays = [[ns / 1e6 for ns in stream] for stream in json.loads(output or "[]")]
    if [len(stream) for stream in delays] != [EVENTS] * streams:
        raise WrongAnswer(f"{module} did not receive all events of {streams} streams")
    return Block(delays, (usage.ru_utime + usage.ru_stime) * 1e6 / streams / EVENTS)


def _row(name: str, streams: int, blocks: Sequence[Block]) -> Row:
    firsts = [stream[0] for block in blocks for stream in block.delays]
    every = [delay for block in blocks for stream in block.delays for delay in stream]
    return {
        "client": name,
        "streams": f"{streams:,}",
        "first_median": percentile(firsts, 50),
        "first_p99": percentile(firsts, 99),
        "median": percentile(every, 50),
        "p99": percentile(every, 99),
        "cpu": percentile([block.cpu for block in blocks], 50),
    }
