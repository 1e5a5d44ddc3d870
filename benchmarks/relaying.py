"""Relays in front of one upstream, with direct requests to the same upstream in the same rounds.

Direct requests are one more contender, without a process. What a relay adds is the difference
within a round.

A relay has its own core, and the upstream a third one. With two cores the upstream shares the
client's: it sleeps while a relay works on its chunk, except at full speed (`relay_tokens`).
"""

import http.client
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

from benchmarks import client, machine
from benchmarks.client import HOST, PATIENCE, WrongAnswer
from benchmarks.peer import Contender
from benchmarks.peers import DIRECT, UPSTREAM
from benchmarks.plan import Plan
from benchmarks.process import Server, running
from benchmarks.servers.upstream import STAMPED_PERIOD
from benchmarks.turns import Lineup, in_turns, together

Block = TypeVar("Block")

PROOFS = 10
"""Requests and chunks by which a relay is checked before it is timed."""


@contextmanager
def upstream_for_relays() -> Iterator[Server]:
    """Keep the upstream running for the length of the block."""
    contender = Contender(UPSTREAM, "asyncio", "upstream")
    with running(contender, client.prove, core=machine.cores().upstream) as server:
        yield server


@contextmanager
def relaying(plan: Plan) -> Iterator[tuple[Lineup, int]]:
    """Keep the upstream and all relays running for the block; yield them and the upstream's port.

    The rounds include relays on all loops; those with their own loop run once.
    """
    with upstream_for_relays() as upstream:
        contenders = plan.relays_of(upstream.port)
        with together(contenders, partial(prove, upstream=upstream.port)) as lineup:
            lineup.servers[_direct(upstream)] = Server(upstream.port, [])
            yield lineup, upstream.port


def in_fresh_turns(
    plan: Plan, rounds: int, measure: Callable[[Contender, Server], Block]
) -> tuple[dict[Contender, list[Block]], dict[str, str]]:
    """Measure relays in rounds, each in a fresh process that ends after its block.

    For measures that change the state of a relay, or keep it busy after the block. Only the bytes
    of one stream are checked before, so that nothing is warmed up.
    """
    absent: dict[str, str] = {}
    blocks: dict[Contender, list[Block]] = {}
    with upstream_for_relays() as upstream:
        for _ in range(rounds):
            lineup = Lineup({_direct(upstream): Server(upstream.port, [])})
            _take_turn(lineup, measure, blocks)
            absent |= lineup.absent
            for contender in plan.relays_of(upstream.port):
                with together([contender], client.prove) as lineup:
                    _take_turn(lineup, measure, blocks)
                absent |= lineup.absent
                await_silence(upstream.port)
    whole = {contender: own for contender, own in blocks.items() if len(own) == rounds}
    return whole, absent


def _take_turn(
    lineup: Lineup,
    measure: Callable[[Contender, Server], Block],
    blocks: dict[Contender, list[Block]],
) -> None:
    for contender, own in in_turns(lineup, 1, measure).items():
        blocks.setdefault(contender, []).extend(own)


def _direct(upstream: Server) -> Contender:
    return Contender(DIRECT, "", "relay", upstream.port)


def prove(port: int, upstream: int) -> None:
    """Check that a relay changes no byte, holds none back, keeps connections and ends streams."""
    accepted, _ = tally(upstream)
    for _ in range(PROOFS):
        client.prove(port)
    # One for the requests, one for the tally; a pool may open a few more at first.
    if (opened := tally(upstream)[0] - accepted) > 4:
        raise WrongAnswer(f"{opened} connections to the upstream for {PROOFS} requests in a row")
    with client.Connection(port, b"/stamped") as connection:
        # On a busy machine one stream may be late; a buffered stream is late every time.
        tries = (statistics.median(connection.delays(PROOFS)) / 1e9 for _ in range(3))
        if not any(late < STAMPED_PERIOD for late in tries):
            raise WrongAnswer("chunks are held back until the next one has been sent")
    with client.Connection(port, b"/events") as connection:
        connection.send(0)
        connection.socket.recv(1)
    await_silence(upstream)


def tally(upstream: int) -> tuple[int, int]:
    """Return the upstream's numbers of accepted connections and of open streams."""
    connection = http.client.HTTPConnection(HOST, upstream, timeout=PATIENCE)
    connection.request("GET", "/tally?n=0")
    accepted, streams = map(int, connection.getresponse().read().split())
    connection.close()
    return accepted, streams


def await_silence(upstream: int) -> None:
    """Wait until no stream is open, so that those of one block do not disturb the next."""
    deadline = time.monotonic() + PATIENCE
    while (streams := tally(upstream)[1]) > 0:
        if time.monotonic() > deadline:
            raise WrongAnswer(
                f"the client has closed, but {streams} streams of the upstream are open"
            )
        time.sleep(0.01)
