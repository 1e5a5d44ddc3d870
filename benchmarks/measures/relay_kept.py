"""The time to the first event of an answer that is kept, against the plain relay.

The streams are those of `relay_streams`, requested by POST, with the answers in memory. Each event
gets an id, and each answer is held for a second after its end, so that the log is read from memory
and its entries are freed.
"""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count
from time import perf_counter_ns

from benchmarks import client, machine
from benchmarks.client import LAST_CHUNK, REQUEST, WrongAnswer
from benchmarks.peer import Contender, Peer
from benchmarks.peers import KEEPING_RELAY, PLAIN_RELAY
from benchmarks.plan import Plan
from benchmarks.process import Server
from benchmarks.relaying import upstream_for_relays
from benchmarks.report import Column, Ratio, Result, Row
from benchmarks.servers.work import CHUNK, CHUNKS
from benchmarks.turns import in_turns, percentile, ratio, together

PLAIN = "plain relay"
COLUMNS = (
    Column("server", "relay"),
    Column("loop", "loop"),
    Column("first", "first event µs"),
    Column("first_p99", "p99 µs"),
    Ratio("first_to_plain", "x plain", 2, of="first", to=PLAIN, target=1.1),
    Column("cpu", "CPU µs/stream"),
    Ratio("cpu_to_plain", "x plain", 2, of="cpu", to=PLAIN),
)
POST = REQUEST.replace(b"GET", b"POST", 1)[:-2] + b"Content-Length: 2\r\n\r\n{}"

_serials = count(1)


@dataclass(frozen=True, slots=True)
class Block:
    """The figures of one relay in one round."""

    first: Sequence[float]
    cpu: float


def measure(plan: Plan) -> Iterator[Result]:
    """Yield a table for each loop."""
    timed, warm_up = (12, 20) if plan.quick else (20, 60)
    with upstream_for_relays() as upstream:
        contenders = [
            Contender(peer, loop, "relay", upstream.port)
            for peer in (PLAIN_RELAY, KEEPING_RELAY)
            for loop in plan.loops
        ]
        with together(contenders, _prove) as lineup:
            in_turns(lineup, 1, partial(_block, timed=warm_up))
            blocks = in_turns(lineup, plan.rounds, partial(_block, timed=timed))
    for loop in plan.loops:
        own = {each.peer: found for each, found in blocks.items() if each.loop == loop}
        title = f"An answer that is kept, a stream of ten events, {loop}"
        yield Result(f"relay_kept/{loop}", title, COLUMNS, _rows(own, loop), lineup.absent)


def _prove(port: int) -> None:
    with client.Connection(port) as connection:
        _exchange(connection)


def _block(_turn: Contender, server: Server, timed: int) -> Block:
    with client.Connection(server.port) as connection, machine.pinned(machine.cores().client):
        for _ in range(3):
            _exchange(connection)
        cpu = server.cpu_ns()
        first = [_exchange(connection) / 1000 for _ in range(timed)]
        cpu = server.cpu_ns() - cpu
    return Block(first, cpu / 1000 / timed)


def _exchange(connection: client.Connection) -> int:
    """Request a stream and read all of it; return the nanoseconds to the first event."""
    receive, request = connection.socket.recv, POST % (b"/stream", next(_serials))
    received, stamp, started = b"", 0, perf_counter_ns()
    connection.socket.sendall(request)
    while not received.endswith(LAST_CHUNK):
        more = receive(65536)
        if not stamp and CHUNK in received + more:
            stamp = perf_counter_ns()
        if not more:
            raise WrongAnswer(f"closed before the last-chunk, after {received!r}")
        received += more
    if received.count(CHUNK) != CHUNKS:
        raise WrongAnswer(f"{CHUNKS} events were requested, received: {received!r}")
    return stamp - started


def _rows(blocks: Mapping[Peer, Sequence[Block]], loop: str) -> list[Row]:
    plain = blocks.get(PLAIN_RELAY)
    firsts = None if plain is None else [statistics.median(block.first) for block in plain]
    cpus = None if plain is None else [block.cpu for block in plain]
    rows: list[Row] = []
    for peer, own in blocks.items():
        medians, cpu = [statistics.median(block.first) for block in own], [b.cpu for b in own]
        rows.append(
            {
                "server": PLAIN if peer == PLAIN_RELAY else peer.name,
                "loop": loop,
                "first": statistics.median(medians),
                "first_p99": percentile([one for block in own for one in block.first], 99),
                "first_to_plain": ratio(medians, firsts),
                "cpu": statistics.median(cpu),
                "cpu_to_plain": ratio(cpu, cpus),
            }
        )
    return rows
